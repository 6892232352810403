// Databases for tests: every backend that a store contract runs against, each opened empty and migrated.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database, type DatabaseOptions } from '../../src/stores/sql/database.js';
import type { Sql } from '../../src/stores/sql/statement.js';

type Options = Omit<DatabaseOptions<unknown>, 'file' | 'createStores'>;

export interface Backend {
  readonly name: string;
  open<Stores>(createStores: (sql: Sql) => Stores, options?: Options): Database<Stores>;
}

/** Opens an empty SQLite database in a folder of its own; `close` removes both. */
export function openTestDatabase<Stores>(
  createStores: (sql: Sql) => Stores,
  options: Options = {},
): Database<Stores> {
  const folder = mkdtempSync(join(tmpdir(), 'linchpin-test-'));
  const database = openDatabase({ ...options, file: join(folder, 'linchpin.sqlite'), createStores });
  return {
    ...database,
    close() {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const backends: readonly Backend[] = [{ name: 'SQLite', open: openTestDatabase }];

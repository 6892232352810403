// Databases for tests: every backend that a store contract runs against, each opened empty and migrated.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openPostgres } from '../../src/stores/sql/database-postgres.js';
import { openDatabase, type Database, type DatabaseOptions } from '../../src/stores/sql/database.js';
import type { Sql } from '../../src/stores/sql/statement.js';
import { newFolder } from './folder.js';
import {
  createMigrated,
  inDatabase,
  newName,
  withPostgres,
  writeMigrated,
  type TestPlace,
} from './migrated.js';
import { describeWithPostgres } from './postgres.js';

type Options = Omit<DatabaseOptions<unknown>, 'file' | 'createStores'>;

export interface Backend {
  open<Stores>(createStores: (sql: Sql) => Stores, options?: Options): Database<Stores>;
}

/** Opens an empty SQLite database in a folder of its own; `close` removes both. */
export function openTestDatabase<Stores>(
  createStores: (sql: Sql) => Stores,
  options: Options = {},
): Database<Stores> {
  const folder = newFolder('test');
  const file = join(folder, 'linchpin.sqlite');
  writeMigrated(file);
  const database = openDatabase({ ...options, file, createStores });
  return {
    ...database,
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const run = (url: string, text: string): Promise<void> =>
  withPostgres(url, async (client) => void (await client.query(text)));

/** A new schema in a PostgreSQL database. */
export async function createSchema(url: string): Promise<TestPlace> {
  const schema = newName();
  await run(url, `create schema ${schema}`);
  const inSchema = new URL(url);
  inSchema.searchParams.set('options', `-c search_path=${schema}`);
  return { url: inSchema.href, drop: () => run(url, `drop schema ${schema} cascade`) };
}

/** A new database, for suites that do something to all who are connected. */
export async function createDatabase(url: string): Promise<TestPlace> {
  const name = newName();
  await run(url, `create database ${name}`);
  return { url: inDatabase(url, name), drop: () => run(url, `drop database ${name} with (force)`) };
}

/** A database of its own in the test run's PostgreSQL, made at the first use; `close` drops it. */
export function openTestPostgres<Stores>(
  url: string,
  createStores: (sql: Sql) => Stores,
  options: Pick<Options, 'checkpoint'> = {},
): Database<Stores> {
  async function make() {
    const place = await createMigrated(url);
    const database = await openPostgres({
      ...options,
      url: place.url,
      mostConnections: 6,
      createStores: (sql) => ({ sql, stores: createStores(sql) }),
    });
    return { place, database };
  }
  let made: ReturnType<typeof make> | undefined;
  const opened = () => (made ??= make());
  const reading = async (): Promise<Sql> => (await opened()).database.stores.sql;
  return {
    stores: createStores({
      all: async (statement, values) => (await reading()).all(statement, values),
      one: async (statement, values) => (await reading()).one(statement, values),
      change: async (statement, values) => (await reading()).change(statement, values),
    }),
    inTransaction: async (work) => (await opened()).database.inTransaction(({ stores }) => work(stores)),
    inBatch: async (work) => (await opened()).database.inBatch(({ stores }) => work(stores)),
    ping: async () => (await opened()).database.ping(),
    now: () => new Date(),
    async close() {
      if (!made) return;
      const { place, database } = await made;
      await database.close();
      await place.drop();
    },
  };
}

/** A suite for every backend: what a store promises, it promises on each. */
export function describeOnBackends(title: string, body: (backend: Backend) => void): void {
  describe(`${title} on SQLite`, () => body({ open: openTestDatabase }));
  describeWithPostgres(`${title} on PostgreSQL`, (url) =>
    body({ open: (createStores, options) => openTestPostgres(url, createStores, options) }),
  );
}

// Databases that are migrated already, for houses that open and find nothing left to do: a file of SQLite that is copied, a
// template of PostgreSQL. Each is made once for a run. What migrations do to a database has its own suites.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { sha256 } from '../../src/crypto/secrets.js';
import { openPostgres } from '../../src/stores/sql/database-postgres.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { postgresBuilder } from '../../src/stores/sql/dialect-postgres.js';
import { openConnection } from '../../src/stores/sql/dialect-sqlite.js';
import { migrations } from '../../src/stores/sql/migrations.js';
import { newFolder } from './folder.js';

const createStores = () => ({});
let copied: Buffer | undefined;

/** Puts an empty database where `file` says. */
export function writeMigrated(file: string): void {
  copied ??= readKept() ?? makeFile();
  writeFileSync(file, copied, { mode: 0o600 });
}

const keptFile = (): string | undefined =>
  process.env.TEST_FOLDER === undefined ? undefined : join(process.env.TEST_FOLDER, 'migrated.sqlite');

function readKept(): Buffer | undefined {
  const kept = keptFile();
  try {
    return kept === undefined ? undefined : readFileSync(kept);
  } catch {
    return undefined;
  }
}

/** Several suites may make it at once: whichever is kept last is as good. */
function makeFile(): Buffer {
  const folder = newFolder('migrated');
  const file = join(folder, 'linchpin.sqlite');
  const database = openDatabase({ file, createStores });
  // What is in the log belongs to the file too; closing, which would do it, takes until later.
  const connection = openConnection(file);
  connection.names('pragma wal_checkpoint(truncate)');
  connection.close();
  void database.close();
  const made = readFileSync(file);
  const kept = keptFile();
  if (kept !== undefined) renameSync(file, kept);
  rmSync(folder, { recursive: true, force: true });
  return made;
}

export interface TestPlace {
  readonly url: string;
  /** Removes it and all that is in it. */
  readonly drop: () => Promise<void>;
}

export const newName = (): string => `test_${randomBytes(6).toString('hex')}`;

export async function withPostgres<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}

/** The address of another database of the same server. */
export function inDatabase(url: string, name: string): string {
  const address = new URL(url);
  address.pathname = name;
  return address.href;
}

let template: Promise<string> | undefined;

/** A new database in this server of PostgreSQL. */
export async function createMigrated(url: string): Promise<TestPlace> {
  template ??= withPostgres(url, (client) => findTemplate(client, url));
  const [name, from] = [newName(), await template];
  await withPostgres(url, (client) => client.query(`create database ${name} template ${from}`));
  const drop = () => withPostgres(url, (client) => client.query(`drop database ${name} with (force)`));
  return { url: inDatabase(url, name), drop: async () => void (await drop()) };
}

/** Where `TEST_ENGINE=postgres` has houses open on PostgreSQL: a database for one of them, at `TEST_POSTGRES_URL`. */
export async function createPlace(): Promise<TestPlace | undefined> {
  const { TEST_ENGINE, TEST_POSTGRES_URL } = process.env;
  return TEST_ENGINE === 'postgres' ? createMigrated(TEST_POSTGRES_URL!) : undefined;
}

/** What a process is told so that it opens there. */
export const settingsFor = (place: TestPlace | undefined): Record<string, string> =>
  place ? { DATABASE_URL: place.url, LINCHPIN_SECRET: 'a secret for tests that is long enough' } : {};

/** Any number will do that nothing else in the database locks. */
const TEMPLATE_LOCK = 7_102_311;

/** Its name tells what was done to it: a server may have seen other migrations. It has that name once it is done. */
async function findTemplate(client: pg.Client, url: string): Promise<string> {
  const texts = migrations.flatMap(({ statements }) =>
    statements(postgresBuilder).map((made) => made.compile().sql),
  );
  const name = `migrated_${Buffer.from(sha256(texts.join(';')), 'base64url')
    .toString('hex')
    .slice(0, 24)}`;
  // Given back with the connection.
  await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount) return name;
  const unfinished = newName();
  await client.query(`create database ${unfinished}`);
  const database = await openPostgres({ url: inDatabase(url, unfinished), createStores });
  await database.close();
  await client.query(`alter database ${unfinished} rename to ${name}`);
  return name;
}

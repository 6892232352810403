// Opens a PostgreSQL database and brings it up to date: a pool whose connections run transactions, and one that reads.
import type pg from 'pg';
import { commitWithin, createInBatch } from './batch.js';
import { createDatabaseClock } from './clock-postgres.js';
import { asStoreFault, createPool, createSql, postgresBuilder } from './dialect-postgres.js';
import { missingAfter } from './migrations.js';
import { createReadingSql } from './reading-postgres.js';
import { createPostgresTransactions } from './transaction-postgres.js';
import type { Database, DatabaseOptions } from './database.js';

export interface PostgresOptions<Stores> extends Pick<
  DatabaseOptions<Stores>,
  'createStores' | 'checkpoint'
> {
  /** `postgres://user:password@host:port/name`, and what else the driver reads from it, say `?sslmode=verify-full`. */
  readonly url: string;
  /** How many connections one process holds at most, for writing and for reading together. */
  readonly mostConnections?: number;
}

/** Names the lock under which one process migrates; any number will do that nothing else in the database locks. */
const MIGRATION_LOCK = 5_346_478;

/** Opens the database, which must exist, and applies the migrations that it lacks. Rejects StoreUnavailable where it cannot. */
export async function openPostgres<Stores>(options: PostgresOptions<Stores>): Promise<Database<Stores>> {
  const { url, createStores, checkpoint, mostConnections = 10 } = options;
  const forReading = Math.max(1, Math.floor(mostConnections / 3));
  const writing = createPool(url, Math.max(1, mostConnections - forReading));
  const reading = createPool(url, forReading);
  const clock = createDatabaseClock({ ask: () => askTime(reading) });
  const close = async (): Promise<void> => {
    clock.close();
    await Promise.all([writing.end(), reading.end()]);
  };
  try {
    await migrate(writing);
    await clock.open();
  } catch (error) {
    await close();
    throw asStoreFault(error);
  }
  const alone = createSql(writing);
  const inSqlTransaction = createPostgresTransactions(writing, (sql) => sql, checkpoint);
  return {
    stores: createStores(createReadingSql(reading)),
    inTransaction: createPostgresTransactions(writing, createStores, checkpoint),
    inBatch: createInBatch(createStores, async (writes) => {
      const [only, another] = writes;
      if (!only) return true;
      // One statement is a transaction by itself: one way there and back in place of three.
      if (!another) return (await alone.change(only.statement, only.values as never)) > 0;
      return commitWithin(inSqlTransaction, writes);
    }),
    async ping() {
      await reading.query('select 1').catch((error: unknown) => {
        throw asStoreFault(error);
      });
    },
    now: clock.now,
    close,
  };
}

async function askTime(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ time: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as time',
  );
  return rows[0]!.time;
}

/** All in one transaction, under a lock: replicas that start at the same moment wait here, and then find nothing to do. */
async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    // At READ COMMITTED, so that what is looked at behind the lock is what the one before has left.
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    // Another replica may take its time over it.
    await client.query('set local statement_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query(
      'create table if not exists migrations (name text primary key, applied_at bigint not null)',
    );
    const { rows } = await client.query<{ name: string }>('select name from migrations');
    for (const migration of missingAfter(rows.map(({ name }) => name))) {
      for (const made of migration.statements(postgresBuilder)) await client.query(made.compile().sql);
      await client.query('insert into migrations (name, applied_at) values ($1, $2)', [
        migration.name,
        Date.now(),
      ]);
    }
    await client.query('COMMIT');
  } finally {
    // Where anything failed, the connection is closed, which rolls back.
    client.release(true);
  }
}

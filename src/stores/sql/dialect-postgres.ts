// PostgreSQL: the only file that knows its driver, the settings of its connections and its error codes.
// What makes a transaction of one connection is in transaction-postgres.ts.
import pg from 'pg';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { fill, StoreUnavailable, type Slot, type Sql, type Statement, type Values } from './statement.js';
import type { Tables } from './tables.js';

export const postgresBuilder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** Whoever waits longer for a connection is told that the store is busy: a queue without an end helps nobody. */
const CONNECT_MS = 5000;
const STATEMENT_MS = 10_000;
const INT8 = 20;
const NUMERIC = 1700;

/** Times, counts and sums are numbers here, and none comes near 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC ? Number : (pg.types.getTypeParser(oid, format) as unknown),
};

export function createPool(url: string, most: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: most,
    application_name: 'linchpin',
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    // The server does not answer any more: the driver gives up a little after the server would have.
    query_timeout: STATEMENT_MS + 2000,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    keepAlive: true,
    types,
  });
  // A connection that breaks tells whoever uses it, and is replaced at the next use; without listeners it ends the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * SQLSTATEs that say "not now" and nothing about the data: connection, resources, operator's intervention, system, a standby
 * that takes no writes, a transaction that lost to another, a cancelled statement.
 */
const UNAVAILABLE = ['08', '53', '57', '58', 'XX', '25006', '40'];
/** The transaction lost to another one, or died of it: run again, it may well succeed. */
const LOST = ['40001', '40P01'];

const stateOf = (error: unknown): string =>
  error instanceof pg.DatabaseError ? (error.code ?? '') : 'driver';

export const hasLost = (error: unknown): boolean => LOST.includes(stateOf(error));

/** Whatever the driver itself complains of (refused, reset, timed out, ended) is unavailability. */
export function asStoreFault(error: unknown): unknown {
  const state = stateOf(error);
  const isUnavailable = state === 'driver' || UNAVAILABLE.some((start) => state.startsWith(start));
  return isUnavailable ? new StoreUnavailable(`PostgreSQL answered ${state}`, { cause: error }) : error;
}

export interface Prepared {
  /** Under this name each connection prepares it once. */
  readonly name: string;
  readonly text: string;
  readonly order: readonly Slot<Values>[];
}

const prepared = new Map<Statement<never, unknown>, Prepared>();

export function prepare<P extends Values, Row>(statement: Statement<P, Row>): Prepared {
  const key = statement as unknown as Statement<never, unknown>;
  const known = prepared.get(key);
  if (known) return known;
  const { sql, order } = statement.compile(postgresBuilder);
  const made = { name: `s${prepared.size}`, text: sql, order: order as readonly Slot<Values>[] };
  prepared.set(key, made);
  return made;
}

/** Runs statements on one connection, or on any of a pool. `onFault` hears what went wrong before it is translated. */
export function createSql(
  on: Pick<pg.Pool, 'query'> | Pick<pg.PoolClient, 'query'>,
  onFault: (error: unknown) => void = () => undefined,
): Sql {
  async function run<P extends Values, Row>(
    statement: Statement<P, Row>,
    values: P,
  ): Promise<pg.QueryResult> {
    const { name, text, order } = prepare(statement);
    const filled = fill(order, values);
    try {
      return await on.query({ name, text, values: filled });
    } catch (error) {
      onFault(error);
      throw asStoreFault(error);
    }
  }
  return {
    all: async <P extends Values, Row>(statement: Statement<P, Row>, values: P) =>
      (await run(statement, values)).rows as Row[],
    one: async <P extends Values, Row>(statement: Statement<P, Row>, values: P) =>
      (await run(statement, values)).rows[0] as Row | undefined,
    change: async (statement, values) => (await run(statement, values)).rowCount ?? 0,
  };
}

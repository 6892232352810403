// Transactions on PostgreSQL: one connection each, at SERIALIZABLE, so that whatever holds when they run one after another
// (as on SQLite) holds here too. One that loses to another is run again, for a bounded time.
// A COMMIT whose answer never came is reported as unavailable: nobody knows, and it is not run again.
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { asStoreFault, createSql, hasLost } from './dialect-postgres.js';
import { StoreUnavailable, type Sql } from './statement.js';
import type { Checkpoint } from './transaction.js';
import type { InTransaction } from '../../domain/vocabulary.js';

/**
 * Ten at once on one row: the last of them loses nine times, and on a machine that is busy more often. Nobody is sent away for
 * that sooner than they would be for a database that does not answer.
 */
const TRIED_FOR_MS = 5000;
const LONGEST_PAUSE_MS = 100;

/** One connection, with the stores that are bound to it. */
interface Bound<Stores> {
  readonly stores: Stores;
  /** Whether a statement of this transaction lost to another one, also where the work made something else of that error. */
  isLost: boolean;
}

export function createPostgresTransactions<Stores>(
  pool: pg.Pool,
  createStores: (sql: Sql) => Stores,
  checkpoint: Checkpoint = () => undefined,
): InTransaction<Stores> {
  const known = new WeakMap<pg.PoolClient, Bound<Stores>>();

  function bind(client: pg.PoolClient): Bound<Stores> {
    const before = known.get(client);
    if (before) return before;
    const sql = createSql(client, (error) => {
      if (hasLost(error)) bound.isLost = true;
    });
    const bound: Bound<Stores> = { stores: createStores(sql), isLost: false };
    known.set(client, bound);
    return bound;
  }

  /** Runs the work once. `isLost`: it may be run again; `isSound`: the connection may serve others. */
  async function runOnce<Result>(client: pg.PoolClient, work: (stores: Stores) => Promise<Result>) {
    const bound = bind(client);
    bound.isLost = false;
    const control = (text: string) =>
      client.query(text).catch((error: unknown) => {
        bound.isLost ||= hasLost(error);
        throw asStoreFault(error);
      });
    try {
      await control('BEGIN ISOLATION LEVEL SERIALIZABLE');
      checkpoint('transaction:begun');
      const result = await work(bound.stores);
      checkpoint('transaction:worked');
      const { command } = await control('COMMIT');
      // A transaction that is broken already is rolled back by COMMIT, without an error (PostgreSQL, "COMMIT").
      if (command !== 'COMMIT') throw new StoreUnavailable('the transaction was broken, and is rolled back');
      checkpoint('transaction:committed');
      return { isSound: true, isLost: false, result } as const;
    } catch (error) {
      // Where there is no transaction any more, this is a warning and nothing else.
      const isSound = await client.query('ROLLBACK').then(
        () => true,
        () => false,
      );
      return { isSound, isLost: isSound && bound.isLost, error } as const;
    }
  }

  return async (work) => {
    const until = performance.now() + TRIED_FOR_MS;
    for (let run = 1; ; run++) {
      const client = await pool.connect().catch((error: unknown) => {
        throw asStoreFault(error);
      });
      const ended = await runOnce(client, work);
      client.release(!ended.isSound);
      if ('result' in ended) return ended.result;
      if (!ended.isLost) throw ended.error;
      if (performance.now() >= until) throw new StoreUnavailable('the transaction lost to others every time');
      await pause(Math.random() * Math.min(2 ** run, LONGEST_PAUSE_MS));
    }
  };
}

// Transactions on SQLite, grouped: whoever asks while the event loop gathers work shares one COMMIT, and so one flush to
// the disk, each under its own SAVEPOINT. A caller is answered only after the COMMIT that holds its work.
// Work inside a transaction touches its stores and nothing slow: everybody else is waiting for it.
import { StoreUnavailable } from './statement.js';
import type { Connection } from './dialect-sqlite.js';
import type { InTransaction } from '../../domain/vocabulary.js';

/** Callers in one COMMIT at most: one such commit blocks the loop for about 4 ms. */
const MOST_IN_ONE_COMMIT = 128;

/** Names the moments at which a fault test may end the process. */
export type Checkpoint = (
  moment: 'transaction:begun' | 'transaction:worked' | 'transaction:committed',
) => void;

interface Caller {
  readonly work: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Settle = () => void;

/** Makes `inTransaction` for one writing connection and the stores that are bound to it. */
export function createGroupedTransactions<Stores>(
  connection: Connection,
  stores: Stores,
  checkpoint: Checkpoint = () => undefined,
): InTransaction<Stores> {
  const waiting: Caller[] = [];
  let isRunning = false;

  async function runWaiting(): Promise<void> {
    while (waiting.length > 0) await runBatch(waiting.splice(0, MOST_IN_ONE_COMMIT));
    isRunning = false;
  }

  async function runBatch(batch: readonly Caller[]): Promise<void> {
    const settles: Settle[] = [];
    try {
      connection.execute('BEGIN IMMEDIATE');
      checkpoint('transaction:begun');
      for (const caller of batch) settles.push(await runCaller(caller));
      checkpoint('transaction:worked');
      connection.execute('COMMIT');
    } catch (error) {
      for (const caller of batch) caller.reject(error);
      // Where even this fails, the next BEGIN will say so to the next callers.
      if (connection.isInTransaction()) attempt(() => connection.execute('ROLLBACK'));
      return;
    }
    checkpoint('transaction:committed');
    for (const settle of settles) settle();
  }

  /** A failing caller is rolled back alone; a fault that ended the whole transaction (a full disk) fails the batch. */
  async function runCaller(caller: Caller): Promise<Settle> {
    connection.execute('SAVEPOINT caller');
    try {
      const value = await caller.work();
      connection.execute('RELEASE caller');
      return () => caller.resolve(value);
    } catch (error) {
      if (!connection.isInTransaction())
        throw new StoreUnavailable('the transaction was ended', { cause: error });
      connection.execute('ROLLBACK TO caller');
      connection.execute('RELEASE caller');
      return () => caller.reject(error);
    }
  }

  return <Result>(work: (stores: Stores) => Promise<Result>) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ work: () => work(stores), resolve: resolve as (value: unknown) => void, reject });
      if (isRunning) return;
      isRunning = true;
      setImmediate(() => void runWaiting());
    });
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Said already, to every caller of the batch.
  }
}

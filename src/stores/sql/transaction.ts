// Transactions on SQLite, grouped: whoever asks while the event loop gathers work shares one COMMIT, and so one flush to
// the disk. Should one of them fail, all is undone and done again, each under its own SAVEPOINT, so that only the failing
// work is left out. A caller is answered only after the COMMIT that holds its work.
// Work inside a transaction touches its stores and nothing slow: everybody else is waiting for it.
import { StoreUnavailable } from './statement.js';
import type { Connection } from './dialect-sqlite.js';
import type { WritingTurn } from './writing-turn.js';
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

export interface GroupedTransactionsOptions {
  /** Shared with whoever else writes in this process. */
  readonly turn: WritingTurn;
  readonly checkpoint?: Checkpoint | undefined;
  /** Called right before each COMMIT, in the same turn. */
  readonly beforeCommit?: () => void;
  /** Called after each COMMIT, with how many callers were in it. */
  readonly afterCommit?: (callers: number) => void;
}

/** Makes `inTransaction` for one writing connection and the stores that are bound to it. */
export function createGroupedTransactions<Stores>(
  connection: Connection,
  stores: Stores,
  options: GroupedTransactionsOptions,
): InTransaction<Stores> {
  const { turn, checkpoint = () => undefined, beforeCommit = () => undefined, afterCommit } = options;
  const waiting: Caller[] = [];
  let isRunning = false;

  /** Between two commits everything else has its turn: work that brings on more work must not keep the loop to itself. */
  async function runWaiting(): Promise<void> {
    await runBatch(waiting.splice(0, MOST_IN_ONE_COMMIT));
    turn.leave();
    if (waiting.length > 0) runSoon();
    else isRunning = false;
  }

  const runSoon = (): void => void setImmediate(() => turn.take(() => void runWaiting()));

  async function runBatch(batch: readonly Caller[]): Promise<void> {
    let settles: Settle[];
    try {
      connection.execute('BEGIN IMMEDIATE');
      checkpoint('transaction:begun');
      settles = (await runTogether(batch)) ?? (await runApart(batch));
      checkpoint('transaction:worked');
      beforeCommit();
      connection.execute('COMMIT');
    } catch (error) {
      for (const caller of batch) caller.reject(error);
      // Where even this fails, the next BEGIN will say so to the next callers.
      if (connection.isInTransaction()) attempt(() => connection.execute('ROLLBACK'));
      return;
    }
    checkpoint('transaction:committed');
    for (const settle of settles) settle();
    afterCommit?.(batch.length);
  }

  /** The common case, that nothing fails, needs no savepoints. Undefined, and nothing done, where something did. */
  async function runTogether(batch: readonly Caller[]): Promise<Settle[] | undefined> {
    const settles: Settle[] = [];
    try {
      for (const { work, resolve } of batch) {
        const value = await work();
        settles.push(() => resolve(value));
      }
      return settles;
    } catch (error) {
      if (batch.length === 1) throw error;
      refuseEnded(error);
      connection.execute('ROLLBACK');
      connection.execute('BEGIN IMMEDIATE');
      return undefined;
    }
  }

  async function runApart(batch: readonly Caller[]): Promise<Settle[]> {
    const settles: Settle[] = [];
    for (const caller of batch) settles.push(await runCaller(caller));
    return settles;
  }

  /** A failing caller is rolled back alone; a fault that ended the whole transaction fails the batch. */
  async function runCaller(caller: Caller): Promise<Settle> {
    connection.execute('SAVEPOINT caller');
    try {
      const value = await caller.work();
      connection.execute('RELEASE caller');
      return () => caller.resolve(value);
    } catch (error) {
      refuseEnded(error);
      connection.execute('ROLLBACK TO caller');
      connection.execute('RELEASE caller');
      return () => caller.reject(error);
    }
  }

  /** A fault that ended the transaction itself (a full disk) is nobody's alone. */
  function refuseEnded(cause: unknown): void {
    if (!connection.isInTransaction()) throw new StoreUnavailable('the transaction was ended', { cause });
  }

  return <Result>(work: (stores: Stores) => Promise<Result>) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ work: () => work(stores), resolve: resolve as (value: unknown) => void, reject });
      if (isRunning) return;
      isRunning = true;
      runSoon();
    });
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Said already, to every caller of the batch.
  }
}

// Commits batches of writes to an SQLite file in a thread with a connection of its own: while that waits for the disk, nobody else
// has to. It starts when many come, and ends when few do; what comes while it commits goes together into its next COMMIT.
// It is a help and no more: without it the writing connection does the same (database.ts).
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Write } from './batch.js';
import { asStoreFault, LONGEST_LOG, pragmasOf, sqliteBuilder, toDriverError } from './dialect-sqlite.js';
import { fill, StoreUnavailable, type Slot, type Statement, type Values } from './statement.js';
import { commitBatches, type Answer, type Asked, type Given, type Step } from './dialect-sqlite-thread.js';
import type { WritingTurn } from './writing-turn.js';

/** So many in one second, and the thread is worth its memory. */
const BATCHES_IN_A_SECOND = 50;
const IDLE_LIMIT_MS = 60_000;
/** After a fault of the thread itself nothing is tried for so long. */
const PAUSE_MS = 60_000;
/** So many are handed over before the turn of the event loop ends: the thread begins while the next ones are read. */
const HANDED_OVER = 16;

export interface WritingThreadOptions {
  readonly file: string;
  /** Of the writing connection. */
  readonly maxPages?: number | undefined;
  readonly turn: WritingTurn;
  /** Called after each COMMIT, before anybody is told of it, with how many batches were in it. */
  readonly afterCommit: (batches: number) => void;
  readonly batchesInASecond?: number | undefined;
  readonly idleLimitMs?: number | undefined;
}

interface Waiting {
  readonly steps: readonly Step[];
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: unknown) => void;
}

interface Known {
  readonly place: number;
  readonly order: readonly Slot<Values>[];
}

export type WritingThread = ReturnType<typeof createWritingThread>;

export function createWritingThread(options: WritingThreadOptions) {
  const { file, maxPages, turn, afterCommit } = options;
  const { batchesInASecond = BATCHES_IN_A_SECOND, idleLimitMs = IDLE_LIMIT_MS } = options;
  const statements = new Map<Statement<never, unknown>, Known>();
  const texts: [number, string][] = [];
  /** How many of these texts the thread has. */
  let told = 0;
  let worker: Worker | undefined;
  let isReady = false;
  let ended: Promise<void> = Promise.resolve();
  const waiting: Waiting[] = [];
  /** What it was handed, and has not answered. */
  const sent: Waiting[] = [];
  /** `isAsking`: for the turn, or it is ours. */
  let [isAsking, hasTurn, hasSent, isSoon] = [false, false, false, false];
  let [secondBegan, inThisSecond] = [-Infinity, 0];
  let pausedUntil = -Infinity;
  let idle: NodeJS.Timeout | undefined;
  /** Why it ended last. */
  let cause: unknown;

  function start(): Worker {
    const driver = createRequire(import.meta.url).resolve('better-sqlite3');
    const pragmas = [...pragmasOf({ maxPages }), `wal_autocheckpoint = ${4 * LONGEST_LOG}`];
    const workerData: Given = { driver, file, pragmas };
    const made = new Worker(`(${commitBatches.toString()})(require)`, { eval: true, workerData });
    made.unref();
    made.on('message', (answer: Answer | 'ready') => {
      // It was told to end before it was ready.
      if (worker !== made) return;
      if (answer === 'ready') isReady = true;
      else settle(answer);
    });
    made.on('error', (error) => {
      pausedUntil = performance.now() + PAUSE_MS;
      cause = error;
    });
    ended = new Promise((resolve) => {
      made.on('exit', () => {
        if (worker === made) forget();
        resolve();
      });
    });
    return made;
  }

  /** The system may allow no more threads: then it is as if one had ended at once. */
  function startIfAllowed(): Worker | undefined {
    try {
      return start();
    } catch {
      pausedUntil = performance.now() + PAUSE_MS;
      return undefined;
    }
  }

  /** Whether it ended by itself or was told to. What it was sent may have been committed or not: nobody knows. */
  function forget(): void {
    clearTimeout(idle);
    worker = undefined;
    [isReady, told] = [false, 0];
    sent.push(...waiting.splice(0));
    if (sent.length === 0) return;
    const lost = new StoreUnavailable('the thread that writes has ended', { cause });
    settle(sent.map(() => lost));
  }

  function end(): void {
    const ending = worker;
    if (!ending) return;
    if (isAsking) {
      // Told again when it has nothing to do.
      idle = setTimeout(end, idleLimitMs).unref();
      return;
    }
    forget();
    // Whoever closes waits for it, and the process must not be over before.
    ending.ref();
    ending.postMessage('end');
  }

  /** Starts it where it is worth its memory. */
  function count(): void {
    const now = performance.now();
    if (now - secondBegan > 1000) [secondBegan, inThisSecond] = [now, 0];
    if (++inThisSecond !== batchesInASecond || now < pausedUntil) return;
    worker ??= startIfAllowed();
    clearTimeout(idle);
    idle = setTimeout(end, idleLimitMs).unref();
  }

  function stepOf({ statement, values }: Write): Step {
    let known = statements.get(statement);
    if (!known) {
      const { sql, order } = statement.compile(sqliteBuilder);
      known = { place: texts.length, order: order };
      texts.push([known.place, sql]);
      statements.set(statement, known);
    }
    return [known.place, fill(known.order, values)];
  }

  function begin(): void {
    [hasTurn, hasSent] = [true, false];
    if (waiting.length > 0) sendSoon();
    else leave();
  }

  function sendSoon(): void {
    if (isSoon) return;
    isSoon = true;
    setImmediate(() => {
      isSoon = false;
      send();
    });
  }

  /** Once in a turn, and oftener where nobody else wants to write. */
  function send(): void {
    if (!hasTurn || !worker || waiting.length === 0 || (hasSent && turn.isWanted())) return;
    hasSent = true;
    const handed = waiting.splice(0);
    if (sent.length === 0) worker.ref();
    sent.push(...handed);
    const asked: Asked = { texts: texts.slice(told), batches: handed.map(({ steps }) => steps) };
    told = texts.length;
    worker.postMessage(asked);
  }

  function settle(outcomes: readonly (Answer[number] | StoreUnavailable)[]): void {
    const answered = sent.splice(0, outcomes.length);
    afterCommit(answered.length);
    if (sent.length === 0) {
      worker?.unref();
      send();
    }
    if (sent.length === 0 && hasTurn) leave();
    for (const [at, { resolve, reject }] of answered.entries()) {
      const outcome = outcomes[at]!;
      if (typeof outcome === 'boolean') resolve(outcome);
      else reject(outcome instanceof StoreUnavailable ? outcome : asStoreFault(toDriverError(outcome)));
    }
  }

  function leave(): void {
    hasTurn = false;
    turn.leave();
    isAsking = waiting.length > 0;
    if (isAsking) turn.take(begin);
  }

  return {
    /** Undefined, and nothing done, where no thread is at work: then the caller has to commit them. */
    commit(writes: readonly Write[]): Promise<boolean> | undefined {
      count();
      if (!isReady) return undefined;
      return new Promise((resolve, reject) => {
        waiting.push({ steps: writes.map(stepOf), resolve, reject });
        if (waiting.length >= HANDED_OVER) send();
        else if (hasTurn) sendSoon();
        if (isAsking) return;
        isAsking = true;
        turn.take(begin);
      });
    },

    /** Ends the thread, after all that it was asked for. */
    async close(): Promise<void> {
      pausedUntil = Infinity;
      while (isAsking) await nextTurn();
      end();
      await ended;
    },
  };
}

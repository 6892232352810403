// Brings SQLite's log back into its file in a thread of its own: a checkpoint writes and flushes megabytes, and where the writing
// connection does it, nobody is served meanwhile. The thread starts when enough was written, and ends when nothing is any more.
// It is a help and no more: without it the writing connection does so itself, later. https://sqlite.org/wal.html#ckpt
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Runs as a script of its own. Twice: what was committed during a long first one is little, and ends the log. */
const CHECKPOINTER = `
const { parentPort, workerData } = require('node:worker_threads');
const database = new (require(workerData.driver))(workerData.file, { fileMustExist: true });
database.pragma('synchronous = FULL');
parentPort.on('message', (order) => {
  if (order === 'end') {
    database.close();
    parentPort.close();
    return;
  }
  for (let turn = 0; turn < 2; turn++) {
    const [{ log, checkpointed }] = database.pragma('wal_checkpoint(PASSIVE)');
    if (log === checkpointed) break;
  }
  parentPort.postMessage('done');
});
`;

/** So many transactions are a dozen megabytes of log: oftener, the same pages are written again and again. */
const TRANSACTIONS_BETWEEN = 4000;
const IDLE_LIMIT_MS = 60_000;
/** After a fault nothing is tried for so long. */
const PAUSE_MS = 60_000;

export interface WalCheckpointsOptions {
  readonly file: string;
  /** Whether the thread does them now; where it does not, the writing connection has to. */
  readonly onChange: (isInThread: boolean) => void;
  readonly transactionsBetween?: number;
  readonly idleLimitMs?: number;
}

export type WalCheckpoints = ReturnType<typeof createWalCheckpoints>;

export function createWalCheckpoints(options: WalCheckpointsOptions) {
  const { file, onChange } = options;
  const { transactionsBetween = TRANSACTIONS_BETWEEN, idleLimitMs = IDLE_LIMIT_MS } = options;
  let worker: Worker | undefined;
  let ended: Promise<void> = Promise.resolve();
  let isBusy = false;
  let written = 0;
  let idle: NodeJS.Timeout | undefined;
  let pausedUntil = -Infinity;

  function start(): Worker {
    const driver = createRequire(import.meta.url).resolve('better-sqlite3');
    const made = new Worker(CHECKPOINTER, { eval: true, workerData: { file, driver } });
    made.unref();
    made.on('message', () => (isBusy = false));
    // A full disk, say: whoever writes next meets it too, and answers for it.
    made.on('error', () => (pausedUntil = performance.now() + PAUSE_MS));
    ended = new Promise((resolve) => {
      made.on('exit', () => {
        if (worker === made) forget();
        resolve();
      });
    });
    onChange(true);
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

  function forget(): void {
    clearTimeout(idle);
    worker = undefined;
    isBusy = false;
    onChange(false);
  }

  function end(): void {
    const ending = worker;
    if (!ending) return;
    forget();
    // Whoever closes waits for it, and the process must not be over before.
    ending.ref();
    ending.postMessage('end');
  }

  return {
    /** Tells that so many transactions were committed. */
    note(transactions: number): void {
      written += transactions;
      if (isBusy || written < transactionsBetween || performance.now() < pausedUntil) return;
      written = 0;
      worker ??= startIfAllowed();
      if (!worker) return;
      isBusy = true;
      worker.postMessage('checkpoint');
      clearTimeout(idle);
      idle = setTimeout(end, idleLimitMs).unref();
    },

    /** Ends the thread, after what it is at. */
    async close(): Promise<void> {
      pausedUntil = Infinity;
      end();
      await ended;
    },
  };
}

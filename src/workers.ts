// Several processes on one machine: starts as many as are set, starts another where one ends by itself, carries decisions
// between them, and ends them all. What a process serves is main.ts's.
import cluster, { type Worker } from 'node:cluster';
import { isDecision } from './stores/ephemeral/decisions-workers.js';

/** A process that ends sooner than this has not begun to serve: so many of them in a row, and the rest are ended too. */
const SOON_MS = 5000;
const MOST_SOON = 5;
const PAUSE_MS = 500;
/** Longer than a process takes to end by itself. */
const END_MS = 12_000;

export interface WorkersDependencies {
  readonly count: number;
  readonly log: {
    info(details: object, message: string): void;
    error(details: object, message: string): void;
  };
}

/** What a process is told instead of a signal: whoever ends a whole group of processes would tell it twice. */
const END = { end: true } as const;

export const isEnd = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && (message as { end?: unknown }).end === true;

/** Resolves to the exit code when all of them have ended. */
export function runWorkers({ count, log }: WorkersDependencies): Promise<number> {
  return new Promise((resolve) => {
    let isEnding = false;
    let code = 0;
    let soon = 0;
    const workers = (): Worker[] =>
      Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

    function end(): void {
      isEnding = true;
      for (const worker of workers()) worker.send(END);
      setTimeout(() => workers().forEach((worker) => worker.process.kill('SIGKILL')), END_MS).unref();
      if (workers().length === 0) resolve(code);
    }

    function start(): void {
      const startedAt = Date.now();
      const worker = cluster.fork();
      worker.on('message', (message: unknown) => {
        if (!isDecision(message)) return;
        for (const other of workers()) if (other !== worker && other.isConnected()) other.send(message);
      });
      worker.on('error', (error) => log.error({ err: error }, 'a process cannot be told anything'));
      worker.on('exit', (exitCode, signal) => {
        if (isEnding) {
          if (workers().length === 0) resolve(code);
          return;
        }
        log.error({ exitCode, signal }, 'a process has ended by itself; another takes its place');
        soon = Date.now() - startedAt < SOON_MS ? soon + 1 : 0;
        if (soon < MOST_SOON) return void setTimeout(() => !isEnding && start(), PAUSE_MS);
        code = 1;
        end();
      });
    }

    const onSignal = (signal: string): void => {
      log.info({ signal, processes: workers().length }, 'ending all processes');
      // A second signal ends them at once, as it ends one.
      if (isEnding) workers().forEach((worker) => worker.process.kill('SIGKILL'));
      else end();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    for (let index = 0; index < count; index++) start();
  });
}

// Estimates how hard a password is to guess, with zxcvbn in a thread of its own: one estimate can take half a second, and
// its dictionaries a hundred megabytes. The thread starts at the first estimate and ends when none has come for a while.
// What score is enough is the domain's to say (domain/password-rule.ts).
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Runs as a script of its own in the thread; it knows the packages by the paths that it is given. */
const ESTIMATOR = `
const { parentPort, workerData } = require('node:worker_threads');
const [core, common, english] = workerData.packages.map((path) => require(path));
const estimator = new core.ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  maxLength: workerData.mostCharacters,
  l33tMaxSubstitutions: 16,
});
parentPort.on('message', ({ text, words }) => parentPort.postMessage(estimator.check(text, words).score));
`;

const PACKAGES = ['@zxcvbn-ts/core', '@zxcvbn-ts/language-common', '@zxcvbn-ts/language-en'];
/** In UTF-16 units: a hundred characters may have two each. */
const MOST_UNITS = 200;

export interface PasswordStrengthSettings {
  /** The error for a caller who cannot be served now. */
  readonly busy: () => Error;
  readonly queueLimit?: number;
  /** An estimate that takes longer is given up, and the thread with it. */
  readonly timeLimitMs?: number;
  readonly idleLimitMs?: number;
}

interface Asker {
  readonly text: string;
  readonly words: readonly string[];
  readonly resolve: (score: number) => void;
  readonly reject: (error: unknown) => void;
}

/** `estimate` resolves to 0 (guessed at once) … 4; texts are cut after 200 UTF-16 units. `close` ends the thread. */
export function createPasswordStrength(settings: PasswordStrengthSettings) {
  const { busy, queueLimit = 32, timeLimitMs = 10_000, idleLimitMs = 60_000 } = settings;
  const queue: Asker[] = [];
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;

  function start(): Worker {
    const { resolve } = createRequire(import.meta.url);
    const made = new Worker(ESTIMATOR, {
      eval: true,
      workerData: { packages: PACKAGES.map((name) => resolve(name)), mostCharacters: MOST_UNITS },
    });
    made.on('message', (score: number) => answer((asker) => asker.resolve(score)));
    made.on('error', (error) => fail(made, error));
    return made;
  }

  /** Undefined where the system allows no more threads. */
  function startIfAllowed(): Worker | undefined {
    try {
      return start();
    } catch {
      return undefined;
    }
  }

  /** The thread works on the first in the queue, and on nothing else. */
  function answer(settle: (asker: Asker) => void): void {
    const asker = queue.shift();
    if (asker) settle(asker);
    askNext();
  }

  function fail(failed: Worker, error: unknown): void {
    if (worker !== failed) return;
    stop();
    answer((asker) => asker.reject(error));
  }

  function askNext(): void {
    clearTimeout(timer);
    const [next] = queue;
    if (!next) {
      worker?.unref();
      timer = setTimeout(stop, idleLimitMs).unref();
      return;
    }
    const asked = (worker ??= startIfAllowed());
    // Whoever comes next may have more luck.
    if (!asked) return answer((asker) => asker.reject(busy()));
    asked.ref();
    asked.postMessage({ text: next.text, words: next.words });
    timer = setTimeout(() => fail(asked, busy()), timeLimitMs);
  }

  function stop(): void {
    const stopped = worker;
    worker = undefined;
    void stopped?.terminate();
  }

  return {
    estimate: (text: string, words: readonly string[]): Promise<number> =>
      new Promise((resolve, reject) => {
        if (queue.length > queueLimit) {
          reject(busy());
          return;
        }
        queue.push({ text: text.slice(0, MOST_UNITS), words, resolve, reject });
        if (queue.length === 1) askNext();
      }),

    /** Ends the thread; whoever still waits is told that the service is busy. */
    close(): void {
      clearTimeout(timer);
      stop();
      for (const asker of queue.splice(0)) asker.reject(busy());
    },
  };
}

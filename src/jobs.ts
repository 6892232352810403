// What runs by the clock: each task again and again, a little scattered in time, and never beside itself.
// What a task does is its room's; that only one process does it where there are several is each task's own statement in SQL.
import type { Clock } from './domain/vocabulary.js';

export interface Task {
  readonly name: string;
  readonly everySeconds: number;
  readonly run: () => Promise<unknown>;
}

/** Calls `act` once after so many milliseconds, unless the returned function is called before. */
export type Timer = (act: () => void, ms: number) => () => void;

export interface JobsDependencies {
  readonly tasks: readonly Task[];
  readonly log: {
    error(details: object, message: string): void;
    debug(details: object, message: string): void;
  };
  readonly now: Clock;
  readonly timer?: Timer;
  /** From 0 up to 1: how much a pause is scattered. */
  readonly random?: () => number;
}

export type Jobs = ReturnType<typeof createJobs>;

const LONGEST_FIRST_WAIT_SECONDS = 60;

/** A waiting task keeps no process alive. */
const systemTimer: Timer = (act, ms) => {
  const timeout = setTimeout(act, ms);
  timeout.unref();
  return () => clearTimeout(timeout);
};

export function createJobs({ tasks, log, now, timer = systemTimer, random = Math.random }: JobsDependencies) {
  const waiting = new Map<string, () => void>();
  const running = new Map<string, Promise<void>>();
  let isStopped = false;

  /** Never rejects: a task that fails is logged, and comes again at its time. */
  async function perform({ name, run }: Task): Promise<void> {
    const startedAt = now().getTime();
    try {
      await run();
      log.debug({ task: name, ms: now().getTime() - startedAt }, 'task done');
    } catch (error) {
      log.error({ task: name, err: error }, 'task failed');
    }
  }

  /** A task that runs already is not started beside itself: whoever asks gets the run that is under way. */
  function performOnce(task: Task): Promise<void> {
    const underWay = running.get(task.name);
    if (underWay) return underWay;
    const run = perform(task).finally(() => running.delete(task.name));
    running.set(task.name, run);
    return run;
  }

  function schedule(task: Task, seconds: number): void {
    if (isStopped) return;
    const cancel = timer(() => {
      waiting.delete(task.name);
      // The pause is counted from the end of a run, so a slow one is never overtaken by the next.
      void performOnce(task).then(() => schedule(task, scattered(task.everySeconds)));
    }, seconds * 1000);
    waiting.set(task.name, cancel);
  }

  /** A tenth more or less, so that several processes do not do the same thing in the same moment. */
  const scattered = (seconds: number): number => seconds * (0.9 + 0.2 * random());

  return {
    /** Begins to run each task: the first time within its pause, a minute at most, and not at the very start. */
    start(): void {
      for (const task of tasks) {
        schedule(task, (0.1 + 0.9 * random()) * Math.min(task.everySeconds, LONGEST_FIRST_WAIT_SECONDS));
      }
    },

    /** Runs one task now, or waits for the run under way. Resolves at its end, also where it failed. Throws for an unknown name. */
    async runNow(name: string): Promise<void> {
      const task = tasks.find((each) => each.name === name);
      if (!task) throw new RangeError(`no task ${name}`);
      await performOnce(task);
    },

    /** Starts nothing more, and resolves when what runs has ended. */
    async stop(): Promise<void> {
      isStopped = true;
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
      await Promise.all(running.values());
    },
  };
}

// What runs by the clock: each task again and again, never twice at once, and not in step with other processes.
// What a task does is its room's own; wiring lists them.

/** The part of the log that is needed here. */
interface Log {
  error(details: object, message: string): void;
}

export interface Task {
  /** Completes the sentence "could not …". */
  readonly name: string;
  readonly everySeconds: number;
  readonly run: () => Promise<unknown>;
}

export interface JobsDependencies {
  readonly tasks: readonly Task[];
  readonly log: Log;
  /** A number from 0 to 1, another each time: replicas that start together shall not work together. */
  readonly random?: () => number;
}

export type Jobs = ReturnType<typeof createJobs>;

/** How far from its time a task may run, to either side. */
const JITTER = 0.1;

export function createJobs({ tasks, log, random = Math.random }: JobsDependencies) {
  const timers = new Map<Task, NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let isStopped = true;

  function schedule(task: Task, seconds: number): void {
    if (isStopped) return;
    const spread = 1 + JITTER * (2 * random() - 1);
    const timer = setTimeout(() => void runOnce(task), seconds * spread * 1000);
    timer.unref();
    timers.set(task, timer);
  }

  async function runOnce(task: Task): Promise<void> {
    const run = task.run().then(
      () => undefined,
      (error: unknown) => log.error({ err: error, task: task.name }, `could not ${task.name}`),
    );
    running.add(run);
    await run;
    running.delete(run);
    schedule(task, task.everySeconds);
  }

  return {
    /** Runs every task soon, and then in its own time. */
    start(): void {
      isStopped = false;
      for (const task of tasks) schedule(task, Math.min(1, task.everySeconds));
    },

    /** Starts nothing more; resolves when what is running has ended. */
    async stop(): Promise<void> {
      isStopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

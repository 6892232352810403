// Tasks by the clock, with a timer that the tests let go off by hand.
import { createJobs, type Task } from '../src/jobs.js';
import { createTestClock } from './support/clock.js';

function createTimers() {
  const waiting: { act: () => void; ms: number }[] = [];
  return {
    waiting,
    timer(act: () => void, ms: number) {
      const entry = { act, ms };
      waiting.push(entry);
      return () => {
        waiting.splice(waiting.indexOf(entry), 1);
      };
    },
    goOff(): void {
      waiting.shift()!.act();
    },
  };
}

function open(tasks: readonly Task[], random = 0.5) {
  const errors: object[] = [];
  const log = { error: (details: object) => void errors.push(details), debug: () => undefined };
  const timers = createTimers();
  const jobs = createJobs({
    tasks,
    log,
    now: createTestClock().now,
    timer: timers.timer,
    random: () => random,
  });
  return { jobs, timers, errors };
}

/** A task that ends when the test says so. */
function createSlowTask(name = 'slow', everySeconds = 5) {
  const ends: ((error?: Error) => void)[] = [];
  const run = () =>
    new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
  return { task: { name, everySeconds, run }, ends };
}

/** Lets everything happen that needs no timer. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('jobs', () => {
  it('wait for their first turn within their pause, a minute at most', () => {
    const run = () => Promise.resolve();
    for (const [random, ms] of [
      [0, [500, 6000]],
      [1, [5000, 60_000]],
    ] as const) {
      const tasks = [
        { name: 'mail', everySeconds: 5, run },
        { name: 'audit', everySeconds: 86_400, run },
      ];
      const { jobs, timers } = open(tasks, random);
      expect(timers.waiting).toEqual([]);
      jobs.start();
      expect(timers.waiting.map((entry) => entry.ms)).toEqual(ms);
    }
  });

  it('come again after their pause, a tenth more or less', async () => {
    for (const [random, ms] of [
      [0, 4500],
      [0.5, 5000],
      [1, 5500],
    ] as const) {
      let runs = 0;
      const { jobs, timers } = open(
        [{ name: 'mail', everySeconds: 5, run: async () => (runs += 1) }],
        random,
      );
      jobs.start();
      for (const turn of [1, 2, 3]) {
        timers.goOff();
        await settle();
        expect(runs).toBe(turn);
        expect(timers.waiting.map((entry) => Math.round(entry.ms))).toEqual([ms]);
      }
    }
  });

  it('never run beside themselves, and pause from the end of a run', async () => {
    const { task, ends } = createSlowTask();
    const { jobs, timers } = open([task]);
    jobs.start();
    timers.goOff();
    const asked = jobs.runNow('slow');
    await settle();
    expect(ends).toHaveLength(1);
    expect(timers.waiting).toEqual([]);
    ends[0]!();
    await asked;
    await settle();
    expect(timers.waiting).toHaveLength(1);
  });

  it('log a failure and come again', async () => {
    const { jobs, timers, errors } = open([
      { name: 'mail', everySeconds: 5, run: () => Promise.reject(new Error('no server')) },
      {
        name: 'purge',
        everySeconds: 60,
        run: () => {
          throw new Error('at once');
        },
      },
    ]);
    jobs.start();
    timers.goOff();
    timers.goOff();
    await settle();
    expect(errors).toHaveLength(2);
    expect(errors).toContainEqual({ task: 'mail', err: new Error('no server') });
    expect(errors).toContainEqual({ task: 'purge', err: new Error('at once') });
    expect(timers.waiting).toHaveLength(2);
  });

  it('stop by starting nothing more and waiting for what runs', async () => {
    const slow = createSlowTask();
    const other = createSlowTask('other', 60);
    const { jobs, timers } = open([slow.task, other.task]);
    jobs.start();
    timers.goOff();
    let isStopped = false;
    const stopped = jobs.stop().then(() => (isStopped = true));
    await settle();
    expect(timers.waiting).toEqual([]);
    expect(isStopped).toBe(false);
    slow.ends[0]!();
    await stopped;
    await settle();
    expect(timers.waiting).toEqual([]);
    expect(other.ends).toEqual([]);
  });

  it('can be run by name, and no other name', async () => {
    let runs = 0;
    const { jobs } = open([{ name: 'keys', everySeconds: 3600, run: async () => (runs += 1) }]);
    await jobs.runNow('keys');
    expect(runs).toBe(1);
    await expect(jobs.runNow('locks')).rejects.toThrow(RangeError);
  });
});

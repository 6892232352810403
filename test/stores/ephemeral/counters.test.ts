// Coarse counts, in memory and in Redis (stores/ephemeral): how they fade, what is given back, and what a flood costs.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { CoarseCounter } from '../../../src/domain/throttle.js';
import { createMemoryCounters } from '../../../src/stores/ephemeral/counters.js';
import { createRedisCounters } from '../../../src/stores/ephemeral/redis-counters.js';
import { createRedisLine, type RedisLine } from '../../../src/stores/ephemeral/redis-line.js';
import { createTestClock } from '../../support/clock.js';
import { describeWithRedis, redisAddress } from '../../support/redis.js';

const WINDOW = 600;

function countersOf(open: (now: () => Date) => CoarseCounter) {
  const clock = createTestClock();
  const counters = open(clock.now);
  const add = (amount: number, key = 'k') => counters.add(key, amount, WINDOW);
  const find = (key = 'k') => counters.find(key);
  return { clock, add, find };
}

function promise(open: (now: () => Date) => CoarseCounter): void {
  const openCounters = () => countersOf(open);

  it('count each key by itself, and answer nothing for one that they never saw', async () => {
    const { add, find } = openCounters();
    expect(await add(1)).toBe(1);
    expect(await add(2)).toBe(3);
    expect(await add(1, 'other')).toBe(1);
    expect([await find(), await find('other'), await find('unknown')]).toEqual([3, 1, 0]);
  });

  it('double nobody’s budget at the turn of a window: what was counted fades over the next', async () => {
    const { clock, add, find } = openCounters();
    clock.advance(100);
    await add(100);
    clock.advance(WINDOW);
    expect(await find()).toBe(100);
    clock.advance(WINDOW / 2);
    expect(await find()).toBe(50);
    expect(await add(10)).toBe(60);
    clock.advance(WINDOW / 2 - 1);
    expect(await find()).toBe(10);
  });

  it('forget after two windows', async () => {
    const { clock, add, find } = openCounters();
    await add(100);
    clock.advance(2 * WINDOW);
    expect(await find()).toBe(0);
    expect(await add(1)).toBe(1);
  });

  it('never go below nothing, and keep no debt: giving back too much is no room for more', async () => {
    const { clock, add, find } = openCounters();
    expect(await add(-5)).toBe(0);
    expect(await add(1)).toBe(1);
    expect(await add(-9)).toBe(0);
    expect(await add(2)).toBe(2);
    clock.advance(WINDOW);
    expect(await find()).toBe(2);
  });

  it('take from the last window’s memory what is given back in this one, once', async () => {
    const { clock, add } = openCounters();
    await add(100);
    clock.advance(WINDOW);
    for (let time = 0; time < 100; time++) await add(-1);
    clock.advance(WINDOW - 1);
    expect(await add(100)).toBe(100);
    expect(await add(1)).toBe(101);
  });

  it('lose nothing when the clock is set back, and make nothing more of it', async () => {
    const { clock, add, find } = openCounters();
    await add(7);
    clock.advance(WINDOW);
    await add(2);
    clock.advance(-400);
    expect(await find()).toBe(9);
  });

  it('fade again two windows after the clock was set back, however far', async () => {
    const { clock, add, find } = openCounters();
    await add(7);
    clock.advance(-365 * 24 * 3600);
    expect(await find()).toBe(7);
    clock.advance(2 * WINDOW);
    expect(await find()).toBe(0);
  });

  it('stay between nothing and all that was ever added, whatever happens', async () => {
    const steps = fc.array(
      fc.record({ amount: fc.integer({ min: -9, max: 9 }), seconds: fc.integer({ min: -50, max: 900 }) }),
    );
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const { clock, add, find } = openCounters();
        let added = 0;
        for (const { amount, seconds } of history) {
          clock.advance(seconds);
          added += Math.max(0, amount);
          const answered = await add(amount);
          expect(answered).toBe(await find());
          expect(answered).toBeGreaterThanOrEqual(Math.max(0, amount));
          expect(answered).toBeLessThanOrEqual(added);
        }
      }),
    );
  });
}

describe('counters in memory', () => {
  promise((now) => createMemoryCounters({ now }));

  it('forget the stalest spender when there are too many, and not one that is still counting', async () => {
    const { clock, add, find } = countersOf((now) => createMemoryCounters({ now, mostSpenders: 3 }));
    for (const key of ['busy', 'stale', 'third', 'busy', 'fourth']) {
      clock.advance(1);
      await add(1, key);
    }
    expect([await find('busy'), await find('stale'), await find('third'), await find('fourth')]).toEqual([
      2, 0, 1, 1,
    ]);
  });
});

describeWithRedis('counters in Redis', (url) => {
  let line: RedisLine;
  const open = async (address = redisAddress(url)) => {
    const quiet = { onAway: () => undefined, onBack: () => undefined };
    const made = createRedisLine({ address, prefix: 'test:', budgetMs: 10_000, ...quiet });
    await made.open();
    return made;
  };
  beforeAll(async () => void (line = await open()));
  afterAll(() => line.close());

  const fresh = (): RedisLine => ({ ...line, prefix: `test:${randomUUID()}:` });
  promise((now) => createRedisCounters({ line: fresh(), now }));

  it('are one count for all processes, and leave nothing behind two windows later', async () => {
    const shared = fresh();
    const clock = createTestClock();
    const [one, two] = [1, 2].map(() => createRedisCounters({ line: shared, now: clock.now }));
    await one!.add('k', 2, WINDOW);
    expect(await two!.add('k', 1, WINDOW)).toBe(3);
    const left = await line.run((client) => client.pttl(`${shared.prefix}{k}`));
    expect(left).toBeGreaterThan(1.9 * WINDOW * 1000);
    expect(left).toBeLessThanOrEqual(2 * WINDOW * 1000);
  });

  it('count in this process where Redis is not there, and in Redis once it is', async () => {
    const nowhere = await open({
      kind: 'single',
      hosts: [{ host: '127.0.0.1', port: 1 }],
      isTls: false,
      database: 0,
    });
    const lines = { now: nowhere };
    const shifting: RedisLine = { ...fresh(), run: (work) => lines.now.run(work) };
    const { add, find } = countersOf((now) => createRedisCounters({ line: shifting, now }));
    expect([await add(1), await add(1), await find()]).toEqual([1, 2, 2]);
    lines.now = fresh();
    expect(await add(5)).toBe(5);
    nowhere.close();
  });
});

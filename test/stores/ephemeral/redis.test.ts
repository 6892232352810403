// What is shared through Redis, on one server, behind three Sentinels and in a Cluster of three masters: counts, decisions, and the
// way back when a server dies or hangs (stores/ephemeral/redis-line.ts, redis-decisions.ts; CHECKLIST 4).
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RedisAddress } from '../../../src/stores/ephemeral/redis-client.js';
import { createRedisCounters } from '../../../src/stores/ephemeral/redis-counters.js';
import { createRedisDecisions } from '../../../src/stores/ephemeral/redis-decisions.js';
import { createRedisLine } from '../../../src/stores/ephemeral/redis-line.js';
import { createTestClock } from '../../support/clock.js';
import { startCluster, startSentinels, type RedisGroup } from '../../support/redis-groups.js';
import { describeWithRedis, redisAddress } from '../../support/redis.js';
import { startRedis } from '../../support/services.js';

/** Looks again and again, in real time; gives up after twenty seconds. */
async function until(look: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause(10)) if (await look()) return;
  throw new Error('it did not happen within twenty seconds');
}

/** What one process has of Redis. */
async function openProcess(address: RedisAddress) {
  const told: string[] = [];
  const heard: string[] = [];
  const line = createRedisLine({
    ...{ address, prefix: 'test:', budgetMs: 500 },
    onAway: () => told.push('away'),
    onBack: () => told.push('back'),
  });
  const decisions = createRedisDecisions({
    line,
    onDecision: (key) => heard.push(key),
    onGap: () => told.push('gap'),
  });
  await line.open();
  await decisions.open();
  const counters = createRedisCounters({ line, now: createTestClock().now });
  const close = async (): Promise<void> => {
    await decisions.close();
    line.close();
  };
  return { line, decisions, counters, told, heard, close };
}

type Process = Awaited<ReturnType<typeof openProcess>>;

const startOne = async (): Promise<RedisGroup> => {
  const service = await startRedis();
  return { address: redisAddress(service.url), servers: [service], stop: service.stop };
};

describeWithRedis('Redis', () => {
  describe.each([
    ['on one server', startOne],
    ['behind three Sentinels', startSentinels],
    ['in a Cluster of three masters', startCluster],
  ])('%s', (how, start) => {
    let group: RedisGroup;
    let one: Process;
    let two: Process;

    beforeAll(async () => {
      group = await start();
      one = await openProcess(group.address);
      two = await openProcess(group.address);
      await untilShared();
    });
    afterAll(async () => {
      await one.close();
      await two.close();
      await group.stop();
    });

    const isThere = ({ line, decisions }: Process): boolean => !line.isAway() && decisions.isListening();
    const untilShared = (): Promise<void> => until(() => isThere(one) && isThere(two));

    /** Until counts are shared, each under a new name; many keys, so that in a Cluster each master has some. */
    const untilCountsAreShared = (): Promise<void> =>
      until(async () => {
        const name = randomUUID();
        const keys = Array.from({ length: 30 }, (_, index) => `${name}:${index}`);
        for (const key of keys) await one.counters.add(key, 2, 600);
        const counted = await Promise.all(keys.map((key) => two.counters.add(key, 1, 600)));
        return counted.every((count) => count === 3);
      });

    /** Until one is heard: those before may have been lost. */
    const untilDecisionsAreHeard = (): Promise<void> =>
      until(async () => {
        const key = randomUUID();
        one.decisions.tell(key);
        for (const end = Date.now() + 1000; Date.now() < end; await pause(5))
          if (two.heard.includes(key)) return true;
        return false;
      });

    it('counts for all processes, and carries decisions between them', async () => {
      await untilCountsAreShared();
      await untilDecisionsAreHeard();
    });

    it('is away while it hangs, and found again, with word that something may have been missed', async () => {
      for (const { signal } of group.servers) signal('SIGSTOP');
      await until(() => one.line.isAway() && two.line.isAway() && !two.decisions.isListening());
      const startedAt = performance.now();
      expect(await one.counters.add('hanging', 1, 600)).toBe(1);
      expect(performance.now() - startedAt).toBeLessThan(400);
      const before = two.told.length;
      for (const { signal } of group.servers) signal('SIGCONT');
      await untilShared();
      expect(two.told.slice(before)).toEqual(expect.arrayContaining(['back', 'gap']));
      await untilCountsAreShared();
      await untilDecisionsAreHeard();
    });

    if (how === 'on one server')
      it('says that something may have been missed when only the hearing connection was cut', async () => {
        const before = two.told.length;
        await one.line.run((client) => client.client('KILL', 'TYPE', 'PUBSUB'));
        await until(() => two.told.length > before);
        expect(two.told.slice(before)).toEqual(['gap']);
        await untilShared();
        await untilDecisionsAreHeard();
      });

    if (how === 'behind three Sentinels')
      it('goes on with the replica when the master dies', async () => {
        group.servers[0]!.signal('SIGKILL');
        await until(() => one.told.at(-1) === 'away' || one.line.isAway());
        await untilShared();
        await untilCountsAreShared();
        await untilDecisionsAreHeard();
      });
  });
});

// Coarse counts in Redis, which all processes share; where it does not answer, this process counts by itself, from nothing.
// They fade as those in memory do (counters.ts). A key is gone two windows after it was last counted.
import type { CoarseCounter } from '../../domain/throttle.js';
import { createMemoryCounters } from './counters.js';
import type { RedisLine } from './redis-line.js';

/**
 * A count is read, turned to its window, changed and written: one round trip, and nobody in between.
 * KEYS: the count. ARGV: now and the window's length in milliseconds (0 only looks), and in the middle what to add.
 */
const COUNT = `
local kept = redis.call('HMGET', KEYS[1], 'start', 'window', 'now', 'before')
local at, amount, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not kept[1] and window == 0 then return 0 end
local start, length = tonumber(kept[1] or at), tonumber(kept[2] or window)
local now, before = tonumber(kept[3] or 0), tonumber(kept[4] or 0)
if at < start then start = at end
local passed = math.floor((at - start) / length)
if passed > 0 then
  before = passed == 1 and now or 0
  now = 0
  start = start + passed * length
end
local left = now + amount
now = math.max(0, left)
before = math.max(0, before + math.min(0, left))
redis.call('HSET', KEYS[1], 'start', start, 'window', length, 'now', now, 'before', before)
if window > 0 then redis.call('PEXPIRE', KEYS[1], 2 * length) end
return math.floor(now + before * (1 - (at - start) / length) + 0.5)
`;

export interface RedisCountersDependencies {
  readonly line: RedisLine;
  readonly now: () => Date;
}

export function createRedisCounters({ line, now }: RedisCountersDependencies): CoarseCounter {
  const here = createMemoryCounters({ now });

  const count = (key: string, amount: number, windowMs: number): Promise<number> =>
    line.run(async (client) =>
      // The hash tag says which part of the key places it in a Cluster; a `}` in the key would end it early.
      Number(await client.eval(COUNT, 1, `${line.prefix}{${key}}`, now().getTime(), amount, windowMs)),
    );

  return {
    add: (key, amount, windowSeconds) =>
      count(key, amount, windowSeconds * 1000).catch(() => here.add(key, amount, windowSeconds)),
    find: (key) => count(key, 0, 0).catch(() => here.find(key)),
  };
}

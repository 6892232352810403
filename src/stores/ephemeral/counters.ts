// Coarse counts in memory, for budgets that may be lost. A count lives one window, and another as a fading memory, so that
// the turn of a window doubles nobody's budget. What the budgets are is said in domain/throttle.ts.
import type { CoarseCounter } from '../../domain/throttle.js';

interface Count {
  windowStartsAt: number;
  windowMs: number;
  now: number;
  before: number;
  movedAt: number;
}

/** Beyond this many spenders the stalest are forgotten: a flood of networks must not fill the memory. */
const MOST_SPENDERS = 200_000;
/** A busy spender moves to the end this often, not at each use: that would cost more than the counting. */
const MOVED_EVERY_MS = 1000;

export function createMemoryCounters({
  now,
  mostSpenders = MOST_SPENDERS,
}: {
  readonly now: () => Date;
  readonly mostSpenders?: number;
}): CoarseCounter {
  const counts = new Map<string, Count>();

  /** Moves the count on to the window of this moment. */
  function turned(count: Count): Count {
    const at = now().getTime();
    // The clock was set back: the window begins anew, or it would not turn until the clock has caught up.
    if (at < count.windowStartsAt) count.windowStartsAt = at;
    const passed = Math.floor((at - count.windowStartsAt) / count.windowMs);
    if (passed <= 0) return count;
    count.before = passed === 1 ? count.now : 0;
    count.now = 0;
    count.windowStartsAt += passed * count.windowMs;
    return count;
  }

  function sum(count: Count): number {
    const share = 1 - (now().getTime() - count.windowStartsAt) / count.windowMs;
    return Math.max(0, Math.round(count.now + count.before * share));
  }

  return {
    async add(key, amount, windowSeconds) {
      const known = counts.get(key);
      if (!known && counts.size >= mostSpenders) counts.delete(counts.keys().next().value!);
      const at = now().getTime();
      const count = turned(
        known ?? {
          windowStartsAt: at,
          windowMs: windowSeconds * 1000,
          now: 0,
          before: 0,
          movedAt: -Infinity,
        },
      );
      // What this window lacks to give back is taken from the memory of the last: a debt would be room for more in the next.
      const left = count.now + amount;
      count.now = Math.max(0, left);
      count.before = Math.max(0, count.before + Math.min(0, left));
      if (Math.abs(at - count.movedAt) >= MOVED_EVERY_MS) {
        count.movedAt = at;
        counts.delete(key);
        counts.set(key, count);
      }
      return sum(count);
    },
    async find(key) {
      const count = counts.get(key);
      return count ? sum(turned(count)) : 0;
    },
  };
}

// Wake-ups inside one process: whoever waits for a link is told when it was decided. Losing one costs a tool one poll.
import type { WakeUps } from '../../domain/waiting.js';

export function createMemoryWakeUps(): WakeUps {
  const listeners = new Map<string, Set<() => void>>();
  return {
    listen(key, wake) {
      const waiting = listeners.get(key) ?? new Set();
      listeners.set(key, waiting.add(wake));
      return () => {
        waiting.delete(wake);
        if (waiting.size === 0 && listeners.get(key) === waiting) listeners.delete(key);
      };
    },
    wake(key) {
      const waiting = listeners.get(key);
      listeners.delete(key);
      for (const wake of waiting ?? []) wake();
    },
  };
}

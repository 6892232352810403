// Wake-ups inside one process: whoever waits for a link is told when it was decided. Losing one costs a tool one poll.
import type { WakeUps } from '../../domain/waiting.js';

export function createMemoryWakeUps(): WakeUps & { readonly wakeAll: () => void } {
  const listeners = new Map<string, Set<() => void>>();
  function wake(key: string): void {
    const waiting = listeners.get(key);
    listeners.delete(key);
    for (const listener of waiting ?? []) listener();
  }
  return {
    listen(key, listener) {
      const waiting = listeners.get(key) ?? new Set();
      listeners.set(key, waiting.add(listener));
      return () => {
        waiting.delete(listener);
        if (waiting.size === 0 && listeners.get(key) === waiting) listeners.delete(key);
      };
    },
    wake,
    /** Nobody knows what was decided: whoever waits had better look. */
    wakeAll(): void {
      for (const key of [...listeners.keys()]) wake(key);
    },
  };
}

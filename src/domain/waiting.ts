// Held polls: requests that wait until their link is decided, and how many of them there may be.
// It knows links only by the hash of their device code. Who is woken by what happens elsewhere is the business of WakeUps.
// RFC 7240 §4.3 (`Prefer: wait`).

/** Carries "this link was decided" to whoever waits for it: an emitter in one process, or a channel between many. */
export interface WakeUps {
  /** Calls `wake` at most once for the key; the answer takes the listener back. */
  listen(key: string, wake: () => void): () => void;
  wake(key: string): void;
}

export type HoldEnd = 'decided' | 'time' | 'replaced' | 'draining' | 'left';
export type HoldAnswer = HoldEnd | 'refused';

export interface WaitingDependencies {
  readonly wakeUps: WakeUps;
  readonly mostByNetwork?: number;
  readonly mostEverywhere?: number;
}

export type Waiting = ReturnType<typeof createWaiting>;

export function createWaiting({ wakeUps, mostByNetwork = 50, mostEverywhere = 20_000 }: WaitingDependencies) {
  const held = new Map<string, (end: HoldEnd) => void>();
  const heldByNetwork = new Map<string, number>();
  let isDraining = false;

  function countNetwork(network: string, change: 1 | -1): void {
    const count = (heldByNetwork.get(network) ?? 0) + change;
    if (count === 0) heldByNetwork.delete(network);
    else heldByNetwork.set(network, count);
  }

  return {
    count: (): number => held.size,

    /**
     * Waits up to `seconds` for the link with that key to be decided. One request waits for a link: a newer one ends the
     * older (`replaced`). `refused` at once beyond 50 for a network or 20,000 in this process; `left` when the signal aborts.
     * `check` is asked once the request listens: a decision between the caller's look and now is not missed.
     */
    async hold(asked: {
      readonly key: string;
      readonly network: string;
      readonly seconds: number;
      readonly signal?: AbortSignal;
      readonly check: () => Promise<boolean>;
    }): Promise<HoldAnswer> {
      const { key, network, seconds, signal, check } = asked;
      if (isDraining) return 'draining';
      held.get(key)?.('replaced');
      if (held.size >= mostEverywhere || (heldByNetwork.get(network) ?? 0) >= mostByNetwork) return 'refused';

      countNetwork(network, 1);
      return new Promise<HoldAnswer>((resolve, reject) => {
        const end = (how: HoldEnd): void => {
          if (held.get(key) !== end) return;
          held.delete(key);
          countNetwork(network, -1);
          clearTimeout(timer);
          stopListening();
          signal?.removeEventListener('abort', leave);
          resolve(how);
        };
        const leave = (): void => end('left');
        const timer = setTimeout(() => end('time'), seconds * 1000);
        const stopListening = wakeUps.listen(key, () => end('decided'));
        held.set(key, end);
        signal?.addEventListener('abort', leave);
        if (signal?.aborted) leave();
        check().then(
          (isDecided) => isDecided && end('decided'),
          (error: unknown) => {
            end('left');
            reject(error as Error);
          },
        );
      });
    },

    /** Ends every wait, and lets none begin: the process is about to stop. */
    drain(): void {
      isDraining = true;
      for (const end of [...held.values()]) end('draining');
    },
  };
}

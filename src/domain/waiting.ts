// Held polls: requests that wait until their link is decided, and how many of them there may be.
// It knows links only by the hash of their device code. Who is woken by what happens elsewhere is the business of WakeUps.
// RFC 7240 §4.3 (`Prefer: wait`).

/** Carries "this link was decided" to whoever waits for it: an emitter in one process, or a channel between many. */
export interface WakeUps {
  /** Calls `wake` at most once for the key; the answer takes the listener back. */
  listen(key: string, wake: () => void): () => void;
  wake(key: string): void;
}

/** Whoever holds, who may hang up. Less than an AbortSignal on purpose: there may be thousands, and each of those is nearly 2 KB. */
export interface Caller {
  hasLeft(): boolean;
  /** Calls `leave` when they hang up; the answer takes the listener back. */
  onLeaving(leave: () => void): () => void;
}

export type HoldEnd = 'decided' | 'time' | 'replaced' | 'draining' | 'left';
export type HoldAnswer = HoldEnd | 'refused';

export interface WaitingDependencies {
  readonly wakeUps: WakeUps;
  readonly mostByNetwork?: number;
  readonly mostEverywhere?: number;
}

interface Held {
  readonly network: string;
  readonly end: (how: HoldEnd) => void;
}

export type Waiting = ReturnType<typeof createWaiting>;

export function createWaiting({ wakeUps, mostByNetwork = 50, mostEverywhere = 20_000 }: WaitingDependencies) {
  const held = new Map<string, Held>();
  const heldByNetwork = new Map<string, number>();
  let isDraining = false;

  function countNetwork(network: string, change: 1 | -1): void {
    const count = (heldByNetwork.get(network) ?? 0) + change;
    if (count === 0) heldByNetwork.delete(network);
    else heldByNetwork.set(network, count);
  }

  /** Whether there is room for one more from the network; the one that it would replace makes room. */
  function isFull(network: string, older: Held | undefined): boolean {
    const byNetwork = (heldByNetwork.get(network) ?? 0) - (older?.network === network ? 1 : 0);
    return byNetwork >= mostByNetwork || held.size - (older ? 1 : 0) >= mostEverywhere;
  }

  return {
    count: (): number => held.size,

    /**
     * Waits up to `seconds` for the link with that key to be decided. One request waits for a link: a newer one ends the
     * older (`replaced`). `refused` at once beyond 50 for a network or 20,000 in this process; `left` when the caller hangs up.
     * `check` is asked once the request listens: a decision between the caller's look and now is not missed. Where it
     * fails, the hold fails with its error.
     */
    async hold(asked: {
      readonly key: string;
      readonly network: string;
      readonly seconds: number;
      readonly caller?: Caller | undefined;
      readonly check: () => Promise<boolean>;
    }): Promise<HoldAnswer> {
      const { key, network, seconds, caller, check } = asked;
      if (isDraining) return 'draining';
      const older = held.get(key);
      if (isFull(network, older)) return 'refused';
      older?.end('replaced');

      return new Promise<HoldAnswer>((resolve, reject) => {
        const stop = (): boolean => {
          if (held.get(key) !== mine) return false;
          held.delete(key);
          countNetwork(network, -1);
          clearTimeout(timer);
          stopListening();
          stopMinding?.();
          return true;
        };
        const end = (how: HoldEnd): void => {
          if (stop()) resolve(how);
        };
        const leave = (): void => end('left');
        const fail = (error: Error): void => {
          if (stop()) reject(error);
        };
        const look = async (): Promise<void> => {
          if (await check()) end('decided');
        };
        const mine: Held = { network, end };
        const timer = setTimeout(() => end('time'), seconds * 1000);
        const stopListening = wakeUps.listen(key, () => end('decided'));
        const stopMinding = caller?.onLeaving(leave);
        held.set(key, mine);
        countNetwork(network, 1);
        if (caller?.hasLeft()) leave();
        look().catch(fail);
      });
    },

    /** Ends every wait, and lets none begin: the process is about to stop. */
    drain(): void {
      isDraining = true;
      for (const { end } of [...held.values()]) end('draining');
    },
  };
}

// Nonces for proofs of possession: one for everybody and each stretch of time, made from a key of the house and kept nowhere.
// Whoever asks is told the present one; nobody can know a later one, so no proof is made much before it is shown.
// RFC 9449 §8, §11.2.
import type { Clock } from './vocabulary.js';

export interface DpopNoncesDependencies {
  readonly now: Clock;
  /** Keyed hashes, by the current key first. */
  readonly nonceMacs: (slot: number) => readonly string[];
}

/** How long one is handed out. It is taken for as long again: a proof counts for 150 to 300 seconds after its nonce was given. */
export const NONCE_SLOT_SECONDS = 150;

export function createDpopNonces({ now, nonceMacs }: DpopNoncesDependencies) {
  let known = { slot: Number.NaN, current: '', accepted: new Set<string>() };

  function ofNow(): typeof known {
    const slot = Math.floor(now().getTime() / 1000 / NONCE_SLOT_SECONDS);
    if (slot !== known.slot) {
      // The one after it too: another process's clock may be a little ahead.
      const accepted = [slot, slot - 1, slot + 1].flatMap((near) => nonceMacs(near));
      known = { slot, current: accepted[0]!, accepted: new Set(accepted) };
    }
    return known;
  }

  return {
    /** The one to hand out now. */
    current: (): string => ofNow().current,
    isAccepted: (nonce: string): boolean => ofNow().accepted.has(nonce),
  };
}

// What asking for numbers costs whoever did not make the link: each try is charged before its answer is known, and the charge of
// a right one is taken back. Beyond the budgets a right number is as unknown as a wrong one. CHECKLIST 3.1.
import type { Throttle } from './throttle.js';
import { isRefusal, type Clock, type Origin } from './vocabulary.js';

export interface NumberGuessesDependencies {
  readonly throttle: Throttle;
  readonly now: Clock;
  readonly onAlarm: (message: string) => void;
}

/** A tool in another network than the one that made the link polls it every second: it is charged for the first time only. */
const MOST_REMEMBERED = 10_000;
const REMEMBERED_MS = 1800 * 1000;
const ALARM_EVERY_MS = 600 * 1000;

export function createNumberGuesses({ throttle, now, onAlarm }: NumberGuessesDependencies) {
  const admitted = new Map<string, number>();
  let alarmedAt = -Infinity;

  function isAdmitted(key: string): boolean {
    const until = admitted.get(key);
    if (until !== undefined && until > now().getTime()) return true;
    admitted.delete(key);
    return false;
  }

  function admit(key: string): void {
    if (admitted.size >= MOST_REMEMBERED) admitted.delete(admitted.keys().next().value!);
    admitted.set(key, now().getTime() + REMEMBERED_MS);
  }

  function alarm(): void {
    const at = now().getTime();
    if (at - alarmedAt < ALARM_EVERY_MS) return;
    alarmedAt = at;
    onAlarm('polls of unknown numbers have used up their budget: somebody is guessing');
  }

  /** Charges a try; undefined where there is nothing left to spend. */
  async function charge(network: string): Promise<(() => Promise<unknown>) | undefined> {
    const charged: (() => Promise<void>)[] = [];
    const takeBack = (): Promise<unknown> => Promise.all(charged.map((each) => each()));
    try {
      charged.push(await throttle.spendAhead('link-number-by-network', network));
      charged.push(await throttle.spendAhead('link-number-everywhere', 'everywhere'));
      return takeBack;
    } catch (error) {
      await takeBack();
      if (!isRefusal(error, 'too-many')) throw error;
      if (charged.length > 0) alarm();
      return undefined;
    }
  }

  return {
    /**
     * Whether a network that did not make the link may be told of it. `key` names tool, number and network; `isRight`:
     * there is such a link. Refuses `store-unavailable` where nothing can be counted.
     */
    async mayKnow(
      { key, isRight }: { readonly key: string; readonly isRight: boolean },
      { network }: Origin,
    ): Promise<boolean> {
      if (isRight && isAdmitted(key)) return true;
      const takeBack = await charge(network);
      if (!takeBack || !isRight) return false;
      admit(key);
      await takeBack();
      return true;
    },
  };
}

// How many wrong second factors an account may have: one counter for each account and kind, the same at every door, kept
// in SQL, and a smaller one beside it for each browser that the account knows. At the cap the kind is locked, never off. What a
// right code is belongs to proofs.ts and recovery-codes.ts.
// Specification: NIST SP 800-63B §3.2.2, RFC 4226 §7.3, CHECKLIST 3.2–3.4.
import type { Audit, AuditStore } from './audit.js';
import { findBrowserOf, type KnownBrowserStore } from './known-browsers.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { AccountId, Clock, Origin } from './vocabulary.js';

export type FactorKind = 'totp' | 'recovery' | 'passkey';

/** What has been charged, this attempt included. */
export interface FactorFailures {
  readonly consecutive: number;
  readonly today: number;
}

export interface FactorFailureStore {
  /**
   * Charges one attempt in one statement, unless `most` is reached already: then undefined, and nothing changes.
   * `day` numbers the days; a new one starts its own count, an earlier one than the last counts as the last. `browserId`: on
   * the count of that known browser, instead of the account's.
   */
  charge(
    attempt: {
      readonly accountId: AccountId;
      readonly kind: FactorKind;
      readonly browserId?: string;
      readonly day: number;
      readonly at: Date;
    },
    most: FactorFailures,
  ): Promise<FactorFailures | undefined>;
  /** After a success: nothing is consecutive any more, and where this attempt was charged, the day gets it back. */
  forgive(
    accountId: AccountId,
    kind: FactorKind,
    where?: { readonly browserId?: string; readonly isCharged?: boolean },
  ): Promise<void>;
  /** For a factor that is new, or freed by the operator: nothing counts any more, in no browser. False when nothing did. */
  clearFailures(accountId: AccountId, kind: FactorKind): Promise<boolean>;
}

export type FactorStores = {
  proofs: FactorFailureStore;
  accounts: Pick<KnownBrowserStore, 'findKnownBrowser'>;
  audit: AuditStore;
  outbox: OutboxStore;
};

export interface Recipient {
  readonly email: string;
  readonly username: string;
  readonly language: string;
}

export interface Attempt {
  readonly accountId: AccountId;
  readonly kind: FactorKind;
  readonly origin: Origin;
  /** Who is told when this attempt locks the factor. */
  readonly recipient: Recipient | undefined;
}

/** CHECKLIST 3.3: with two steps that count, 20 a day is a chance of 1.4 % in a year of guessing, 100 in a row 1 in 5,000. */
export const MOST_FAILURES: FactorFailures = { consecutive: 100, today: 20 };
/**
 * A browser that the account knows has half of that to itself: whoever knows the password and guesses elsewhere does not lock
 * the owner out there. Its own failures count for the account as well; used up, it is a stranger's. So whoever has stolen the
 * cookie of such a browser has 50 guesses more, 10 a day.
 */
export const MOST_IN_A_BROWSER: FactorFailures = { consecutive: 50, today: 10 };
const DAY_MS = 86_400_000;

const isUsedUp = (failures: FactorFailures, most: FactorFailures): boolean =>
  failures.consecutive >= most.consecutive || failures.today >= most.today;

/** What an attempt was charged to; to neither, and nothing is looked at. */
interface Charge {
  readonly shared: FactorFailures | undefined;
  readonly own: FactorFailures | undefined;
  /** The known browser that it came from. */
  readonly browserId: string | undefined;
}

export interface FactorLocksDependencies {
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
}

export type FactorLocks = ReturnType<typeof createFactorLocks>;

export function createFactorLocks({ audit, notices, now }: FactorLocksDependencies) {
  async function charge(stores: FactorStores, { accountId, kind, origin }: Attempt): Promise<Charge> {
    const at = now();
    const attempt = { accountId, kind, day: Math.floor(at.getTime() / DAY_MS), at };
    const browserId = (await findBrowserOf(stores, accountId, origin))?.browserId;
    const inBrowser = browserId !== undefined && { ...attempt, browserId };
    const own = inBrowser ? await stores.proofs.charge(inBrowser, MOST_IN_A_BROWSER) : undefined;
    const shared = await stores.proofs.charge(attempt, MOST_FAILURES);
    return { shared, own, browserId };
  }

  async function tellLocked(stores: FactorStores, attempt: Attempt): Promise<void> {
    const { accountId, kind, origin, recipient } = attempt;
    const entry = { accountId, actor: accountId, origin, details: { factor: kind } };
    await audit.record(stores, { ...entry, event: 'second-factor-locked' });
    if (!recipient) return;
    const { username } = recipient;
    const details = { username, factor: 'second', ...whereAndWhen(origin, now()) } as const;
    await notices.tell(stores, 'factor-locked', { ...recipient, accountId }, details);
  }

  async function fail(stores: FactorStores, attempt: Attempt, { shared, own }: Charge) {
    const { accountId, kind, origin } = attempt;
    const isLocked = !shared && !own;
    const details = { factor: kind, ...(isLocked ? { isLocked } : {}) };
    const entry = { event: 'second-factor-failed', accountId, actor: accountId, origin } as const;
    await audit.record(stores, { ...entry, details });
    const isLocking = shared && isUsedUp(shared, MOST_FAILURES);
    if (isLocking) await tellLocked(stores, attempt);
    const mayGoOn = (shared && !isLocking) || (own && !isUsedUp(own, MOST_IN_A_BROWSER));
    return mayGoOn ? 'wrong' : 'locked';
  }

  return {
    /**
     * Settles one attempt in a transaction of its own, which commits before the answer. The attempt is charged first, so
     * that no number of attempts at once gets past the cap; `succeed` then uses the code up, and says whether it could.
     * `locked`: the cap was reached before, or by this failure, and the browser has no tries of its own left; then a right
     * code is not looked at.
     */
    async settle(
      stores: FactorStores,
      attempt: Attempt,
      succeed: () => Promise<boolean>,
    ): Promise<'right' | 'wrong' | 'locked'> {
      const { accountId, kind } = attempt;
      const charged = await charge(stores, attempt);
      const { shared, own, browserId } = charged;
      const isLookedAt = shared !== undefined || own !== undefined;
      if (!isLookedAt || !(await succeed())) return fail(stores, attempt, charged);
      await stores.proofs.forgive(accountId, kind, { isCharged: shared !== undefined });
      if (browserId !== undefined)
        await stores.proofs.forgive(accountId, kind, { browserId, isCharged: own !== undefined });
      return 'right';
    },
  };
}

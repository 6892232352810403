// How many wrong second factors an account may have: one counter for each account and kind, the same at every door, kept
// in SQL. At the cap the kind is locked, never off. What a right code is belongs to proofs.ts and recovery-codes.ts.
// Specification: NIST SP 800-63B §3.2.2, RFC 4226 §7.3, CHECKLIST 3.2–3.4.
import type { Audit, AuditStore } from './audit.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { AccountId, Clock, Origin } from './vocabulary.js';

export type FactorKind = 'totp' | 'recovery';

/** What has been charged, this attempt included. */
export interface FactorFailures {
  readonly consecutive: number;
  readonly today: number;
}

export interface FactorFailureStore {
  /**
   * Charges one attempt in one statement, unless `most` is reached already: then undefined, and nothing changes.
   * `day` numbers the days; a new one starts its own count, an earlier one than the last counts as the last.
   */
  charge(
    attempt: {
      readonly accountId: AccountId;
      readonly kind: FactorKind;
      readonly day: number;
      readonly at: Date;
    },
    most: FactorFailures,
  ): Promise<FactorFailures | undefined>;
  /** After a success: nothing is consecutive any more, and the day gets this one attempt back. */
  forgive(accountId: AccountId, kind: FactorKind): Promise<void>;
  /** For a factor that is new, or freed by the operator: nothing counts any more. False when nothing did. */
  clearFailures(accountId: AccountId, kind: FactorKind): Promise<boolean>;
}

export type FactorStores = { proofs: FactorFailureStore; audit: AuditStore; outbox: OutboxStore };

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
const DAY_MS = 86_400_000;

export interface FactorLocksDependencies {
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
}

export type FactorLocks = ReturnType<typeof createFactorLocks>;

export function createFactorLocks({ audit, notices, now }: FactorLocksDependencies) {
  async function fail(stores: FactorStores, attempt: Attempt, failures: FactorFailures) {
    const { accountId, kind, origin, recipient } = attempt;
    const entry = { accountId, actor: accountId, origin, details: { factor: kind } };
    await audit.record(stores, { ...entry, event: 'second-factor-failed' });
    const { consecutive, today } = MOST_FAILURES;
    if (failures.consecutive < consecutive && failures.today < today) return 'wrong';
    await audit.record(stores, { ...entry, event: 'second-factor-locked' });
    if (recipient) {
      const details = {
        username: recipient.username,
        factor: 'second',
        ...whereAndWhen(origin, now()),
      } as const;
      await notices.tell(stores, 'factor-locked', { ...recipient, accountId }, details);
    }
    return 'locked';
  }

  return {
    /**
     * Settles one attempt in a transaction of its own, which commits before the answer. The attempt is charged first, so
     * that no number of attempts at once gets past the cap; `succeed` then uses the code up, and says whether it could.
     * `locked`: the cap was reached before, or by this failure; then a right code is not looked at.
     */
    async settle(
      stores: FactorStores,
      attempt: Attempt,
      succeed: () => Promise<boolean>,
    ): Promise<'right' | 'wrong' | 'locked'> {
      const { accountId, kind, origin } = attempt;
      const at = now();
      const day = Math.floor(at.getTime() / DAY_MS);
      const failures = await stores.proofs.charge({ accountId, kind, day, at }, MOST_FAILURES);
      if (!failures) {
        const details = { factor: kind, isLocked: true };
        const entry = {
          event: 'second-factor-failed',
          accountId,
          actor: accountId,
          origin,
          details,
        } as const;
        await audit.record(stores, entry);
        return 'locked';
      }
      if (!(await succeed())) return fail(stores, attempt, failures);
      await stores.proofs.forgive(accountId, kind);
      return 'right';
    },
  };
}

// What trying user codes costs: every try is charged before its code is looked up, and the charge of a right one is taken back.
// The budgets themselves are in throttle; the looking up is in links-person. RFC 8628 §5.1; CHECKLIST 3.1.
import type { Audit, AuditStore } from './audit.js';
import type { Throttle } from './throttle.js';
import { isRefusal, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

const YOUNG_ACCOUNT_SECONDS = 24 * 3600;

export interface GuessesDependencies<Stores extends { readonly audit: AuditStore }> {
  readonly inTransaction: InTransaction<Stores>;
  readonly throttle: Throttle;
  readonly audit: Audit;
  readonly now: Clock;
  readonly describeDecider: (
    accountId: AccountId,
  ) => Promise<{ readonly isVerified: boolean; readonly createdAt: Date } | undefined>;
  readonly onAlarm: (message: string) => void;
}

export type TakeBack = () => Promise<unknown>;

export function createGuesses<Stores extends { readonly audit: AuditStore }>({
  inTransaction,
  throttle,
  audit,
  now,
  describeDecider,
  onAlarm,
}: GuessesDependencies<Stores>) {
  /** When everybody together guesses too much, the young and the unverified wait. */
  async function chargeEverywhere(accountId: AccountId): Promise<TakeBack> {
    try {
      return await throttle.spendAhead('user-code-everywhere', 'everywhere');
    } catch (error) {
      if (!isRefusal(error, 'too-many')) throw error;
      const decider = await describeDecider(accountId);
      const ageMs = decider ? now().getTime() - decider.createdAt.getTime() : 0;
      if (decider?.isVerified !== true || ageMs < YOUNG_ACCOUNT_SECONDS * 1000) throw error;
      return async () => undefined;
    }
  }

  return {
    /**
     * Charges a try before its code is looked up: of many sent at once, none gets past the budgets of the account, the network
     * and everybody. Resolves to what takes the charge back where the code was no wrong one. Refuses `too-many`, and
     * `store-unavailable` where nothing can be counted; a refused try is charged nothing.
     */
    async charge(accountId: AccountId, { network }: Origin): Promise<TakeBack> {
      const charged: TakeBack[] = [];
      const takeBack: TakeBack = () => Promise.all(charged.map((each) => each()));
      try {
        const own = [
          ['user-code-by-account', accountId],
          ['user-code-by-account-daily', accountId],
          ['user-code-by-network', network],
        ] as const;
        charged.push(await throttle.spendAllAhead(own));
        // By itself: it is one row for everybody, and whoever holds it keeps everybody waiting.
        charged.push(await chargeEverywhere(accountId));
        return takeBack;
      } catch (error) {
        await takeBack();
        throw error;
      }
    },

    /** Remembers a wrong code, and alarms the operator once everybody together has used up their budget. */
    async recordWrong(accountId: AccountId, origin: Origin): Promise<void> {
      if (await throttle.isSpent('user-code-everywhere', 'everywhere')) {
        onAlarm('wrong user codes everywhere have used up their budget: somebody is guessing');
      }
      await inTransaction((stores) =>
        audit.record(stores, { event: 'user-code-unknown', accountId, actor: accountId, origin }),
      );
    },
  };
}

// How often a network may fail to sign in, at every door that takes a password. Tries beyond that are not looked at, and neither
// are those that come while the service is busy, but both stand in the activity of the account all the same: one row for a name
// and a network in ten minutes, so that whoever floods a door does not fill the disk. The same is written whether or not there
// is such an account.
// Specification: CHECKLIST 3.2, OWASP ASVS 6.3.5 and 16.3.1.
import { sha256 } from '../crypto/secrets.js';
import type { Accounts } from './accounts.js';
import type { Audit, AuditStore } from './audit.js';
import { foldLogin } from './login-names.js';
import type { BudgetStore, Throttle } from './throttle.js';
import type { Who } from './password-check.js';
import { isRefusal, type InTransaction, type Origin } from './vocabulary.js';

export interface RefusedSignInsDependencies {
  readonly inTransaction: InTransaction<{ budgets: BudgetStore; audit: AuditStore }>;
  readonly accounts: Pick<Accounts, 'findPasswordRecord'>;
  readonly throttle: Pick<Throttle, 'spendAhead' | 'spendWithin' | 'isSpent'>;
  readonly audit: Audit;
}

/** Why nothing was looked at. */
type Why = 'too-many-by-network' | 'busy';

/** Enough to tell names apart, and too little to say which was typed: it may have been a password. */
const NAME_LENGTH = 4;

export function createRefusedSignIns(dependencies: RefusedSignInsDependencies) {
  const { inTransaction, accounts, throttle, audit } = dependencies;

  async function remember(who: Who, why: Why, origin: Origin): Promise<void> {
    if (await throttle.isSpent('refused-sign-in-by-network', origin.network)) return;
    const whose = 'login' in who ? await accounts.findPasswordRecord(who.login) : who;
    const named = 'login' in who ? (foldLogin(who.login) ?? '') : who.accountId;
    const name = sha256(named).slice(0, NAME_LENGTH);
    await inTransaction(async (stores) => {
      const spenders = { name: `${name} ${origin.network}`, network: origin.network };
      if (!(await throttle.spendWithin(stores, 'refused-sign-in-by-name', spenders.name))) return;
      if (!(await throttle.spendWithin(stores, 'refused-sign-in-by-network', spenders.network))) return;
      const accountId = whose?.accountId;
      const event = why === 'busy' ? 'sign-in-not-checked' : 'sign-in-refused';
      const entry = { event, actor: 'anyone', origin, details: { why } } as const;
      await audit.record(stores, accountId ? { ...entry, accountId } : entry);
    });
  }

  /** Remembers a try that the service was too busy to look at; what cannot be remembered is told as what it was. */
  async function rememberBusy(error: unknown, who: Who, origin: Origin): Promise<void> {
    if (isRefusal(error, 'service-busy')) await remember(who, 'busy', origin).catch(() => undefined);
  }

  async function charge(login: string, origin: Origin): Promise<() => Promise<void>> {
    try {
      return await throttle.spendAhead('sign-in-by-network', origin.network);
    } catch (error) {
      if (isRefusal(error, 'too-many')) await remember({ login }, 'too-many-by-network', origin);
      throw error;
    }
  }

  return {
    rememberBusy,

    /**
     * Makes a try, charged to its network before it is looked at: of many sent at once, none gets past the budget. Only one
     * that `isMissed` stays charged; a full queue or a fault of ours is nobody's failure. Refuses `too-many` where the network
     * has failed too often, and what `attempt` refuses; that, and `service-busy`, is remembered.
     */
    async tryFromNetwork<Result>(
      { login, origin }: { readonly login: string; readonly origin: Origin },
      attempt: () => Promise<Result>,
      isMissed: (result: Result) => boolean,
    ): Promise<Result> {
      const takeBack = await charge(login, origin);
      let stays = false;
      try {
        const result = await attempt();
        stays = isMissed(result);
        return result;
      } catch (error) {
        await rememberBusy(error, { login }, origin);
        throw error;
      } finally {
        if (!stays) await takeBack();
      }
    },
  };
}

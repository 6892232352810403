// What the operator can do for somebody who is locked out: free the locks, and take a second factor off whose phone and codes
// are gone. Nobody gets there by the pages. Whether the person is who they say is the operator's to find out; the owner of
// the account is told by mail in any case. Specification: NIST SP 800-63B §4.2, CHECKLIST 3.2, 3.4, 3.6.
import type { Account, Accounts } from './accounts.js';
import type { Audit } from './audit.js';
import type { FactorKind, Recipient } from './factor-locks.js';
import { momentOf, type Notices } from './notices.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Proofs } from './proofs.js';
import type { TwoFactorStores } from './two-factor.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';
import type { WaysIn } from './ways-in.js';

export interface OperatorHelpDependencies {
  readonly inTransaction: InTransaction<TwoFactorStores>;
  readonly accounts: Pick<Accounts, 'findByLogin'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'turnOff'>;
  readonly passwordRenewal: PasswordRenewal;
  readonly waysIn: Pick<WaysIn, 'countWaysIn' | 'requireAWayIn'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

export type OperatorHelp = ReturnType<typeof createOperatorHelp>;

const FACTORS = ['totp', 'recovery', 'passkey'] as const satisfies FactorKind[];

export function createOperatorHelp(dependencies: OperatorHelpDependencies) {
  const { inTransaction, accounts, proofs, passwordRenewal, waysIn } = dependencies;
  const { audit, notices, findRecipient, now } = dependencies;

  async function findAccount(login: string): Promise<Account> {
    const account = await accounts.findByLogin(login);
    if (account) return account;
    throw new DomainError('not-found', { publicDetail: 'No account has this e-mail address or user name.' });
  }

  async function tell(
    stores: TwoFactorStores,
    notice: 'account-unlocked' | 'two-factor-removed',
    accountId: AccountId,
    recipient: Recipient | undefined,
  ): Promise<void> {
    if (!recipient) return;
    const details = { username: recipient.username, at: momentOf(now()) };
    await notices.tell(stores, notice, { ...recipient, accountId }, details);
  }

  /** Whether what is left could not stand alone: a password that is too short, or, without one, nothing at all. */
  async function isPasswordDue(accountId: AccountId): Promise<boolean> {
    if (await passwordRenewal.isLongerDue(accountId)) return true;
    const left = await inTransaction(({ accounts: records, identities }) =>
      waysIn.countWaysIn({ accounts: records, identities }, accountId),
    );
    return left === 0;
  }

  return {
    /**
     * Ends every wait and lock of an account: its password, its authenticator, its recovery codes and its passkeys have no
     * failures any more. A passkey that was stopped stays so: there may be a copy of it. Resolves to which of them had any. Refuses `not-found`.
     */
    async unlock(
      login: string,
      origin: Origin,
    ): Promise<{ account: Account; freed: ('password' | FactorKind)[] }> {
      const account = await findAccount(login);
      const { accountId } = account;
      const recipient = await findRecipient(accountId);
      return inTransaction(async (stores) => {
        const freed: ('password' | FactorKind)[] = [];
        const failures = await stores.accounts.findFailures(accountId);
        if (failures && failures.consecutive > 0) freed.push('password');
        await stores.accounts.forgiveFailures(accountId);
        for (const kind of FACTORS) {
          if (await stores.proofs.clearFailures(accountId, kind)) freed.push(kind);
        }
        if (freed.length > 0) {
          const entry = { event: 'account-unlocked', accountId, actor: 'operator', origin } as const;
          await audit.record(stores, { ...entry, details: { freed: freed.join(' ') } });
          await tell(stores, 'account-unlocked', accountId, recipient);
        }
        return { account, freed };
      });
    },

    /** Whether a new password must come with taking the second factor off. Refuses `not-found`. */
    async isLongerPasswordDue(login: string): Promise<boolean> {
      return isPasswordDue((await findAccount(login)).accountId);
    },

    /**
     * Takes every second factor off, passkeys too, and ends every session. Where the password is too short to stand alone, or there is
     * no way in but passkeys, `newPassword` takes its place. Refuses `not-found`, `factor-not-on`, `password-breaks-rule`, `service-busy`.
     */
    async removeTwoFactor(
      login: string,
      newPassword: string | undefined,
      origin: Origin,
    ): Promise<{ account: Account; endedSessions: number; hasNewPassword: boolean }> {
      const account = await findAccount(login);
      const { accountId } = account;
      if (!(await proofs.hasSecondFactor(accountId))) throw new DomainError('factor-not-on');
      const isLongerDue = await isPasswordDue(accountId);
      const alone = { hasSecondFactor: false };
      const prepared = isLongerDue && (await passwordRenewal.prepare(accountId, newPassword ?? '', alone));
      const from = await passwordRenewal.currentHash(accountId);
      const recipient = await findRecipient(accountId);
      return inTransaction(async (stores) => {
        await stores.passkeys.removeByAccount(accountId);
        await stores.passkeys.removeChallenges(accountId);
        if (await stores.proofs.findAuthenticator(accountId, 'active'))
          await proofs.turnOff(stores, accountId);
        await stores.proofs.removeRecoverySet(accountId);
        const by = { actor: 'operator', origin };
        if (prepared) await passwordRenewal.renew(stores, { accountId, from, ...prepared }, by);
        await waysIn.requireAWayIn(stores, accountId);
        await stores.signIns.removeByAccount(accountId);
        const endedSessions = await stores.sessions.removeByAccount(accountId, undefined);
        const entry = { event: 'two-factor-removed', accountId, ...by } as const;
        await audit.record(stores, { ...entry, details: { sessions: endedSessions } });
        await tell(stores, 'two-factor-removed', accountId, recipient);
        return { account, endedSessions, hasNewPassword: isLongerDue };
      });
    },
  };
}

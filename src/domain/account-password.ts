// Changing the password by its owner, who is signed in: with a fresh proof, and an end to every other session; and setting the
// first one of an account that has none. Where it has been forgotten: account-reset. What a good password is: password-rule.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.2.3, §7.2.4 and §7.4.3.
import type { Account } from './account-records.js';
import type { Audit, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { PasswordStore } from './password-check.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import type { SignInStore } from './sign-in-half-done.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

export interface AccountPasswordStores {
  readonly accounts: PasswordStore;
  readonly audit: AuditStore;
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
  readonly outbox: OutboxStore;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
}

export interface AccountPasswordDependencies {
  readonly inTransaction: InTransaction<AccountPasswordStores>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly findAccount: (accountId: AccountId) => Promise<Account | undefined>;
  readonly passwordRenewal: PasswordRenewal;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

/** As long as a proof is fresh enough to approve for. */
const JUST_NOW_SECONDS = 600;

export type AccountPassword = ReturnType<typeof createAccountPassword>;

export function createAccountPassword(dependencies: AccountPasswordDependencies) {
  const { inTransaction, signIn, proofs, sessions, passwordRenewal } = dependencies;
  const { audit, notices, findRecipient, findAccount, now } = dependencies;

  async function tellOwner(
    stores: AccountPasswordStores,
    notice: 'password-changed' | 'password-set',
    accountId: AccountId,
    recipient: Recipient | undefined,
    origin: Origin,
  ): Promise<void> {
    if (!recipient) return;
    const details = { username: recipient.username, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, notice, { ...recipient, accountId }, details);
  }

  /**
   * Whether the session was begun a moment ago through a provider that cannot say how fresh a sign-in there is. Its person can
   * prove nothing fresher, and an account that can prove nothing could never be given a password (docs/decisions.md).
   */
  async function isAllThatCanBeProved(session: Session): Promise<boolean> {
    const { at, methods } = session.authentication;
    const isUntold = session.proofMethods.includes('fed') && session.provedAt.getTime() === 0;
    const isRecent = Math.abs(now().getTime() - at.getTime()) <= JUST_NOW_SECONDS * 1000;
    return (
      isUntold && isRecent && methods.includes('fed') && !(await proofs.hasSecondFactor(session.accountId))
    );
  }

  async function proveForFirst(session: Session, proof: Partial<ChangeProof>, origin: Origin) {
    if (await isAllThatCanBeProved(session)) return ['fed'] as const;
    try {
      return await signIn.proveForChange(session, { password: '', ...proof }, origin);
    } catch (error) {
      // There is no password that could have been wrong.
      throw isRefusal(error, 'credentials-wrong') ? new DomainError('proof-required') : error;
    }
  }

  return {
    /** Whether a first password may be set in this session without any further proof. */
    isAllThatCanBeProved,

    /**
     * Sets the first password of an account that is signed in to by other ways. It takes a passkey, or a sign-in at a provider
     * in the last ten minutes: one that the provider has dated, or, where it dates none, the one that began the session. Refuses
     * `password-breaks-rule`, `proof-required` (none of these), `credentials-wrong` where there is a password after all, what a
     * passkey is refused for, and `sign-in-over`.
     */
    async setPassword(
      session: Session,
      { newPassword, ...proof }: Partial<ChangeProof> & { readonly newPassword: string },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      const account = await findAccount(accountId);
      if (!account || account.hasPassword) throw new DomainError('credentials-wrong');
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      const prepared = await passwordRenewal.prepare(accountId, newPassword, { hasSecondFactor });
      const provedWith = await proveForFirst(session, proof, origin);
      const recipient = await findRecipient(accountId);
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        const entry = { actor: accountId, origin, event: 'password-set' } as const;
        await passwordRenewal.renew(stores, { accountId, from: '', ...prepared }, entry);
        await tellOwner(stores, 'password-set', accountId, recipient, origin);
        return issued;
      });
    },

    /**
     * Changes it. This session goes on under a new token; every other one, and what is half done, ends. Refuses
     * `password-breaks-rule` (the new one; then nothing was proved or counted), what `proveForChange` refuses, and
     * `sign-in-over` when this session has ended meanwhile, by a reset say.
     */
    async changePassword(
      session: Session,
      { newPassword, ...proof }: ChangeProof & { readonly newPassword: string },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      const prepared = await passwordRenewal.prepare(accountId, newPassword, { hasSecondFactor });
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const from = await passwordRenewal.currentHash(accountId);
      const recipient = await findRecipient(accountId);
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        await passwordRenewal.renew(stores, { accountId, from, ...prepared }, { actor: accountId, origin });
        const ended = await stores.sessions.removeByAccount(accountId, issued.session.sessionHash);
        const entry = { event: 'session-ended', accountId, actor: accountId, origin } as const;
        if (ended > 0) await audit.record(stores, { ...entry, details: { sessions: ended } });
        await stores.signIns.removeByAccount(accountId);
        await tellOwner(stores, 'password-changed', accountId, recipient, origin);
        return issued;
      });
    },
  };
}

// Changing the password by its owner, who is signed in: with a fresh proof, and an end to every other session. Where it has
// been forgotten: account-reset. What a good password is: password-rule.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.2.3, §7.2.4 and §7.4.3.
import type { Audit, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { PasswordStore } from './password-check.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { SignInStore } from './sign-in-half-done.js';
import type { AccountId, Clock, InTransaction, Origin } from './vocabulary.js';

export interface AccountPasswordStores {
  readonly accounts: PasswordStore;
  readonly audit: AuditStore;
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
  readonly outbox: OutboxStore;
  readonly proofs: Pick<ProofStore, 'findAuthenticator'>;
}

export interface AccountPasswordDependencies {
  readonly inTransaction: InTransaction<AccountPasswordStores>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly passwordRenewal: PasswordRenewal;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

export type AccountPassword = ReturnType<typeof createAccountPassword>;

export function createAccountPassword(dependencies: AccountPasswordDependencies) {
  const { inTransaction, signIn, proofs, sessions, passwordRenewal } = dependencies;
  const { audit, notices, findRecipient, now } = dependencies;

  return {
    /**
     * Changes it. This session goes on under a new token; every other one, and what is half done, ends. Refuses
     * `password-breaks-rule` (the new one; then nothing was proved or counted), what `proveForChange` refuses, and
     * `sign-in-over` when this session has ended meanwhile, by a reset say.
     */
    async changePassword(
      session: Session,
      asked: {
        readonly password: string;
        readonly code?: string | undefined;
        readonly newPassword: string;
      },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      const prepared = await passwordRenewal.prepare(accountId, asked.newPassword, { hasSecondFactor });
      const proof = { password: asked.password, code: asked.code };
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
        if (recipient) {
          const details = { username: recipient.username, ...whereAndWhen(origin, now()) };
          await notices.tell(stores, 'password-changed', { ...recipient, accountId }, details);
        }
        return issued;
      });
    },
  };
}

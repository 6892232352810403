// Two-factor for life, as its owner changes it in a session: turned on, put on another phone, given new recovery codes, turned
// off. Each change is one transaction, with the session's new token, the row in the audit log and the mail to the owner; the
// proof it takes is sign-in's, and how factors come and go is proofs'. What the operator can do: two-factor-operator.ts.
// Specification: DESIGN 6, NIST SP 800-63B §4.2, OWASP ASVS 6.4, 7.2.4 and 7.5.1, CHECKLIST 3.2–3.5.
import type { Account, Accounts, AccountsStore } from './accounts.js';
import type { Audit, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { ProvedAuthenticator, ShownAuthenticator } from './proofs-set-up.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import type { SignInStore } from './sign-in-half-done.js';
import {
  contextClass,
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

export interface TwoFactorStores {
  readonly accounts: AccountsStore;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
  readonly proofs: ProofStore;
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
}

export interface TwoFactorDependencies {
  readonly inTransaction: InTransaction<TwoFactorStores>;
  readonly accounts: Pick<Accounts, 'checkPassword' | 'isActive'>;
  readonly proofs: Proofs;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly passwordRenewal: PasswordRenewal;
  readonly audit: Audit;
  readonly notices: Notices;
  /** Who is told; undefined for an account whose address nobody has proved. */
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

/** The ten codes, shown this once, and the name of their set. */
export interface NewCodes {
  readonly recoveryCodes: readonly string[];
  readonly setId: string;
}

/** What is remembered of a change, and told, under one name. */
type Change =
  'two-factor-enabled' | 'two-factor-replaced' | 'two-factor-turned-off' | 'recovery-codes-renewed';
type Owner = Pick<Account, 'accountId' | 'username'>;

export type TwoFactor = ReturnType<typeof createTwoFactor>;

export function createTwoFactor(dependencies: TwoFactorDependencies) {
  const { inTransaction, accounts, proofs, sessions, signIn, passwordRenewal } = dependencies;
  const { audit, notices, findRecipient, now } = dependencies;

  /** Makes a change in one transaction: the account may still make it, and the session goes on under a new token. */
  async function change(
    session: Session,
    made: {
      readonly as: Change;
      readonly provedWith: readonly AuthenticationMethod[];
      readonly origin: Origin;
    },
    work: (stores: TwoFactorStores) => Promise<void>,
  ): Promise<IssuedSession> {
    const { accountId } = session;
    const { as, provedWith, origin } = made;
    const recipient = await findRecipient(accountId);
    return inTransaction(async (stores) => {
      if (!(await accounts.isActive(stores, accountId))) throw new DomainError('sign-in-over');
      await signIn.requireStillEnough(stores, session, provedWith);
      await work(stores);
      const details = { methods: provedWith.join(' ') };
      await audit.record(stores, { event: as, accountId, actor: accountId, origin, details });
      if (recipient) {
        const told = { username: recipient.username, ...whereAndWhen(origin, now()) };
        await notices.tell(stores, as, { ...recipient, accountId }, told);
      }
      return sessions.rotateSession(stores, session, { provedWith, origin });
    });
  }

  /** The proved authenticator is on, with ten new codes; what was proved with another ends where it stands. */
  async function turnOn(
    session: Session,
    proved: ProvedAuthenticator,
    as: 'two-factor-enabled' | 'two-factor-replaced',
    origin: Origin,
  ): Promise<IssuedSession & NewCodes> {
    const instead = as === 'two-factor-replaced';
    const { shown, kept } = await proofs.drawRecoveryCodes();
    const issued = await change(session, { as, provedWith: ['otp'], origin }, async (stores) => {
      await proofs.turnOn(stores, proved, kept, { instead });
      await stores.signIns.removeByAccount(session.accountId);
    });
    return { ...issued, recoveryCodes: shown, setId: kept.setId };
  }

  return {
    /**
     * Begins to set up the first authenticator, against the password. Refuses `credentials-wrong`, `factor-already-on`,
     * `service-busy`.
     */
    async begin(
      { accountId, username }: Owner,
      proof: { readonly password: string },
      origin: Origin,
    ): Promise<ShownAuthenticator> {
      if (!(await accounts.checkPassword({ accountId }, proof.password, origin))) {
        throw new DomainError('credentials-wrong');
      }
      return proofs.beginAuthenticator(accountId, username);
    },

    /**
     * Ends the setting up with the authenticator's first code, which is used up and counts as this session's fresh proof.
     * Refuses as `proveAuthenticator` does, and `factor-already-on`, `service-busy`, `sign-in-over`.
     */
    async enable(session: Session, code: string, origin: Origin): Promise<IssuedSession & NewCodes> {
      const proved = await proofs.proveAuthenticator(session.accountId, code);
      return turnOn(session, proved, 'two-factor-enabled', origin);
    },

    /**
     * Begins to put another authenticator in the place of the one that is on, which works until the new one is proved. Takes
     * the password with a code, or with a recovery code, or, for ten minutes after a sign-in with the last one, alone.
     * Refuses as `proveForChange` does, and `factor-not-on`.
     */
    async beginReplacement(
      session: Session,
      { username }: Owner,
      proof: ChangeProof,
      origin: Origin,
    ): Promise<ShownAuthenticator> {
      const provedWith = await signIn.proveForChange(session, proof, origin, 'last-code-too');
      // One that was enabled in this moment has not been asked for.
      if (contextClass(provedWith) !== 'aal2') throw new DomainError('factor-not-on');
      return proofs.beginReplacement(session.accountId, username);
    },

    /** Ends it with the new authenticator's first code: the old one and its recovery codes are dead. Refuses as `enable`. */
    async finishReplacement(
      session: Session,
      code: string,
      origin: Origin,
    ): Promise<IssuedSession & NewCodes> {
      const proved = await proofs.proveAuthenticator(session.accountId, code);
      return turnOn(session, proved, 'two-factor-replaced', origin);
    },

    /**
     * Ten new recovery codes in the place of the set that the person saw, with password and code in the same request. False
     * when another window has been faster: its codes live, and nothing changes here. Refuses as `proveForChange` does, and
     * `factor-not-on`, `sign-in-over`.
     */
    async renewRecoveryCodes(
      session: Session,
      {
        from,
        ...proof
      }: { readonly password: string; readonly code?: string | undefined; readonly from: string },
      origin: Origin,
    ): Promise<(IssuedSession & NewCodes) | false> {
      const { accountId } = session;
      if (!(await proofs.hasSecondFactor(accountId))) throw new DomainError('factor-not-on');
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const { shown, kept } = await proofs.drawRecoveryCodes();
      const made = { as: 'recovery-codes-renewed', provedWith, origin } as const;
      try {
        const issued = await change(session, made, async (stores) => {
          if (!(await proofs.renewRecoverySet(stores, accountId, from, kept))) throw new Overtaken();
          await stores.signIns.removeByAccount(accountId);
        });
        return { ...issued, recoveryCodes: shown, setId: kept.setId };
      } catch (error) {
        if (error instanceof Overtaken) return false;
        throw error;
      }
    },

    /** Whether turning two-factor off takes a longer password with it (CHECKLIST 3.6). */
    isLongerPasswordDue: passwordRenewal.isLongerDue,

    /**
     * Turns two-factor off, with the password and a code or a recovery code in the same request. Where the password is too
     * short to stand alone, `newPassword` takes its place and every other session ends. A locked authenticator does not
     * turn off by its own code. Refuses as `proveForChange` does, and `factor-not-on`, `password-breaks-rule` (nothing of
     * the proof is used up then), `sign-in-over`.
     */
    async turnOff(
      session: Session,
      { newPassword = '', ...proof }: ChangeProof & { readonly newPassword?: string | undefined },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      if (!(await proofs.hasSecondFactor(accountId))) throw new DomainError('factor-not-on');
      const isLongerDue = await passwordRenewal.isLongerDue(accountId);
      const alone = { hasSecondFactor: false };
      const prepared = isLongerDue && (await passwordRenewal.prepare(accountId, newPassword, alone));
      const provedWith = await signIn.proveForChange(session, proof, origin, 'recovery-code');
      const from = prepared && (await passwordRenewal.currentHash(accountId));
      return change(session, { as: 'two-factor-turned-off', provedWith, origin }, async (stores) => {
        await proofs.turnOff(stores, accountId);
        await stores.signIns.removeByAccount(accountId);
        if (!prepared || !from) return;
        await passwordRenewal.renew(stores, { accountId, from, ...prepared }, { actor: accountId, origin });
        await stores.sessions.removeByAccount(accountId, session.sessionHash);
      });
    },
  };
}

/** Undoes the transaction; never leaves this room. */
class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

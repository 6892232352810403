// The authenticator for life, as its owner changes it in a session: turned on, put on another phone, given new recovery codes,
// turned off. What each change shares is in two-factor-change.ts; the proof it takes is sign-in's, and how factors come and go
// is proofs'. Passkeys: two-factor-passkeys.ts. What the operator can do: two-factor-operator.ts.
// Specification: DESIGN 6, NIST SP 800-63B §4.2, OWASP ASVS 6.4, 7.2.4 and 7.5.1, CHECKLIST 3.2–3.5.
import type { Account } from './accounts.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Passkeys } from './passkeys.js';
import type { Proofs } from './proofs.js';
import type { ProvedAuthenticator, ShownAuthenticator } from './proofs-set-up.js';
import type { IssuedSession, Session } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import { createTwoFactorChange, type ChangeDependencies, type NewCodes } from './two-factor-change.js';
import { contextClass, DomainError, type AccountId, type Origin } from './vocabulary.js';

export type { NewCodes, TwoFactorStores } from './two-factor-change.js';

export interface TwoFactorDependencies extends ChangeDependencies {
  readonly proofs: Proofs;
  readonly passkeys: Pick<Passkeys, 'hasPasskey'>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly passwordRenewal: PasswordRenewal;
}

type Owner = Pick<Account, 'username' | 'hasPassword'>;

export type TwoFactor = ReturnType<typeof createTwoFactor>;

export function createTwoFactor(dependencies: TwoFactorDependencies) {
  const { proofs, passkeys, signIn, passwordRenewal } = dependencies;
  const { change, changeWithCodes } = createTwoFactorChange(dependencies);

  /**
   * The proved authenticator takes the place of the other, with ten new codes; what was proved with that one ends where it
   * stands.
   */
  async function replace(
    session: Session,
    proved: ProvedAuthenticator,
    origin: Origin,
  ): Promise<IssuedSession & NewCodes> {
    const { shown, kept } = await proofs.drawRecoveryCodes();
    const issued = await change(session, { provedWith: ['otp'], origin }, async (stores) => {
      await proofs.turnOn(stores, proved, { instead: true });
      await proofs.putRecoverySet(stores, session.accountId, kept);
      await stores.signIns.removeByAccount(session.accountId);
      return { as: 'two-factor-replaced' };
    });
    return { ...issued, recoveryCodes: shown, setId: kept.setId };
  }

  return {
    /**
     * Begins to set up the first authenticator, against the password; beside passkeys, against all that a change takes, for
     * which a recovery code may stand in: the passkeys may be lost. Refuses as `proveForChange` does, `factor-already-on`, and
     * `password-missing` for an account that has none: a code stands beside a password.
     */
    async begin(
      session: Session,
      { username, hasPassword }: Owner,
      proof: ChangeProof,
      origin: Origin,
    ): Promise<ShownAuthenticator> {
      if (!hasPassword) throw new DomainError('password-missing');
      await signIn.proveForChange(session, proof, origin, 'last-code-too');
      return proofs.beginAuthenticator(session.accountId, username);
    },

    /**
     * Ends the setting up with the authenticator's first code, which is used up and counts as this session's fresh proof.
     * Ten recovery codes come with it where the account has none left. Refuses as `proveAuthenticator` does, and
     * `factor-already-on`, `service-busy`, `sign-in-over`.
     */
    async enable(session: Session, code: string, origin: Origin): Promise<IssuedSession & Partial<NewCodes>> {
      const { accountId } = session;
      const proved = await proofs.proveAuthenticator(accountId, code);
      return changeWithCodes(session, { provedWith: ['otp'], origin }, async (stores) => {
        const isFirst = !(await stores.proofs.hasSecondFactor(accountId));
        await proofs.turnOn(stores, proved, { instead: false });
        await stores.signIns.removeByAccount(accountId);
        return { as: isFirst ? 'two-factor-enabled' : 'authenticator-added' };
      });
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
      return replace(session, proved, origin);
    },

    /**
     * Ten new recovery codes in the place of the set that the person saw, with password and code in the same request. False
     * when another window has been faster: its codes live, and nothing changes here. Refuses as `proveForChange` does, and
     * `factor-not-on`, `sign-in-over`.
     */
    async renewRecoveryCodes(
      session: Session,
      { from, ...proof }: ChangeProof & { readonly from: string },
      origin: Origin,
    ): Promise<(IssuedSession & NewCodes) | false> {
      const { accountId } = session;
      if (!(await proofs.hasSecondFactor(accountId))) throw new DomainError('factor-not-on');
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const { shown, kept } = await proofs.drawRecoveryCodes();
      try {
        const issued = await change(session, { provedWith, origin }, async (stores) => {
          if (!(await proofs.renewRecoverySet(stores, accountId, from, kept))) throw new Overtaken();
          await stores.signIns.removeByAccount(accountId);
          return { as: 'recovery-codes-renewed' };
        });
        return { ...issued, recoveryCodes: shown, setId: kept.setId };
      } catch (error) {
        if (error instanceof Overtaken) return false;
        throw error;
      }
    },

    /** Whether turning the authenticator off leaves nothing but the password, which then has to be longer (CHECKLIST 3.6). */
    async isLongerPasswordDue(accountId: AccountId): Promise<boolean> {
      return !(await passkeys.hasPasskey(accountId)) && passwordRenewal.isLongerDue(accountId);
    },

    /**
     * Turns the authenticator off, with the password and a code, a recovery code or a passkey in the same request. With passkeys
     * the account stays two-factor, and its recovery codes stay. Else two-factor is off: where the password is too short to
     * stand alone, `newPassword` takes its place and every other session ends. A locked authenticator does not turn off by its
     * own code. Refuses as `proveForChange` does, and `factor-not-on` (also where the last passkey has gone meanwhile),
     * `password-breaks-rule` (nothing of the proof is used up then), `sign-in-over`.
     */
    async turnOff(
      session: Session,
      { newPassword = '', ...proof }: ChangeProof & { readonly newPassword?: string | undefined },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      if (!(await proofs.hasAuthenticator(accountId))) throw new DomainError('factor-not-on');
      const staysOn = await passkeys.hasPasskey(accountId);
      const isLongerDue = !staysOn && (await passwordRenewal.isLongerDue(accountId));
      const alone = { hasSecondFactor: false };
      const prepared = isLongerDue && (await passwordRenewal.prepare(accountId, newPassword, alone));
      const provedWith = await signIn.proveForChange(session, proof, origin, 'recovery-code');
      const from = prepared && (await passwordRenewal.currentHash(accountId));
      return change(session, { provedWith, origin }, async (stores) => {
        await proofs.turnOff(stores, accountId);
        await stores.signIns.removeByAccount(accountId);
        const isOn = await stores.proofs.hasSecondFactor(accountId);
        if (isOn !== staysOn) throw new DomainError('factor-not-on');
        if (prepared && from) {
          await passwordRenewal.renew(stores, { accountId, from, ...prepared }, { actor: accountId, origin });
          await stores.sessions.removeByAccount(accountId, session.sessionHash);
        }
        return { as: isOn ? 'authenticator-removed' : 'two-factor-turned-off' };
      });
    },
  };
}

/** Undoes the transaction; never leaves this room. */
class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

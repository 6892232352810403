// An account's passkeys as their owner changes them: made, named, removed, each with a fresh proof. Making one takes two steps:
// what is proved in the first is kept with the challenge that only the second can answer. What an answer is worth: passkeys.ts.
// Specification: WebAuthn Level 3 §7.1, NIST SP 800-63B §4.1 and §4.2, OWASP ASVS 7.5.1, DESIGN 6.
import type { PasskeyOptions, PasskeyProtocol } from '../crypto/passkeys.js';
import type { Account } from './accounts.js';
import { cleanClientName } from './clients.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Passkey, PasskeyId, Passkeys } from './passkeys.js';
import type { Proofs } from './proofs.js';
import type { IssuedSession, Session } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import {
  createTwoFactorChange,
  type ChangeDependencies,
  type NewCodes,
  type TwoFactorStores,
} from './two-factor-change.js';
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type Origin,
} from './vocabulary.js';
import type { WaysIn } from './ways-in.js';

export interface TwoFactorPasskeysDependencies extends ChangeDependencies {
  readonly proofs: Proofs;
  readonly passkeys: Pick<Passkeys, 'listPasskeys' | 'makeChallenge' | 'takeChallenge' | 'userHandleOf'>;
  readonly protocol: Pick<PasskeyProtocol, 'creationOptions' | 'readMade' | 'checkMade'>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly passwordRenewal: PasswordRenewal;
  readonly waysIn: Pick<WaysIn, 'requireAWayIn'>;
  readonly now: Clock;
  readonly newId: () => string;
}

export const MOST_PASSKEYS = 20;
/** So long after a sign-in through a provider that says nothing of when it asked, the first passkey may be made. */
const NEW_HERE_SECONDS = 600;

const making = ({ ticket, accountId }: Session) =>
  ({ purpose: 'register', holder: `session ${ticket}`, accountId }) as const;

export type TwoFactorPasskeys = ReturnType<typeof createTwoFactorPasskeys>;

export function createTwoFactorPasskeys(dependencies: TwoFactorPasskeysDependencies) {
  const { proofs, passkeys, protocol, signIn, passwordRenewal, waysIn, now, newId } = dependencies;
  const { change, changeWithCodes } = createTwoFactorChange(dependencies);

  async function findOwn(accountId: AccountId, passkeyId: string): Promise<Passkey> {
    const own = await passkeys.listPasskeys(accountId);
    const found = own.find((passkey) => passkey.passkeyId === passkeyId);
    if (!found) throw new DomainError('not-found');
    return found;
  }

  /**
   * Somebody without a password, whose provider never says when it asked them, has no other proof to give: for ten minutes after
   * signing in they may make the first passkey, which is one from then on.
   */
  async function isNewHere(
    session: Session,
    { hasPassword }: Pick<Account, 'hasPassword'>,
  ): Promise<boolean> {
    const { at, methods } = session.authentication;
    const isUntold = session.proofMethods.includes('fed') && session.provedAt.getTime() === 0;
    const isYoung = Math.abs(now().getTime() - at.getTime()) <= NEW_HERE_SECONDS * 1000;
    if (hasPassword || !isUntold || !isYoung || !methods.includes('fed')) return false;
    return !(await proofs.hasSecondFactor(session.accountId));
  }

  /** Whether the account has no second factor but this passkey. */
  async function isLast(accountId: AccountId): Promise<boolean> {
    return (
      (await passkeys.listPasskeys(accountId)).length === 1 && !(await proofs.hasAuthenticator(accountId))
    );
  }

  /** In a transaction: what comes with the last second factor goes with it. */
  async function endTwoFactor({ proofs: store }: TwoFactorStores, accountId: AccountId): Promise<void> {
    await store.removeInert(accountId);
    await store.removeRecoverySet(accountId);
  }

  return {
    listPasskeys: passkeys.listPasskeys,

    /** Whether removing this one turns two-factor off, and whether that takes a longer password with it (CHECKLIST 3.6). */
    async describeRemoval(accountId: AccountId, passkeyId: string) {
      const passkey = await findOwn(accountId, passkeyId);
      const isLastOne = await isLast(accountId);
      return {
        passkey,
        isLast: isLastOne,
        isLongerDue: isLastOne && (await passwordRenewal.isLongerDue(accountId)),
      };
    },

    /** Refuses `not-found`. */
    findPasskey: findOwn,

    /**
     * Begins to make a passkey, with a fresh proof; a recovery code may stand in, or the last one for ten minutes, because what
     * is to be replaced may be lost. Resolves to what the browser asks its authenticators for. Refuses as `proveForChange`
     * does, `passkeys-off`, `passkeys-full` (nothing is proved then), `too-many` by network.
     */
    async beginPasskey(session: Session, owner: Account, proof: ChangeProof, origin: Origin) {
      const { accountId } = session;
      const own = await passkeys.listPasskeys(accountId);
      if (own.length >= MOST_PASSKEYS) throw new DomainError('passkeys-full');
      const methods: AuthenticationMethod[] = (await isNewHere(session, owner))
        ? ['fed']
        : await signIn.proveForChange(session, proof, origin, 'last-code-too');
      const challenge = await passkeys.makeChallenge(making(session), methods, origin);
      const userHandle = passkeys.userHandleOf(accountId);
      const options: PasskeyOptions = protocol.creationOptions({
        ...{ challenge, userHandle, username: owner.username },
        exclude: own,
      });
      return options;
    },

    /**
     * Ends it with what the browser sent: the account has the passkey, and ten recovery codes where it had none left. It is no
     * proof yet: without attestation nothing of it is signed, so what asks for a proof asks for the passkey itself. Refuses
     * `passkey-over`, `passkey-wrong`, `passkey-taken`, `passkeys-full`, `code-wrong` where a second factor was added since it
     * was begun without one, `service-busy`, `sign-in-over`.
     */
    async addPasskey(
      session: Session,
      { response, name }: { readonly response: string; readonly name: string },
      origin: Origin,
    ): Promise<IssuedSession & Partial<NewCodes>> {
      const { accountId } = session;
      const read = protocol.readMade(response);
      if (!read) throw new DomainError('passkey-wrong');
      const { methods } = await passkeys.takeChallenge(read, making(session));
      const made = await protocol.checkMade(read);
      if (!made) throw new DomainError('passkey-wrong');
      const passkeyId = newId() as PasskeyId;
      const shown = cleanClientName(name) || 'Passkey';
      const passkey: Passkey = {
        ...{ ...made, passkeyId, accountId, name: shown, createdAt: now() },
        ...{ lastUsed: undefined, stoppedAt: undefined },
      };
      return changeWithCodes(session, { provedWith: methods, origin, isFresh: false }, async (stores) => {
        const isFirst = !(await stores.proofs.hasSecondFactor(accountId));
        const own = await stores.passkeys.findByAccount(accountId);
        if (own.length >= MOST_PASSKEYS) throw new DomainError('passkeys-full');
        if (!(await stores.passkeys.insert(passkey))) throw new DomainError('passkey-taken');
        // An authenticator that is being set up may have been begun on the password alone: it ends here.
        await stores.proofs.removeInert(accountId);
        await stores.proofs.clearFailures(accountId, 'passkey');
        const details = { passkey: passkeyId, name: shown };
        return { as: 'passkey-added', told: { name: shown, isFirst: isFirst ? 1 : 0 }, details };
      });
    },

    /** Another name for it, with a fresh proof. Refuses as `proveForChange` does, and `not-found`, `sign-in-over`. */
    async renamePasskey(
      session: Session,
      { passkeyId, name, ...proof }: ChangeProof & { readonly passkeyId: string; readonly name: string },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      const before = await findOwn(accountId, passkeyId);
      const shown = cleanClientName(name) || before.name;
      const provedWith = await signIn.proveForChange(session, proof, origin);
      return change(session, { provedWith, origin }, async ({ passkeys: store }) => {
        if (!(await store.rename(accountId, before.passkeyId, shown))) throw new DomainError('not-found');
        const details = { passkey: before.passkeyId, name: shown };
        return { as: 'passkey-renamed', told: { name: shown, before: before.name }, details };
      });
    },

    /**
     * Removes it, with a fresh proof, for which a recovery code may stand in; every other session ends. With the last second factor
     * the recovery codes end, and where the password is too short to stand alone, `newPassword` takes its place. Refuses as
     * `proveForChange` does, and `not-found`, `password-breaks-rule` (nothing of the proof is used up then), `last-way-in`,
     * `factor-not-on` where another factor has gone or come meanwhile, `sign-in-over`.
     */
    async removePasskey(
      session: Session,
      {
        passkeyId,
        newPassword = '',
        ...proof
      }: ChangeProof & { readonly passkeyId: string; readonly newPassword?: string | undefined },
      origin: Origin,
    ): Promise<IssuedSession> {
      const { accountId } = session;
      const passkey = await findOwn(accountId, passkeyId);
      const isLastOne = await isLast(accountId);
      const isLongerDue = isLastOne && (await passwordRenewal.isLongerDue(accountId));
      const alone = { hasSecondFactor: false };
      const prepared = isLongerDue && (await passwordRenewal.prepare(accountId, newPassword, alone));
      const provedWith = await signIn.proveForChange(session, proof, origin, 'recovery-code');
      const from = prepared && (await passwordRenewal.currentHash(accountId));
      return change(session, { provedWith, origin }, async (stores) => {
        if (!(await stores.passkeys.remove(accountId, passkey.passkeyId))) throw new DomainError('not-found');
        const isOff = !(await stores.proofs.hasSecondFactor(accountId));
        if (isOff !== isLastOne) throw new DomainError('factor-not-on');
        await waysIn.requireAWayIn(stores, accountId);
        await stores.signIns.removeByAccount(accountId);
        if (isOff) await endTwoFactor(stores, accountId);
        if (prepared && from) {
          await passwordRenewal.renew(stores, { accountId, from, ...prepared }, { actor: accountId, origin });
        }
        // Somebody may have come in by it.
        await stores.sessions.removeByAccount(accountId, session.sessionHash);
        const { name } = passkey;
        const details = { passkey: passkey.passkeyId, name };
        return { as: 'passkey-removed', told: { name, isLast: isOff ? 1 : 0 }, details };
      });
    },
  };
}

// Proofs that are given anew in a session: by code or passkey, or by password and one of these where a security change asks for
// both. What a wrong one costs the account is counted where each kind is checked; what it costs the session is counted here.
// Specification: DESIGN 6, OWASP ASVS 7.5.1, CHECKLIST 3.3.
import type { PasskeyOptions } from '../crypto/passkeys.js';
import type { Accounts } from './accounts.js';
import type { PasskeyAnswer, Passkeys } from './passkeys.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { Session, Sessions } from './sessions.js';
import type { Throttle } from './throttle.js';
import {
  contextClass,
  DomainError,
  isRefusal,
  type AccountId,
  type AuthenticationMethod,
  type Origin,
} from './vocabulary.js';

export interface FreshProofsDependencies {
  readonly accounts: Pick<Accounts, 'checkPassword' | 'findAccount'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'checkCode' | 'useRecoveryCode' | 'countRecoveryCodes'>;
  readonly passkeys: Pick<Passkeys, 'askForPasskey' | 'checkPasskey'>;
  readonly sessions: Pick<Sessions, 'endSession' | 'hasFreshProof'>;
  readonly throttle: Pick<Throttle, 'spendAhead' | 'isSpent'>;
  /** Ends what an account has half done: a lock leaves nothing of it (Keycloak #26180). */
  readonly endHalfDone: (accountId: AccountId) => Promise<void>;
}

/**
 * What is typed or shown beside a change. A recovery code counts only where it may stand in; a passkey that has made sure who
 * holds it is all that is needed, and any other stands for the second factor.
 */
export interface ChangeProof {
  readonly password?: string | undefined;
  readonly code?: string | undefined;
  readonly recoveryCode?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
}

/**
 * What may stand in for a one-time code, because the change is about the lost factor itself: nothing; a recovery code; or also
 * the last one, for ten minutes after it was used to sign in.
 */
export type StandIn = 'nothing' | 'recovery-code' | 'last-code-too';

/** What did not prove anything, and how it is told. `wrong` and `locked` are charged to the session. */
type Missed = 'wrong' | 'locked' | 'unverified' | 'stopped';
const REFUSALS = {
  locked: 'factor-locked',
  unverified: 'passkey-unverified',
  stopped: 'passkey-stopped',
} as const;

/** Attempts at a second factor in a session, and what the wrong ones cost it. */
function createAttempts({
  sessions,
  throttle,
  endHalfDone,
}: Pick<FreshProofsDependencies, 'sessions' | 'throttle' | 'endHalfDone'>) {
  async function endSession(session: Session, origin: Origin): Promise<never> {
    await sessions.endSession(session, origin);
    throw new DomainError('sign-in-over');
  }

  /**
   * One attempt at a second factor, charged to the session before it is made: of any number at once, no more than five are
   * looked at, and the fifth wrong one ends the session.
   */
  async function attempt<Right extends { readonly outcome: 'right' }>(
    session: Session,
    prove: () => Promise<Right | { readonly outcome: Missed }>,
    origin: Origin,
    wrong: 'code-wrong' | 'passkey-wrong' = 'code-wrong',
  ): Promise<Right> {
    const spender = session.ticket;
    const takeBack = await throttle
      .spendAhead('second-factor-by-session', spender)
      .catch((error: unknown) => {
        if (isRefusal(error, 'too-many')) return endSession(session, origin);
        throw error;
      });
    let isGuess = false;
    let proved;
    try {
      proved = await prove();
      isGuess = proved.outcome === 'wrong' || proved.outcome === 'locked';
    } finally {
      // A fault of ours is nobody's failure.
      if (!isGuess) await takeBack();
    }
    if (proved.outcome === 'right') return proved;
    if (proved.outcome === 'locked') await endHalfDone(session.accountId);
    if (isGuess && (await throttle.isSpent('second-factor-by-session', spender)))
      await endSession(session, origin);
    throw new DomainError(proved.outcome === 'wrong' ? wrong : REFUSALS[proved.outcome]);
  }

  return { attempt };
}

export type FreshProofs = ReturnType<typeof createFreshProofs>;

export function createFreshProofs(dependencies: FreshProofsDependencies) {
  const { accounts, proofs, passkeys, sessions } = dependencies;
  const { attempt } = createAttempts(dependencies);

  /** Refuses `code-wrong`, `factor-locked`, and `sign-in-over` after the fifth wrong one. A missing code is no guess. */
  async function proveCode(session: Session, code: string | undefined, origin: Origin): Promise<void> {
    if (!code) throw new DomainError('code-wrong');
    const check = async () => ({ outcome: await proofs.checkCode(session.accountId, code, origin) });
    await attempt<{ outcome: 'right' }>(session, check, origin);
  }

  /**
   * By a passkey of the account, asked for by this session. Resolves to what it proves: both factors where it has made sure who
   * holds it. Refuses `passkey-wrong`, `passkey-over`, `passkey-stopped`, `factor-locked`, with `mustVerify`
   * `passkey-unverified`, and `sign-in-over` after the fifth wrong one.
   */
  async function provePasskey(
    session: Session,
    { response, purpose }: PasskeyAnswer,
    origin: Origin,
    { mustVerify = false } = {},
  ): Promise<AuthenticationMethod[]> {
    const asked = { purpose, holder: `session ${session.ticket}`, accountId: session.accountId } as const;
    const check = () => passkeys.checkPasskey({ ...asked, mustVerify }, response, origin);
    const { isVerified } = await attempt<Extract<Awaited<ReturnType<typeof check>>, { outcome: 'right' }>>(
      session,
      check,
      origin,
      'passkey-wrong',
    );
    return isVerified ? ['pop', 'mfa'] : ['pop'];
  }

  /**
   * The first factor: the password; of an account that has none, a sign-in through its provider, not older than ten minutes.
   * Refuses `credentials-wrong`, `service-busy`, and `proof-required` where the provider has to be asked again.
   */
  async function proveFirst(
    session: Session,
    password: string | undefined,
    origin: Origin,
  ): Promise<AuthenticationMethod> {
    const { accountId } = session;
    const account = await accounts.findAccount(accountId);
    if (account && !account.hasPassword) {
      const isFresh = sessions.hasFreshProof(session) && session.proofMethods.includes('fed');
      if (!isFresh) throw new DomainError('proof-required');
      return 'fed';
    }
    if (!(await accounts.checkPassword({ accountId }, password ?? '', origin)))
      throw new DomainError('credentials-wrong');
    return 'pwd';
  }

  /** Whether the session was begun with the last recovery code, less than ten minutes ago. */
  async function isFromLastCode(session: Session): Promise<boolean> {
    const isFresh = sessions.hasFreshProof(session, { kind: 'second-factor' });
    if (!isFresh || !session.proofMethods.includes('recovery')) return false;
    return (await proofs.countRecoveryCodes(session.accountId)) === 0;
  }

  async function proveSecondFactor(
    session: Session,
    { code, recoveryCode }: ChangeProof,
    standIn: StandIn,
    origin: Origin,
  ): Promise<AuthenticationMethod> {
    const { accountId } = session;
    if (standIn !== 'nothing' && recoveryCode && !code) {
      const use = () => proofs.useRecoveryCode(accountId, recoveryCode, origin);
      await attempt<{ outcome: 'right'; left: number }>(session, use, origin);
      return 'recovery';
    }
    if (standIn === 'last-code-too' && !code && (await isFromLastCode(session))) return 'recovery';
    await proveCode(session, code, origin);
    return 'otp';
  }

  return {
    proveCode,
    provePasskey,
    proveFirst,
    isFromLastCode,

    /** What the browser of a session asks its passkeys for. `purpose`: the form that it is for. Refuses as `askForPasskey`. */
    askForProof: ({ ticket, accountId }: Session, purpose: string, origin: Origin): Promise<PasskeyOptions> =>
      passkeys.askForPasskey({ purpose, holder: `session ${ticket}`, accountId, mustVerify: false }, origin),

    /**
     * The proof that a security change takes in the same request: a passkey that has made sure who holds it; or the password,
     * and then the one-time code where the account has a second factor, or a passkey, or what may stand in for it. Resolves to
     * what was proved. Refuses `credentials-wrong`, `code-wrong`, `factor-locked`, `service-busy`, what `provePasskey` and
     * `proveFirst` refuse, and `sign-in-over` after the fifth wrong one in this session. What it resolves to is asked about
     * once more in the transaction of the change, by `requireStillEnough`.
     */
    async proveForChange(
      session: Session,
      proof: ChangeProof,
      origin: Origin,
      standIn: StandIn = 'nothing',
    ): Promise<AuthenticationMethod[]> {
      if (proof.passkey) {
        const methods = await provePasskey(session, proof.passkey, origin);
        if (methods.includes('mfa')) return methods;
        // It is only something that somebody has: what its owner knows stands beside it.
        const account = await accounts.findAccount(session.accountId);
        if (account?.hasPassword && !proof.password) throw new DomainError('passkey-unverified');
        return [await proveFirst(session, proof.password, origin), ...methods];
      }
      const first = await proveFirst(session, proof.password, origin);
      if (!(await proofs.hasSecondFactor(session.accountId))) return [first];
      return [first, await proveSecondFactor(session, proof, standIn, origin)];
    },

    /**
     * That it is the owner who is there, for what has asked for a second factor already: the password, or a passkey that has
     * made sure who holds it. Refuses as `proveFirst` and `provePasskey` do.
     */
    async proveOwner(
      session: Session,
      { password, passkey }: Pick<ChangeProof, 'password' | 'passkey'>,
      origin: Origin,
    ): Promise<void> {
      if (passkey) await provePasskey(session, passkey, origin, { mustVerify: true });
      else await proveFirst(session, password, origin);
    },

    /**
     * In the transaction of a change: what was proved is still all that the account asks for. Refuses `code-wrong` where a
     * second factor has been enabled since: nobody has been asked for it yet.
     */
    async requireStillEnough(
      stores: { readonly proofs: Pick<ProofStore, 'hasSecondFactor'> },
      { accountId }: Pick<Session, 'accountId'>,
      provedWith: readonly AuthenticationMethod[],
    ): Promise<void> {
      if (contextClass(provedWith) === 'aal2') return;
      if (await stores.proofs.hasSecondFactor(accountId)) throw new DomainError('code-wrong');
    },
  };
}

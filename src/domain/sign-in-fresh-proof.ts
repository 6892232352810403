// Proofs that are given anew in a session: by code, or by password and code where a security change asks for both. What a
// wrong one costs the account is counted where each kind is checked; what it costs the session is counted here.
// Specification: DESIGN 6, OWASP ASVS 7.5.1, CHECKLIST 3.3.
import type { Accounts } from './accounts.js';
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
  readonly accounts: Pick<Accounts, 'checkPassword'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'checkCode' | 'useRecoveryCode' | 'countRecoveryCodes'>;
  readonly sessions: Pick<Sessions, 'endSession' | 'hasFreshProof'>;
  readonly throttle: Pick<Throttle, 'spendAhead' | 'isSpent'>;
  /** Ends what an account has half done: a lock leaves nothing of it (Keycloak #26180). */
  readonly endHalfDone: (accountId: AccountId) => Promise<void>;
}

/** What is typed beside a change. A recovery code counts only where it may stand in. */
export interface ChangeProof {
  readonly password: string;
  readonly code?: string | undefined;
  readonly recoveryCode?: string | undefined;
}

/**
 * What may stand in for a one-time code, because the change is about the lost authenticator itself: nothing; a recovery
 * code; or also the last one, for ten minutes after it was used to sign in.
 */
export type StandIn = 'nothing' | 'recovery-code' | 'last-code-too';

export function createFreshProofs(dependencies: FreshProofsDependencies) {
  const { accounts, proofs, sessions, throttle, endHalfDone } = dependencies;

  async function endSession(session: Session, origin: Origin): Promise<never> {
    await sessions.endSession(session, origin);
    throw new DomainError('sign-in-over');
  }

  /**
   * One attempt at a second factor, charged to the session before it is made: of any number at once, no more than five are
   * looked at, and the fifth wrong one ends the session.
   */
  async function attempt(
    session: Session,
    prove: () => Promise<'right' | 'wrong' | 'locked'>,
    origin: Origin,
  ): Promise<void> {
    const spender = session.ticket;
    const takeBack = await throttle
      .spendAhead('second-factor-by-session', spender)
      .catch((error: unknown) => {
        if (isRefusal(error, 'too-many')) return endSession(session, origin);
        throw error;
      });
    let outcome: 'right' | 'wrong' | 'locked' | 'not-made' = 'not-made';
    try {
      outcome = await prove();
    } finally {
      // A fault of ours is nobody's failure.
      if (outcome === 'right' || outcome === 'not-made') await takeBack();
    }
    if (outcome === 'right') return;
    if (outcome === 'locked') await endHalfDone(session.accountId);
    if (await throttle.isSpent('second-factor-by-session', spender)) await endSession(session, origin);
    throw new DomainError(outcome === 'locked' ? 'factor-locked' : 'code-wrong');
  }

  /** Refuses `code-wrong`, `factor-locked`, and `sign-in-over` after the fifth wrong one. A missing code is no guess. */
  async function proveCode(session: Session, code: string | undefined, origin: Origin): Promise<void> {
    if (!code) throw new DomainError('code-wrong');
    await attempt(session, () => proofs.checkCode(session.accountId, code, origin), origin);
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
      const use = async () => (await proofs.useRecoveryCode(accountId, recoveryCode, origin)).outcome;
      await attempt(session, use, origin);
      return 'recovery';
    }
    if (standIn === 'last-code-too' && !code && (await isFromLastCode(session))) return 'recovery';
    await proveCode(session, code, origin);
    return 'otp';
  }

  return {
    proveCode,
    isFromLastCode,

    /**
     * The proof that a security change takes in the same request: the password, and then the one-time code where the
     * account has a second factor, or what may stand in for it. Resolves to what was proved. Refuses `credentials-wrong`,
     * `code-wrong`, `factor-locked`, `service-busy`, and `sign-in-over` after the fifth wrong code in this session. What it
     * resolves to is asked about once more in the transaction of the change, by `requireStillEnough`.
     */
    async proveForChange(
      session: Session,
      proof: ChangeProof,
      origin: Origin,
      standIn: StandIn = 'nothing',
    ): Promise<AuthenticationMethod[]> {
      const { accountId } = session;
      if (!(await accounts.checkPassword({ accountId }, proof.password, origin))) {
        throw new DomainError('credentials-wrong');
      }
      if (!(await proofs.hasSecondFactor(accountId))) return ['pwd'];
      return ['pwd', await proveSecondFactor(session, proof, standIn, origin)];
    },

    /**
     * In the transaction of a change: what was proved is still all that the account asks for. Refuses `code-wrong` where a
     * second factor has been enabled since: nobody has been asked for it yet.
     */
    async requireStillEnough(
      stores: { readonly proofs: Pick<ProofStore, 'findAuthenticator'> },
      { accountId }: Pick<Session, 'accountId'>,
      provedWith: readonly AuthenticationMethod[],
    ): Promise<void> {
      if (contextClass(provedWith) === 'aal2') return;
      if (await stores.proofs.findAuthenticator(accountId, 'active')) throw new DomainError('code-wrong');
    },
  };
}

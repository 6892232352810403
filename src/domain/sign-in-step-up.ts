// Stepping a session up: a proof that is given anew, after which it goes on under a new token. What counts as which proof is in
// sign-in-fresh-proof.ts. Specification: DESIGN 6, OWASP ASVS 7.2.4 and 7.5.1.
import type { AuditEvent } from './audit.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { ChangeProof, FreshProofs } from './sign-in-fresh-proof.js';
import type { AccountId, AuthenticationMethod, InTransaction, Origin } from './vocabulary.js';

interface StepUpStores {
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
  readonly sessions: SessionStore;
}

export interface StepUpDependencies<Stores extends StepUpStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
  readonly sessions: Pick<Sessions, 'rotateSession' | 'isRecent'>;
  readonly fresh: FreshProofs;
  /** Whether the account may still have something, and the row in the audit log. */
  readonly admit: (
    stores: Stores,
    accountId: AccountId,
    event: AuditEvent,
    methods: readonly AuthenticationMethod[],
    origin: Origin,
  ) => Promise<void>;
}

export function createStepUp<Stores extends StepUpStores>(dependencies: StepUpDependencies<Stores>) {
  const { inTransaction, proofs, sessions, fresh, admit } = dependencies;

  /** The session goes on under a new token, with the proofs that were just given in it. */
  function goOnWith(
    session: Session,
    methods: readonly AuthenticationMethod[],
    origin: Origin,
    { isWhole = false } = {},
  ): Promise<IssuedSession> {
    const proved = isWhole ? { methods } : { provedWith: methods };
    return inTransaction(async (stores) => {
      await fresh.requireStillEnough(stores, session, methods);
      await admit(stores, session.accountId, 'proof-given', methods, origin);
      return sessions.rotateSession(stores, session, { ...proved, origin });
    });
  }

  return {
    /**
     * A fresh proof in a session, which is rotated: the one-time code or a passkey where the account has a second factor, else
     * the password; in a session that is not recent any more, all that a change takes. Refuses `code-wrong`,
     * `credentials-wrong`, `factor-locked`, `service-busy`, what a passkey is refused for, and `sign-in-over` when the session
     * or the account has ended meanwhile, or with the fifth wrong code.
     */
    async stepUp(session: Session, proof: ChangeProof, origin: Origin): Promise<IssuedSession> {
      if (!sessions.isRecent(session)) {
        const methods = await fresh.proveForChange(session, proof, origin);
        return goOnWith(session, methods, origin, { isWhole: true });
      }
      if (proof.passkey) {
        return goOnWith(session, await fresh.provePasskey(session, proof.passkey, origin), origin);
      }
      if (await proofs.hasSecondFactor(session.accountId)) {
        await fresh.proveCode(session, proof.code, origin);
        return goOnWith(session, ['otp'], origin);
      }
      return goOnWith(session, [await fresh.proveFirst(session, proof.password, origin)], origin);
    },
  };
}

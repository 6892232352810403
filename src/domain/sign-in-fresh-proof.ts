// Proofs that are given anew in a session: by code, or by password and code where a security change asks for both. What a
// wrong one costs is counted where each kind is checked. Specification: DESIGN 6, OWASP ASVS 7.5.1.
import type { Accounts } from './accounts.js';
import type { Proofs } from './proofs.js';
import { DomainError, type AccountId, type Origin } from './vocabulary.js';

export interface FreshProofsDependencies {
  readonly accounts: Pick<Accounts, 'checkPassword'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'checkCode'>;
  /** Ends what an account has half done: a lock leaves nothing of it (Keycloak #26180). */
  readonly endHalfDone: (accountId: AccountId) => Promise<void>;
}

export function createFreshProofs({ accounts, proofs, endHalfDone }: FreshProofsDependencies) {
  /** Refuses `code-wrong`, `factor-locked`. A missing code is no guess. */
  async function proveCode(accountId: AccountId, code: string | undefined, origin: Origin): Promise<void> {
    if (!code) throw new DomainError('code-wrong');
    const outcome = await proofs.checkCode(accountId, code, origin);
    if (outcome === 'wrong') throw new DomainError('code-wrong');
    if (outcome === 'right') return;
    await endHalfDone(accountId);
    throw new DomainError('factor-locked');
  }

  return {
    proveCode,

    /**
     * The proof that a security change takes in the same request: the password, and then the one-time code where the
     * account has a second factor. Refuses `credentials-wrong`, `code-wrong`, `factor-locked`, `service-busy`.
     */
    async proveForChange(
      { accountId }: { readonly accountId: AccountId },
      proof: { readonly password: string; readonly code?: string | undefined },
      origin: Origin,
    ): Promise<void> {
      if (!(await accounts.checkPassword({ accountId }, proof.password, origin))) {
        throw new DomainError('credentials-wrong');
      }
      if (await proofs.hasSecondFactor(accountId)) await proveCode(accountId, proof.code, origin);
    },
  };
}

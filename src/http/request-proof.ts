// Reads the proof of its tool's key that a request brings, in the header DPoP. Whether it is right is for `dpop`; what it proves, and
// how a fault looks, is each door's own. RFC 9449 §4.1, §4.3 (1), §7.1, §8.
import type { IncomingMessage } from 'node:http';
import type { Dpop, Proof } from '../domain/dpop.js';
import { DomainError, isRefusal } from '../domain/vocabulary.js';

export interface RequestProofsDependencies {
  readonly dpop: Dpop;
  /** PUBLIC_URL. */
  readonly issuer: string;
}

interface Proving {
  readonly req: IncomingMessage;
  readonly method: string;
  readonly path: string;
  set(name: string, value: string): void;
}

export const hasProof = ({ req }: Pick<Proving, 'req'>): boolean => req.headers['dpop'] !== undefined;

export function createRequestProofs({ dpop, issuer }: RequestProofsDependencies) {
  const { origin } = new URL(issuer);

  /**
   * The proof that came with a request, right but not used up; undefined where none came. Of a header that comes twice, node
   * makes one text, which is no proof. Whoever needs a nonce is given one. Refuses as `dpop.checkProof` does.
   */
  function checkProof(ctx: Proving, accessToken?: string): Proof | undefined {
    const shown = ctx.req.headers['dpop'];
    if (shown === undefined) return undefined;
    // From our own address, never from what the request says of the host.
    const request = { method: ctx.method, address: origin + ctx.path };
    try {
      const proof = dpop.checkProof(
        String(shown),
        accessToken === undefined ? request : { ...request, accessToken },
      );
      if (proof.nextNonce !== undefined) ctx.set('DPoP-Nonce', proof.nextNonce);
      return proof;
    } catch (error) {
      if (isRefusal(error, 'dpop-nonce-needed')) ctx.set('DPoP-Nonce', dpop.currentNonce());
      throw error;
    }
  }

  return {
    checkProof,

    /**
     * Uses a token that is shown as bound, with the key that its proof shows; the proof is used up once the token has counted.
     * Refuses `dpop-proof-invalid` where there is none.
     */
    async withProof<Used>(
      ctx: Proving,
      accessToken: string,
      use: (keyThumbprint: string) => Promise<Used>,
    ): Promise<Used> {
      const proof = checkProof(ctx, accessToken);
      if (!proof) throw new DomainError('dpop-proof-invalid', { publicDetail: 'the proof is missing' });
      const used = await use(proof.thumbprint);
      await dpop.spendProof(proof);
      return used;
    },
  };
}

// Reads what a request shows of its tool's own key: the header DPoP, and the parameter that announces a key. Whether a proof is
// right is in `dpop`; what is bound to a key, in `links` and `tokens`. RFC 9449 §4.1, §5, §7, §8, §10.
import type { RequestContext } from '../guards.js';
import type { Form } from '../request.js';
import type { Addresses } from './addresses.js';
import { OAuthRefusal, proofAnswers, requestRefused } from './errors.js';
import type { Client } from '../../domain/clients.js';
import type { Dpop, Proof, ProvenKey } from '../../domain/dpop.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';

export interface ProofsDependencies {
  readonly addresses: Addresses;
  readonly dpop: Dpop;
}

/** RFC 7638 with SHA-256. */
const THUMBPRINT = /^[\w-]{43}$/;

export const hasProof = (ctx: RequestContext): boolean => ctx.req.headers['dpop'] !== undefined;

/** RFC 9449 §5.2: a client that was registered so gets nothing without a proof. */
export function refuseUnproven(ctx: RequestContext, { metadata }: Client): void {
  if (!metadata.isDpopBound || hasProof(ctx)) return;
  throw new DomainError('dpop-proof-invalid', {
    publicDetail: 'This client gets tokens with a DPoP proof only.',
  });
}

export type Proofs = ReturnType<typeof createProofs>;

export function createProofs({ addresses, dpop }: ProofsDependencies) {
  const { origin } = new URL(addresses.issuer);

  /**
   * The proof that came with a request, right but not used up; undefined where none came. Of a header that comes twice, node
   * makes one text, which is no proof (RFC 9449 §4.3 (1)). Whoever needs a nonce is given one.
   */
  function checkProof(ctx: RequestContext, accessToken?: string): Proof | undefined {
    const shown = ctx.req.headers['dpop'];
    if (shown === undefined) return undefined;
    // From our own address, never from what the request says of the host.
    const address = origin + ctx.path;
    const request = { method: ctx.method, address, ...(accessToken === undefined ? {} : { accessToken }) };
    try {
      const proof = dpop.checkProof(String(shown), request);
      if (proof.nextNonce !== undefined) ctx.set('DPoP-Nonce', proof.nextNonce);
      return proof;
    } catch (error) {
      if (isRefusal(error, 'dpop-nonce-needed')) ctx.set('DPoP-Nonce', dpop.currentNonce());
      throw error;
    }
  }

  /** The key that a request proves to hold, its proof used up; undefined where it brings none. */
  async function readProof(ctx: RequestContext): Promise<ProvenKey | undefined> {
    const proof = checkProof(ctx);
    return proof && dpop.spendProof(proof);
  }

  return {
    checkProof,
    readProof,
    noteProof: dpop.noteProof,

    /**
     * The key that what is asked for shall be bound to from the start: announced by `dpop_jkt`, or proved at once, and not two
     * (RFC 9449 §10, §10.1).
     */
    async readBoundKey(ctx: RequestContext, form: Form): Promise<string | undefined> {
      const announced = form.get('dpop_jkt');
      if (announced !== undefined && !THUMBPRINT.test(announced))
        throw new OAuthRefusal(
          requestRefused('dpop_jkt must be the SHA-256 thumbprint of a key (RFC 7638).'),
        );
      const proven = await readProof(ctx);
      if (announced !== undefined && proven !== undefined && announced !== proven.thumbprint)
        throw new DomainError('dpop-proof-invalid', {
          publicDetail: 'dpop_jkt is not the key of the proof.',
        });
      return announced ?? proven?.thumbprint;
    },

    /**
     * Uses a token that is shown as bound, with the key that its proof shows; the proof is used up once the token has counted.
     * What is wrong is told as RFC 9449 §7.1 has it.
     */
    async withTokenProof<Used>(
      ctx: RequestContext,
      accessToken: string,
      use: (keyThumbprint: string) => Promise<Used>,
    ): Promise<Used> {
      try {
        const proof = checkProof(ctx, accessToken);
        if (!proof)
          throw new DomainError('dpop-proof-invalid', { publicDetail: 'The DPoP proof is missing.' });
        const used = await use(proof.thumbprint);
        await dpop.spendProof(proof);
        return used;
      } catch (error) {
        if (isRefusal(error, 'dpop-nonce-needed')) throw new OAuthRefusal(proofAnswers.nonce);
        if (isRefusal(error, 'token-invalid')) throw new OAuthRefusal(proofAnswers.token);
        if (isRefusal(error, 'dpop-proof-invalid')) {
          const { publicDetail: description = proofAnswers.proof.description } = error;
          throw new OAuthRefusal({ ...proofAnswers.proof, description });
        }
        throw error;
      }
    },
  };
}

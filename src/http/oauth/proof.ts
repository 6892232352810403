// What this door makes of the proofs that requests bring: the key that something is bound to, by a proof or by the parameter that
// announces one, and what is said of a proof that is not right. What is bound to a key, is in `links` and `tokens`.
// RFC 9449 §5, §7, §10.
import type { RequestContext } from '../guards.js';
import type { Form } from '../request.js';
import { createRequestProofs, hasProof } from '../request-proof.js';
import type { Addresses } from './addresses.js';
import { OAuthRefusal, proofAnswers, requestRefused } from './errors.js';
import type { Client } from '../../domain/clients.js';
import type { Dpop, ProvenKey } from '../../domain/dpop.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';

export interface ProofsDependencies {
  readonly addresses: Addresses;
  readonly dpop: Dpop;
}

/** RFC 7638 with SHA-256. */
const THUMBPRINT = /^[\w-]{43}$/;

/** RFC 9449 §5.2: a client that was registered so gets nothing without a proof. */
export function refuseUnproven(ctx: RequestContext, { metadata }: Client): void {
  if (!metadata.isDpopBound || hasProof(ctx)) return;
  throw new DomainError('dpop-proof-invalid', { publicDetail: 'this client needs a DPoP proof' });
}

/** How a fault of a token and its proof is told where the token was to open something (RFC 9449 §7.1). */
function forResource(error: unknown): unknown {
  if (isRefusal(error, 'dpop-nonce-needed')) return new OAuthRefusal(proofAnswers.nonce);
  if (isRefusal(error, 'token-invalid')) return new OAuthRefusal(proofAnswers.token);
  if (!isRefusal(error, 'dpop-proof-invalid')) return error;
  const { publicDetail: description = proofAnswers.proof.description } = error;
  return new OAuthRefusal({ ...proofAnswers.proof, description });
}

export type Proofs = ReturnType<typeof createProofs>;

export function createProofs({ addresses, dpop }: ProofsDependencies) {
  const { checkProof, withProof } = createRequestProofs({ dpop, issuer: addresses.issuer });

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
      const proven = hasProof(ctx) ? await readProof(ctx) : undefined;
      if (announced !== undefined && proven !== undefined && announced !== proven.thumbprint)
        throw new DomainError('dpop-proof-invalid', { publicDetail: 'dpop_jkt is not the key of the proof' });
      return announced ?? proven?.thumbprint;
    },

    /** Uses a token that is shown as bound to a key; see `withProof`. */
    withTokenProof: <Used>(
      ctx: RequestContext,
      accessToken: string,
      use: (keyThumbprint: string) => Promise<Used>,
    ): Promise<Used> =>
      withProof(ctx, accessToken, use).catch((error: unknown) => {
        throw forResource(error);
      }),
  };
}

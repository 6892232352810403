// The authorization code grant: a code, the address that it was sent to, and the verifier of its challenge. What a code is bound
// to, and what a second use of it ends, is the domain's. RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 9449 §5, RFC 8707 §2.2.
import { originOf, requireField } from '../request.js';
import { readResources } from './parameters.js';
import type { Proofs } from './proof.js';
import type { Grant } from './token.js';
import type { AuthorizationsForTool } from '../../domain/authorizations-tool.js';

export interface AuthorizationCodeGrantDependencies {
  readonly authorizations: Pick<AuthorizationsForTool, 'redeemCode'>;
  readonly proofs: Pick<Proofs, 'checkProof'>;
}

export function createAuthorizationCodeGrant({
  authorizations,
  proofs,
}: AuthorizationCodeGrantDependencies): Grant {
  return (ctx, form, client) =>
    authorizations.redeemCode({
      client,
      code: requireField(form, 'code'),
      redirectUri: requireField(form, 'redirect_uri'),
      // RFC 7636 §4.6: one that is missing fits no challenge, and every code has one.
      verifier: form.get('code_verifier') ?? '',
      // Used up where the code is: a refusal costs the tool neither.
      proof: proofs.checkProof(ctx),
      resources: readResources(form),
      origin: originOf(ctx),
    });
}

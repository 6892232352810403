// The refresh token grant. Rotation, reuse and the lost answer are in `tokens-refresh`. RFC 6749 §6.
import { originOf, requireField } from '../request.js';
import { readResources } from './parameters.js';
import type { Proofs } from './proof.js';
import type { Grant } from './token.js';
import type { TokensRefresh } from '../../domain/tokens-refresh.js';

export interface RefreshTokenGrantDependencies {
  readonly tokensRefresh: Pick<TokensRefresh, 'refresh'>;
  readonly proofs: Pick<Proofs, 'checkProof'>;
}

export function createRefreshTokenGrant({ tokensRefresh, proofs }: RefreshTokenGrantDependencies): Grant {
  return async (ctx, form, client) => {
    const presented = requireField(form, 'refresh_token');
    const scope = form.get('scope');
    const resources = readResources(form);
    const proof = proofs.checkProof(ctx);
    return tokensRefresh.refresh({ presented, client, scope, resources, proof, origin: originOf(ctx) });
  };
}

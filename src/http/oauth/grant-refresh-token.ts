// The refresh token grant. Rotation, reuse and the lost answer are in `tokens-refresh`. RFC 6749 §6.
import { originOf, requireField } from '../request.js';
import type { Grant } from './token.js';
import type { TokensRefresh } from '../../domain/tokens-refresh.js';

export interface RefreshTokenGrantDependencies {
  readonly tokensRefresh: Pick<TokensRefresh, 'refresh'>;
}

export function createRefreshTokenGrant({ tokensRefresh }: RefreshTokenGrantDependencies): Grant {
  return (ctx, form, client) => {
    const presented = requireField(form, 'refresh_token');
    const scope = form.get('scope');
    const asked = scope === undefined ? {} : { scope };
    return tokensRefresh.refresh({ presented, client, ...asked, origin: originOf(ctx) });
  };
}

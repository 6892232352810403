// The token endpoint: who asks, for which grant, and what is handed over. Each grant has a file of its own.
// RFC 6749 §3.2, §5.1.
import type { RequestContext } from '../guards.js';
import { requireField, type Form } from '../request.js';
import type { ClientAuthentication } from './client-authentication.js';
import { OAuthRefusal } from './errors.js';
import { readParameters } from './parameters.js';
import { refuseUnproven } from './proof.js';
import type { Client, GrantType } from '../../domain/clients.js';
import type { IssuedTokens } from '../../domain/tokens.js';

/** Turns a grant into tokens, or refuses. */
export type Grant = (ctx: RequestContext, form: Form, client: Client) => Promise<IssuedTokens>;

export interface TokenDependencies {
  readonly clientAuthentication: ClientAuthentication;
  readonly grants: Readonly<Record<GrantType, Grant>>;
}

export function createToken({ clientAuthentication, grants }: TokenDependencies) {
  const grantsByName = new Map<string, Grant>(Object.entries(grants));

  return async (ctx: RequestContext): Promise<void> => {
    const form = await readParameters(ctx);
    const client = await clientAuthentication.authenticate(ctx, form);
    const grant = grantsByName.get(requireField(form, 'grant_type'));
    if (!grant) {
      throw new OAuthRefusal({
        status: 400,
        error: 'unsupported_grant_type',
        description: `The grant types are ${[...grantsByName.keys()].join(' and ')}.`,
      });
    }
    refuseUnproven(ctx, client);
    ctx.body = presentTokens(await grant(ctx, form, client));
  };
}

/** RFC 6749 §5.1. The scope is always told, unless nothing was granted: the word has no empty form. JSON leaves out what is undefined. */
function presentTokens(issued: IssuedTokens) {
  const { accessToken, expiresInSeconds, refreshToken, idToken, scope, keyThumbprint } = issued;
  return {
    access_token: accessToken,
    // RFC 9449 §5.
    token_type: keyThumbprint === undefined ? 'Bearer' : 'DPoP',
    expires_in: expiresInSeconds,
    scope: scope === '' ? undefined : scope,
    refresh_token: refreshToken,
    id_token: idToken,
  };
}

// The introspection endpoint: a service asks whether a token counts. Only clients with a secret may ask. RFC 7662.
import type { RequestContext } from '../guards.js';
import { requireField } from '../request.js';
import type { ClientAuthentication } from './client-authentication.js';
import { readParameters } from './parameters.js';
import type { Standing, TokensStanding } from '../../domain/tokens-standing.js';

export interface IntrospectionDependencies {
  readonly clientAuthentication: ClientAuthentication;
  readonly tokensStanding: Pick<TokensStanding, 'introspect'>;
  readonly issuer: string;
}

export function createIntrospection(dependencies: IntrospectionDependencies) {
  const { clientAuthentication, tokensStanding, issuer } = dependencies;

  return async (ctx: RequestContext): Promise<void> => {
    const form = await readParameters(ctx);
    const asker = await clientAuthentication.authenticateConfidential(ctx, form);
    const standing = await tokensStanding.introspect(requireField(form, 'token'), asker);
    ctx.body = standing ? presentStanding(standing, issuer) : { active: false };
  };
}

/** What a service may know (RFC 7662 §2.2): whom the token speaks for and how far, no name and no e-mail address. */
function presentStanding(standing: Standing, issuer: string) {
  if (standing.kind === 'refresh') {
    const { tool, token } = standing;
    return {
      active: true,
      iss: issuer,
      sub: tool.subjectId,
      client_id: tool.clientId,
      ...(tool.scope === '' ? {} : { scope: tool.scope }),
      iat: Math.floor(token.createdAt.getTime() / 1000),
      exp: Math.floor(token.expiresAt.getTime() / 1000),
    };
  }
  const { iss, aud, sub, client_id, scope, iat, exp, jti, auth_time, amr, acr, cnf } = standing.claims;
  return {
    active: true,
    token_type: cnf === undefined ? 'Bearer' : 'DPoP',
    ...{ iss, aud, sub, client_id },
    ...(scope === undefined || scope === '' ? {} : { scope }),
    // RFC 9449 §6.2: whoever asks checks the proof of that key itself.
    ...{ iat, exp, jti, auth_time, amr, acr, cnf },
  };
}

// The revocation endpoint: a client gives a token back. What ends with it is decided in `tokens-standing`. RFC 7009.
import type { RequestContext } from '../guards.js';
import { originOf, requireField } from '../request.js';
import type { ClientAuthentication } from './client-authentication.js';
import { readParameters } from './parameters.js';
import type { TokensStanding } from '../../domain/tokens-standing.js';

export interface RevocationDependencies {
  readonly clientAuthentication: ClientAuthentication;
  readonly tokensStanding: Pick<TokensStanding, 'revoke'>;
}

export function createRevocation({ clientAuthentication, tokensStanding }: RevocationDependencies) {
  return async (ctx: RequestContext): Promise<void> => {
    const form = await readParameters(ctx);
    const client = await clientAuthentication.authenticate(ctx, form);
    // RFC 7009 §2.1: token_type_hint only hints, and both kinds are looked for whatever it says.
    await tokensStanding.revoke(requireField(form, 'token'), client, originOf(ctx));
    // RFC 7009 §2.2: the same for a token that was never one. Some clients insist on a JSON body.
    ctx.body = {};
  };
}

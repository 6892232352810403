// The userinfo endpoint: what the person agreed to tell, for an access token with the scope `openid`.
// Whom a token speaks for is in `household`. OpenID Connect Core 1.0 §5.3, RFC 6750.
import type { RequestContext } from '../guards.js';
import { isForm, originOf } from '../request.js';
import { BOTH_CHALLENGES, OAuthRefusal, requestRefused } from './errors.js';
import { readParameters } from './parameters.js';
import type { Proofs } from './proof.js';
import type { TokensStanding } from '../../domain/tokens-standing.js';
import type { Households, Person } from '../../domain/household.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface UserinfoDependencies {
  readonly tokensStanding: Pick<TokensStanding, 'useAccessToken'>;
  readonly proofs: Pick<Proofs, 'withTokenProof'>;
  readonly household: Pick<Households, 'describePerson'>;
}

export function createUserinfo({ tokensStanding, proofs, household }: UserinfoDependencies) {
  /** A token that says it is bound needs the proof of its key; one that does not say so is not helped by any (RFC 9449 §7). */
  async function useToken(ctx: RequestContext, { token, scheme }: ShownToken) {
    const origin = originOf(ctx);
    if (scheme === 'Bearer') return tokensStanding.useAccessToken(token, origin);
    return proofs.withTokenProof(ctx, token, (keyThumbprint) =>
      tokensStanding.useAccessToken(token, origin, keyThumbprint),
    );
  }

  return async (ctx: RequestContext): Promise<void> => {
    const shown = await readToken(ctx);
    if (shown === undefined) {
      ctx.set('WWW-Authenticate', BOTH_CHALLENGES);
      ctx.status = 401;
      ctx.body = {};
      return;
    }
    const { claims, tool } = await useToken(ctx, shown);
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (!scopes.includes('openid')) {
      throw new OAuthRefusal({
        status: 403,
        error: 'insufficient_scope',
        description: 'The access token lacks the scope openid.',
        challenge: shown.scheme,
      });
    }
    const person = await household.describePerson(tool);
    if (!person) throw new DomainError('token-invalid');
    ctx.body = presentPerson(person, scopes);
  };
}

interface ShownToken {
  readonly token: string;
  readonly scheme: 'Bearer' | 'DPoP';
}

/** RFC 6750 §2.1, §2.2: in the header, or in a posted form; never in the address, and not in two places. RFC 9449 §7.1. */
async function readToken(ctx: RequestContext): Promise<ShownToken | undefined> {
  const authorization = ctx.get('Authorization');
  const inBody =
    ctx.method === 'POST' && isForm(ctx.req.headers)
      ? (await readParameters(ctx)).get('access_token')
      : undefined;
  if (authorization === '') return inBody === undefined ? undefined : { token: inBody, scheme: 'Bearer' };
  if (inBody !== undefined)
    throw new OAuthRefusal(requestRefused('The access token was sent in two places: use one.'));
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) +([\w.~+/-]+=*) *$/i.exec(authorization) ?? [];
  if (token === '') throw new DomainError('token-invalid');
  return { token, scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer' };
}

/**
 * What the granted scopes open, and nothing more (OpenID Connect Core §5.4). Of a member of a household it is their own name:
 * the address is the account's, and told only to tools that were linked for the account itself.
 */
function presentPerson({ subjectId, name, username, account }: Person, scopes: readonly string[]) {
  const names = username === '' ? { name } : { name, preferred_username: username };
  return {
    sub: subjectId,
    ...(scopes.includes('profile') ? names : {}),
    ...(scopes.includes('email') && account
      ? { email: account.email, email_verified: account.isEmailVerified }
      : {}),
  };
}

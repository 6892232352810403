// The userinfo endpoint: what the person agreed to tell, for an access token with the scope `openid`.
// Whom a token speaks for is in `household`. OpenID Connect Core 1.0 §5.3, RFC 6750.
import type { RequestContext } from '../guards.js';
import { isForm, originOf } from '../request.js';
import { OAuthRefusal, requestRefused } from './errors.js';
import { readParameters } from './parameters.js';
import type { TokensStanding } from '../../domain/tokens-standing.js';
import type { Households, Person } from '../../domain/household.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface UserinfoDependencies {
  readonly tokensStanding: Pick<TokensStanding, 'useAccessToken'>;
  readonly household: Pick<Households, 'describePerson'>;
}

export function createUserinfo({ tokensStanding, household }: UserinfoDependencies) {
  return async (ctx: RequestContext): Promise<void> => {
    const token = await readBearer(ctx);
    if (token === undefined) {
      // RFC 6750 §3.1: to a request without any credentials, not a word about an error.
      ctx.set('WWW-Authenticate', 'Bearer realm="linchpin"');
      ctx.status = 401;
      ctx.body = {};
      return;
    }
    const { claims, tool } = await tokensStanding.useAccessToken(token, originOf(ctx));
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (!scopes.includes('openid')) {
      throw new OAuthRefusal({
        status: 403,
        error: 'insufficient_scope',
        description: 'The access token lacks the scope openid.',
        challenge: 'Bearer',
      });
    }
    const person = await household.describePerson(tool);
    if (!person) throw new DomainError('token-invalid');
    ctx.body = presentPerson(person, scopes);
  };
}

/** RFC 6750 §2.1, §2.2: in the header, or in a posted form; never in the address, and not in two places. */
async function readBearer(ctx: RequestContext): Promise<string | undefined> {
  const authorization = ctx.get('Authorization');
  const inBody =
    ctx.method === 'POST' && isForm(ctx.req.headers)
      ? (await readParameters(ctx)).get('access_token')
      : undefined;
  if (authorization === '') return inBody;
  if (inBody !== undefined)
    throw new OAuthRefusal(requestRefused('The access token was sent in two places: use one.'));
  const inHeader = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization)?.[1];
  if (inHeader === undefined) throw new DomainError('token-invalid');
  return inHeader;
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

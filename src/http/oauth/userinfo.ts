// The userinfo endpoint: what the person agreed to tell, for an access token with the scope `openid`.
// What there is to tell of an account is in `accounts`. OpenID Connect Core 1.0 §5.3, RFC 6750.
import type { RequestContext } from '../guards.js';
import { isForm, originOf } from '../request.js';
import { OAuthRefusal, requestRefused } from './errors.js';
import { readParameters } from './parameters.js';
import type { TokensStanding } from '../../domain/tokens-standing.js';
import type { Account, Accounts } from '../../domain/accounts.js';
import { DomainError, type SubjectId } from '../../domain/vocabulary.js';

export interface UserinfoDependencies {
  readonly tokensStanding: Pick<TokensStanding, 'useAccessToken'>;
  readonly accounts: Pick<Accounts, 'findAccount'>;
}

export function createUserinfo({ tokensStanding, accounts }: UserinfoDependencies) {
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
    const account = await accounts.findAccount(tool.accountId);
    if (!account) throw new DomainError('token-invalid');
    ctx.body = presentPerson(account, tool.subjectId, scopes);
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

/** What the granted scopes open, and nothing more (OpenID Connect Core §5.4). */
function presentPerson(account: Account, sub: SubjectId, scopes: readonly string[]) {
  const { displayName, username, email, isEmailVerified } = account;
  return {
    sub,
    ...(scopes.includes('profile') ? { name: displayName, preferred_username: username } : {}),
    ...(scopes.includes('email') ? { email, email_verified: isEmailVerified } : {}),
  };
}

// Who asks for a page behind a proxy: the person whom the cookie of that host stands for, or whom a tool's access token speaks for.
// Whether they are let in is the domain's to say. RFC 6750 §2.1 (the token in the header, and nowhere else), RFC 9449 §7.2.
import type { RequestContext } from '../guards.js';
import type { Cookies } from '../guards-cookies.js';
import { originOf } from '../request.js';
import { notLetIn, scopeMissing, signInFirst, type VerifyAnswer } from './errors.js';
import type { Account } from '../../domain/accounts.js';
import type { Households } from '../../domain/household.js';
import type { ProtectedHosts } from '../../domain/protected-hosts.js';
import type { Site } from '../../domain/protected-hosts-records.js';
import type { TokensStanding } from '../../domain/tokens-standing.js';

export interface Visitor {
  readonly account: Account;
  /** Whether they may be told the address: a tool says so by its scope. */
  readonly mayTellEmail: boolean;
}

export interface VisitorsDependencies {
  readonly protectedHosts: Pick<ProtectedHosts, 'isOwnSite' | 'findVisitor' | 'findHindrance'>;
  readonly tokensStanding: Pick<TokensStanding, 'useAccessToken'>;
  readonly household: Pick<Households, 'describePerson'>;
  /** VERIFY_TOKENS. */
  readonly mayUseTokens: boolean;
}

const isAnswer = (found: Visitor | VerifyAnswer): found is VerifyAnswer => 'status' in found;
export { isAnswer };

export function createVisitors(dependencies: VisitorsDependencies) {
  const { protectedHosts, tokensStanding, household, mayUseTokens } = dependencies;

  /**
   * A token is the account's own: no member of a household has an account to be let in with. Refuses `token-invalid`, also for a
   * token that is bound to a key: its proof is for the address of a service, and cannot reach us from there.
   */
  async function findByToken(ctx: RequestContext, token: string): Promise<Visitor | VerifyAnswer> {
    const { claims, tool } = await tokensStanding.useAccessToken(token, originOf(ctx));
    const scopes = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : [];
    if (!['openid', 'profile'].every((scope) => scopes.includes(scope))) return scopeMissing;
    const account = (await household.describePerson(tool))?.account;
    if (!account || (await protectedHosts.findHindrance(account)) !== undefined) return notLetIn;
    return { account, mayTellEmail: scopes.includes('email') };
  }

  return {
    /** Who it is, or what they are told. A cookie that counts goes before a token: that may be the page's own, for its own server. */
    async find(ctx: RequestContext, cookies: Cookies, site: Site): Promise<Visitor | VerifyAnswer> {
      const cookie = cookies.read(ctx, protectedHosts.isOwnSite(site) ? 'session' : 'host');
      const account = cookie === undefined ? undefined : await protectedHosts.findVisitor(cookie, site);
      if (account) return { account, mayTellEmail: true };
      const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(ctx.get('Authorization'))?.[1];
      return token === undefined || !mayUseTokens ? signInFirst : findByToken(ctx, token);
    },
  };
}

// Signs what a committed transaction stored: the access token, and beside it the ID token. Called again with the same issue, it
// names the same token (same jti). What is stored, and when, is in `tokens`. RFC 9068, OpenID Connect Core 1.0 §2.
import { halfHash } from '../crypto/jwt.js';
import type { Keys } from './keys.js';
import type { Client } from './clients.js';
import type { Claimed, createClaims } from './tokens-claims.js';
import type { Clock } from './vocabulary.js';

/** What the OAuth door hands to a tool. Times are in seconds, as on the wire. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  readonly scope: string;
  /** The key that the access token is bound to. */
  readonly keyThumbprint: string | undefined;
}

interface Issue extends Claimed {
  readonly client: Client;
  readonly refreshToken: string | undefined;
  /** For the ID token that comes with it. */
  readonly nonce?: string | undefined;
}

export interface SigningDependencies {
  readonly keys: Keys;
  readonly now: Clock;
  readonly claimsOf: ReturnType<typeof createClaims>;
}

export function createSignIssue({ keys, now, claimsOf }: SigningDependencies) {
  /** OpenID Connect Core 1.0 §2, §3.1.3.6. */
  function signIdToken(issue: Issue, accessToken: string): Promise<string> {
    const { iss, sub, iat, exp, auth_time, amr, acr, household_id, member_kind } = claimsOf(issue);
    const alg = keys.algFor(issue.client.metadata.idTokenAlg ?? 'RS256');
    const at_hash = halfHash(accessToken, alg);
    const aud = issue.tool.clientId;
    const { nonce } = issue;
    const claims = {
      iss,
      aud,
      iat,
      exp,
      sub,
      auth_time,
      amr,
      acr,
      household_id,
      member_kind,
      at_hash,
      nonce,
    };
    return keys.sign(alg, { typ: 'JWT' }, claims);
  }

  /** Signs what a committed transaction stored. Called again with the same issue, it names the same token (same jti). */
  async function signIssue(issue: Issue): Promise<IssuedTokens> {
    const alg = issue.client.metadata.accessTokenAlg ?? keys.defaultAlg;
    const accessToken = await keys.sign(alg, { typ: 'at+jwt' }, claimsOf(issue));
    const isOpenId = issue.scope.split(' ').includes('openid');
    return {
      accessToken,
      expiresInSeconds: Math.max(0, Math.round((issue.access.expiresAt.getTime() - now().getTime()) / 1000)),
      refreshToken: issue.refreshToken,
      idToken: isOpenId ? await signIdToken(issue, accessToken) : undefined,
      scope: issue.scope,
      keyThumbprint: issue.keyThumbprint,
    };
  }

  return signIssue;
}

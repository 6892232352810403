// A round trip to a provider that people sign in through, by openid-client: leading a browser there, and reading who has come
// back. Where a provider is, and who it says somebody is, differ: upstream-openid.ts, upstream-oauth.ts.
// Specification: OpenID Connect Core 1.0 §3.1, RFC 7636 (PKCE), RFC 9207 (the issuer beside the code), RFC 9700 §2.1 and §4.4.
import * as client from 'openid-client';
import type { Dialect, UpstreamGiven, UpstreamsDependencies } from './upstream-dialect.js';
import { faultOf } from './upstream-faults.js';
import { withinBudget } from './upstream-fetch.js';
import { oauthDialect } from './upstream-oauth.js';
import { openIdDialect } from './upstream-openid.js';
import type { TripSecrets, Upstream, UpstreamPerson } from '../domain/identities-upstream.js';

/** The one address that a provider sends a browser back to: exact, and another one for each (RFC 9700 §4.4). */
export const redirectUriOf = (publicUrl: string, name: string): string =>
  `${publicUrl}/federated/${name}/callback`;

function dialectOf(given: UpstreamGiven, dependencies: UpstreamsDependencies): Dialect {
  return given.kind === 'facebook' || given.kind === 'github'
    ? oauthDialect(given, dependencies)
    : openIdDialect(given, dependencies);
}

function createUpstream(given: UpstreamGiven, dependencies: UpstreamsDependencies): Upstream {
  const { publicUrl, budgetSeconds } = dependencies;
  const { name, label, mayOpenAccounts, asksSecondFactor } = given;
  const dialect = dialectOf(given, dependencies);
  const redirectUri = redirectUriOf(publicUrl, name);

  async function addressFor(
    { state, nonce, codeVerifier }: TripSecrets,
    about: { readonly isFresh: boolean },
  ) {
    const config = await dialect.find();
    const challenge = await client.calculatePKCECodeChallenge(codeVerifier);
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...(dialect.hasNonce ? { nonce } : {}),
      ...dialect.ask(about),
    }).href;
  }

  async function readPerson(
    fields: ReadonlyMap<string, string>,
    secrets: TripSecrets,
  ): Promise<UpstreamPerson> {
    const config = await dialect.find();
    const answer = new URL(redirectUri);
    for (const [field, value] of fields) if (field !== 'user') answer.searchParams.append(field, value);
    const tokens = await client.authorizationCodeGrant(config, answer, {
      expectedState: secrets.state,
      pkceCodeVerifier: secrets.codeVerifier,
      ...(dialect.hasNonce ? { expectedNonce: secrets.nonce, idTokenExpected: true } : {}),
    });
    return dialect.readPerson(config, tokens, fields);
  }

  return {
    ...{ name, label, mayOpenAccounts, asksSecondFactor },
    issuer: dialect.issuer,
    tellsFreshness: dialect.tellsFreshness,

    async leadThere(secrets, about) {
      try {
        const address = await withinBudget(() => addressFor(secrets, about), budgetSeconds);
        return { outcome: 'ready', address };
      } catch (error) {
        return { ...faultOf(error), outcome: 'unavailable' };
      }
    },

    async readAnswer(fields, secrets) {
      try {
        const person = await withinBudget(() => readPerson(fields, secrets), budgetSeconds);
        return { outcome: 'known', person };
      } catch (error) {
        return faultOf(error);
      }
    },
  };
}

/** The providers of the settings, in their order. Nothing is asked of any of them yet. */
export function createUpstreams(
  given: readonly UpstreamGiven[],
  dependencies: UpstreamsDependencies,
): readonly Upstream[] {
  return given.map((each) => createUpstream(each, dependencies));
}

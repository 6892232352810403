// Providers that speak OAuth 2 and no OpenID: Facebook and GitHub, each with an endpoint of its own that says who somebody is.
// What they are asked, and what of it is believed, is in upstream-presets.ts; how a round trip goes, in upstream.ts.
import * as client from 'openid-client';
import type { Dialect, OAuthGiven, UpstreamsDependencies } from './upstream-dialect.js';
import { bounded } from './upstream-fetch.js';
import { OAUTH_PRESETS } from './upstream-presets.js';

/** A call with the person's own token. GitHub turns away who does not say who they are. */
async function callForPerson(
  config: client.Configuration,
  accessToken: string,
  address: string,
): Promise<unknown> {
  const headers = new Headers({ Accept: 'application/json', 'User-Agent': 'Linchpin' });
  const response = await client.fetchProtectedResource(
    config,
    accessToken,
    new URL(address),
    'GET',
    undefined,
    headers,
  );
  if (!response.ok) throw new Error(`a call for the person was answered ${response.status}`);
  return (await response.json()) as unknown;
}

export function oauthDialect(given: OAuthGiven, { places: others }: UpstreamsDependencies): Dialect {
  const { scope, places: usual, readPerson } = OAUTH_PRESETS[given.kind];
  const places = { ...usual, ...others?.[given.name] };
  const { clientId, clientSecret } = given;
  const metadata = {
    issuer: places.issuer,
    authorization_endpoint: places.authorization,
    token_endpoint: places.token,
  };
  const authentication = client.ClientSecretPost(clientSecret);
  const config = bounded(new client.Configuration(metadata, clientId, {}, authentication), places.issuer);
  return {
    issuer: places.issuer,
    tellsFreshness: false,
    hasNonce: false,
    find: () => Promise.resolve(config),
    ask: () => ({ scope }),
    readPerson: (_, { access_token: accessToken }) =>
      readPerson((address) => callForPerson(config, accessToken, address), places, {
        accessToken,
        clientSecret,
      }),
  };
}

// Client libraries that nobody here wrote, with keys of their own: openid-client and oauth4webapi link, refresh and ask with DPoP,
// for this provider and for a service, and prove themselves with private_key_jwt. Real HTTP, and the libraries' own nonces.
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { createTestClock } from '../support/clock.js';
import { DEVICE_CODE_GRANT, partsOf, startOAuthHouse, type OAuthHouse } from './oauth-house.js';

let house: OAuthHouse;
const SERVICE = 'https://photos.example';

beforeAll(async () => {
  // The libraries read the machine's clock.
  house = await startOAuthHouse({ clock: createTestClock(new Date()) });
  const scopes = ['photos:read'];
  await house.services.createService({ name: 'Photos', audience: SERVICE, scopes, isRestricted: false });
});
afterAll(() => house.close());

const execute = [client.allowInsecureRequests];
const insecure = { [oauth.allowInsecureRequests]: true };

const register = (metadata: Record<string, unknown> = {}) =>
  client.dynamicClientRegistration(
    new URL(house.issuer),
    {
      client_name: 'A television',
      grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
      response_types: [],
      ...metadata,
    },
    client.None(),
    { execute },
  );

async function approve(userCode: string): Promise<void> {
  await house.approve(userCode);
  house.clock.set(new Date());
}

describe('openid-client', () => {
  it.each(['ES256', 'Ed25519', 'RS256'])(
    'links, asks and refreshes with a key of %s (RFC 9449)',
    async (alg) => {
      const config = await register({ dpop_bound_access_tokens: true });
      const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(alg));
      const started = await client.initiateDeviceAuthorization(config, { scope: 'openid profile' });
      await approve(started.user_code);
      // The first poll has no nonce yet: the library gets one, and comes again.
      const soon = { ...started, interval: 0.001 };
      const tokens = await client.pollDeviceAuthorizationGrant(config, soon, undefined, { DPoP });
      expect(tokens.token_type).toBe('dpop');
      const jkt = await DPoP.calculateThumbprint();
      expect(partsOf(tokens.access_token).claims['cnf']).toEqual({ jkt });
      const { sub } = tokens.claims()!;
      const told = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
      expect(told).toMatchObject({ preferred_username: 'anna' });
      const next = await client.refreshTokenGrant(config, tokens.refresh_token!, undefined, { DPoP });
      expect(partsOf(next.access_token).claims['cnf']).toEqual({ jkt });
      await expect(client.refreshTokenGrant(config, next.refresh_token!)).rejects.toMatchObject({
        error: 'invalid_dpop_proof',
      });
      const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
      await expect(
        client.refreshTokenGrant(config, next.refresh_token!, undefined, { DPoP: stranger }),
      ).rejects.toMatchObject({ error: 'invalid_grant' });
      const foreign = { DPoP: stranger };
      await expect(client.fetchUserInfo(config, next.access_token, sub, foreign)).rejects.toMatchObject({
        status: 401,
      });
      await expect(client.fetchUserInfo(config, next.access_token, sub)).rejects.toMatchObject({
        status: 401,
      });
    },
  );

  it('binds a link from the start by the thumbprint of its key, and gets the token of a service (RFC 9449 §10, RFC 8707)', async () => {
    const config = await register();
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
    const dpop_jkt = await DPoP.calculateThumbprint();
    const asked = { scope: 'openid photos:read', resource: SERVICE, dpop_jkt };
    const started = { ...(await client.initiateDeviceAuthorization(config, asked)), interval: 0.001 };
    await approve(started.user_code);
    await expect(client.pollDeviceAuthorizationGrant(config, started)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    const tokens = await client.pollDeviceAuthorizationGrant(config, started, undefined, { DPoP });
    expect(partsOf(tokens.access_token).claims).toMatchObject({
      ...{ aud: SERVICE, scope: 'openid photos:read', cnf: { jkt: dpop_jkt } },
    });
  });

  it.each(['ES256', 'Ed25519', 'RS256'])(
    'proves itself with private_key_jwt, signed with %s (RFC 7523)',
    async (alg) => {
      const pair = await client.randomDPoPKeyPair(alg, { extractable: true });
      const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
      const { kty, crv, x, y, n, e } = jwk;
      const jwks = { keys: [{ kty, crv, x, y, n, e, kid: 'the key' }] };
      const made = await house.clients.createByOperator({
        ...{ name: 'Keyed', isConfidential: true, authMethod: 'private_key_jwt', jwks },
      });
      const authentication = client.PrivateKeyJwt({ key: pair.privateKey, kid: 'the key' });
      const server = new URL(house.issuer);
      const config = await client.discovery(server, made.client.clientId, undefined, authentication, {
        execute,
      });
      const started = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
      await approve(started.user_code);
      const tokens = await client.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.001 });
      expect(tokens.claims()).toMatchObject({ aud: made.client.clientId });
      expect(await client.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true });
    },
  );
});

describe('oauth4webapi', () => {
  async function discover(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(house.issuer);
    const response = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' });
    return oauth.processDiscoveryResponse(issuer, response);
  }

  it('polls until it is approved, refreshes and asks, with its own handling of nonces (RFC 9449 §8)', async () => {
    const as = await discover();
    expect(as.dpop_signing_alg_values_supported).toContain('ES256');
    const tool: oauth.Client = { client_id: await house.register() };
    const DPoP = oauth.DPoP(tool, await oauth.generateKeyPair('ES256'));
    const asked = new URLSearchParams({ scope: 'openid profile' });
    const started = await oauth.processDeviceAuthorizationResponse(
      as,
      tool,
      await oauth.deviceAuthorizationRequest(as, tool, oauth.None(), asked, insecure),
    );
    const poll = async () =>
      oauth.processDeviceCodeResponse(
        as,
        tool,
        await oauth.deviceCodeGrantRequest(as, tool, oauth.None(), started.device_code, {
          ...insecure,
          DPoP,
        }),
      );
    expect(oauth.isDPoPNonceError(await poll().catch((error: unknown) => error))).toBe(true);
    await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' });
    await approve(started.user_code);
    const tokens = await poll();
    expect(tokens.token_type).toBe('dpop');
    const asking = { ...insecure, DPoP };
    const told = await oauth.userInfoRequest(as, tool, tokens.access_token, asking);
    const { sub } = oauth.getValidatedIdTokenClaims(tokens)!;
    expect(await oauth.processUserInfoResponse(as, tool, sub, told)).toMatchObject({
      preferred_username: 'anna',
    });
    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      tool,
      await oauth.refreshTokenGrantRequest(as, tool, oauth.None(), tokens.refresh_token!, asking),
    );
    expect(partsOf(refreshed.access_token).claims['cnf']).toEqual({ jkt: await DPoP.calculateThumbprint() });
  });
});

// A client library that nobody here wrote, with nothing but the issuer's address: openid-client discovers, registers, links,
// verifies, refreshes, asks and revokes. The flow with a real browser is in test/flows.
import * as client from 'openid-client';
import { createTestClock } from '../support/clock.js';
import { DEVICE_CODE_GRANT, startOAuthHouse, type OAuthHouse } from './oauth-house.js';

let house: OAuthHouse;

beforeAll(async () => {
  // The library reads the machine's clock.
  house = await startOAuthHouse({ clock: createTestClock(new Date()) });
});
afterAll(() => house.close());

const execute = [client.allowInsecureRequests];

const register = (algorithm: 'oidc' | 'oauth2', metadata: Partial<client.ClientMetadata> = {}) =>
  client.dynamicClientRegistration(
    new URL(house.issuer),
    {
      client_name: 'A television',
      grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
      response_types: [],
      ...metadata,
    },
    client.None(),
    { algorithm, execute },
  );

const discover = (clientId: string, secret: string, authentication: typeof client.ClientSecretBasic) =>
  client.discovery(new URL(house.issuer), clientId, undefined, authentication(secret), { execute });

async function link(config: client.Configuration, scope = 'openid profile email offline_access') {
  const started = await client.initiateDeviceAuthorization(config, { scope });
  await house.approve(started.user_code);
  house.clock.set(new Date());
  return poll(config, started);
}

/** The person has decided already: there is no need to wait before the first poll. */
const poll = (config: client.Configuration, started: client.DeviceAuthorizationResponse) =>
  client.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.001 });

it.each(['oidc', 'oauth2'] as const)(
  'discovers and registers by way of %s (RFC 8414 §3, RFC 7591 §3)',
  async (algorithm) => {
    const config = await register(algorithm);
    expect(config.serverMetadata().issuer).toBe(house.issuer);
    expect(config.clientMetadata()).toMatchObject({
      client_name: 'A television',
      token_endpoint_auth_method: 'none',
    });
  },
);

it('reads what the authorization endpoint takes, however it discovers the server (RFC 8414 §2)', async () => {
  const config = await register('oauth2');
  const { response_types_supported, code_challenge_methods_supported } = config.serverMetadata();
  expect({ response_types_supported, code_challenge_methods_supported }).toEqual({
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  });
});

it.each(['RS256', 'EdDSA', 'ES256'])(
  'links, and accepts the ID token signed with %s (RFC 8628 §3.5, OpenID Connect Core §3.1.3.7)',
  async (alg) => {
    const tokens = await link(await register('oidc', { id_token_signed_response_alg: alg }));
    expect(tokens.token_type).toBe('bearer');
    expect(tokens.expiresIn()).toBeGreaterThan(0);
    expect(tokens.claims()).toMatchObject({ iss: house.issuer, sub: await house.accountOf('anna') });
  },
);

it('reads userinfo for the same subject (OpenID Connect Core §5.3)', async () => {
  const config = await register('oidc');
  const tokens = await link(config);
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub);
  expect(userinfo).toMatchObject({ preferred_username: 'anna', email: 'anna@example.com' });
});

it('refreshes, revokes, and then gets nothing more (RFC 6749 §6, RFC 7009 §2)', async () => {
  const config = await register('oauth2');
  const first = await link(config);
  const second = await client.refreshTokenGrant(config, first.refresh_token!);
  expect(second.refresh_token).not.toBe(first.refresh_token);
  await client.tokenRevocation(config, second.refresh_token!);
  await expect(client.refreshTokenGrant(config, second.refresh_token!)).rejects.toMatchObject({
    error: 'invalid_grant',
  });
  await expect(
    client.fetchUserInfo(config, second.access_token, client.skipSubjectCheck),
  ).rejects.toMatchObject({ status: 401 });
});

it.each([
  ['client_secret_basic', client.ClientSecretBasic],
  ['client_secret_post', client.ClientSecretPost],
] as const)(
  'introspects with %s, before and after a revocation (RFC 7662 §2)',
  async (_name, authentication) => {
    const { clientId, secret } = await house.makeService();
    const service = await discover(clientId, secret, authentication);
    const tool = await register('oidc');
    const { access_token } = await link(tool);
    expect(await client.tokenIntrospection(service, access_token)).toMatchObject({
      active: true,
      iss: house.issuer,
    });
    await client.tokenRevocation(tool, access_token);
    expect(await client.tokenIntrospection(service, access_token)).toEqual({ active: false });
  },
);

it('links a confidential client that proves itself (RFC 8628 §3.4)', async () => {
  const { clientId, secret } = await house.makeService();
  const config = await discover(clientId, secret, client.ClientSecretBasic);
  expect((await link(config)).claims()).toMatchObject({ aud: clientId });
});

it('stops when the person declines (RFC 8628 §3.5)', async () => {
  const config = await register('oidc');
  const started = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
  await house.deny(started.user_code);
  await expect(poll(config, started)).rejects.toMatchObject({
    error: 'access_denied',
  });
});

it('understands a refusal (RFC 6749 §5.2)', async () => {
  const config = await register('oidc');
  const started = client.initiateDeviceAuthorization(config, { scope: 'admin' });
  await expect(started).rejects.toMatchObject({ error: 'invalid_scope', status: 400 });
});

// The introspection endpoint: who may ask, about which tokens, and how much is said.
import { expectNoStore, expectRefusal, partsOf, startOAuthHouse, type OAuthHouse } from './oauth-house.js';

let house: OAuthHouse;
let service: Awaited<ReturnType<OAuthHouse['makeService']>>;

beforeAll(async () => {
  house = await startOAuthHouse();
  service = await house.makeService();
});
afterAll(() => house.close());

const introspect = (token: string, headers: Record<string, string> = service.header) =>
  house.post('/oauth/introspect', { token }, headers);
const expectInactive = async (token: string, headers = service.header) => {
  const response = await introspect(token, headers);
  expect([response.status, response.body]).toEqual([200, { active: false }]);
};

it('tells a service what an access token says, and that it is active (RFC 7662 §2.2)', async () => {
  const { access_token } = await house.link({ scope: 'openid email' });
  const response = await introspect(access_token);
  expect(response.status).toBe(200);
  expectNoStore(response);
  const { iss, aud, sub, client_id, scope, iat, exp, jti, auth_time, amr, acr } =
    partsOf(access_token).claims;
  expect(response.body).toEqual({
    active: true,
    token_type: 'Bearer',
    ...{ iss, aud, sub, client_id, scope, iat, exp, jti, auth_time, amr, acr },
  });
});

it('tells no name and no e-mail address (RFC 7662 §5)', async () => {
  const { access_token } = await house.link({ scope: 'openid profile email' });
  const { body } = (await introspect(access_token)) as { body: object };
  expect(Object.keys(body)).not.toContain('username');
  expect(JSON.stringify(body)).not.toContain('anna');
});

it('takes the secret in the body too, and ignores any hint (RFC 7662 §2.1)', async () => {
  const { access_token } = await house.link();
  const fields = { token: access_token, client_id: service.clientId, client_secret: service.secret };
  const response = await house.post('/oauth/introspect', { ...fields, token_type_hint: 'refresh_token' });
  expect(response.body).toMatchObject({ active: true });
});

describe('says no more than "not active" (RFC 7662 §2.2)', () => {
  it.each(['x', 'A'.repeat(43), 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', 'A'.repeat(9000)])('of %.30p', (token) =>
    expectInactive(token),
  );

  it('of a token that has expired', async () => {
    const { access_token, expires_in } = await house.link();
    house.clock.advance(expires_in + 31);
    await expectInactive(access_token);
  });

  it('of a token that was revoked', async () => {
    const { clientId, access_token } = await house.link();
    await house.post('/oauth/revoke', { client_id: clientId, token: access_token }).expect(200);
    await expectInactive(access_token);
  });

  it('of a token whose tool was unlinked', async () => {
    const { access_token } = await house.link({ name: 'unlinking' });
    const accountId = await house.accountOf('unlinking');
    const origin = { networkAddress: '', network: '', requestId: '' };
    await house.linkedTools.unlinkAllTools({ accountId, origin });
    await expectInactive(access_token);
  });

  it('of an ID token', async () => expectInactive((await house.link()).id_token));

  it('of a token with a changed claim, header or signature', async () => {
    const { access_token } = await house.link();
    const [header = '', claims = '', signature = ''] = access_token.split('.');
    const other = Buffer.from(JSON.stringify({ ...partsOf(access_token).claims, scope: 'admin' })).toString(
      'base64url',
    );
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
    await expectInactive(`${header}.${other}.${signature}`);
    await expectInactive(`${none}.${claims}.`);
    await expectInactive(`${header}.${claims}.`);
    await expectInactive(`${header}.${claims}.${signature.slice(0, -4)}AAAA`);
  });

  it('of a token for another audience, and of a refresh token of another client (RFC 7662 §4)', async () => {
    const elsewhere = await house.makeService({ audience: 'https://other.example' });
    const { access_token, refresh_token } = await house.link();
    await expectInactive(access_token, elsewhere.header);
    await expectInactive(refresh_token);
  });
});

it('tells a service about its own refresh token (RFC 7662 §2.2)', async () => {
  const started = await house.post('/oauth/device_authorization', { scope: 'openid' }, service.header);
  const { device_code, user_code } = started.body as { device_code: string; user_code: string };
  await house.approve(user_code);
  const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
  const issued = await house.post('/oauth/token', { grant_type, device_code }, service.header);
  const { refresh_token } = issued.body as { refresh_token: string };
  const response = await introspect(refresh_token);
  const now = Math.floor(house.clock.now().getTime() / 1000);
  expect(response.body).toEqual({
    active: true,
    iss: house.issuer,
    sub: await house.accountOf('anna'),
    client_id: service.clientId,
    scope: 'openid',
    iat: now,
    exp: now + 30 * 86_400,
  });
  await house
    .post('/oauth/token', { grant_type: 'refresh_token', refresh_token }, service.header)
    .expect(200);
  await expectInactive(refresh_token);
});

describe('answers 401 (RFC 7662 §2.1, against token scanning)', () => {
  const refused = async (fields: Record<string, string>, headers = {}) => {
    const { access_token } = await house.link();
    const response = await house.post('/oauth/introspect', { token: access_token, ...fields }, headers);
    expectRefusal(response, 401, 'invalid_client');
    expect(response.headers['www-authenticate']).toMatch(/^Basic /);
  };

  it('to nobody in particular', () => refused({}));
  it('to a public client, which anybody can be', async () => refused({ client_id: await house.register() }));
  it('to a service without its secret', () => refused({ client_id: service.clientId }));
  it('to a service with a wrong secret', () => refused({ client_id: service.clientId, client_secret: 'x' }));
  it('to an access token, which is no client', async () => {
    const { access_token } = await house.link();
    await refused({}, { Authorization: `Bearer ${access_token}` });
  });
});

it('asks for the token (RFC 7662 §2.1)', async () => {
  expectRefusal(await house.post('/oauth/introspect', {}, service.header), 400, 'invalid_request');
});

it('takes no GET, whose answer could be kept (RFC 7662 §4)', async () => {
  const response = await house.request.get('/oauth/introspect?token=x').set(service.header);
  expectRefusal(response, 405, 'invalid_request');
  expect(response.headers['allow']).toBe('POST');
});

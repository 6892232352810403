// The userinfo endpoint: what each scope opens, and which tokens open nothing.
import { expectNoStore, expectRefusal, partsOf, startOAuthHouse, type OAuthHouse } from './oauth-house.js';

const PATH = '/oauth/userinfo';
let house: OAuthHouse;

beforeAll(async () => {
  house = await startOAuthHouse();
});
afterAll(() => house.close());

const ask = (token: string) => house.request.get(PATH).set('Authorization', `Bearer ${token}`);
const expectInvalid = async (token: string) => {
  const response = await ask(token);
  expectRefusal(response, 401, 'invalid_token');
  expect(response.headers['www-authenticate']).toMatch(
    /^Bearer realm="[^"]+", error="invalid_token", error_description="/,
  );
};

it.each([
  ['openid', {}],
  ['openid profile', { name: 'anna', preferred_username: 'anna' }],
  ['openid email', { email: 'anna@example.com', email_verified: true }],
  [
    'openid profile email offline_access',
    { name: 'anna', preferred_username: 'anna', email: 'anna@example.com', email_verified: true },
  ],
])(
  'with %s tells the claims of those scopes and no other (OpenID Connect Core §5.3.2, §5.4)',
  async (scope, claims) => {
    const response = await ask((await house.link({ scope })).access_token);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expectNoStore(response);
    expect(response.body).toEqual({ sub: await house.accountOf('anna'), ...claims });
  },
);

it('tells the same `sub` as the ID token (OpenID Connect Core §5.3.2)', async () => {
  const { id_token, access_token } = await house.link();
  expect((await ask(access_token)).body).toMatchObject({ sub: partsOf(id_token).claims['sub'] });
});

it('takes a POST, with the token in the header or in the form (RFC 6750 §2.1, §2.2)', async () => {
  const { access_token } = await house.link();
  const byHeader = await house.request.post(PATH).set('Authorization', `Bearer ${access_token}`);
  expect(byHeader.status).toBe(200);
  expect((await house.post(PATH, { access_token })).status).toBe(200);
});

it('takes no token from the address (RFC 6750 §2.3, RFC 9700 §4.3.2)', async () => {
  const { access_token } = await house.link();
  expect((await house.request.get(`${PATH}?access_token=${access_token}`)).status).toBe(401);
});

it('refuses a token in two places at once (RFC 6750 §2)', async () => {
  const { access_token } = await house.link();
  const response = await house.post(PATH, { access_token }, { Authorization: `Bearer ${access_token}` });
  expectRefusal(response, 400, 'invalid_request');
});

it('says nothing about an error to a request without a token (RFC 6750 §3.1)', async () => {
  for (const response of [await house.request.get(PATH), await house.post(PATH, {})]) {
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toBe(
      'Bearer realm="linchpin", DPoP realm="linchpin", algs="ES256 EdDSA Ed25519 RS256"',
    );
    expect(response.body).toEqual({});
    expectNoStore(response);
  }
});

it('refuses a token without the scope openid (RFC 6750 §3.1)', async () => {
  const { access_token } = await house.link({ scope: 'profile email' });
  const response = await ask(access_token);
  expectRefusal(response, 403, 'insufficient_scope');
  expect(response.headers['www-authenticate']).toMatch(
    /^Bearer .*error="insufficient_scope".*scope="openid"$/,
  );
});

it.each(['x', 'a.b.c', 'A'.repeat(9000)])('refuses %.20p, which is no token (RFC 6750 §3.1)', (token) =>
  expectInvalid(token),
);

it.each(['Basic YTpi', 'Bearer', 'Bearer a b', 'bearer "x"'])(
  'refuses the header %p (RFC 6750 §2.1)',
  async (header) => {
    expectRefusal(await house.request.get(PATH).set('Authorization', header), 401, 'invalid_token');
  },
);

it('refuses a token that has expired (RFC 9068 §4)', async () => {
  const { access_token, expires_in } = await house.link();
  house.clock.advance(expires_in + 31);
  await expectInvalid(access_token);
});

it('refuses a refresh token and an ID token (RFC 9068 §4)', async () => {
  const { refresh_token, id_token } = await house.link();
  await expectInvalid(refresh_token);
  await expectInvalid(id_token);
});

it('refuses a token whose signature is not ours (RFC 9068 §4)', async () => {
  const other = await startOAuthHouse({ config: { publicUrl: house.issuer } });
  const { access_token } = await other.link();
  expect(partsOf(access_token).claims['iss']).toBe(house.issuer);
  await expectInvalid(access_token);
  await other.close();
});

it('refuses a token bound to a key, which nobody proves here (RFC 9449 §7.2)', async () => {
  const { access_token } = await house.link();
  const bound = await house.keys.sign(
    'EdDSA',
    { typ: 'at+jwt' },
    { ...partsOf(access_token).claims, cnf: { jkt: 'x' } },
  );
  await expectInvalid(bound);
});

it('refuses a token for another audience (RFC 9068 §4)', async () => {
  const { access_token } = await house.link();
  const claims = { ...partsOf(access_token).claims, aud: `${house.issuer}/api/v2` };
  await expectInvalid(await house.keys.sign('EdDSA', { typ: 'at+jwt' }, claims));
});

it('notes that the tool was used, at most once a minute (UI, linked tools)', async () => {
  const { access_token } = await house.link({ name: 'used' });
  const lastUsed = async () =>
    (await house.linkedTools.listLinkedTools(await house.accountOf('used')))[0]!.lastUsedAt;
  const before = await lastUsed();
  house.clock.advance(30);
  await ask(access_token).expect(200);
  expect(await lastUsed()).toEqual(before);
  house.clock.advance(31);
  await ask(access_token).expect(200);
  expect(await lastUsed()).toEqual(house.clock.now());
});

it('answers on a full disk, where the use cannot be noted (CHECKLIST 4, disk full)', async () => {
  const small = await startOAuthHouse({ maxPages: 240 });
  const { access_token } = await small.link();
  await small.disk.fill();
  small.clock.advance(120);
  const answer = await small.request.get(PATH).set('Authorization', `Bearer ${access_token}`);
  expect(answer.status).toBe(200);
  await small.close();
});

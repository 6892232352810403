// The revocation endpoint: what ends with a token, for whom, and what nobody is told.
import {
  partsOf,
  expectNoStore,
  expectRefusal,
  startOAuthHouse,
  type Fields,
  type OAuthHouse,
} from './oauth-house.js';

let house: OAuthHouse;

beforeAll(async () => {
  house = await startOAuthHouse();
});
afterAll(() => house.close());

const revoke = (client_id: string, token: string, fields: Fields = {}) =>
  house.post('/oauth/revoke', { client_id, token, ...fields });
const isAccepted = async (token: string) =>
  (await house.request.get('/oauth/userinfo').set('Authorization', `Bearer ${token}`)).status === 200;
const refreshStatus = async (client_id: string, refresh_token: string) =>
  (await house.post('/oauth/token', { grant_type: 'refresh_token', client_id, refresh_token })).status;

it('answers 200 with an empty JSON object that nobody keeps (RFC 7009 §2.2)', async () => {
  const { clientId, refresh_token } = await house.link();
  const response = await revoke(clientId, refresh_token);
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  expect(response.body).toEqual({});
  expectNoStore(response);
});

it('ends a refresh token, its access tokens and the linked tool, at once (RFC 7009 §2.1)', async () => {
  const { clientId, refresh_token, access_token } = await house.link({ name: 'revoking' });
  expect(await isAccepted(access_token)).toBe(true);
  await revoke(clientId, refresh_token);
  expect(await refreshStatus(clientId, refresh_token)).toBe(400);
  expect(await isAccepted(access_token)).toBe(false);
  expect(await house.linkedTools.listLinkedTools(await house.accountOf('revoking'))).toEqual([]);
});

it('ends an access token alone (RFC 7009 §2.1)', async () => {
  const { clientId, refresh_token, access_token } = await house.link();
  await revoke(clientId, access_token).expect(200);
  expect(await isAccepted(access_token)).toBe(false);
  expect(await refreshStatus(clientId, refresh_token)).toBe(200);
});

it.each(['access_token', 'refresh_token', 'something_else', ''])(
  'finds both kinds of token whatever the hint %p says (RFC 7009 §2.1)',
  async (token_type_hint) => {
    const one = await house.link();
    await revoke(one.clientId, one.access_token, { token_type_hint }).expect(200);
    expect(await isAccepted(one.access_token)).toBe(false);
    await revoke(one.clientId, one.refresh_token, { token_type_hint }).expect(200);
    expect(await refreshStatus(one.clientId, one.refresh_token)).toBe(400);
  },
);

it('ends the family by an old refresh token too (RFC 7009 §2.1)', async () => {
  const { clientId, refresh_token } = await house.link();
  const grant = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
  const next = (await house.post('/oauth/token', grant)).body as { refresh_token: string };
  await revoke(clientId, refresh_token).expect(200);
  expect(await refreshStatus(clientId, next.refresh_token)).toBe(400);
});

it.each(['x', 'A'.repeat(43), 'a.b.c', 'ü', `${'A'.repeat(9000)}`])(
  'answers 200 to %.20p, which is no token (RFC 7009 §2.2)',
  async (token) => {
    const response = await revoke(await house.register(), token);
    expect([response.status, response.body]).toEqual([200, {}]);
  },
);

it('answers 200 to a token that has expired or was revoked before (RFC 7009 §2.2)', async () => {
  const { clientId, refresh_token, access_token } = await house.link();
  for (const token of [access_token, access_token, refresh_token, refresh_token]) {
    await revoke(clientId, token).expect(200);
  }
  house.clock.advance(3600);
  await revoke(clientId, access_token).expect(200);
});

it('notes a revocation once, however often it is asked for (CHECKLIST 4)', async () => {
  const { clientId, access_token } = await house.link({ name: 'noted' });
  for (let turn = 0; turn < 3; turn++) await revoke(clientId, access_token).expect(200);
  const rows = await house.stores.audit.findByAccount(await house.accountOf('noted'), 50);
  expect(rows.filter(({ event }) => event === 'token-revoked')).toHaveLength(1);
});

it("leaves another client's tokens alive, and does not tell that they exist (RFC 7009 §2.1)", async () => {
  const { clientId, refresh_token, access_token } = await house.link();
  const other = await house.register();
  const answers = [
    await revoke(other, refresh_token),
    await revoke(other, access_token),
    await revoke(other, 'x'),
  ];
  for (const answer of answers) expect([answer.status, answer.body]).toEqual([200, {}]);
  expect(await isAccepted(access_token)).toBe(true);
  expect(await refreshStatus(clientId, refresh_token)).toBe(200);
});

it('asks for the token (RFC 7009 §2.1)', async () => {
  const client_id = await house.register();
  expectRefusal(await house.post('/oauth/revoke', { client_id }), 400, 'invalid_request');
  expectRefusal(await house.post('/oauth/revoke', { client_id, token: '' }), 400, 'invalid_request');
});

it('asks who the client is, and revokes nothing for one that does not prove it (RFC 7009 §2.1)', async () => {
  const service = await house.makeService();
  const { access_token } = await house.link();
  expectRefusal(await house.post('/oauth/revoke', { token: access_token }), 400, 'invalid_request');
  expectRefusal(await revoke('nobody', access_token), 401, 'invalid_client');
  expectRefusal(await revoke(service.clientId, access_token), 401, 'invalid_client');
  expect(await isAccepted(access_token)).toBe(true);
});

it('takes no ID token for an access token (RFC 9068 §4)', async () => {
  const { clientId, id_token, access_token } = await house.link();
  await revoke(clientId, id_token).expect(200);
  expect(await isAccepted(access_token)).toBe(true);
  expect(partsOf(id_token).header['typ']).toBe('JWT');
});

it('answers 503 and Retry-After, never 200, when it cannot be written down (RFC 7009 §2.2.1)', async () => {
  const small = await startOAuthHouse({ maxPages: 240 });
  const { clientId, refresh_token } = await small.link();
  await small.disk.fill();
  const refused = await small.post('/oauth/revoke', { client_id: clientId, token: refresh_token });
  expectRefusal(refused, 503, 'temporarily_unavailable');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  await small.disk.free();
  const grant = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
  expect((await small.post('/oauth/token', grant)).status).toBe(200);
  await small.close();
});

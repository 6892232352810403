// The token endpoint with a refresh token: one use each, one successor, and what an old one brings about.
import {
  expectNoStore,
  expectRefusal,
  partsOf,
  startOAuthHouse,
  type OAuthHouse,
  type Tokens,
  bodyOf,
} from './oauth-house.js';

let house: OAuthHouse;

beforeAll(async () => {
  house = await startOAuthHouse();
});
afterAll(() => house.close());

const refresh = (client_id: string, refresh_token: string, fields: Record<string, string> = {}) =>
  house.post('/oauth/token', { grant_type: 'refresh_token', client_id, refresh_token, ...fields });

async function refreshed(
  clientId: string,
  token: string,
  fields: Record<string, string> = {},
): Promise<Tokens> {
  const body = bodyOf(await refresh(clientId, token, fields).expect(200));
  return body as Tokens;
}

const expectDead = async (clientId: string, token: string) =>
  expectRefusal(await refresh(clientId, token), 400, 'invalid_grant');
const jtiOf = (token: string) => partsOf(token).claims['jti'];
const isAccepted = async (token: string) =>
  (await house.request.get('/oauth/userinfo').set('Authorization', `Bearer ${token}`)).status === 200;

it('gives new tokens, and another refresh token in its place (RFC 6749 §6)', async () => {
  const first = await house.link();
  house.clock.advance(60);
  const response = await refresh(first.clientId, first.refresh_token);
  expect(response.status).toBe(200);
  expectNoStore(response);
  const second = response.body as Tokens;
  expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'openid profile' });
  expect(second.refresh_token).not.toBe(first.refresh_token);
  expect(jtiOf(second.access_token)).not.toBe(jtiOf(first.access_token));
  expect(partsOf(second.access_token).claims).toMatchObject({
    sub: await house.accountOf('anna'),
    client_id: first.clientId,
  });
});

it('keeps the time and the manner of the first authentication (RFC 9068 §2.2.1)', async () => {
  const first = await house.link();
  house.clock.advance(3600);
  const second = await refreshed(first.clientId, first.refresh_token);
  const { auth_time, amr, acr } = partsOf(first.access_token).claims;
  expect(partsOf(second.access_token).claims).toMatchObject({ auth_time, amr, acr });
});

describe('a request that is refused', () => {
  it('lacks the refresh token (RFC 6749 §5.2)', async () => {
    const { clientId } = await house.link();
    const fields = { grant_type: 'refresh_token', client_id: clientId };
    expectRefusal(await house.post('/oauth/token', fields), 400, 'invalid_request');
  });

  it('shows a token that nobody was given (RFC 6749 §5.2)', async () => {
    const { clientId, access_token, deviceCode } = await house.link();
    for (const token of ['x', 'A'.repeat(43), access_token, deviceCode]) await expectDead(clientId, token);
  });

  it("shows another client's token, which stays alive (RFC 6749 §6, §5.2)", async () => {
    const { clientId, refresh_token } = await house.link();
    await expectDead(await house.register(), refresh_token);
    await refreshed(clientId, refresh_token);
  });

  it('comes from a client without that grant (RFC 6749 §5.2)', async () => {
    const { refresh_token } = await house.link();
    const plain = await house.register({ grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] });
    expectRefusal(await refresh(plain, refresh_token), 400, 'unauthorized_client');
  });

  it('comes from a confidential client without its secret, and consumes nothing (RFC 6749 §6)', async () => {
    const service = await house.makeService();
    const started = await house.post('/oauth/device_authorization', { scope: 'openid' }, service.header);
    const { device_code, user_code } = started.body as { device_code: string; user_code: string };
    await house.approve(user_code);
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
    const body = bodyOf(await house.post('/oauth/token', { grant_type, device_code }, service.header));
    const { refresh_token } = body as Tokens;
    expectRefusal(await refresh(service.clientId, refresh_token), 401, 'invalid_client');
    await house
      .post('/oauth/token', { grant_type: 'refresh_token', refresh_token }, service.header)
      .expect(200);
  });
});

describe('the scope', () => {
  it('may be narrower, for the access token alone (RFC 6749 §6)', async () => {
    const first = await house.link({ scope: 'openid profile email' });
    const second = await refreshed(first.clientId, first.refresh_token, { scope: 'openid' });
    expect(second.scope).toBe('openid');
    expect(partsOf(second.access_token).claims['scope']).toBe('openid');
    const third = await refreshed(first.clientId, second.refresh_token);
    expect(third.scope).toBe('openid profile email');
  });

  it('is never wider than what was granted, and asking for more consumes nothing (RFC 6749 §6)', async () => {
    const first = await house.link({ scope: 'openid' });
    for (const scope of ['openid email', 'admin']) {
      expectRefusal(await refresh(first.clientId, first.refresh_token, { scope }), 400, 'invalid_scope');
    }
    await refreshed(first.clientId, first.refresh_token);
  });

  it('that is empty counts as none asked for (RFC 6749 §3.2)', async () => {
    const first = await house.link({ scope: 'openid email' });
    expect((await refreshed(first.clientId, first.refresh_token, { scope: '' })).scope).toBe('openid email');
  });
});

describe('a refresh token that was used', () => {
  it('gives the same successor and the same access token again within 60 seconds, 3 times at most (RFC 9700 §4.14.2, a lost answer)', async () => {
    const first = await house.link();
    const second = await refreshed(first.clientId, first.refresh_token);
    for (let turn = 0; turn < 3; turn++) {
      house.clock.advance(15);
      const again = await refreshed(first.clientId, first.refresh_token);
      expect(again.refresh_token).toBe(second.refresh_token);
      expect(jtiOf(again.access_token)).toBe(jtiOf(second.access_token));
    }
    await expectDead(first.clientId, first.refresh_token);
    await expectDead(first.clientId, second.refresh_token);
  });

  it('ends the whole family after 60 seconds, and its access tokens with it (RFC 9700 §4.14.2)', async () => {
    const first = await house.link();
    const second = await refreshed(first.clientId, first.refresh_token);
    house.clock.advance(61);
    await expectDead(first.clientId, first.refresh_token);
    await expectDead(first.clientId, second.refresh_token);
    expect(await isAccepted(second.access_token)).toBe(false);
  });

  it('ends the family at once when its successor has been used (RFC 9700 §4.14.2)', async () => {
    const first = await house.link();
    const second = await refreshed(first.clientId, first.refresh_token);
    const third = await refreshed(first.clientId, second.refresh_token);
    await expectDead(first.clientId, first.refresh_token);
    await expectDead(first.clientId, third.refresh_token);
  });

  it('ends nothing when another client shows it (RFC 6749 §5.2)', async () => {
    const first = await house.link();
    const second = await refreshed(first.clientId, first.refresh_token);
    house.clock.advance(61);
    await expectDead(await house.register(), first.refresh_token);
    await refreshed(first.clientId, second.refresh_token);
  });

  it('gives one successor however many ask at once, and never a 5xx (Hydra #3604)', async () => {
    const first = await house.link();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => refresh(first.clientId, first.refresh_token)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(({ body }) => (body as Tokens).refresh_token)).size).toBe(1);
    expect(new Set(answers.map(({ body }) => jtiOf((body as Tokens).access_token))).size).toBe(1);
  });
});

describe('a family ends', () => {
  it('after 30 days without use (RFC 9700 §4.14.2)', async () => {
    const { clientId, refresh_token } = await house.link();
    house.clock.advance(30 * 86_400);
    await expectDead(clientId, refresh_token);
  });

  it('90 days after the approval, however often it is used (ASVS 10.4.8)', async () => {
    const { clientId, refresh_token } = await house.link();
    let token = refresh_token;
    for (let turn = 0; turn < 4; turn++) {
      house.clock.advance(20 * 86_400);
      token = (await refreshed(clientId, token)).refresh_token;
    }
    house.clock.advance(10 * 86_400);
    await expectDead(clientId, token);
  });

  it('when the account is locked, without a word about why (Keycloak CVE-2026-9798)', async () => {
    const { clientId, refresh_token } = await house.link({ name: 'bert' });
    await house.lockAccount('bert');
    await expectDead(clientId, refresh_token);
  });
});

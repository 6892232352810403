// Faults that other systems of this kind had, and that no single endpoint owns: tried here at our doors.
// docs/regressions.md says which fault it was, and which other tests hold the rest.
import { readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import { keyOfDeviceCode } from '../../src/domain/links.js';
import { totpCode } from '../../src/crypto/totp.js';
import { createVisitor } from '../support/visitor.js';
import {
  bodyOf,
  DEVICE_CODE_GRANT,
  expectRefusal as expectOAuthRefusal,
  type Tokens,
} from './oauth-house.js';
import { expectRefusal, startPinHouse, toolHeaders, type PinHouse } from './pins-house.js';

const SIGN_IN = '/api/v2/users/signin';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse({ config: { signingAlgs: ['EdDSA'], trustedProxies: ['127.0.0.1'] } });
});
afterAll(() => house.close());

const poll = (client_id: string, device_code: string) =>
  house.post('/oauth/token', { grant_type: DEVICE_CODE_GRANT, client_id, device_code });

/** A wrong password at the fallback door, and a wrong one on the sign-in page, from an address behind our proxy. */
const failAtDoor = (address: string) =>
  house.request
    .post(SIGN_IN)
    .set(toolHeaders({ 'X-Forwarded-For': address }))
    .type('form')
    .send({ login: 'nobody', password: 'wrong' });

async function failOnPage(address: string): Promise<number | undefined> {
  const visitor = createVisitor(house);
  visitor.agent.set('X-Forwarded-For', address);
  await visitor.signIn('nobody', 'wrong');
  return visitor.status;
}

describe('an IPv6 network', () => {
  it('has one budget for its whole /64, whichever of its addresses asks (better-auth CVE-2026-45364)', async () => {
    for (let host = 1; host <= 60; host++) {
      expectRefusal(await failAtDoor(`2001:db8:7:7:${(host * 977).toString(16)}::${host}`), 401, 1001);
    }
    expectRefusal(await failAtDoor('2001:db8:7:7::beef'), 401, 1031);
    expect(await failOnPage('2001:0db8:0007:0007:ffff:ffff:ffff:ffff')).toBe(429);
    expectRefusal(await failAtDoor('2001:db8:7:8::1'), 401, 1001);
  });

  it('is the one that our own proxy names, not one that a caller makes up (better-auth CVE-2026-45364)', async () => {
    for (let host = 1; host <= 60; host++) await failAtDoor(`198.51.100.${host}, 203.0.113.4`);
    expectRefusal(await failAtDoor('192.0.2.1, 203.0.113.4'), 401, 1031);
  });
});

describe('a device code', () => {
  it('of two halves from different links opens neither (Keycloak CVE-2026-16089)', async () => {
    const mine = await house.register();
    const theirs = await house.register();
    const first = await house.start(mine);
    const second = await house.start(theirs);
    await house.approve(second.user_code);
    const [, mySecret] = first.device_code.split('.');
    const [theirLink] = second.device_code.split('.');
    for (const clientId of [mine, theirs]) {
      const mixed = await poll(clientId, `${theirLink}.${mySecret}`);
      expectOAuthRefusal(mixed, 400, 'invalid_grant');
    }
    expect((await poll(theirs, second.device_code)).status).toBe(200);
    expectOAuthRefusal(await poll(mine, first.device_code), 400, 'authorization_pending');
  });

  it('is no refresh token, no user code and no number, nor are they one (Keycloak CVE-2026-4282)', async () => {
    const linked = await house.link({ scope: 'openid offline_access' });
    const { device_code, user_code } = await house.start(linked.clientId);
    const pin = await house.createPin();
    const typed = { client_id: linked.clientId, grant_type: 'refresh_token' };
    for (const refresh_token of [device_code, user_code, linked.access_token, pin.code]) {
      const answer = await house.post('/oauth/token', { ...typed, refresh_token });
      expectOAuthRefusal(answer, 400, 'invalid_grant');
    }
    for (const other of [linked.refresh_token, user_code, linked.access_token, pin.code, String(pin.id)]) {
      expectOAuthRefusal(await poll(linked.clientId, other), 400, 'invalid_grant');
    }
    expectOAuthRefusal(await poll(linked.clientId, device_code), 400, 'authorization_pending');
  });
});

describe('a decision', () => {
  it('takes nothing about link, tool or person from its form (Keycloak CVE-2026-7571, better-auth CVE-2025-61928)', async () => {
    const clientId = await house.register();
    const other = await house.register();
    const anna = await house.accountOf('anna');
    const bob = await house.accountOf('bob');
    const { device_code, user_code } = await house.start(clientId, { scope: 'openid' });
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    await visitor.visit('/link');
    await visitor.submit({ user_code });
    house.clock.advance(2);
    const wished = {
      ...{ client_id: other, scope: 'openid email profile offline_access', expires_at: '9999999999999' },
      ...{ account_id: bob, accountId: bob, subject_id: bob, user_id: bob, userId: bob, sub: bob },
      ...{ forward: 'https://evil.example/', redirect_uri: 'https://evil.example/' },
    };
    await visitor.submit({ decision: 'approve', ...wished }, '/link/review');
    const kept = await house.database.stores.links.findByDeviceCode(keyOfDeviceCode(device_code));
    expect(kept).toMatchObject({ state: 'approved', clientId });
    expect(visitor.html).not.toContain('evil.example');
    expectOAuthRefusal(await poll(other, device_code), 400, 'invalid_grant');
    const tokens = bodyOf(await poll(clientId, device_code).expect(200)) as Tokens;
    expect(tokens.scope).toBe('openid');
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: anna, client_id: clientId, scope: 'openid' });
  });

  it('is not had with a token, as a bearer or as a cookie: no token is a session (commonly #1405)', async () => {
    const { access_token } = await house.link();
    const lasting = await house.linkTool({ name: 'anna' });
    const signedIn = createVisitor(house);
    await signedIn.signIn('anna');
    const cookies = signedIn.agent.jar.getCookies({
      domain: '127.0.0.1',
      path: '/',
      secure: false,
      script: false,
    });
    const names = [...cookies].map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const token of [access_token, lasting]) {
      const ways = [
        { Authorization: `Bearer ${token}` },
        { 'X-Plex-Token': token },
        ...names.map((name) => ({ Cookie: `${name}=${token}` })),
      ];
      for (const headers of ways) {
        for (const path of ['/account', '/account/security', '/account/tools', '/link/review']) {
          const answer = await house.request.get(path).set(headers).redirects(0);
          expect([path, answer.status, answer.headers['location']?.split('?')[0]]).toEqual([
            path,
            303,
            '/sign-in',
          ]);
        }
        const decided = await house.request
          .post('/link/review')
          .set(headers)
          .type('form')
          .send({ decision: 'approve' });
        expect(decided.status).toBe(403);
      }
    }
  });
});

describe('a later step of signing in', () => {
  it('is not there without the step before it (Keycloak CVE-2026-18963)', async () => {
    const { accountId } = await house.newAccount('carol');
    const origin = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
    const { secret, recoveryCodes } = await house.house.proofs.addAuthenticator(accountId, 'carol', origin);
    const recovery = { code: recoveryCodes[0]!, recovery_code: recoveryCodes[0]! };
    const code = await totpCode(secret, house.clock.now());
    for (const path of ['/sign-in/code', '/sign-in/recovery', '/step-up', '/sign-in/recovered']) {
      for (const proof of [recovery, { code }]) {
        const visitor = createVisitor(house);
        await visitor.visit(path);
        const { fields } = visitor.forms[0]!;
        const typed = { ...fields, login: 'carol', account_id: accountId, ...proof };
        const answer = await visitor.agent.post(path).type('form').redirects(0).send(typed);
        if (answer.status === 303) expect(answer.headers['location']).toMatch(/^\/sign-in(\?|$)/);
        else expect([403, 405]).toContain(answer.status);
        await visitor.visit('/account');
        expect(visitor.path).toBe('/sign-in');
      }
    }
    // Nothing was used up by trying.
    const visitor = createVisitor(house);
    await visitor.signIn('carol');
    await visitor.submit({ code }, '/sign-in/code');
    expect(visitor.path).toBe('/account');
  });
});

describe('what we stand on', () => {
  it('is a Koa without the faults of older ones (Koa CVE-2025-25200, CVE-2025-32379, CVE-2026-27959)', () => {
    const { version } = JSON.parse(readFileSync('node_modules/koa/package.json', 'utf8')) as {
      version: string;
    };
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(3_001_002);
  });
});

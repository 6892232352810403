// The token endpoint with a device code: every poll before the decision, the one redemption after it, and what comes later.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { halfHash } from '../../src/crypto/jwt.js';
import { keyOfDeviceCode } from '../../src/domain/links.js';
import {
  basic,
  DEVICE_CODE_GRANT,
  expectNoStore,
  expectRefusal,
  partsOf,
  startOAuthHouse,
  type OAuthHouse,
  type Tokens,
  bodyOf,
  like,
} from './oauth-house.js';

let house: OAuthHouse;
let clientId: string;

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
});
afterAll(() => house.close());

const stateOf = async (deviceCode: string) =>
  (await house.database.stores.links.findByDeviceCode(keyOfDeviceCode(deviceCode)))?.state;
const pollFor = async (deviceCode: string, error: string) =>
  expectRefusal(await house.poll(clientId, deviceCode), 400, error);

describe('a token request that cannot be one', () => {
  const refused = async (fields: Record<string, string>, status: number, error: string) =>
    expectRefusal(await house.post('/oauth/token', fields), status, error);

  it('lacks the grant type (RFC 8628 §3.4)', () => refused({ client_id: clientId }, 400, 'invalid_request'));

  it.each(['password', 'client_credentials', 'device_code', '__proto__', 'constructor'])(
    'names the grant type %s (RFC 6749 §5.2, RFC 9700 §2.4)',
    (grant_type) => refused({ client_id: clientId, grant_type }, 400, 'unsupported_grant_type'),
  );

  it('lacks the device code, or sends an empty one (RFC 8628 §3.4)', async () => {
    await refused({ client_id: clientId, grant_type: DEVICE_CODE_GRANT }, 400, 'invalid_request');
    const fields = { client_id: clientId, grant_type: DEVICE_CODE_GRANT, device_code: '' };
    await refused(fields, 400, 'invalid_request');
  });

  it('lacks the client, and is told where to register (RFC 8628 §3.4)', async () => {
    const fields = { grant_type: DEVICE_CODE_GRANT, device_code: 'x' };
    const response = await house.post('/oauth/token', fields);
    expectRefusal(response, 400, 'invalid_request');
    expect(JSON.stringify(response.body)).toContain(`${house.issuer}/oauth/register`);
  });

  it('comes from a client that is unknown (RFC 6749 §5.2)', async () => {
    expectRefusal(await house.poll('nobody', 'x'), 401, 'invalid_client');
  });

  it('repeats a parameter (RFC 6749 §3.2)', async () => {
    const { device_code } = await house.start(clientId);
    const form = `grant_type=${DEVICE_CODE_GRANT}&client_id=${clientId}&device_code=${device_code}`;
    expectRefusal(await house.post('/oauth/token', `${form}&device_code=x`), 400, 'invalid_request');
    expectRefusal(await house.post('/oauth/token', `${form}&${form}`), 400, 'invalid_request');
  });

  it('asks for another resource, and the approval is still there afterwards (RFC 8707 §2)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    const fields = { grant_type: DEVICE_CODE_GRANT, client_id: clientId, device_code };
    await refused({ ...fields, resource: 'https://other.example' }, 400, 'invalid_target');
    expect((await house.post('/oauth/token', fields)).status).toBe(200);
  });
});

describe('a poll before the decision', () => {
  it('is answered authorization_pending (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
  });

  it('still is once a person has entered the code (RFC 8628 §3.5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.reserve(user_code);
    await pollFor(device_code, 'authorization_pending');
  });

  it('is answered slow_down when polled too soon, with at most 5 seconds more between two accepted polls (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
    house.clock.advance(1);
    await pollFor(device_code, 'slow_down');
    house.clock.advance(5);
    await pollFor(device_code, 'slow_down');
    house.clock.advance(4);
    await pollFor(device_code, 'authorization_pending');
  });

  it('never traps a steady client: at the interval it is always pending (RFC 8628 §3.5)', async () => {
    const { device_code, interval } = await house.start(clientId);
    for (let turn = 0; turn < 10; turn++) {
      await pollFor(device_code, 'authorization_pending');
      house.clock.advance(interval);
    }
  });

  it('keeps the raised interval for all later polls (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
    await pollFor(device_code, 'slow_down');
    house.clock.advance(10);
    await pollFor(device_code, 'authorization_pending');
    house.clock.advance(5);
    await pollFor(device_code, 'slow_down');
  });

  it('gets no log line of its own (DESIGN 11)', async () => {
    const { device_code } = await house.start(clientId);
    const before = house.lines.length;
    await pollFor(device_code, 'authorization_pending');
    await pollFor(device_code, 'slow_down');
    expect(house.lines.length).toBe(before);
  });
});

describe('a poll after the approval', () => {
  it('gets the tokens, as JSON that nobody keeps (RFC 6749 §5.1)', async () => {
    const { device_code, user_code } = await house.start(clientId, { scope: 'openid profile' });
    await house.approve(user_code);
    const response = await house.poll(clientId, device_code);
    expect(response.status).toBe(200);
    expectNoStore(response);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.body).toEqual({
      access_token: like(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'openid profile',
      refresh_token: like(/^[\da-z]{9}\.[\w-]{43}$/),
      id_token: like(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    });
  });

  it('gets them at once, even if it polls too soon (DESIGN 4)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
    await pollFor(device_code, 'slow_down');
    await house.approve(user_code);
    expect((await house.poll(clientId, device_code)).status).toBe(200);
  });

  it('gets them once: the code is spent, for good (RFC 8628 §3.5, RFC 6749 §5.2)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    expect((await house.poll(clientId, device_code)).status).toBe(200);
    await pollFor(device_code, 'invalid_grant');
    house.clock.advance(3600);
    await pollFor(device_code, 'invalid_grant');
  });

  it('gets one token in all, however many polls come at once (RFC 6749 §10.5; Hydra #3604)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code, 'many');
    const answers = await Promise.all(Array.from({ length: 50 }, () => house.poll(clientId, device_code)));
    const issued = answers.filter(({ status }) => status === 200);
    expect(issued).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectRefusal(answer, 400, 'invalid_grant');
    }
    expect(await house.database.stores.tokens.findLinkedTools(await house.accountOf('many'))).toHaveLength(1);
  });

  it('gets no refresh token unless registered for that grant, and no ID token without openid (RFC 7591 §2)', async () => {
    const plain = await house.register({ grant_types: [DEVICE_CODE_GRANT] });
    const { device_code, user_code } = await house.start(plain);
    await house.approve(user_code);
    const body = bodyOf(await house.poll(plain, device_code));
    expect(Object.keys(body as object).sort()).toEqual(['access_token', 'expires_in', 'token_type']);
  });

  it('needs no scope, and a scope that is empty is not told (RFC 6749 §3.3, §5.1)', async () => {
    const { scope, access_token } = await house.link({ scope: '' });
    expect(scope).toBeUndefined();
    expect(partsOf(access_token).claims).not.toHaveProperty('scope');
  });
});

describe('a poll that gets nothing, ever', () => {
  it('after the person declined: access_denied on every later poll (RFC 8628 §3.5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
    await house.deny(user_code);
    await pollFor(device_code, 'access_denied');
    house.clock.advance(30);
    await pollFor(device_code, 'access_denied');
  });

  it('after the code expired: expired_token on every later poll (RFC 8628 §3.5)', async () => {
    const { device_code, expires_in } = await house.start(clientId);
    house.clock.advance(expires_in);
    await pollFor(device_code, 'expired_token');
    house.clock.advance(60);
    await pollFor(device_code, 'expired_token');
  });

  it('after an approval that was not collected in time: expired_token (RFC 8628 §3.5)', async () => {
    const { device_code, user_code, expires_in } = await house.start(clientId);
    await house.approve(user_code);
    house.clock.advance(expires_in);
    await pollFor(device_code, 'expired_token');
  });

  it('once the expired link was forgotten: invalid_grant (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    house.clock.advance(3 * 24 * 3600);
    await house.linksForTool.removeExpired();
    await pollFor(device_code, 'invalid_grant');
  });

  it('with a code that nobody was given: invalid_grant (RFC 6749 §5.2)', async () => {
    for (const code of ['x', 'A'.repeat(43), 'A'.repeat(9000), 'ü', "' or 1=1 --"]) {
      await pollFor(code, 'invalid_grant');
    }
  });

  it('when the account was locked after the approval (Keycloak CVE-2026-88770)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code, 'locked');
    await house.lockAccount('locked');
    await pollFor(device_code, 'access_denied');
    await house.unlockAccount('locked');
    await pollFor(device_code, 'access_denied');
  });
});

describe('the code of another client', () => {
  it('is invalid_grant, and is not consumed (RFC 6749 §5.2; Keycloak CVE-2023-2585)', async () => {
    const other = await house.register();
    const { device_code, user_code } = await house.start(clientId);
    expectRefusal(await house.poll(other, device_code), 400, 'invalid_grant');
    await house.approve(user_code);
    expectRefusal(await house.poll(other, device_code), 400, 'invalid_grant');
    expect(await stateOf(device_code)).toBe('approved');
    expect((await house.poll(clientId, device_code)).status).toBe(200);
  });

  it('is not slowed down by what others poll (RFC 8628 §3.5)', async () => {
    const other = await house.register();
    const { device_code } = await house.start(clientId);
    await pollFor(device_code, 'authorization_pending');
    for (let turn = 0; turn < 5; turn++) {
      expectRefusal(await house.poll(other, device_code), 400, 'invalid_grant');
    }
    house.clock.advance(5);
    await pollFor(device_code, 'authorization_pending');
  });
});

describe('a confidential client', () => {
  it('must authenticate, and a refusal consumes nothing (RFC 8628 §3.4; authentik PR #21700)', async () => {
    const service = await house.makeService();
    const body = bodyOf(await house.post('/oauth/device_authorization', { scope: 'openid' }, service.header));
    const { device_code, user_code } = body as { device_code: string; user_code: string };
    await house.approve(user_code);
    const fields = { grant_type: DEVICE_CODE_GRANT, device_code };
    const named = { ...fields, client_id: service.clientId };
    expectRefusal(await house.post('/oauth/token', named), 401, 'invalid_client');
    expectRefusal(await house.post('/oauth/token', { ...named, client_secret: 'no' }), 401, 'invalid_client');
    const wrong = { Authorization: basic(service.clientId, 'no') };
    expectRefusal(await house.post('/oauth/token', fields, wrong), 401, 'invalid_client');
    expect(await stateOf(device_code)).toBe('approved');
    expect((await house.post('/oauth/token', fields, service.header)).status).toBe(200);
  });

  it('is not told by the gate what only its secret may ask for (RFC 6749 §3.2.1)', async () => {
    const service = await house.makeService();
    const body = bodyOf(await house.post('/oauth/device_authorization', {}, service.header));
    const { device_code } = body as { device_code: string };
    expectRefusal(await house.poll(service.clientId, device_code), 401, 'invalid_client');
  });
});

describe('the access token', () => {
  const keysOf = async () =>
    createLocalJWKSet((await house.request.get('/.well-known/jwks.json')).body as JSONWebKeySet);
  const currentDate = () => house.clock.now();

  it('is signed, of type at+jwt, with every required claim (RFC 9068 §2.1, §2.2)', async () => {
    const { access_token, clientId: id } = await house.link({ scope: 'openid profile' });
    const { payload, protectedHeader } = await jwtVerify(access_token, await keysOf(), {
      issuer: house.issuer,
      audience: house.issuer,
      typ: 'at+jwt',
      currentDate: currentDate(),
    });
    const now = Math.floor(house.clock.now().getTime() / 1000);
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) as string });
    expect(payload).toMatchObject({
      iss: house.issuer,
      aud: house.issuer,
      sub: await house.accountOf('anna'),
      client_id: id,
      iat: now,
      exp: now + 900,
      jti: like(/^[\w-]{16,}$/),
      scope: 'openid profile',
    });
  });

  it('says when and how the person was authenticated (RFC 9068 §2.2.1)', async () => {
    const { claims } = partsOf((await house.link()).access_token);
    expect(claims).toMatchObject({
      auth_time: expect.any(Number) as number,
      amr: ['pwd', 'otp', 'mfa'],
      acr: 'aal2',
    });
  });

  it('holds no name and no e-mail address (RFC 9068 §6)', async () => {
    const { access_token } = await house.link({ scope: 'openid profile email offline_access' });
    expect(Object.keys(partsOf(access_token).claims)).not.toEqual(
      expect.arrayContaining([like(/name|email/)]),
    );
  });

  it('has a jti of its own each time (RFC 9068 §2.2)', async () => {
    const jtis = await Promise.all(
      [0, 1, 2].map(async () => partsOf((await house.link()).access_token).claims['jti']),
    );
    expect(new Set(jtis).size).toBe(3);
  });

  it.each(['EdDSA', 'ES256', 'RS256'])(
    'is signed with %s where the client registered that (RFC 9068 §2.1)',
    async (alg) => {
      const { access_token } = await house.link({ metadata: { access_token_signed_response_alg: alg } });
      expect(partsOf(access_token).header['alg']).toBe(alg);
      await jwtVerify(access_token, await keysOf(), { currentDate: currentDate(), algorithms: [alg] });
    },
  );

  it('has a `sub` that no client can choose for itself (RFC 9068 §5, RFC 9700 §4.15)', async () => {
    const sub = await house.accountOf('anna');
    const { access_token, clientId: id } = await house.link({
      metadata: { client_id: sub, sub },
    });
    const { claims } = partsOf(access_token);
    expect(claims['sub']).toBe(sub);
    expect(id).not.toBe(sub);
    expect(claims['client_id']).toBe(id);
  });
});

describe('the ID token', () => {
  it('is for the client, signed with RS256 unless it registered another algorithm (OpenID Connect Core §2, §3.1.3.7)', async () => {
    const keys = createLocalJWKSet((await house.request.get('/.well-known/jwks.json')).body as JSONWebKeySet);
    for (const [metadata, alg] of [
      [{}, 'RS256'],
      [{ id_token_signed_response_alg: 'EdDSA' }, 'EdDSA'],
      [{ id_token_signed_response_alg: 'ES256' }, 'ES256'],
    ] as const) {
      const { id_token, access_token, clientId: id } = await house.link({ metadata });
      const { payload } = await jwtVerify(id_token, keys, {
        issuer: house.issuer,
        audience: id,
        currentDate: house.clock.now(),
        algorithms: [alg],
      });
      expect(payload['sub']).toBe(await house.accountOf('anna'));
      // OpenID Connect Core §3.1.3.6: the hash is that of the ID token's own algorithm.
      expect(payload['at_hash']).toBe(halfHash(access_token, alg));
    }
  });

  it('never passes for an access token, nor an access token for it (RFC 9068 §4)', async () => {
    const { id_token, access_token } = await house.link();
    expect(partsOf(id_token).header['typ']).toBe('JWT');
    expect(partsOf(access_token).header['typ']).toBe('at+jwt');
    const response = await house.request.get('/oauth/userinfo').set('Authorization', `Bearer ${id_token}`);
    expectRefusal(response, 401, 'invalid_token');
  });
});

it('answers 503 and keeps the approval when the redemption cannot be written (CHECKLIST 4, disk full)', async () => {
  const small = await startOAuthHouse({ maxPages: 210 });
  const id = await small.register();
  const { device_code, user_code } = await small.start(id, { scope: 'openid' });
  await small.approve(user_code);
  await small.disk.fill();
  const refusedOnce = await small.poll(id, device_code);
  expectRefusal(refusedOnce, 503, 'temporarily_unavailable');
  expect(Number(refusedOnce.headers['retry-after'])).toBeGreaterThan(0);
  // Why is for the operator alone.
  expect(small.lines.at(-1)).toMatch(
    /"path":"\/oauth\/token","status":503.*"why":"SQLite answered SQLITE_FULL/,
  );
  expect(refusedOnce.text).not.toContain('SQLITE');
  await small.disk.free();
  const answer = await small.poll(id, device_code);
  const { status } = answer;
  const body = bodyOf(answer);
  expect(status).toBe(200);
  expect((body as Tokens).access_token).toBeDefined();
  await small.close();
});

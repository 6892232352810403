// What is bound to a tool's key, and what becomes of it: links, by `dpop_jkt` or by the first poll with a proof; the tokens that they
// give; refresh tokens; and the answer that was lost. RFC 9449 §5, §6, §10; CHECKLIST 1.7.
import {
  bodyOf,
  expectRefusal,
  partsOf,
  startOAuthHouse,
  type OAuthHouse,
  type Tokens,
} from './oauth-house.js';
import { createProofKey, type ProofKey } from '../support/proofs.js';

const TOKEN = '/oauth/token';
const DEVICE = '/oauth/device_authorization';
let house: OAuthHouse;
let clientId: string;
const other = createProofKey('EdDSA');

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
});
afterAll(() => house.close());

const proofOf = (by?: ProofKey) => house.prove('POST', TOKEN, by ? { by } : {});
const poll = (deviceCode: string, by?: ProofKey) => house.poll(clientId, deviceCode, proofOf(by));
const pollPlain = (deviceCode: string) => house.poll(clientId, deviceCode);
const isKnown = async (deviceCode: string) => ((await poll(deviceCode)).body as { error: string }).error;

async function bound(scope = 'openid profile') {
  const { device_code, user_code } = await house.start(clientId, { scope });
  expectRefusal(await poll(device_code), 400, 'authorization_pending');
  return { deviceCode: device_code, userCode: user_code };
}

async function linked(): Promise<Tokens & { deviceCode: string }> {
  const { deviceCode, userCode } = await bound();
  await house.approve(userCode);
  return { deviceCode, ...(bodyOf(await poll(deviceCode).expect(200)) as Tokens) };
}

const refresh = (refresh_token: string, headers = {}, fields = {}) =>
  house.post(TOKEN, { grant_type: 'refresh_token', client_id: clientId, refresh_token, ...fields }, headers);

describe('a link', () => {
  it('is bound by dpop_jkt: then a poll with another key or none is an invalid grant, and consumes nothing (RFC 9449 §10)', async () => {
    const started = await house.start(clientId, { dpop_jkt: house.key.thumbprint });
    for (const isApproved of [false, true]) {
      if (isApproved) await house.approve(started.user_code);
      expectRefusal(await pollPlain(started.device_code), 400, 'invalid_grant');
      expectRefusal(await poll(started.device_code, other), 400, 'invalid_grant');
    }
    const tokens = bodyOf(await poll(started.device_code).expect(200)) as Tokens;
    expect(tokens.token_type).toBe('DPoP');
  });

  it('is bound by the first poll that carries a proof, and from then on to that key (CHECKLIST 1.7)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    // Until then it is a link like any other.
    expectRefusal(await pollPlain(device_code), 400, 'authorization_pending');
    expectRefusal(await poll(device_code), 400, 'slow_down');
    expectRefusal(await pollPlain(device_code), 400, 'invalid_grant');
    expectRefusal(await poll(device_code, other), 400, 'invalid_grant');
    await house.approve(user_code);
    expectRefusal(await pollPlain(device_code), 400, 'invalid_grant');
    expectRefusal(await poll(device_code, other), 400, 'invalid_grant');
    expect((await poll(device_code)).status).toBe(200);
  });

  it('is bound by the poll that redeems it, if no other was (RFC 9449 §5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    const { access_token, token_type } = bodyOf(await poll(device_code, other).expect(200)) as Tokens;
    expect(token_type).toBe('DPoP');
    expect(partsOf(access_token).claims['cnf']).toEqual({ jkt: other.thumbprint });
  });

  it('takes a proof at once, and refuses one of another key than dpop_jkt names (RFC 9449 §10.1)', async () => {
    const fields = { client_id: clientId, dpop_jkt: other.thumbprint };
    const proof = () => house.prove('POST', DEVICE);
    expectRefusal(await house.post(DEVICE, fields, proof()), 400, 'invalid_dpop_proof');
    const started = await house.post(DEVICE, { client_id: clientId }, proof()).expect(200);
    const { device_code } = bodyOf(started) as { device_code: string };
    expectRefusal(await pollPlain(device_code), 400, 'invalid_grant');
    expectRefusal(await poll(device_code), 400, 'authorization_pending');
  });

  it.each(['x', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)} `])(
    'is not started for %j, which is no thumbprint (RFC 7638)',
    async (dpop_jkt) => {
      expectRefusal(await house.post(DEVICE, { client_id: clientId, dpop_jkt }), 400, 'invalid_request');
    },
  );

  it('keeps its pace, whatever proofs come (RFC 8628 §3.5)', async () => {
    const { deviceCode } = await bound();
    house.clock.advance(1);
    expectRefusal(await poll(deviceCode), 400, 'slow_down');
    house.clock.advance(9);
    expectRefusal(await poll(deviceCode), 400, 'authorization_pending');
  });

  it('tells its own key that it was declined or has expired, and nobody else (RFC 8628 §3.5)', async () => {
    const declined = await bound();
    await house.deny(declined.userCode);
    expectRefusal(await pollPlain(declined.deviceCode), 400, 'invalid_grant');
    expectRefusal(await poll(declined.deviceCode), 400, 'access_denied');
    const expired = await bound();
    house.clock.advance(601);
    expectRefusal(await pollPlain(expired.deviceCode), 400, 'invalid_grant');
    expectRefusal(await poll(expired.deviceCode), 400, 'expired_token');
  });

  it('is held for its own key until it is decided (RFC 7240)', async () => {
    const { deviceCode, userCode } = await bound();
    house.clock.advance(5);
    const held = house
      .poll(clientId, deviceCode, { ...proofOf(), Prefer: 'wait=20' })
      .then((response) => response);
    await house.untilHeld();
    expectRefusal(
      await house.poll(clientId, deviceCode, { ...proofOf(other), Prefer: 'wait=20' }),
      400,
      'invalid_grant',
    );
    await house.approve(userCode);
    const answered = await held;
    expect(answered.status).toBe(200);
    expect(answered.headers['preference-applied']).toBe('wait=20');
  });

  it('gives exactly one of two keys the link, when both poll at once (RFC 9449 §10)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await Promise.all([poll(device_code), poll(device_code, other)]);
    await house.approve(user_code);
    const answers = [await poll(device_code), await poll(device_code, other)];
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});

describe('the tokens', () => {
  it('are of the type DPoP and name the key in cnf, and so says introspection (RFC 9449 §5, §6.1, §6.2)', async () => {
    const tokens = await linked();
    expect(tokens.token_type).toBe('DPoP');
    expect(partsOf(tokens.access_token).claims['cnf']).toEqual({ jkt: house.key.thumbprint });
    expect(partsOf(tokens.id_token).claims).not.toHaveProperty('cnf');
    const service = await house.makeService();
    const told = await house.post('/oauth/introspect', { token: tokens.access_token }, service.header);
    expect(told.body).toMatchObject({
      ...{ active: true, token_type: 'DPoP' },
      cnf: { jkt: house.key.thumbprint },
    });
  });

  it('without a proof stay bearer tokens, and say nothing of keys (RFC 6750)', async () => {
    const tokens = await house.link();
    expect(tokens.token_type).toBe('Bearer');
    expect(partsOf(tokens.access_token).claims).not.toHaveProperty('cnf');
    const service = await house.makeService();
    const told = await house.post('/oauth/introspect', { token: tokens.access_token }, service.header);
    expect(told.body).toMatchObject({ active: true, token_type: 'Bearer' });
    expect(told.body).not.toHaveProperty('cnf');
  });

  it('are given to no client without a proof that is registered for bound ones (RFC 9449 §5.2)', async () => {
    const metadata = { dpop_bound_access_tokens: true };
    const keyed = await house.register(metadata);
    const { device_code, user_code } = await house.start(keyed);
    expectRefusal(await house.poll(keyed, device_code), 400, 'invalid_dpop_proof');
    await house.approve(user_code);
    expectRefusal(await house.poll(keyed, device_code), 400, 'invalid_dpop_proof');
    const tokens = bodyOf(await house.poll(keyed, device_code, proofOf()).expect(200)) as Tokens;
    expect(tokens.token_type).toBe('DPoP');
  });
});

describe('a refresh token', () => {
  it('of a public client is worth nothing without the proof of its key, and trying changes nothing (RFC 9449 §5)', async () => {
    const first = await linked();
    expectRefusal(await refresh(first.refresh_token), 400, 'invalid_grant');
    expectRefusal(await refresh(first.refresh_token, proofOf(other)), 400, 'invalid_grant');
    const next = bodyOf(await refresh(first.refresh_token, proofOf()).expect(200)) as Tokens;
    expect(next.token_type).toBe('DPoP');
    expect(partsOf(next.access_token).claims['cnf']).toEqual({ jkt: house.key.thumbprint });
    expectRefusal(await refresh(next.refresh_token), 400, 'invalid_grant');
    expect((await refresh(next.refresh_token, proofOf())).status).toBe(200);
  });

  it('is not spent by a proof that is not right, or was shown before (RFC 9449 §4.3, §11.1)', async () => {
    const first = await linked();
    const old = house.prove('POST', TOKEN, { claims: { iat: 1 } });
    expectRefusal(await refresh(first.refresh_token, old), 400, 'invalid_dpop_proof');
    const proof = proofOf();
    const next = bodyOf(await refresh(first.refresh_token, proof).expect(200)) as Tokens;
    expectRefusal(await refresh(next.refresh_token, proof), 400, 'invalid_dpop_proof');
    expect((await refresh(next.refresh_token, proofOf())).status).toBe(200);
  });

  it('that was bound to nothing is bound by the first proof that comes with it (RFC 9449 §5)', async () => {
    const plain = await house.link();
    const fields = { client_id: plain.clientId };
    const next = bodyOf(await refresh(plain.refresh_token, proofOf(), fields).expect(200)) as Tokens;
    expect(next.token_type).toBe('DPoP');
    expectRefusal(await refresh(next.refresh_token, {}, fields), 400, 'invalid_grant');
    // Whoever kept the one before it does not get the bound one either.
    expectRefusal(await refresh(plain.refresh_token, {}, fields), 400, 'invalid_grant');
    expect((await refresh(next.refresh_token, proofOf(), fields)).status).toBe(200);
  });

  it('whose answer was lost gives the same again to its key, and to no other (RFC 9700 §4.14.2)', async () => {
    const { refresh_token } = await linked();
    const next = bodyOf(await refresh(refresh_token, proofOf()).expect(200)) as Tokens;
    expectRefusal(await refresh(refresh_token, proofOf(other)), 400, 'invalid_grant');
    const again = bodyOf(await refresh(refresh_token, proofOf()).expect(200)) as Tokens;
    expect(again.refresh_token).toBe(next.refresh_token);
    expect(jtiOf(again)).toBe(jtiOf(next));
  });

  it('of a client that proves who it is goes with any key, for its token is that client’s alone (RFC 9449 §5)', async () => {
    const service = await house.makeService();
    const started = await house.post(DEVICE, { scope: 'openid' }, service.header).expect(200);
    const { device_code, user_code } = bodyOf(started) as { device_code: string; user_code: string };
    await house.approve(user_code);
    const pollAs = { ...service.header, ...proofOf() };
    const first = bodyOf(await house.poll(service.clientId, device_code, pollAs).expect(200)) as Tokens;
    expect(first.token_type).toBe('DPoP');
    const fields = { client_id: service.clientId };
    const headers = { ...service.header, ...proofOf(other) };
    const next = await refresh(first.refresh_token, headers, fields).expect(200);
    const { access_token } = bodyOf(next) as Tokens;
    expect(partsOf(access_token).claims['cnf']).toEqual({ jkt: other.thumbprint });
  });
});

const jtiOf = ({ access_token }: Tokens) => partsOf(access_token).claims['jti'];

describe('an answer that was lost', () => {
  it('is given again for 60 seconds, with the same jti and the same refresh token, to the holder of the key (DESIGN 3)', async () => {
    const first = await linked();
    house.clock.advance(60);
    const again = bodyOf(await poll(first.deviceCode).expect(200)) as Tokens;
    expect(jtiOf(again)).toBe(jtiOf(first));
    expect(again.refresh_token).toBe(first.refresh_token);
    expect(again.expires_in).toBe(first.expires_in - 60);
    expect((await refresh(again.refresh_token, proofOf())).status).toBe(200);
    house.clock.advance(1);
    expectRefusal(await poll(first.deviceCode), 400, 'invalid_grant');
  });

  it('is given to nobody else: no other key, no other client, and not without a proof (RFC 6749 §5.2)', async () => {
    const { deviceCode } = await linked();
    expectRefusal(await poll(deviceCode, other), 400, 'invalid_grant');
    expectRefusal(await pollPlain(deviceCode), 400, 'invalid_grant');
    const stranger = await house.register();
    expectRefusal(await house.poll(stranger, deviceCode, proofOf()), 400, 'invalid_grant');
  });

  it('is over once its refresh token was used, or its tool was unlinked (DESIGN 3)', async () => {
    const used = await linked();
    await refresh(used.refresh_token, proofOf()).expect(200);
    expect(await isKnown(used.deviceCode)).toBe('invalid_grant');
    const unlinked = await linked();
    await house.post('/oauth/revoke', { client_id: clientId, token: unlinked.refresh_token }).expect(200);
    expect(await isKnown(unlinked.deviceCode)).toBe('invalid_grant');
  });

  it('is not given to an account that is locked by now (CHECKLIST 5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code, 'lena');
    await poll(device_code).expect(200);
    await house.lockAccount('lena');
    expect(await isKnown(device_code)).toBe('invalid_grant');
    await house.unlockAccount('lena');
  });

  it('is over for a tool without a key, as it always was (RFC 8628 §3.5)', async () => {
    const { clientId: plain, deviceCode } = await house.link();
    expectRefusal(await house.poll(plain, deviceCode), 400, 'invalid_grant');
    expectRefusal(await house.poll(plain, deviceCode, proofOf()), 400, 'invalid_grant');
  });
});

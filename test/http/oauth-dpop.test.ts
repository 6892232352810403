// What is no proof of possession, one by one as RFC 9449 §4.3 numbers its checks, at the token endpoint and where a token is used;
// nothing is consumed by any of it. What a right proof gets is in oauth-dpop-device-code and oauth-dpop-refresh.
import { createServer, request as plainRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Response } from 'supertest';
import { untilNone } from '../../src/domain/vocabulary.js';
import { bodyOf, expectRefusal, startOAuthHouse, type OAuthHouse, type Tokens } from './oauth-house.js';
import { createProofKey } from '../support/proofs.js';

const TOKEN = '/oauth/token';
const USERINFO = '/oauth/userinfo';
let house: OAuthHouse;
let clientId: string;
const other = createProofKey('EdDSA');

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
});
afterAll(() => house.close());

/** A link that is bound to the house's key by its first poll, approved or not. */
async function boundLink({ isApproved = true } = {}): Promise<string> {
  const { device_code, user_code } = await house.start(clientId, { scope: 'openid profile' });
  await house.poll(clientId, device_code, house.prove('POST', TOKEN)).expect(400);
  if (isApproved) await house.approve(user_code);
  return device_code;
}

async function boundTokens(): Promise<Tokens> {
  const deviceCode = await boundLink();
  return bodyOf(await house.poll(clientId, deviceCode, house.prove('POST', TOKEN)).expect(200)) as Tokens;
}

const ask = (accessToken: string, headers: Record<string, string>) =>
  house.request.get(USERINFO).set({ Authorization: `DPoP ${accessToken}`, ...headers });

type Wrong = Parameters<OAuthHouse['prove']>[2];
const seconds = () => Math.floor(house.clock.now().getTime() / 1000);
const parts = (header: object, claims: object, signature = 'AA'): string =>
  [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') +
  `.${signature}`;

/** Each is a header DPoP, made for a method and a path. */
const wrong: [title: string, make: (method: string, path: string, more: Wrong) => string][] = [
  [
    'two proofs in one header (1)',
    (method, path, more) =>
      `${house.prove(method, path, more).DPoP}, ${house.prove(method, path, more).DPoP}`,
  ],
  ['an empty header (2)', () => ''],
  ['no JWT (2)', () => 'not.a-jwt'],
  ['a JWT in JSON (2)', () => '{"payload":"e30","signatures":[]}'],
  ['a JWT with four parts (2)', (method, path, more) => `${house.prove(method, path, more).DPoP}.AA`],
  ['a header that is no JSON (2)', () => 'AAAA.AAAA.AAAA'],
  ['no jti (3)', (method, path, more) => withClaims(method, path, more, { jti: undefined })],
  ['no htm (3)', (method, path, more) => withClaims(method, path, more, { htm: undefined })],
  ['no htu (3)', (method, path, more) => withClaims(method, path, more, { htu: undefined })],
  ['no iat (3)', (method, path, more) => withClaims(method, path, more, { iat: undefined })],
  ['a number as jti (3)', (method, path, more) => withClaims(method, path, more, { jti: 1 })],
  [
    'a giant jti (3, §11.1)',
    (method, path, more) => withClaims(method, path, more, { jti: 'x'.repeat(257) }),
  ],
  ['a text as iat (3)', (method, path, more) => withClaims(method, path, more, { iat: '1' })],
  ['another typ (4)', (method, path, more) => withHeader(method, path, more, { typ: 'JWT' })],
  ['no typ (4)', (method, path, more) => withHeader(method, path, more, { typ: undefined })],
  ['the alg none (5)', () => parts({ typ: 'dpop+jwt', alg: 'none', jwk: house.key.jwk }, {})],
  ['a keyed hash as alg (5)', (method, path, more) => withHeader(method, path, more, { alg: 'HS256' })],
  [
    'an alg that is not offered (5)',
    (method, path, more) => withHeader(method, path, more, { alg: 'ES384' }),
  ],
  [
    'an alg that is not its key’s (5)',
    (method, path, more) => withHeader(method, path, more, { alg: 'RS256' }),
  ],
  [
    'a signature of another key (6)',
    (method, path, more) => withHeader(method, path, more, { jwk: createProofKey().jwk }),
  ],
  ['a changed claim (6)', (method, path, more) => tampered(house.prove(method, path, more).DPoP)],
  [
    'a key with its private half (7)',
    (method, path, more) =>
      withHeader(method, path, more, { jwk: { ...house.key.jwk, ...house.key.privateJwk } }),
  ],
  [
    'a symmetric key (7)',
    (method, path, more) => withHeader(method, path, more, { jwk: { kty: 'oct', k: 'AAAA' } }),
  ],
  ['no key (7)', (method, path, more) => withHeader(method, path, more, { jwk: undefined })],
  ['a header that demands what is not understood', (m, p, more) => withHeader(m, p, more, { crit: ['b64'] })],
  ['another method (8)', (_, path, more) => house.prove('DELETE', path, more).DPoP],
  [
    'a method in small letters (8)',
    (method, path, more) => house.prove(method.toLowerCase(), path, more).DPoP,
  ],
  ['another path (9)', (method, _, more) => house.prove(method, '/oauth/revoke', more).DPoP],
  [
    'another host (9)',
    (method, path, more) => withClaims(method, path, more, { htu: `https://evil.example${path}` }),
  ],
  [
    'our host before an at sign (9)',
    (method, path, more) =>
      withClaims(method, path, more, { htu: house.issuer.replace('://', '://us@') + path }),
  ],
  [
    'our address inside another scheme (9)',
    (method, path, more) => withClaims(method, path, more, { htu: `blob:${house.issuer}${path}` }),
  ],
  ['a path alone (9)', (method, path, more) => withClaims(method, path, more, { htu: path })],
  [
    'an iat of long ago (11)',
    (method, path, more) => withClaims(method, path, more, { iat: seconds() - 301 }),
  ],
  [
    'an iat of the future (11)',
    (method, path, more) => withClaims(method, path, more, { iat: seconds() + 301 }),
  ],
];

function withClaims(method: string, path: string, more: Wrong, claims: Record<string, unknown>): string {
  return house.prove(method, path, { ...more, claims }).DPoP;
}
function withHeader(method: string, path: string, more: Wrong, header: Record<string, unknown>): string {
  return house.prove(method, path, { ...more, header }).DPoP;
}
function tampered(proof: string): string {
  const [header, claims = '', signature] = proof.split('.');
  const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...read, jti: 'changed' })).toString('base64url');
  return [header, changed, signature].join('.');
}

describe('at the token endpoint', () => {
  it.each(wrong)('refuses %s, and leaves the code as it is (RFC 9449 §4.3, §5)', async (_, make) => {
    const deviceCode = await boundLink();
    const refused = await house.poll(clientId, deviceCode, { DPoP: make('POST', TOKEN, {}) });
    expectRefusal(refused, 400, 'invalid_dpop_proof');
    const right = await house.poll(clientId, deviceCode, house.prove('POST', TOKEN));
    expect(right.status).toBe(200);
  });

  it.each([
    ['no nonce', undefined],
    ['a nonce of nobody', 'made-up'],
  ])(
    'asks for its nonce where a proof has %s, and that nonce does (RFC 9449 §8; §4.3 (10))',
    async (_, nonce) => {
      const deviceCode = await boundLink();
      const refused = await house.poll(
        clientId,
        deviceCode,
        house.prove('POST', TOKEN, { claims: { nonce } }),
      );
      expectRefusal(refused, 400, 'use_dpop_nonce');
      const given = refused.headers['dpop-nonce'] as string;
      expect(given).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
      const right = house.prove('POST', TOKEN, { claims: { nonce: given } });
      expect((await house.poll(clientId, deviceCode, right)).status).toBe(200);
    },
  );

  it('takes a nonce for two and a half minutes at least and five at most, and hands the next one out in time (RFC 9449 §8.2)', async () => {
    const { device_code } = await house.start(clientId);
    const nonce = house.dpop.currentNonce();
    const poll = () => house.poll(clientId, device_code, house.prove('POST', TOKEN, { claims: { nonce } }));
    expect((await poll()).headers).not.toHaveProperty('dpop-nonce');
    house.clock.advance(150);
    const late = await poll();
    expectRefusal(late, 400, 'authorization_pending');
    expect(late.headers['dpop-nonce']).toBe(house.dpop.currentNonce());
    house.clock.advance(150);
    expectRefusal(await poll(), 400, 'use_dpop_nonce');
  });

  it('refuses a proof that was shown before, and gives nothing for it (RFC 9449 §11.1)', async () => {
    const deviceCode = await boundLink();
    const proof = house.prove('POST', TOKEN);
    expect((await house.poll(clientId, deviceCode, proof)).status).toBe(200);
    expectRefusal(await house.poll(clientId, deviceCode, proof), 400, 'invalid_dpop_proof');
    const another = await boundLink();
    expectRefusal(await house.poll(clientId, another, proof), 400, 'invalid_dpop_proof');
    expect((await house.poll(clientId, another, house.prove('POST', TOKEN))).status).toBe(200);
  });

  it('refuses a proof that was shown for a link which nobody had decided (RFC 9449 §11.1)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const proof = house.prove('POST', TOKEN);
    expectRefusal(await house.poll(clientId, device_code, proof), 400, 'authorization_pending');
    await house.approve(user_code);
    expectRefusal(await house.poll(clientId, device_code, proof), 400, 'invalid_dpop_proof');
    expect((await house.poll(clientId, device_code, house.prove('POST', TOKEN))).status).toBe(200);
  });

  it('keeps of a refused proof nothing, so that a flood of them fills nothing (RFC 9449 §11.1)', async () => {
    const deviceCode = await boundLink();
    await takeKept();
    const { device_code } = await house.start(clientId);
    for (let poll = 0; poll < 3; poll++) await house.poll(clientId, device_code, house.prove('POST', TOKEN));
    const fields = { grant_type: 'refresh_token', client_id: clientId, refresh_token: 'made up' };
    expectRefusal(await house.post(TOKEN, fields, house.prove('POST', TOKEN)), 400, 'invalid_grant');
    const made = { accessToken: 'made up' };
    await ask('made up', house.prove('GET', USERINFO, made)).expect(401);
    expect(await takeKept()).toBe(0);
    await house.poll(clientId, deviceCode, house.prove('POST', TOKEN)).expect(200);
    expect(await takeKept()).toBe(1);
  });

  it('ignores query and fragment of htu, and how its host is written (RFC 9449 §4.3 (9))', async () => {
    const { host, protocol } = new URL(house.issuer);
    for (const htu of [
      `${house.issuer}${TOKEN}?a=b#c`,
      `${protocol.toUpperCase()}//${host.toUpperCase()}${TOKEN}`,
      `${house.issuer}/oauth/../oauth/token`,
    ]) {
      const deviceCode = await boundLink();
      const proof = house.prove('POST', TOKEN, { claims: { htu } });
      expect((await house.poll(clientId, deviceCode, proof)).status).toBe(200);
    }
  });

  it('refuses two headers, and never joins them to one that is right (RFC 9449 §4.3 (1))', async () => {
    const deviceCode = await boundLink();
    const answer = await sendTwoHeaders(deviceCode);
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });
  });

  async function sendTwoHeaders(deviceCode: string) {
    const server = createServer(house.app).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: clientId,
      device_code: deviceCode,
    }).toString();
    const first = house.prove('POST', TOKEN).DPoP;
    const answer = await new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
      const sent = plainRequest(
        {
          host: '127.0.0.1',
          port: (server.address() as AddressInfo).port,
          path: TOKEN,
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': String(body.length),
            DPoP: [first, house.prove('POST', TOKEN).DPoP],
          },
        },
        (got) => {
          let text = '';
          got.on('data', (chunk: Buffer) => (text += chunk.toString()));
          got.on('end', () => resolve({ status: got.statusCode, body: JSON.parse(text) as unknown }));
        },
      );
      sent.on('error', reject).end(body);
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return answer;
  }
});

describe('where a bound token is used', () => {
  function expectChallenge(response: Response, error: string): void {
    expectRefusal(response, 401, error);
    const challenge = response.headers['www-authenticate'] as string;
    expect(challenge).toMatch(new RegExp(`^DPoP realm="linchpin", error="${error}"`));
    expect(challenge).toContain('algs="ES256 EdDSA Ed25519 RS256"');
  }

  it('answers the holder of its key, once for each proof (RFC 9449 §7.1)', async () => {
    const { access_token: accessToken } = await boundTokens();
    const proof = house.prove('GET', USERINFO, { accessToken });
    expect((await ask(accessToken, proof)).status).toBe(200);
    expectChallenge(await ask(accessToken, proof), 'invalid_dpop_proof');
  });

  it.each(wrong)('refuses %s (RFC 9449 §4.3, §7.1)', async (_, make) => {
    const { access_token: accessToken } = await boundTokens();
    const response = await ask(accessToken, { DPoP: make('GET', USERINFO, { accessToken }) });
    expectChallenge(response, 'invalid_dpop_proof');
  });

  it.each([
    ['no ath', undefined],
    ['the ath of another token', 'A'.repeat(43)],
  ])('refuses a proof with %s (RFC 9449 §4.3 (12))', async (_, ath) => {
    const { access_token: accessToken } = await boundTokens();
    const proof = house.prove('GET', USERINFO, { accessToken, claims: { ath } });
    expectChallenge(await ask(accessToken, proof), 'invalid_dpop_proof');
  });

  it('refuses a right proof of another key (RFC 9449 §4.3 (12))', async () => {
    const { access_token: accessToken } = await boundTokens();
    const proof = house.prove('GET', USERINFO, { accessToken, by: other });
    expectChallenge(await ask(accessToken, proof), 'invalid_token');
  });

  it('asks for its nonce (RFC 9449 §9)', async () => {
    const { access_token: accessToken } = await boundTokens();
    const proof = house.prove('GET', USERINFO, { accessToken, claims: { nonce: undefined } });
    const refused = await ask(accessToken, proof);
    expectChallenge(refused, 'use_dpop_nonce');
    const nonce = refused.headers['dpop-nonce'] as string;
    const right = house.prove('GET', USERINFO, { accessToken, claims: { nonce } });
    expect((await ask(accessToken, right)).status).toBe(200);
  });

  it('refuses it without any proof (RFC 9449 §7.1)', async () => {
    const { access_token: accessToken } = await boundTokens();
    expectChallenge(await ask(accessToken, {}), 'invalid_dpop_proof');
  });

  it('refuses it as a bearer token, with a right proof beside it or none, in the header and in the body (RFC 9449 §7.2)', async () => {
    const { access_token: accessToken } = await boundTokens();
    const proof = house.prove('GET', USERINFO, { accessToken });
    const bearer = { Authorization: `Bearer ${accessToken}` };
    for (const headers of [bearer, { ...bearer, ...proof }])
      expectRefusal(await house.request.get(USERINFO).set(headers), 401, 'invalid_token');
    const posted = house.prove('POST', USERINFO, { accessToken });
    for (const headers of [{}, posted])
      expectRefusal(await house.post(USERINFO, { access_token: accessToken }, headers), 401, 'invalid_token');
  });

  it('refuses a token that is bound to nothing where it is shown as bound (RFC 9449 §7.1)', async () => {
    const { access_token: accessToken } = await house.link();
    const proof = house.prove('GET', USERINFO, { accessToken });
    expectChallenge(await ask(accessToken, proof), 'invalid_token');
    await house.request
      .get(USERINFO)
      .set({ Authorization: `Bearer ${accessToken}` })
      .expect(200);
  });

  it('lets scripts of other sites send proofs and read nonces (Fetch §3.3)', async () => {
    const asked = { Origin: 'https://tool.example', 'Access-Control-Request-Method': 'POST' };
    const preflight = await house.request.options(TOKEN).set(asked);
    expect(preflight.headers['access-control-allow-headers']).toMatch(/\bDPoP\b/);
    expect(preflight.headers['access-control-expose-headers']).toMatch(/\bDPoP-Nonce\b/);
  });
});

/** How many are kept; none are from then on. */
const takeKept = (): Promise<number> =>
  untilNone(() =>
    house.inTransaction(({ usedProofs }) =>
      usedProofs.removeExpired(new Date(house.clock.now().getTime() + 86_400_000)),
    ),
  );

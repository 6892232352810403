// Tools with keys of their own at the PIN door, with jose as their client: what each endpoint takes and answers, and what it
// refuses with (PIN-API 5, Decided). What a key may do is tested in `domain/device-keys`.
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { partsOf, type Fields } from './oauth-house.js';
import {
  expectRefusal,
  IDENTIFIER,
  JSON_ONLY,
  jsonOf,
  startPinHouse,
  toolHeaders,
  type PinHouse,
} from './pins-house.js';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse();
});
afterAll(() => house.close());

/** A tool with a key: what it sends, and what it signs. */
async function createTool(identifier = IDENTIFIER, alg: 'EdDSA' | 'RS256' = 'EdDSA') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `key of ${identifier} ${alg}`;
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  const headers = toolHeaders({ 'X-Plex-Client-Identifier': identifier, ...JSON_ONLY });
  const send = (path: string, body: object, more: Fields = {}) =>
    house.request
      .post(path)
      .set({ ...headers, ...more })
      .send(body);
  return {
    jwk,
    headers,
    privateJwk: await exportJWK(privateKey),
    send,
    sign: (claims: object = {}) =>
      new SignJWT({ aud: house.issuer, iss: identifier, ...claims })
        .setProtectedHeader({ alg, kid })
        .sign(privateKey),
    newNonce: async () =>
      jsonOf(await house.request.get('/api/v2/auth/nonce').set(headers).expect(200))['nonce'] as string,
    async link(name = 'anna'): Promise<string> {
      const { id, code } = jsonOf(await send('/api/v2/pins', { jwk, strong: true }).expect(201));
      await house.approve(code as string, name);
      const proof = await this.sign();
      const answer = await house.request
        .get(`/api/v2/pins/${String(id)}?deviceJWT=${proof}`)
        .set(headers)
        .expect(200);
      return jsonOf(answer)['authToken'] as string;
    },
  };
}

const useToken = (token: string) => house.request.get('/api/v2/user').set(house.withToken(token));

describe('a PIN with a key', () => {
  it.each(['EdDSA', 'RS256'] as const)(
    'shows its token for a proof of it alone (%s; PIN-API 5, Decided)',
    async (alg) => {
      const tool = await createTool(`keyed ${alg}`, alg);
      const { id, code } = jsonOf(await tool.send('/api/v2/pins', { jwk: tool.jwk }).expect(201)) as {
        id: number;
        code: string;
      };
      const poll = (proof?: string) =>
        house.request
          .get(`/api/v2/pins/${id}${proof ? `?deviceJWT=${proof}` : ''}`)
          .set(tool.headers)
          .expect(200);
      const tokenOf = async (proof?: string) => jsonOf(await poll(proof))['authToken'];
      expect(await tokenOf(await tool.sign())).toBeNull();
      await house.approve(code);
      expect(await tokenOf()).toBeNull();
      expect(await tokenOf('garbage')).toBeNull();
      expect(await tokenOf(await (await createTool(`keyed ${alg}`, alg)).sign())).toBeNull();
      const token = (await tokenOf(await tool.sign())) as string;
      expect(partsOf(token).claims).toMatchObject({ thumbprint: tool.jwk.kid, iss: house.issuer });
      expect(await tokenOf(await tool.sign())).toBe(token);
      expect(await tokenOf()).toBeNull();
      await useToken(token).expect(200);
    },
  );

  it.each<[string, (jwk: JWK, privateJwk: JWK) => unknown]>([
    ['no object', () => 'x'],
    ['an empty one', () => ({})],
    ['null', () => null],
    ['with its private half', (jwk, privateJwk) => ({ ...jwk, ...privateJwk })],
    ['without a name', ({ kid: _, ...jwk }) => jwk],
    ['with a name that is no text', (jwk) => ({ ...jwk, kid: 7 })],
    ['of another kind', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'x', alg: 'HS256' })],
  ])('is refused with 400/1004 for a key that is %s (issue 3, bad input)', async (_, make) => {
    const tool = await createTool();
    expectRefusal(await tool.send('/api/v2/pins', { jwk: make(tool.jwk, tool.privateJwk) }), 400, 1004);
  });

  it.each(['text/json', 'application/json; charset=utf8', 'text/plain', 'application/x-www-form-urlencoded'])(
    'has it also where its body is said to be %s: it never becomes one without a key (PIN-API Decided)',
    async (type) => {
      const { headers, jwk } = await createTool('keyed, oddly typed');
      const send = (body: string) =>
        house.request
          .post('/api/v2/pins')
          .set({ ...headers, 'Content-Type': type })
          .send(body);
      const { id, code } = jsonOf(await send(` ${JSON.stringify({ jwk })}`).expect(201)) as {
        id: number;
        code: string;
      };
      await house.approve(code);
      expect(jsonOf(await house.request.get(`/api/v2/pins/${id}`).set(headers))['authToken']).toBeNull();
      expectRefusal(await send('{"jwk":'), 400, 1004);
    },
  );

  it('is refused with 400/1004 where the key is a field: one cannot be written so', async () => {
    const { headers, jwk } = await createTool();
    const asked = new URLSearchParams({ jwk: JSON.stringify(jwk) });
    expectRefusal(await house.request.post(`/api/v2/pins?${asked}`).set(headers), 400, 1004);
    const sent = house.request.post('/api/v2/pins').set(headers).type('form');
    expectRefusal(await sent.send(asked.toString()), 400, 1004);
  });
});

describe('GET /api/v2/auth/nonce', () => {
  it('gives another each time, in JSON whatever Accept says (PIN-API 5)', async () => {
    const ask = () => house.request.get('/api/v2/auth/nonce').set(toolHeaders());
    const [first, second] = [jsonOf(await ask().expect(200)), jsonOf(await ask().expect(200))];
    expect(first['nonce']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(second['nonce']).not.toBe(first['nonce']);
  });

  it('is 422 without a client identifier (PIN-API 2, 5)', async () => {
    expectRefusal(await house.request.get('/api/v2/auth/nonce'), 422, 1000);
  });
});

describe('POST /api/v2/auth/jwk', () => {
  it('gives a tool a key, once, and ends the token it came with (PIN-API 5, Decided)', async () => {
    const headers = { 'X-Plex-Client-Identifier': 'brings-a-key' };
    const token = await house.linkTool({ name: 'brita', headers });
    const tool = await createTool('brings-a-key');
    const bring = (as: typeof tool) => as.send('/api/v2/auth/jwk', { jwk: as.jwk }, house.withToken(token));
    expectRefusal(await bring(await createTool('another')), 401, 1001);
    await bring(tool).expect(201);
    expectRefusal(await useToken(token), 401, 1001);
    const nonce = await tool.newNonce();
    const answer = await tool.send('/api/v2/auth/token', { jwt: await tool.sign({ nonce }) }).expect(200);
    const fresh = jsonOf(answer)['auth_token'] as string;
    await useToken(fresh).expect(200);
    const again = await tool.send('/api/v2/auth/jwk', { jwk: tool.jwk }, house.withToken(fresh));
    expectRefusal(again, 422, 1014);
  });

  it('asks for a token, an identifier and a key', async () => {
    const tool = await createTool();
    const token = await house.linkTool();
    expectRefusal(await tool.send('/api/v2/auth/jwk', { jwk: tool.jwk }), 401, 1001);
    expectRefusal(await tool.send('/api/v2/auth/jwk', {}, house.withToken(token)), 400, 1004);
    expectRefusal(await tool.send('/api/v2/auth/jwk', { jwk: 7 }, house.withToken(token)), 400, 1004);
    const nobody = house.request.post('/api/v2/auth/jwk').set(house.withToken(token));
    expectRefusal(await nobody.send({ jwk: tool.jwk }), 400, 1000);
  });
});

describe('POST /api/v2/auth/token', () => {
  it('renews a token, also one that has expired and is 498 by then (PIN-API 2, 5)', async () => {
    const tool = await createTool('renews');
    const token = await tool.link('rosa');
    house.clock.advance(7 * 24 * 3600 + 61);
    const expired = await useToken(token);
    expectRefusal(expired, 498, 1001);
    expect((await house.request.get('/devices.xml').set(house.withToken(token))).status).toBe(498);
    const jwt = await tool.sign({ nonce: await tool.newNonce(), scope: 'username,email' });
    const { claims } = partsOf(
      jsonOf(await tool.send('/api/v2/auth/token', { jwt }).expect(200))['auth_token'] as string,
    );
    const account = (await house.accounts.findAccount(await house.accountOf('rosa')))!;
    expect(claims['user']).toMatchObject({ id: account.publicNumber, username: 'rosa' });
    expect(claims['aud']).toEqual([house.issuer, 'renews']);
    expectRefusal(await tool.send('/api/v2/auth/token', { jwt }), 422, 1008);
  });

  it('is 422 for a proof that is not right, and 400/1004 for none (PIN-API 2, 5)', async () => {
    const tool = await createTool('proves');
    await tool.link('petra');
    const thief = await createTool('proves');
    const nonce = await tool.newNonce();
    for (const jwt of [
      'garbage',
      await tool.sign(),
      await tool.sign({ nonce: 'x' }),
      await thief.sign({ nonce }),
    ])
      expectRefusal(await tool.send('/api/v2/auth/token', { jwt }), 422, 1008);
    for (const body of [{}, { jwt: 7 }, { jwt: '' }, { jwt: { a: 1 } }])
      expectRefusal(await tool.send('/api/v2/auth/token', body), 400, 1004);
  });
});

describe('GET /api/v2/auth/keys', () => {
  it('has the keys of these tokens and of no others, and may be kept (PIN-API 5, Decided)', async () => {
    const response = await house.request.get('/api/v2/auth/keys').expect(200);
    expect(response.headers['cache-control']).toBe('public, max-age=900');
    expect(response.headers).not.toHaveProperty('pragma');
    const { keys } = jsonOf(response) as { keys: JWK[] };
    for (const key of keys) {
      expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA' });
      expect(key).not.toHaveProperty('d');
    }
    const kids = keys.map(({ kid }) => kid);
    expect(new Set(kids).size).toBe(keys.length);
    const token = await (await createTool('looks up keys')).link();
    expect(kids).toContain(partsOf(token).header['kid']);
    const published = jsonOf(await house.request.get('/.well-known/jwks.json')) as { keys: JWK[] };
    for (const { kid } of published.keys) expect(kids).not.toContain(kid);
  });
});

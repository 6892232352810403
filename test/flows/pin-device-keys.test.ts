// A tool with a key of its own, played with jose by PIN-API.md 5 alone: it links, checks what it gets with the published
// keys, uses it, trades it for a fresh one after it has expired, and gets nothing more once it is unlinked.
import { randomBytes } from 'node:crypto';
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createTestClock } from '../support/clock.js';
import { createVisitor } from '../support/visitor.js';

const WEEK = 7 * 86_400;
/** The value that clients of this kind have in their code, as issuer and as audience. */
const HARD_CODED = 'plex.tv';

let test: TestHouse;
beforeAll(async () => {
  test = await startTestHouse({
    clock: createTestClock(new Date()),
    config: { pinIssuer: HARD_CODED, pinAudience: HARD_CODED },
  });
  await test.newAccount('anna');
});
afterAll(() => test.close());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const nowSeconds = () => Math.floor(test.clock.now().getTime() / 1000);

/** A tool that calls itself `identifier`, with a key that only it has. */
async function createTool(identifier: string, alg: 'EdDSA' | 'RS256' = 'EdDSA') {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const kid = randomBytes(32).toString('hex');
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };

  async function ask(path: string, { method = 'GET', body = {}, token = '' } = {}): Promise<Answer> {
    const response = await fetch(`${test.url}${path}`, {
      method,
      headers: {
        Accept: 'application/json',
        'X-Plex-Client-Identifier': identifier,
        ...(token ? { 'X-Plex-Token': token } : {}),
        ...(method === 'POST' ? { 'Content-Type': 'application/json' } : {}),
      },
      ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: text ? (JSON.parse(text) as Answer['body']) : {} };
  }

  const newNonce = async () => (await ask('/api/v2/auth/nonce')).body.nonce as string;
  const sign = (claims: Record<string, unknown> = {}) =>
    new SignJWT({
      aud: HARD_CODED,
      iss: identifier,
      iat: nowSeconds(),
      exp: nowSeconds() + 300,
      ...claims,
    })
      .setProtectedHeader({ alg, kid })
      .sign(privateKey);
  const exchange = async (jwt: string) => ask('/api/v2/auth/token', { method: 'POST', body: { jwt } });

  return {
    identifier,
    kid,
    jwk,
    ask,
    newNonce,
    sign,
    exchange,
    /** A PIN of the short kind, bound to the key unless said otherwise. */
    async newPin({ isKeyed = true } = {}): Promise<{ id: number; code: string; authToken: unknown }> {
      const { status, body } = await ask('/api/v2/pins', { method: 'POST', body: isKeyed ? { jwk } : {} });
      expect(status).toBe(201);
      return body as { id: number; code: string; authToken: unknown };
    },
    async poll(id: number, deviceJwt?: string): Promise<unknown> {
      const proof = deviceJwt === undefined ? '' : `?deviceJWT=${deviceJwt}`;
      const { status, body } = await ask(`/api/v2/pins/${id}${proof}`);
      expect(status).toBe(200);
      return body.authToken;
    },
    /** A fresh token for the key, as the tool asks for one when the last has expired. */
    async renew(): Promise<Answer> {
      return exchange(await sign({ nonce: await newNonce(), scope: 'username,email' }));
    },
    use: async (token: string) => (await ask('/api/v2/user', { token })).status,
  };
}

type Tool = Awaited<ReturnType<typeof createTool>>;

/** Anna signs in and approves, in a browser without scripts. */
async function approve(code: string): Promise<void> {
  const anna = createVisitor(test);
  await anna.signIn('anna');
  await anna.visit(`/link?pin=${code}`);
  await anna.submit();
  test.clock.advance(2);
  await anna.submit({ decision: 'approve' }, '/link/review');
  expect(anna.path).toBe('/link/done');
}

async function link(tool: Tool, scope = 'username'): Promise<{ token: string; nonce: string }> {
  const { id, code } = await tool.newPin();
  const nonce = await tool.newNonce();
  const proof = await tool.sign({ nonce, scope });
  await approve(code);
  return { token: (await tool.poll(id, proof)) as string, nonce };
}

const verify = (token: string, audience: string) =>
  jwtVerify(token, createRemoteJWKSet(new URL('/api/v2/auth/keys', test.url)), {
    issuer: HARD_CODED,
    audience,
    currentDate: test.clock.now(),
  });

describe('a tool with a key of its own', () => {
  it('gets its token for one proof, signed once and sent at every poll, and nobody else does (PIN-API 5)', async () => {
    const tool = await createTool('a tool with a key');
    const { id, code, authToken } = await tool.newPin();
    expect(authToken).toBeNull();
    const proof = await tool.sign({ nonce: await tool.newNonce(), scope: 'username' });
    expect(await tool.poll(id, proof)).toBeNull();
    expect(await tool.poll(id, proof)).toBeNull();
    await approve(code);

    const thief = await createTool('a tool with a key');
    expect(await tool.poll(id)).toBeNull();
    expect(await tool.poll(id, await thief.sign())).toBeNull();
    const token = await tool.poll(id, proof);
    expect(token).toEqual(expect.any(String));
    expect(await tool.poll(id, proof)).toBe(token);
    expect(await tool.poll(id)).toBeNull();
  });

  it('needs no nonce for the proof of a poll (PIN-API 5)', async () => {
    const tool = await createTool('a tool without a nonce', 'RS256');
    const { id, code } = await tool.newPin();
    await approve(code);
    expect(await tool.poll(id, await tool.sign({ scope: '' }))).toEqual(expect.any(String));
  });

  it('checks its token with the published keys, and finds in it what its verifier asks for (PIN-API 5)', async () => {
    const tool = await createTool('a tool that checks');
    const { token, nonce } = await link(tool, 'username,email');
    const { payload, protectedHeader } = await verify(token, tool.identifier);
    await verify(token, HARD_CODED);
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: expect.any(String) as unknown });
    expect(payload).toMatchObject({
      thumbprint: tool.kid,
      nonce,
      user: {
        id: expect.any(Number) as unknown,
        uuid: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
        username: 'anna',
        email: 'anna@example.com',
      },
    });
    expect(payload.exp! - payload.iat!).toBe(WEEK);
    expect(await tool.use(token)).toBe(200);

    const { keys } = (await (await fetch(`${test.url}/.well-known/jwks.json`)).json()) as {
      keys: { kid: string }[];
    };
    expect(keys.map(({ kid }) => kid)).not.toContain(decodeProtectedHeader(token).kid);
  });

  it('trades an expired token for a fresh one, with each nonce once (PIN-API 2, 5)', async () => {
    const tool = await createTool('a tool for long');
    const { token } = await link(tool);
    test.clock.advance(WEEK + 60);
    expect(await tool.use(token)).toBe(498);

    const nonce = await tool.newNonce();
    const claims = { nonce, scope: 'username' };
    const { status, body } = await tool.exchange(await tool.sign(claims));
    expect(status).toBe(200);
    const fresh = body.auth_token as string;
    expect(await tool.use(fresh)).toBe(200);
    expect((await verify(fresh, tool.identifier)).payload).toMatchObject({ nonce, thumbprint: tool.kid });
    expect((await tool.exchange(await tool.sign(claims))).status).toBe(422);
    expect((await tool.exchange(await tool.sign({ scope: 'username' }))).status).toBe(422);

    const thief = await createTool(tool.identifier);
    expect((await thief.renew()).status).toBe(422);
  });

  it('is understood when it writes no times into what it signs (PIN-API 5)', async () => {
    const tool = await createTool('a tool without a clock');
    await link(tool);
    const claims = { nonce: await tool.newNonce(), scope: '', iat: undefined, exp: undefined };
    expect((await tool.exchange(await tool.sign(claims))).status).toBe(200);
  });

  it('gets nothing more once it is unlinked (PIN-API 5)', async () => {
    const tool = await createTool('a tool to be unlinked');
    const { token } = await link(tool);
    const anna = createVisitor(test);
    await anna.signIn('anna');
    await anna.visit('/account/tools/unlink-all');
    await anna.submit({}, '/account/tools/unlink-all');
    expect(await tool.use(token)).toBe(401);
    expect((await tool.renew()).status).toBe(422);
  });

  it('brings its key to a token that it has, which ends that token (PIN-API 5, option 2)', async () => {
    const tool = await createTool('a tool that learns');
    const { id, code } = await tool.newPin({ isKeyed: false });
    await approve(code);
    const token = (await tool.poll(id)) as string;
    const bring = (by: Tool, jwk: object) =>
      by.ask('/api/v2/auth/jwk', { method: 'POST', body: { jwk }, token });
    expect((await bring(await createTool('another tool'), tool.jwk)).status).not.toBe(201);
    expect((await bring(tool, tool.jwk)).status).toBe(201);
    expect(await tool.use(token)).toBe(401);
    const { status, body } = await tool.renew();
    expect(status).toBe(200);
    expect(await tool.use(body.auth_token as string)).toBe(200);
  });
});

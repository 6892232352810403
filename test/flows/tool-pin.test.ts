// The demo tool at the PIN door of a small server of another make: what it sends, how long it waits, when it stops, and what
// it does with a key of its own. The clock belongs to the test and moves only when the tool sleeps or a request is held.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, exportJWK, generateKeyPair, importJWK, jwtVerify } from 'jose';
import type { JWK } from 'jose';
import { runPinTool } from '../../src/tool-pin.js';
import type { PinToolOptions } from '../../src/tool-pin.js';
import { runCommand } from '../../src/tool.js';

const START = new Date('2025-06-01T12:00:00Z');

interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

interface Planned {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
  holdSeconds?: number;
  breaks?: boolean;
}

type Answering = Planned | ((seen: Seen) => Planned | Promise<Planned>);

const refused = (status: number, code: number, message: string): Planned => ({
  status,
  json: { errors: [{ code, message }] },
});
const pending: Planned = { json: { id: 7, code: 'WDJBMJHT', authToken: null } };
const approved: Planned = { json: { id: 7, code: 'WDJBMJHT', authToken: 'opaque-token' } };
const gone = refused(404, 1020, 'Code not found or expired');
const held: Planned = { ...pending, headers: { 'preference-applied': 'wait=30' }, holdSeconds: 30 };
const anna = { id: 81, uuid: 'f00d', username: 'anna', title: 'Anna', email: 'anna@example.com' };

let seconds = 0;
let servers: HttpServer[] = [];
let folder: string;
const now = () => new Date(START.getTime() + seconds * 1000);

interface FakePlan {
  polls?: Answering[];
  pin?: Record<string, unknown>;
  answers?: Record<string, Answering>;
}

/** A PIN door that answers polls by plan; past the plan it stays pending. */
async function startFake(plan: FakePlan = {}) {
  const seen: Seen[] = [];
  const polls = [...(plan.polls ?? [approved])];
  const server = createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pin = { id: 7, code: 'WDJBMJHT', expiresIn: 900, authToken: null, ...plan.pin };
  const answers: Record<string, Answering> = {
    '/api/v2/pins': { status: 201, json: pin },
    '/api/v2/user': { json: { ...anna, authToken: 'opaque-token', thumb: '' } },
    ...plan.answers,
  };
  server.on('request', (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', headers } = request;
      const { pathname: path, searchParams: query } = new URL(request.url ?? '', url);
      const asked = { method, path, query, headers, body, at: seconds };
      seen.push(asked);
      const answering = path === '/api/v2/pins/7' ? (polls.shift() ?? pending) : answers[path];
      void (async () => {
        const planned = typeof answering === 'function' ? await answering(asked) : answering;
        seconds += planned?.holdSeconds ?? 0;
        if (planned?.breaks) return void request.socket.destroy();
        const status = planned ? (planned.status ?? 200) : 404;
        response.writeHead(status, { 'content-type': 'application/json', ...planned?.headers });
        response.end(JSON.stringify(planned?.json ?? {}));
      })();
    });
  });
  const to = (wanted: string) => seen.filter(({ path }) => path === wanted);
  return { url, seen, to, polls: () => to('/api/v2/pins/7'), creation: () => to('/api/v2/pins')[0]! };
}

type Fake = Awaited<ReturnType<typeof startFake>>;

async function play(fake: Fake, options: Partial<PinToolOptions> = {}) {
  const sleeps: number[] = [];
  const lines: string[] = [];
  const sleep = async (milliseconds: number) => {
    sleeps.push(milliseconds / 1000);
    seconds += milliseconds / 1000;
  };
  const given = { issuer: fake.url, now, sleep, print: (words: string) => lines.push(words), ...options };
  const result = await runPinTool(given);
  return { result, sleeps, printed: lines.join('\n') };
}

beforeEach(() => {
  seconds = 0;
  servers = [];
  folder = mkdtempSync(join(tmpdir(), 'linchpin-tool-'));
});

afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

describe('making a PIN', () => {
  it('introduces itself in headers, asks for JSON, and sends the same identifier with every poll', async () => {
    const fake = await startFake({ polls: [pending, approved] });
    await play(fake, { identifier: 'my-tool-1', name: 'Fernseher Büro' });
    const { method, headers, body } = fake.creation();
    expect([method, body]).toEqual(['POST', '']);
    expect(headers).toMatchObject({ accept: 'application/json', 'x-plex-client-identifier': 'my-tool-1' });
    expect(Buffer.from(String(headers['x-plex-product']), 'latin1').toString()).toBe('Fernseher Büro');
    expect(fake.polls().map((poll) => poll.headers['x-plex-client-identifier'])).toEqual(
      Array.from({ length: 2 }, () => 'my-tool-1'),
    );
  });

  it('makes up an identifier where none is given', async () => {
    const fake = await startFake();
    await play(fake);
    expect(fake.creation().headers['x-plex-client-identifier']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('shows the short code large, the page to type it in, and an address with the code in it', async () => {
    const fake = await startFake();
    const { printed } = await play(fake);
    expect(fake.creation().query.get('strong')).toBeNull();
    expect(printed).toContain('PIN   WDJBMJHT');
    expect(printed).toContain(`${fake.url}/link `);
    expect(printed).toContain(`${fake.url}/link?pin=WDJBMJHT`);
    expect(printed).toMatch(/█▀▀▀▀▀█.*█▀▀▀▀▀█/);
  });

  it('asks for a strong code, and puts it behind the # of the address', async () => {
    const code = '8lzjqnq8lye02n52jq3fqxf8e';
    const fake = await startFake({ pin: { code } });
    const { printed } = await play(fake, { isStrong: true, identifier: 'my tool', name: 'TV & co' });
    expect(fake.creation().query.get('strong')).toBe('true');
    const address = new URL(/http:\S+\/auth#\S+/.exec(printed)![0]);
    expect(Object.fromEntries(new URLSearchParams(address.hash.slice(2)))).toEqual({
      clientID: 'my tool',
      code,
      'context[device][product]': 'TV & co',
    });
  });

  it.each([
    ['id', 0],
    ['id', 2 ** 31],
    ['id', '7'],
    ['code', undefined],
    ['expiresIn', undefined],
  ])('refuses a PIN whose %s is %j', async (name, value) => {
    const fake = await startFake({ pin: { [name]: value } });
    await expect(play(fake)).rejects.toThrow('without id, code or expiresIn');
  });

  it('passes on why a PIN was refused', async () => {
    const answer = refused(400, 1000, 'X-Plex-Client-Identifier is missing');
    const fake = await startFake({ answers: { '/api/v2/pins': answer } });
    await expect(play(fake)).rejects.toThrow(
      'refused the PIN: HTTP 400, error 1000: X-Plex-Client-Identifier is missing',
    );
  });

  it('takes terminal commands out of what a server says', async () => {
    const fake = await startFake({ pin: { code: '\x1b[2JABCD\u202e' } });
    expect((await play(fake)).printed).not.toMatch(/\x1b|\u202e/);
  });

  it.each(['ftp://x', 'https://x.example/?a=b', 'nonsense'])('does not go to %s', async (issuer) => {
    await expect(runPinTool({ issuer, print: () => undefined })).rejects.toThrow('is not an issuer');
  });
});

describe('waiting for the token', () => {
  it('asks once a second where the server does not hold (RFC 7240 §3)', async () => {
    const fake = await startFake({ polls: [pending, pending, pending, approved] });
    const { result, sleeps } = await play(fake);
    expect(result).toMatchObject({ outcome: 'token', token: 'opaque-token' });
    expect(sleeps).toEqual([1, 1, 1]);
  });

  it('asks the server to hold, and asks again at once after a hold (RFC 7240 §4.3)', async () => {
    const fake = await startFake({ polls: [held, held, approved] });
    const { sleeps } = await play(fake);
    expect(sleeps).toEqual([]);
    expect(fake.polls().map(({ at, headers }) => [at, headers.prefer])).toEqual([
      [0, 'wait=30'],
      [30, 'wait=30'],
      [60, 'wait=30'],
    ]);
  });

  it('waits out the second where a server claims a hold that it cut short (RFC 7240 §4.3)', async () => {
    const fake = await startFake({ polls: [{ ...held, holdSeconds: 0 }, approved] });
    expect((await play(fake)).sleeps).toEqual([1]);
  });

  it('asks for no hold where the caller wants none', async () => {
    const fake = await startFake({ polls: [pending, approved] });
    const { sleeps } = await play(fake, { mayWait: false });
    expect(sleeps).toEqual([1, 1]);
    expect(fake.polls().map(({ headers }) => headers.prefer)).toEqual([undefined, undefined]);
  });

  it.each([null, undefined, ''])('takes authToken %j for not yet', async (authToken) => {
    const fake = await startFake({ polls: [{ json: { authToken } }, approved] });
    expect((await play(fake)).result.outcome).toBe('token');
    expect(fake.polls()).toHaveLength(2);
  });

  it('doubles the wait at faults, to a minute at most, and returns to a second after', async () => {
    const faults: Planned[] = [{ breaks: true }, { status: 500 }, { status: 502 }, { breaks: true }];
    const more = [{ status: 503 }, { status: 503 }, { status: 503 }];
    const fake = await startFake({ polls: [...faults, ...more, pending, approved] });
    const { sleeps, printed } = await play(fake);
    expect(sleeps).toEqual([2, 4, 8, 16, 32, 60, 60, 1]);
    expect(printed).toContain('next try in 16 s');
  });

  it('honours Retry-After where it is refused for a while (RFC 9110 §10.2.3)', async () => {
    const polls = [{ ...refused(429, 1003, 'API rate limit exceeded'), headers: { 'retry-after': '33' } }];
    const fake = await startFake({ polls: [...polls, approved] });
    expect((await play(fake)).sleeps).toEqual([33]);
  });

  it('stops at 404 with error 1020', async () => {
    const fake = await startFake({ polls: [pending, gone, approved] });
    expect((await play(fake)).result).toEqual({ outcome: 'gone' });
    expect(fake.polls()).toHaveLength(2);
  });

  it.each([
    [{ status: 404 }, 'HTTP 404'],
    [refused(400, 1000, 'X-Plex-Client-Identifier is missing'), 'error 1000'],
    [{ status: 307, headers: { location: '/elsewhere' } }, 'HTTP 307'],
  ])('stops with the server’s words at %j', async (answer, words) => {
    const fake = await startFake({ polls: [answer, approved] });
    await expect(play(fake)).rejects.toThrow(words);
    expect(fake.to('/elsewhere')).toEqual([]);
  });

  it('stops by its own clock when the PIN has run out', async () => {
    const fake = await startFake({ polls: [], pin: { expiresIn: 3 } });
    expect((await play(fake, { mayWait: false })).result).toEqual({ outcome: 'expired' });
    expect(fake.polls().map(({ at }) => at)).toEqual([1, 2]);
  });

  it('never asks for a longer hold than the PIN lives', async () => {
    const fake = await startFake({ polls: [held, { ...held, holdSeconds: 10 }], pin: { expiresIn: 40 } });
    expect((await play(fake)).result.outcome).toBe('expired');
    expect(fake.polls().map(({ headers }) => headers.prefer)).toEqual(['wait=30', 'wait=10']);
  });
});

describe('the token', () => {
  it('is printed, and sent to ask whom it speaks for', async () => {
    const fake = await startFake();
    const { result, printed } = await play(fake);
    expect(printed).toContain('\nopaque-token\n');
    expect(fake.to('/api/v2/user')[0]?.headers['x-plex-token']).toBe('opaque-token');
    expect(result).toEqual({ outcome: 'token', token: 'opaque-token', user: anna, check: undefined });
    expect(printed).toContain('"username": "anna"');
  });

  it('is reported where the server does not take its own token', async () => {
    const answer = refused(401, 1001, 'User could not be authenticated');
    const fake = await startFake({ answers: { '/api/v2/user': answer } });
    await expect(play(fake)).rejects.toThrow('refused the token: HTTP 401, error 1001');
  });
});

interface Claims {
  iss?: string;
  aud?: string[];
  [name: string]: unknown;
}

/** A server that knows keyed tokens; what is given is laid over the claims. */
async function startKeyed(claims: Claims = {}, published?: 'another' | 'none') {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const shown = published === 'another' ? (await generateKeyPair('EdDSA')).publicKey : publicKey;
  let url = '';
  let registered: JWK = {};
  const token = async (proof: string) => {
    const { payload } = await jwtVerify(proof, await importJWK(registered, 'EdDSA'), { currentDate: now() });
    return new SignJWT({ thumbprint: registered.kid, user: { id: 81 }, ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'server-key' })
      .setIssuer(claims.iss ?? url)
      .setAudience(claims.aud ?? [url, payload.iss!])
      .setIssuedAt(now())
      .setExpirationTime(new Date(now().getTime() + 604_800_000))
      .sign(privateKey);
  };
  const fake = await startFake({
    polls: [
      pending,
      async ({ query }) => ({ json: { authToken: await token(query.get('deviceJWT') ?? '') } }),
    ],
    answers: {
      '/api/v2/pins': ({ body }) => {
        registered = (JSON.parse(body) as { jwk: JWK }).jwk;
        return { status: 201, json: { id: 7, code: 'WDJBMJHT', expiresIn: 900 } };
      },
      '/api/v2/auth/nonce': { json: { nonce: 'nonce-1' } },
      '/api/v2/auth/token': async ({ body }) => ({
        json: { auth_token: await token((JSON.parse(body) as { jwt: string }).jwt) },
      }),
      '/api/v2/auth/keys': published === 'none' ? { status: 503 } : async () => ({
        json: { keys: [{ ...(await exportJWK(shown)), kid: 'server-key', alg: 'EdDSA', use: 'sig' }] },
      }), // prettier-ignore
    },
  });
  url = fake.url;
  return fake;
}

describe('a key of its own', () => {
  it('sends the public half alone, and a proof with every poll (RFC 8037 §2, RFC 7638)', async () => {
    const fake = await startKeyed();
    const { result, printed } = await play(fake, { isKeyed: true, isStrong: true, identifier: 'my-tool' });
    const { jwk, strong } = JSON.parse(fake.creation().body) as { jwk: JWK; strong: boolean };
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect(strong).toBe(true);
    for (const { query } of fake.polls()) {
      const proof = await jwtVerify(query.get('deviceJWT')!, await importJWK(jwk, 'EdDSA'), {
        ...{ issuer: 'my-tool', audience: fake.url, currentDate: now() },
      });
      expect(proof.protectedHeader).toMatchObject({ alg: 'EdDSA', kid: jwk.kid });
      expect(proof.payload).toMatchObject({ scope: 'username,friendly_name' });
      expect(proof.payload.exp! - proof.payload.iat!).toBe(300);
    }
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
    expect(printed).toContain('Signature valid (EdDSA, key server-key)');
  });

  it('tells the server the audience that the caller names, and expects it as the issuer', async () => {
    const fake = await startKeyed({ iss: 'pins.example', aud: ['pins.example', 'my-tool'] });
    const options = { isKeyed: true, identifier: 'my-tool', audience: 'pins.example' };
    expect((await play(fake, options)).result).toMatchObject({ check: { verdict: 'valid' } });
  });

  it.each([
    ['another issuer', { iss: 'https://other.example' }, '"iss"'],
    ['another audience', { aud: ['https://other.example', 'my-tool'] }, '"aud"'],
    ['another key', { thumbprint: 'not-mine' }, 'another key'],
    ['no person', { user: undefined }, '"user"'],
  ])('says so where the token is for %s', async (_what, claims, named) => {
    const fake = await startKeyed(claims);
    const { result, printed } = await play(fake, { isKeyed: true, identifier: 'my-tool' });
    expect(result).toMatchObject({ check: { verdict: 'refused' } });
    expect(printed).toContain('Signature valid, but');
    expect(printed).toContain(named);
  });

  it('says so where the token is not meant for this tool', async () => {
    const fake = await startKeyed();
    const other = await startKeyed({ aud: [fake.url] });
    const { printed } = await play(other, { isKeyed: true, identifier: 'my-tool', audience: fake.url });
    expect(printed).toContain('Signature valid, but');
  });

  it('says that the signature is wrong', async () => {
    const { result, printed } = await play(await startKeyed({}, 'another'), { isKeyed: true });
    expect(result).toMatchObject({ check: { verdict: 'refused' } });
    expect(printed).toContain('Signature NOT valid');
  });

  it('says so where the keys cannot be fetched', async () => {
    const { result } = await play(await startKeyed({}, 'none'), { isKeyed: true });
    expect(result).toMatchObject({ check: { verdict: 'unchecked' } });
  });

  it('takes an opaque token for what it is', async () => {
    const fake = await startFake();
    expect((await play(fake, { isKeyed: true })).result).toMatchObject({ check: { verdict: 'opaque' } });
  });

  it('is kept in a file of mode 600 with its identifier, and found there again', async () => {
    const keyFile = join(folder, 'key.json');
    const first = await startKeyed();
    await play(first, { keyFile });
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const second = await startKeyed();
    await play(second, { keyFile });
    const sent = [first, second].map((fake) => [
      JSON.parse(fake.creation().body) as object,
      fake.creation().headers['x-plex-client-identifier'],
    ]);
    expect(sent[1]).toEqual(sent[0]);
    const { privateJwk } = JSON.parse(readFileSync(keyFile, 'utf8')) as { privateJwk: JWK };
    expect(first.seen.map(({ body }) => body).join()).not.toContain(privateJwk.d);
  });

  it('fetches a fresh token with a nonce, and without a PIN', async () => {
    const keyFile = join(folder, 'key.json');
    const fake = await startKeyed();
    await play(fake, { keyFile });
    const { result } = await play(fake, { keyFile, isRenewal: true });
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
    expect(fake.to('/api/v2/pins')).toHaveLength(1);
    const { jwt } = JSON.parse(fake.to('/api/v2/auth/token')[0]!.body) as { jwt: string };
    expect(JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString())).toMatchObject({
      nonce: 'nonce-1',
    });
  });

  it('says why a renewal was refused', async () => {
    const answers = {
      '/api/v2/auth/nonce': { json: { nonce: 'n' } },
      '/api/v2/auth/token': refused(422, 1008, 'no'),
    };
    const fake = await startFake({ answers });
    const renewal = play(fake, { keyFile: join(folder, 'key.json'), isRenewal: true });
    await expect(renewal).rejects.toThrow('refused the renewal: HTTP 422, error 1008: no');
  });

  it.each([
    ['that others can read', '{}', 0o644, 'Others can read the key'],
    ['that holds no key', '{}', 0o600, 'There is no key of this tool'],
    ['that holds something else', 'not JSON', 0o600, 'There is no key of this tool'],
  ])('is not taken from a file %s', async (_what, content, mode, words) => {
    const keyFile = join(folder, 'key.json');
    writeFileSync(keyFile, content);
    chmodSync(keyFile, mode);
    const fake = await startFake();
    await expect(play(fake, { keyFile })).rejects.toThrow(words);
    expect([fake.seen, readFileSync(keyFile, 'utf8')]).toEqual([[], content]);
  });

  it('is not used under another identifier, and needs a folder to be kept in', async () => {
    const keyFile = join(folder, 'key.json');
    const fake = await startKeyed();
    await play(fake, { keyFile, identifier: 'my-tool' });
    await expect(play(fake, { keyFile, identifier: 'other' })).rejects.toThrow('another --client-id');
    await expect(play(fake, { keyFile: join(folder, 'none', 'key') })).rejects.toThrow('cannot be kept');
  });
});

describe('the command with --door pin', () => {
  async function command(args: string[], signal?: AbortSignal) {
    const out: string[] = [];
    const err: string[] = [];
    const sleep = async (milliseconds: number) => void (seconds += milliseconds / 1000);
    const code = await runCommand(args, {
      ...{ out: (words) => out.push(words), print: (words) => err.push(words), now, sleep },
      ...(signal && { signal }),
    });
    return { code, out: out.join('\n'), err: err.join('\n') };
  }

  it('ends with 0 and one line of JSON for scripts, the PIN going to standard error', async () => {
    const fake = await startFake();
    const { code, out, err } = await command(['--door', 'pin', '--issuer', fake.url, '--json']);
    expect(code).toBe(0);
    expect(out).toBe(JSON.stringify({ authToken: 'opaque-token', user: anna }));
    expect(err).toContain('WDJBMJHT');
  });

  it('takes every option', async () => {
    const fake = await startKeyed();
    const keyFile = join(folder, 'key.json');
    const args = `--door pin --issuer ${fake.url} --strong --device-key --no-wait --client-id mine --name TV`;
    const more = ['--scope', 'username email', '--audience', fake.url, '--key-file', keyFile];
    expect((await command([...args.split(' '), ...more])).code).toBe(0);
    expect(
      (await command(['--door', 'pin', '--issuer', fake.url, '--renew', '--key-file', keyFile])).code,
    ).toBe(0);
    const { headers, body } = fake.creation();
    expect(headers).toMatchObject({ 'x-plex-client-identifier': 'mine', 'x-plex-product': 'TV' });
    expect(body).toContain('"strong":true');
    expect(fake.polls().map((poll) => poll.headers.prefer)).toEqual([undefined, undefined]);
  });

  it('ends with 1 and a clear word when the PIN is gone or has run out', async () => {
    const declined = await startFake({ polls: [gone] });
    const expired = await startFake({ polls: [], pin: { expiresIn: 5 } });
    expect(await command(['--door', 'pin', '--issuer', declined.url])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no longer knows this PIN (404, error 1020)') as string,
    });
    expect(await command(['--door', 'pin', '--issuer', expired.url, '--json'])).toMatchObject({
      code: 1,
      out: '',
    });
  });

  it.each([
    [['--door', 'window', '--issuer', 'http://localhost'], '--door is oauth or pin'],
    [['--door', 'pin'], '--issuer is missing'],
    [['--issuer', 'http://localhost', '--strong'], '--strong is for --door pin'],
    [['--door', 'pin', '--issuer', 'http://localhost', '--renew'], '--renew needs the --key-file'],
  ])('ends with 2 and a reason for %j', async (args, reason) => {
    const { code, out, err } = await command(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(reason);
  });

  it('stops politely when interrupted, even in the middle of a request', async () => {
    const stop = new AbortController();
    const fake = await startFake({ polls: [() => (stop.abort(), pending)] });
    const { code, err } = await command(['--door', 'pin', '--issuer', fake.url], stop.signal);
    expect(code).toBe(130);
    expect(err).toContain('Stopped.');
  });
});

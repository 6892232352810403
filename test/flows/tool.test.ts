// The demo tool against a small server of another make: what the tool says, how long it waits, and when it stops.
// The clock belongs to the test and moves only when the tool sleeps or the server holds a poll.
// RFC 8628 §3.5, RFC 8414 §3, RFC 7591 §3, RFC 7240 §4.3, RFC 9068 §4.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { largePin, runCommand, runTool } from '../../src/tool.js';
import type { ToolOptions } from '../../src/tool.js';

const START = new Date('2025-06-01T12:00:00Z');
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

interface Seen {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

interface Planned {
  status?: number;
  headers?: Record<string, string>;
  json?: Record<string, unknown>;
  /** Seconds for which the server holds the request before it answers. */
  holdSeconds?: number;
  /** The connection breaks instead of an answer. */
  breaks?: boolean;
}

interface FakePlan {
  polls?: Planned[];
  metadata?: Record<string, unknown>;
  metadataPath?: string;
  issuerPath?: string;
  link?: Record<string, unknown>;
  registration?: Planned;
  jwks?: Planned;
}

const pending: Planned = { status: 400, json: { error: 'authorization_pending' } };
const slowDown: Planned = { status: 400, json: { error: 'slow_down' } };
const opaque: Planned = { json: { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 900 } };
const refused = (error: string): Planned => ({ status: 400, json: { error } });

let seconds = 0;
let servers: HttpServer[] = [];
const now = () => new Date(START.getTime() + seconds * 1000);

/** A server of the device flow that answers polls by plan; past the plan it stays pending. */
async function startFake(plan: FakePlan = {}) {
  const seen: Seen[] = [];
  const polls = [...(plan.polls ?? [opaque])];
  const server = createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = origin + (plan.issuerPath ?? '');
  const answers: Record<string, () => Planned> = {
    [plan.metadataPath ?? '/.well-known/oauth-authorization-server']: () => ({
      json: {
        issuer,
        device_authorization_endpoint: `${origin}/start`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        jwks_uri: `${origin}/jwks`,
        scopes_supported: ['openid', 'profile', 'email'],
        ...plan.metadata,
      },
    }),
    '/register': () => plan.registration ?? { status: 201, json: { client_id: 'registered-tool' } },
    '/start': () => ({
      json: {
        device_code: 'the-device-code',
        user_code: 'WDJB-MJHT',
        verification_uri: `${origin}/link`,
        verification_uri_complete: `${origin}/link?user_code=WDJB-MJHT`,
        expires_in: 600,
        interval: 5,
        ...plan.link,
      },
    }),
    '/token': () => polls.shift() ?? pending,
    '/jwks': () => plan.jwks ?? { json: { keys: [] } },
  };
  server.on('request', (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      seen.push({ method, path, headers, body, at: seconds });
      const planned = answers[path]?.() ?? { status: 404 };
      seconds += planned.holdSeconds ?? 0;
      if (planned.breaks) return void request.socket.destroy();
      response.writeHead(planned.status ?? 200, { 'content-type': 'application/json', ...planned.headers });
      response.end(JSON.stringify(planned.json ?? {}));
    });
  });
  return { issuer, origin, seen, polls: () => seen.filter(({ path }) => path === '/token') };
}

/** Plays the tool against it; answers with what was printed and how long it slept between the polls. */
async function play(issuer: string, options: Partial<ToolOptions> = {}) {
  const sleeps: number[] = [];
  const lines: string[] = [];
  const sleep = async (milliseconds: number) => {
    sleeps.push(milliseconds / 1000);
    seconds += milliseconds / 1000;
  };
  const result = await runTool({ issuer, now, sleep, print: (words) => lines.push(words), ...options });
  return { result, sleeps, printed: lines.join('\n') };
}

/** Signs a token as RFC 9068 §2 wants it, with what is given laid over it. */
async function signToken(issuer: string, claims: Record<string, unknown> = {}, typ = 'at+jwt') {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA');
  const token = await new SignJWT({ client_id: 'registered-tool', scope: 'openid', ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'key-1', typ })
    .setIssuer(issuer)
    .setAudience(issuer)
    .setSubject('person-1')
    .setJti('token-1')
    .setIssuedAt(START)
    .setExpirationTime(new Date(START.getTime() + 900_000))
    .sign(privateKey);
  return { token, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'EdDSA' }] } };
}

beforeEach(() => {
  seconds = 0;
  servers = [];
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

describe('discovery (RFC 8414)', () => {
  it('reads the metadata between host and path of the issuer (RFC 8414 §3)', async () => {
    const fake = await startFake({
      issuerPath: '/tenant/one',
      metadataPath: '/.well-known/oauth-authorization-server/tenant/one',
    });
    expect((await play(fake.issuer)).result.outcome).toBe('token');
    expect(fake.seen[0]?.path).toBe('/.well-known/oauth-authorization-server/tenant/one');
  });

  it('falls back to the OpenID document behind the path (RFC 8414 §5)', async () => {
    const fake = await startFake({
      issuerPath: '/tenant',
      metadataPath: '/tenant/.well-known/openid-configuration',
    });
    expect((await play(fake.issuer)).result.outcome).toBe('token');
  });

  it('refuses metadata whose issuer differs by so much as a slash, and asks for nothing more (RFC 8414 §3.3)', async () => {
    const fake = await startFake();
    await expect(play(`${fake.issuer}/`)).rejects.toThrow(/calls itself .* refused \(RFC 8414 §3.3\)/);
    expect(fake.seen).toHaveLength(1);
  });

  it('refuses a server without the device flow (RFC 8628 §4)', async () => {
    const fake = await startFake({ metadata: { device_authorization_endpoint: undefined } });
    await expect(play(fake.issuer)).rejects.toThrow('does not offer the device flow');
  });

  it('refuses to be led from a TLS issuer to an address in the clear (RFC 8628 §3.1)', async () => {
    const metadata = {
      issuer: 'https://login.example',
      device_authorization_endpoint: 'https://login.example/start',
      token_endpoint: 'http://login.example/token',
    };
    const fetch = async () => Response.json(metadata);
    await expect(play(metadata.issuer, { fetch })).rejects.toThrow(
      'token_endpoint is not an address to trust',
    );
  });

  it('warns where the server is reached without TLS beyond this machine (RFC 8628 §3.1)', async () => {
    const lines: string[] = [];
    const fetch = async () => new Response('', { status: 404 });
    const options = { issuer: 'http://192.0.2.7:8484', fetch, print: (words: string) => lines.push(words) };
    await expect(runTool(options)).rejects.toThrow('publishes no metadata');
    expect(lines.join()).toContain('without TLS');
  });

  it('says so plainly where no server answers', async () => {
    const fake = await startFake();
    await new Promise((closed) => servers.pop()?.close(closed));
    await expect(play(fake.issuer)).rejects.toThrow(`No server answers at ${fake.origin}/`);
  });
});

describe('registration (RFC 7591)', () => {
  it('registers a public tool for the device grant alone (RFC 7591 §2)', async () => {
    const fake = await startFake();
    await play(fake.issuer, { name: 'My tool' });
    const registration = fake.seen.find(({ path }) => path === '/register');
    expect(JSON.parse(registration?.body ?? '')).toMatchObject({
      client_name: 'My tool',
      grant_types: [GRANT],
      response_types: [],
      token_endpoint_auth_method: 'none',
    });
    expect(new URLSearchParams(fake.polls()[0]?.body).get('client_id')).toBe('registered-tool');
  });

  it('registers for refresh tokens only when offline access is asked for', async () => {
    const fake = await startFake();
    await play(fake.issuer, { scope: 'openid offline_access' });
    const registration = fake.seen.find(({ path }) => path === '/register');
    expect(JSON.parse(registration?.body ?? '')).toMatchObject({ grant_types: [GRANT, 'refresh_token'] });
  });

  it('uses a known client identifier without registering', async () => {
    const fake = await startFake();
    await play(fake.issuer, { clientId: 'known-tool' });
    expect(fake.seen.map(({ path }) => path)).not.toContain('/register');
    expect(new URLSearchParams(fake.polls()[0]?.body).get('client_id')).toBe('known-tool');
  });

  it('asks for a client identifier where the server does not register tools', async () => {
    const fake = await startFake({ metadata: { registration_endpoint: undefined } });
    await expect(play(fake.issuer)).rejects.toThrow('give --client-id');
  });

  it('passes on why the registration was refused (RFC 7591 §3.2.2)', async () => {
    const json = { error: 'invalid_client_metadata', error_description: 'No such grant' };
    const fake = await startFake({ registration: { status: 400, json } });
    await expect(play(fake.issuer)).rejects.toThrow('registration: invalid_client_metadata: No such grant');
  });
});

describe('the link on the screen (RFC 8628 §3.3)', () => {
  it('shows the user code, the address and a QR code, and never the device code (RFC 8628 §3.3, §3.3.1)', async () => {
    const fake = await startFake();
    const { printed } = await play(fake.issuer);
    expect(printed).toContain('WDJB-MJHT');
    expect(printed).toContain(`${fake.origin}/link `);
    expect(printed).toContain(`${fake.origin}/link?user_code=WDJB-MJHT`);
    expect(printed).toMatch(/█▀▀▀▀▀█.*█▀▀▀▀▀█ *\n.*█ ███ █.*█ ███ █/);
    expect(printed).not.toContain('the-device-code');
  });

  it('draws the user code large', () => {
    expect(largePin('H-1')).toBe(
      [
        '  █   █           █',
        '  █   █          ██',
        '  █████   ███     █',
        '  █   █           █',
        '  █   █          ███',
      ].join('\n'),
    );
    expect(largePin('ДЖ')).toBe('  Д Ж');
  });

  it('asks for the scope that the server knows, or the one given', async () => {
    const fake = await startFake();
    await play(fake.issuer);
    await play(fake.issuer, { scope: 'email', clientId: 'x' });
    const scopes = fake.seen.filter(({ path }) => path === '/start');
    expect(scopes.map(({ body }) => new URLSearchParams(body).get('scope'))).toEqual([
      'openid profile',
      'email',
    ]);
  });

  it('takes terminal commands out of what a server says', async () => {
    const fake = await startFake({ link: { user_code: '\x1b[2JABCD\u202eEFGH' } });
    const { printed } = await play(fake.issuer);
    expect(printed).toContain('[2JABCDEFGH');
    expect(printed).not.toMatch(/\x1b|\u202e/);
  });

  it.each(['device_code', 'user_code', 'verification_uri', 'expires_in'])(
    'refuses a link without %s (RFC 8628 §3.2)',
    async (name) => {
      const fake = await startFake({ link: { [name]: undefined } });
      await expect(play(fake.issuer)).rejects.toThrow('without all that RFC 8628 §3.2 requires');
    },
  );
});

describe('polling (RFC 8628 §3.5)', () => {
  it('sends grant type, device code and client identifier (RFC 8628 §3.4)', async () => {
    const fake = await startFake();
    await play(fake.issuer);
    expect(Object.fromEntries(new URLSearchParams(fake.polls()[0]?.body))).toEqual({
      grant_type: GRANT,
      device_code: 'the-device-code',
      client_id: 'registered-tool',
    });
  });

  it('keeps polling at the interval while authorization_pending (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ polls: [pending, pending, opaque], link: { interval: 7 } });
    const { result, sleeps } = await play(fake.issuer);
    expect(result.outcome).toBe('token');
    expect(sleeps).toEqual([7, 7, 7]);
  });

  it('waits 5 seconds where the server names no interval (RFC 8628 §3.2, §3.5)', async () => {
    const fake = await startFake({ polls: [pending, opaque], link: { interval: undefined } });
    expect((await play(fake.issuer)).sleeps).toEqual([5, 5]);
  });

  it('adds 5 seconds for every slow_down, for that and all later polls (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ polls: [pending, slowDown, pending, slowDown, pending, pending, opaque] });
    expect((await play(fake.issuer)).sleeps).toEqual([5, 5, 10, 10, 15, 15, 15]);
  });

  it('stops at access_denied (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ polls: [pending, refused('access_denied'), opaque] });
    expect((await play(fake.issuer)).result).toEqual({ outcome: 'declined' });
    expect(fake.polls()).toHaveLength(2);
  });

  it('stops at expired_token (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ polls: [refused('expired_token'), opaque] });
    expect((await play(fake.issuer)).result).toEqual({ outcome: 'expired' });
    expect(fake.polls()).toHaveLength(1);
  });

  it.each(['invalid_grant', 'invalid_client', 'unsupported_grant_type', 'something_new'])(
    'stops at %s as at any other error (RFC 8628 §3.5)',
    async (error) => {
      const fake = await startFake({ polls: [pending, refused(error), opaque] });
      await expect(play(fake.issuer)).rejects.toThrow(`refused the token request: ${error}`);
      expect(fake.polls()).toHaveLength(2);
    },
  );

  it('does not follow a redirect with the device code', async () => {
    const fake = await startFake({ polls: [{ status: 307, headers: { location: '/elsewhere' } }] });
    await expect(play(fake.issuer)).rejects.toThrow('HTTP 307');
    expect(fake.seen.map(({ path }) => path)).not.toContain('/elsewhere');
  });

  it('stops by itself when the code has run out (RFC 8628 §3.2, §3.5)', async () => {
    const fake = await startFake({ polls: [], link: { expires_in: 22 } });
    expect((await play(fake.issuer)).result).toEqual({ outcome: 'expired' });
    expect(fake.polls().map(({ at }) => at)).toEqual([5, 10, 15, 20]);
  });

  it('doubles the wait while no connection comes about, and returns to the interval after (RFC 8628 §3.5)', async () => {
    const broken = { breaks: true };
    const fake = await startFake({ polls: [pending, broken, broken, broken, pending, opaque] });
    const { result, sleeps, printed } = await play(fake.issuer);
    expect(result.outcome).toBe('token');
    expect(sleeps).toEqual([5, 5, 10, 20, 40, 5]);
    expect(printed).toContain('next try in 20 s');
  });

  it('backs off at a timeout as well, to a minute at most (RFC 8628 §3.5)', async () => {
    const fake = await startFake();
    const tokenEndpoint = `${fake.origin}/token`;
    let polls = 0;
    const fetchOrTimeOut: typeof fetch = (input, init) => {
      const isEarly = input === tokenEndpoint && ++polls <= 5;
      return isEarly ? Promise.reject(new DOMException('too late', 'TimeoutError')) : fetch(input, init);
    };
    expect((await play(fake.issuer, { fetch: fetchOrTimeOut })).sleeps).toEqual([5, 10, 20, 40, 60, 60]);
  });

  it('backs off at server errors and honours Retry-After (RFC 8628 §3.5, RFC 9110 §10.2.3)', async () => {
    const date = new Date(START.getTime() + 120_000).toUTCString();
    const polls: Planned[] = [
      { status: 500, json: { error: 'server_error' } },
      { status: 503, headers: { 'retry-after': '33' } },
      { status: 429, headers: { 'retry-after': date } },
      { ...slowDown, headers: { 'retry-after': '25' } },
      opaque,
    ];
    const fake = await startFake({ polls });
    expect((await play(fake.issuer)).sleeps).toEqual([5, 10, 33, 72, 25]);
  });
});

describe('waiting without polling (RFC 7240 §4.3)', () => {
  const metadata = { prefer_wait_seconds_supported: 30 };
  const held = { ...pending, headers: { 'preference-applied': 'wait=30' }, holdSeconds: 30 };

  it('asks the server to hold the poll, and polls again at once after a hold (RFC 7240 §4.3)', async () => {
    const fake = await startFake({ metadata, polls: [held, held, opaque] });
    expect((await play(fake.issuer)).sleeps).toEqual([]);
    expect(fake.polls().map(({ at, headers }) => [at, headers.prefer])).toEqual([
      [0, 'wait=30'],
      [30, 'wait=30'],
      [60, 'wait=30'],
    ]);
  });

  it('waits the interval where the wish was not granted (RFC 7240 §3)', async () => {
    const fake = await startFake({ metadata, polls: [pending, pending, opaque] });
    expect((await play(fake.issuer)).sleeps).toEqual([5, 5]);
  });

  it('waits the rest of the interval after a hold that was cut short (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ metadata, polls: [{ ...held, holdSeconds: 2 }, opaque] });
    expect((await play(fake.issuer)).sleeps).toEqual([3]);
  });

  it('waits longer after slow_down, held or not (RFC 8628 §3.5)', async () => {
    const fake = await startFake({ metadata, polls: [held, { ...slowDown, holdSeconds: 1 }, opaque] });
    expect((await play(fake.issuer)).sleeps).toEqual([10]);
  });

  it('never asks for a longer hold than the code lives (RFC 8628 §3.2)', async () => {
    const fake = await startFake({
      metadata,
      polls: [held, { ...held, holdSeconds: 20 }],
      link: { expires_in: 50 },
    });
    expect((await play(fake.issuer)).result.outcome).toBe('expired');
    expect(fake.polls().map(({ headers }) => headers.prefer)).toEqual(['wait=30', 'wait=20']);
  });

  it('gives the connection more time than the hold', async () => {
    const fake = await startFake({ metadata });
    const timeout = jest.spyOn(AbortSignal, 'timeout');
    await play(fake.issuer);
    expect(timeout.mock.calls.map(([milliseconds]) => milliseconds)).toContain(40_000);
  });

  it('asks for no hold where the server has not announced it, or the caller does not want it', async () => {
    const silent = await startFake();
    const announcing = await startFake({ metadata });
    await play(silent.issuer);
    await play(announcing.issuer, { mayWait: false });
    const polls = [...silent.polls(), ...announcing.polls()];
    expect(polls.map(({ headers }) => headers.prefer)).toEqual([undefined, undefined]);
  });
});

describe('the token (RFC 9068)', () => {
  async function playSigned(sign: (issuer: string) => ReturnType<typeof signToken>, hasKeys = true) {
    const polls: Planned[] = [];
    const jwks: Planned = { json: {} };
    // The issuer is known only once the server listens, so the plan is completed afterwards.
    const fake = await startFake({ polls: [{ get json() { return polls[0]?.json ?? {}; } }], jwks }); // prettier-ignore
    const signed = await sign(fake.issuer);
    polls.push({ json: { access_token: signed.token, token_type: 'Bearer', expires_in: 900 } });
    if (hasKeys) jwks.json = signed.jwks;
    else jwks.status = 503;
    return play(fake.issuer);
  }

  it('prints header and claims and verifies the signature with the published keys (RFC 9068 §4)', async () => {
    const { result, printed } = await playSigned((issuer) => signToken(issuer));
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
    expect(printed).toContain('"typ": "at+jwt"');
    expect(printed).toContain('"sub": "person-1"');
    expect(printed).toContain('Signature valid (EdDSA, key key-1)');
  });

  it('says that the signature is wrong (RFC 9068 §4)', async () => {
    const { result, printed } = await playSigned(async (issuer) => {
      const [mine, other] = await Promise.all([signToken(issuer), signToken(issuer)]);
      return { token: mine.token, jwks: other.jwks };
    });
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'refused' } });
    expect(printed).toContain('Signature NOT valid: signature verification failed');
  });

  it.each([
    ['another type', (issuer: string) => signToken(issuer, {}, 'JWT'), '"typ"'],
    ['another issuer', () => signToken('https://other.example'), '"iss"'],
    ['no client identifier', (issuer: string) => signToken(issuer, { client_id: undefined }), '"client_id"'],
  ])('says so where the signature holds but the token has %s (RFC 9068 §4)', async (_what, sign, named) => {
    const { result, printed } = await playSigned(sign);
    expect(result).toMatchObject({ check: { verdict: 'refused' } });
    expect(printed).toContain('Signature valid, but not an access token for this server');
    expect(printed).toContain(named);
  });

  it('says so where the keys cannot be fetched', async () => {
    const { result } = await playSigned((issuer) => signToken(issuer), false);
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'unchecked' } });
  });

  it('takes an opaque token for what it is (RFC 6749 §1.4)', async () => {
    const fake = await startFake();
    const { result, printed } = await play(fake.issuer);
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'opaque' } });
    expect(printed).toContain('opaque');
  });
});

describe('the command', () => {
  async function command(args: string[], signal?: AbortSignal) {
    const out: string[] = [];
    const err: string[] = [];
    const sleep = async (milliseconds: number) => void (seconds += milliseconds / 1000);
    const code = await runCommand(args, {
      out: (words) => out.push(words),
      print: (words) => err.push(words),
      now,
      sleep,
      ...(signal === undefined ? {} : { signal }),
    });
    return { code, out: out.join('\n'), err: err.join('\n') };
  }

  it('ends with 0 and one line of JSON for scripts, the PIN going to standard error', async () => {
    const fake = await startFake();
    const { code, out, err } = await command(['--issuer', fake.issuer, '--json']);
    expect(code).toBe(0);
    expect(out).toBe(JSON.stringify(opaque.json));
    expect(err).toContain('WDJB-MJHT');
  });

  it('ends with 1 when declined and when expired (RFC 8628 §3.5)', async () => {
    const declined = await startFake({ polls: [refused('access_denied')] });
    const expired = await startFake({ polls: [], link: { expires_in: 12 } });
    expect(await command(['--issuer', declined.issuer])).toMatchObject({
      code: 1,
      err: 'The request was declined. No token was given.',
    });
    expect(await command(['--issuer', expired.issuer, '--json'])).toMatchObject({ code: 1, out: '' });
  });

  it.each([
    [[], '--issuer is missing'],
    [['--issuer', 'ftp://x'], 'is not an issuer'],
    [['--nonsense'], '--nonsense'],
    [['stray'], 'stray'],
  ])('ends with 2 and a reason for %j', async (args, reason) => {
    const { code, out, err } = await command(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(reason);
  });

  it('ends with 2 at a fault of the server', async () => {
    const fake = await startFake({ polls: [refused('invalid_grant')] });
    expect((await command(['--issuer', fake.issuer])).code).toBe(2);
  });

  it('explains itself', async () => {
    const { code, out } = await command(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('--issuer URL');
  });

  it('stops politely when interrupted, even in the middle of a request', async () => {
    const stop = new AbortController();
    const fake = await startFake({
      polls: [
        {
          get status() {
            stop.abort();
            return 400;
          },
        },
      ],
    });
    const { code, err } = await command(['--issuer', fake.issuer], stop.signal);
    expect(code).toBe(130);
    expect(err).toContain('Stopped.');
  });
});

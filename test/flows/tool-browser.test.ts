// The demo tool with a browser on its machine: which way it chooses, what it asks, what it believes of what comes back; first against a
// small server of another make, then against this one with a real browser. RFC 8252, RFC 7636, RFC 9207.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { findOpener, type Machine } from '../../src/tool-browser.js';
import { runCommand, runTool, type ToolOptions } from '../../src/tool.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { createPerson } from '../support/person.js';

type Fields = Record<string, string>;

describe('a browser on the machine', () => {
  const machine = (environment: Fields, platform = 'linux', programs = ['xdg-open']): Machine => ({
    environment,
    platform,
    hasProgram: (name) => programs.includes(name),
  });

  it.each([
    ['a display and what opens addresses', machine({ DISPLAY: ':0' }), ['xdg-open']],
    ['Wayland', machine({ WAYLAND_DISPLAY: 'wayland-0' }), ['xdg-open']],
    ['another opener', machine({ DISPLAY: ':0' }, 'linux', ['x-www-browser']), ['x-www-browser']],
    ['a Mac', machine({}, 'darwin', []), ['open']],
    ['Windows', machine({}, 'win32', []), ['rundll32', 'url.dll,FileProtocolHandler']],
    ['Windows around Linux', machine({ WSL_DISTRO_NAME: 'Debian' }, 'linux', ['wslview']), ['wslview']],
  ])('is found by %s', (_, given, opener) => {
    expect(findOpener(given)).toEqual(opener);
  });

  it.each([
    ['there is no display', machine({})],
    ['nothing opens addresses', machine({ DISPLAY: ':0' }, 'linux', [])],
    ['the person sits elsewhere (SSH)', machine({ DISPLAY: 'localhost:10.0', SSH_CONNECTION: '1 2 3 4' })],
    ['the person sits elsewhere, with a Mac at this end', machine({ SSH_TTY: '/dev/ttys001' }, 'darwin')],
    ['nobody looks (CI)', machine({ DISPLAY: ':0', CI: 'true' })],
  ])('is not, where %s', (_, given) => {
    expect(findOpener(given)).toBeUndefined();
  });
});

describe('against a server of another make', () => {
  let servers: HttpServer[] = [];
  beforeEach(() => void (servers = []));
  afterEach(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A server that gives codes, as far as the tool asks it; what it was sent is in `seen`. */
  async function startFake(
    metadata: Record<string, unknown> = {},
    tokens: object = { access_token: 'opaque' },
  ) {
    const seen: { path: string; body: string }[] = [];
    const server = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        const path = req.url ?? '';
        seen.push({ path, body });
        const answers: Record<string, [number, object]> = {
          '/.well-known/oauth-authorization-server': [200, known],
          '/register': [201, { client_id: 'registered-tool' }],
          '/token': ['access_token' in tokens ? 200 : 400, tokens],
        };
        const [status, json] = answers[path] ?? [404, {}];
        res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
      });
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const known = {
      issuer,
      authorization_endpoint: `${issuer}/authorize?tenant=1`,
      authorization_response_iss_parameter_supported: true,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['openid', 'profile'],
      ...metadata,
    };
    const sent = (path: string) => seen.filter((one) => one.path === path).map(({ body }) => body);
    return { issuer, sent };
  }

  /** What the person's browser does with the address; the tool's own ear is `back`. */
  type Browser = (asked: URLSearchParams, back: (fields: Fields | string) => Promise<Response>) => unknown;

  async function play(issuer: string, browse: Browser, options: Partial<ToolOptions> = {}) {
    const printed: string[] = [];
    const opened: URL[] = [];
    const result = await runTool({
      issuer,
      way: 'either',
      print: (words) => printed.push(words),
      openBrowser: (text) => {
        const address = new URL(text);
        opened.push(address);
        const asked = address.searchParams;
        void browse(asked, (fields) => {
          const query = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString();
          return fetch(`${asked.get('redirect_uri')!}?${query}`);
        });
      },
      ...options,
    });
    return { result, printed: printed.join('\n'), address: opened[0]! };
  }

  const answerOf = (issuer: string, asked: URLSearchParams, more: Fields = {}): Fields => ({
    code: 'the-code',
    state: asked.get('state')!,
    iss: issuer,
    ...more,
  });

  it('asks for a code with PKCE and a state, on an address of this machine, and redeems it (RFC 8252 §7.3)', async () => {
    const { issuer, sent } = await startFake();
    let page = '';
    const { result, address, printed } = await play(issuer, async (asked, back) => {
      page = await (await back(answerOf(issuer, asked))).text();
    });
    expect(result).toMatchObject({ outcome: 'token', answer: { access_token: 'opaque' } });
    const { state, code_challenge, redirect_uri, ...asked } = Object.fromEntries<string>(
      address.searchParams,
    );
    expect(asked).toEqual({
      tenant: '1',
      response_type: 'code',
      client_id: 'registered-tool',
      scope: 'openid profile',
      code_challenge_method: 'S256',
    });
    expect(redirect_uri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect(state).toMatch(/^[\w-]{43}$/);
    const redeemed = Object.fromEntries<string>(new URLSearchParams(sent('/token')[0]));
    const { code_verifier = '', ...rest } = redeemed;
    expect(rest).toEqual({
      grant_type: 'authorization_code',
      code: 'the-code',
      redirect_uri,
      client_id: 'registered-tool',
    });
    expect(createHash('sha256').update(code_verifier).digest('base64url')).toBe(code_challenge);
    expect(printed).not.toContain(code_verifier);
    expect(printed).toContain(address.href);
    expect(page).toContain('You can close this window');
    expect(JSON.parse(sent('/register')[0]!)).toMatchObject({
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      token_endpoint_auth_method: 'none',
    });
  });

  it('is not ended by requests that do not know the state, come twice over, or under another name (RFC 8252 §8.3)', async () => {
    const { issuer } = await startFake();
    const statuses: number[] = [];
    const { result } = await play(issuer, async (asked, back) => {
      const right = answerOf(issuer, asked);
      const port = new URL(asked.get('redirect_uri')!).port;
      const wrong = [
        { ...right, state: 'guessed' },
        { code: 'the-code', iss: issuer },
        `${new URLSearchParams(right).toString()}&code=another`,
        `${new URLSearchParams(right).toString()}&state=${right['state']!}`,
      ];
      for (const one of wrong) statuses.push((await back(one)).status);
      // A name of an attacker's that was made to point at this machine.
      const rebound = request({
        ...{ host: '127.0.0.1', port, path: `/callback?${new URLSearchParams(right).toString()}` },
        headers: { Host: `evil.example:${port}` },
      }).end();
      const [response] = (await once(rebound, 'response')) as [{ statusCode: number; resume: () => void }];
      response.resume();
      statuses.push(response.statusCode);
      statuses.push((await fetch(`http://127.0.0.1:${port}/callback`, { method: 'POST' })).status);
      statuses.push((await back(right)).status);
    });
    expect(statuses).toEqual([404, 404, 404, 404, 404, 404, 200]);
    expect(result.outcome).toBe('token');
  });

  it.each([
    ['another server’s', { iss: 'https://other.example' }, {}],
    ['nobody’s, where the server names itself', {}, {}],
    [
      'another’s, though this one names itself never',
      { iss: 'x' },
      { authorization_response_iss_parameter_supported: false },
    ],
  ])('refuses an answer that is %s (RFC 9207 §2.4)', async (_, named, metadata) => {
    const { issuer, sent } = await startFake(metadata);
    const playing = play(issuer, (asked, back) => back({ code: 'x', state: asked.get('state')!, ...named }));
    await expect(playing).rejects.toThrow('not of this server');
    expect(sent('/token')).toEqual([]);
  });

  it('takes an answer without a name from a server that has none to give', async () => {
    const { issuer } = await startFake({ authorization_response_iss_parameter_supported: undefined });
    const { result } = await play(issuer, (asked, back) => back({ code: 'x', state: asked.get('state')! }));
    expect(result.outcome).toBe('token');
  });

  it('tells a decline from a fault (RFC 6749 §4.1.2.1)', async () => {
    const { issuer } = await startFake();
    const answering =
      (more: Fields): Browser =>
      (asked, back) =>
        back({ state: asked.get('state')!, iss: issuer, ...more });
    expect((await play(issuer, answering({ error: 'access_denied' }))).result).toEqual({
      outcome: 'declined',
    });
    await expect(
      play(issuer, answering({ error: 'invalid_scope', error_description: 'No \u001b[31msuch scope' })),
    ).rejects.toThrow('invalid_scope: No [31msuch scope');
    await expect(play(issuer, answering({}))).rejects.toThrow('without a code');
  });

  it('says so where the code is refused', async () => {
    const { issuer } = await startFake({}, { error: 'invalid_grant' });
    await expect(play(issuer, (asked, back) => back(answerOf(issuer, asked)))).rejects.toThrow(
      'refused the code: invalid_grant',
    );
  });

  it('waits for ten minutes, and no longer', async () => {
    const { issuer } = await startFake();
    const slept: number[] = [];
    const sleep = async (milliseconds: number) => void slept.push(milliseconds);
    const { result } = await play(issuer, () => undefined, { sleep });
    expect([result.outcome, slept]).toEqual(['unanswered', [600_000]]);
  });

  it('stops at once when interrupted, and listens no more', async () => {
    const { issuer } = await startFake();
    const stop = new AbortController();
    let ear = '';
    const { result } = await play(
      issuer,
      (asked) => {
        ear = asked.get('redirect_uri')!;
        stop.abort();
      },
      { signal: stop.signal },
    );
    expect(result).toEqual({ outcome: 'stopped' });
    await expect(fetch(ear)).rejects.toThrow();
  });

  it.each([
    ['no PKCE is offered', { code_challenge_methods_supported: undefined }],
    ['only the plain method is', { code_challenge_methods_supported: ['plain'] }],
    ['no codes are given', { response_types_supported: ['token'] }],
  ])('does not go to the browser where %s (RFC 7636 §7.2)', async (_, metadata) => {
    const { issuer } = await startFake(metadata);
    await expect(play(issuer, () => undefined, { way: 'browser' })).rejects.toThrow('codes with PKCE');
    await expect(play(issuer, () => undefined)).rejects.toThrow('device flow');
  });

  it('shows a PIN without a browser, and goes to one all the same where there are no PINs', async () => {
    const { issuer } = await startFake({ device_authorization_endpoint: 'http://127.0.0.1:1/start' });
    const { issuer: without } = await startFake();
    const lines: string[] = [];
    const given = {
      ...{ print: (words: string) => void lines.push(words), out: () => undefined },
      sleep: async () => undefined,
    };
    expect(await runCommand(['--issuer', issuer], given)).toBe(2);
    expect(lines.join('\n')).toContain('No server answers at http://127.0.0.1:1/start');
    expect(await runCommand(['--issuer', without, '--json'], given)).toBe(1);
    expect(lines.join('\n')).toContain('Open this address in a browser on this machine');
    expect(lines.at(-1)).toContain('Nobody has come back from the browser');
  });

  it.each([
    [['--device', '--browser'], 'cannot both be'],
    [['--device', '--door', 'pin'], '--device is not for --door pin'],
  ])('knows that %j is no wish', async (args, reason) => {
    const lines: string[] = [];
    const given = { print: (words: string) => void lines.push(words), out: () => undefined };
    expect(await runCommand(['--issuer', 'http://127.0.0.1:1', ...args], given)).toBe(2);
    expect(lines.join('\n')).toContain(reason);
  });
});

describeInBrowser('against this server, with a real browser', () => {
  let browser: TestBrowser;
  let test: TestHouse;
  beforeAll(async () => {
    browser = await openBrowser();
    // The tool reads the machine's clock.
    test = await startTestHouse({ clock: createTestClock(new Date()) });
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  /** Plays the tool; `act` is what the person does on the page that opens. */
  async function play(page: Page, act: () => Promise<void>) {
    const printed: string[] = [];
    const acting: Promise<void>[] = [];
    const result = await runTool({
      issuer: test.url,
      way: 'either',
      name: 'A script',
      now: test.clock.now,
      print: (words) => printed.push(words),
      openBrowser: (address) => void acting.push(page.goto(address).then(act)),
    });
    await Promise.all(acting);
    return { result, printed: printed.join('\n') };
  }

  it('signs in, approves, and leaves a tool on the list that may be unlinked', async () => {
    const page = await browser.newPage({ baseUrl: test.url });
    const mira = createPerson(test, 'mira');
    await mira.moveIn();
    const { result, printed } = await play(page, async () => {
      await mira.signIn(page);
      await page.locator('[name=decision][value=approve]:enabled').waitFor();
      test.clock.advance(2);
      await page.click('[name=decision][value=approve]');
      await page.getByText('You can close this window').waitFor();
    });
    expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
    expect(printed).not.toContain('PIN');
    await page.goto('/account/tools');
    expect(await page.locator('main').innerText()).toContain('A script');
    await page.context().close();
  });

  it('is told when the person declines', async () => {
    const page = await browser.newPage({ baseUrl: test.url });
    const noah = createPerson(test, 'noah');
    await noah.moveIn();
    const { result } = await play(page, async () => {
      await noah.signIn(page);
      await page.locator('[name=decision][value=decline]').waitFor();
      test.clock.advance(2);
      await page.click('[name=decision][value=decline]');
      await page.getByText('You can close this window').waitFor();
    });
    expect(result).toEqual({ outcome: 'declined' });
    await page.context().close();
  });
});

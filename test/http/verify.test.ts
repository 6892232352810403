// GET /verify: what a proxy is told about a request, by its headers; how a browser comes to a protected host, and what ends its stay.
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { Response } from 'supertest';
import { totpCode } from '../../src/crypto/totp.js';
import { originFrom } from '../support/link-rooms.js';
import { createVisitor } from '../support/visitor.js';
import { bodyOf, startOAuthHouse, type OAuthHouse, type Tokens } from './oauth-house.js';

const PUBLIC_URL = 'https://login.example.com';
const APP = 'https://app.example.com';
const FILES = 'https://files.example.com:8443';
const PASSWORD = 'quartz lantern bicycle 42';
const config = {
  publicUrl: PUBLIC_URL,
  trustedProxies: ['127.0.0.0/8', '::1'],
  verifyHosts: ['app.example.com', 'files.example.com:8443', 'login.example.com'],
} as const;
const BROWSER = { Accept: 'text/html,application/xhtml+xml', 'Sec-Fetch-Mode': 'navigate' };

type Headers = Record<string, string>;
let house: OAuthHouse;
beforeAll(async () => (house = await startOAuthHouse({ config })));
afterAll(() => house.close());

/** As nginx asks: it looks at the status. */
const byUrl = (url: string, headers: Headers = {}) =>
  house.request.get('/verify').set({ 'X-Original-URL': url, ...headers });

/** As Traefik and Caddy ask: the visitor gets the whole answer. */
function byParts(url: string, headers: Headers = {}) {
  const { protocol, host } = new URL(url);
  return house.request.get('/verify').set({
    'X-Forwarded-Proto': protocol.slice(0, -1),
    'X-Forwarded-Host': host,
    'X-Forwarded-Uri': url.slice(`${protocol}//${host}`.length) || '/',
    'X-Forwarded-Method': 'GET',
    ...headers,
  });
}

let people = 0;
async function newPerson({ isEmailVerified = true, in: home = house } = {}) {
  const username = `person${++people}`;
  const email = `${username}@example.com`;
  const { accountId } = await home.house.accounts.createAccount({
    ...{ email, username, password: PASSWORD, role: 'person', isEmailVerified },
  });
  return { accountId, username, email };
}

async function signIn({ username }: { username: string }, home = house) {
  const origin = originFrom('198.51.100.7');
  const begun = await home.house.signIn.startSignIn({ login: username, password: PASSWORD }, origin);
  if (begun.next !== 'done') throw new Error('a second factor was asked for');
  return { session: begun.session, cookie: `__Host-linchpin=${begun.token}` };
}

const cookiesOf = (response: Response): string[] =>
  [response.headers['set-cookie'] ?? []].flat().map((cookie: string) => cookie.split(';')[0]!);
const placeOf = (response: Response): URL => new URL(response.headers['location'] as string);

/** From the host to our page, signed in, and back: the address with the handle, and the cookie that it belongs to. */
async function setOut(cookie: string, url = `${APP}/inbox?page=2`) {
  const away = await byParts(url, BROWSER).expect(302);
  const [visit = ''] = cookiesOf(away);
  const { pathname, search } = placeOf(away);
  const page = await house.request
    .get(pathname + search)
    .set({ Cookie: cookie })
    .expect(303);
  return { visit, arrival: page.headers['location'] as string };
}

/** The whole way: what the browser has at the host from then on. */
async function enter(cookie: string, url?: string): Promise<string> {
  const { visit, arrival } = await setOut(cookie, url);
  const arrived = await byParts(arrival, { ...BROWSER, Cookie: visit }).expect(302);
  const [host = ''] = cookiesOf(arrived);
  return `${visit}; ${host}`;
}

async function arrivedPerson() {
  const person = await newPerson();
  const { session, cookie } = await signIn(person);
  return { ...person, session, cookie, atHost: await enter(cookie) };
}

describe('a proxy', () => {
  it('is told who a browser is that was led to its host, whichever way it asks', async () => {
    const { accountId, username, email, atHost } = await arrivedPerson();
    for (const response of [
      await byUrl(`${APP}/inbox`, { Cookie: atHost }),
      await byParts(`${APP}/inbox`, { Cookie: atHost }),
      await byParts(`${APP}/socket`, { Cookie: atHost, 'X-Forwarded-Proto': 'wss' }),
    ]) {
      expect([response.status, response.text]).toEqual([200, '']);
      expect(response.headers).toMatchObject({
        'remote-user': username,
        'remote-name': username,
        'remote-email': email,
        'remote-subject': accountId,
        'cache-control': 'no-store',
      });
    }
  });

  it('is told of our own host by our own session', async () => {
    const { cookie } = await signIn(await newPerson());
    await byUrl(`${PUBLIC_URL}/wiki`, { Cookie: cookie }).expect(200);
    await byUrl(`${APP}/`, { Cookie: cookie }).expect(401);
  });

  it('is told names beyond ASCII as UTF-8, and nothing that would end the line', async () => {
    const origin = originFrom('198.51.100.7');
    const { accounts, sessions, inTransaction } = house.house;
    // As another provider may call somebody.
    const displayName = 'Zoë 李\r\nRemote-User: root';
    const asked = { email: 'zoe@example.com', username: 'zoe', displayName, isEmailVerified: true };
    const prepared = await accounts.prepareOpening(asked);
    const { token } = await inTransaction(async (stores) => {
      const account = await accounts.openWithin(stores, prepared, origin);
      return sessions.startSession(stores, { ...account, methods: ['fed'], origin });
    });
    const cookie = `__Host-linchpin=${token}`;
    const raw = await askRaw(`${PUBLIC_URL}/`, cookie);
    expect(raw).toMatch(/^HTTP\/1\.1 200 /);
    expect(raw).toMatch(/^Remote-Name: Zoë 李 {2}Remote-User: root\r$/m);
    expect(raw.match(/^Remote-User: /gm)).toHaveLength(1);
  });

  it('is told 401 for a script or a tool, with the challenge and without a word about an error (RFC 6750 §3)', async () => {
    for (const headers of [
      { Accept: '*/*' },
      { Accept: 'application/json' },
      { ...BROWSER, 'Sec-Fetch-Mode': 'cors' },
    ]) {
      for (const ask of [byUrl, byParts]) {
        const response = await ask(`${APP}/api`, headers);
        expect(response.status).toBe(401);
        expect(response.headers['www-authenticate']).toBe('Bearer realm="linchpin"');
        expect(response.headers).not.toHaveProperty('location');
        expect(response.headers).not.toHaveProperty('set-cookie');
      }
    }
    await byParts(`${APP}/`, { ...BROWSER, 'X-Forwarded-Method': 'POST' }).expect(401);
  });

  it('is told where to sign in for a browser: by 302 where it passes that on, else beside the 401', async () => {
    const passed = await byParts(`${APP}/inbox?page=2&q=a%20b`, BROWSER);
    const looked = await byUrl(`${APP}/inbox?page=2&q=a%20b`, BROWSER);
    expect([passed.status, looked.status]).toEqual([302, 401]);
    for (const response of [passed, looked]) {
      const place = placeOf(response);
      expect(`${place.origin}${place.pathname}`).toBe(`${PUBLIC_URL}/continue`);
      expect(place.searchParams.get('to')).toBe(`${APP}/inbox?page=2&q=a%20b`);
      expect(response.headers['set-cookie']).toEqual([
        expect.stringMatching(
          /^__Host-linchpin-visit=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
        ) as string,
      ]);
      // The address alone, wherever it is kept, lets nobody arrive.
      const visit = /visit=([\w-]+)/.exec(cookiesOf(response)[0]!)![1]!;
      expect(place.href).not.toContain(visit);
    }
  });

  it.each([
    ['another host', 'https://evil.example/'],
    ['the same name on another port', 'https://app.example.com:8443/'],
    ['a host below it', 'https://x.app.example.com/'],
    ['plain http', 'http://app.example.com/'],
    ['a user before the host', 'https://app.example.com@evil.example/'],
    ['no address at all', 'app.example.com'],
  ])('that asks about %s is refused', async (_, url) => {
    const { cookie, atHost } = await arrivedPerson();
    const response = await byUrl(url, { ...BROWSER, Cookie: `${cookie}; ${atHost}` });
    expect(response.status).toBe(403);
    expect(response.headers).not.toHaveProperty('remote-user');
    expect(response.headers).not.toHaveProperty('location');
  });

  it('must not say it in two ways, nor twice: one of them would be its visitor’s (RFC 9700 §4.13)', async () => {
    const { atHost } = await arrivedPerson();
    await byUrl(`${APP}/`, { Cookie: atHost, 'X-Forwarded-Uri': '/' }).expect(400);
    await byParts(`${APP}/`, { Cookie: atHost, 'X-Original-URL': `${APP}/` }).expect(400);
    const twice = await askRaw(`${APP}/`, atHost, `X-Original-URL: ${FILES}/\r\n`);
    expect(twice).toMatch(/^HTTP\/1\.1 400 /);
    await house.request.get('/verify').set('Cookie', atHost).expect(400);
  });

  it('asks with GET', async () => {
    const response = await house.request.post('/verify').set('X-Original-URL', `${APP}/`);
    expect([response.status, response.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('that is not one of the operator’s is told nothing, whatever it sends', async () => {
    const strangers = await startOAuthHouse({ config: { ...config, trustedProxies: ['192.0.2.1'] } });
    const { cookie } = await signIn(await newPerson({ in: strangers }), strangers);
    for (const headers of [
      { 'X-Original-URL': `${PUBLIC_URL}/` },
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'login.example.com', 'X-Forwarded-Uri': '/' },
    ]) {
      const told = { ...headers, 'X-Forwarded-For': '192.0.2.1', Cookie: cookie };
      const response = await strangers.request.get('/verify').set(told).expect(400);
      expect(response.headers).not.toHaveProperty('remote-user');
    }
    await strangers.close();
  });

  it('finds no such address where no host is protected', async () => {
    const closed = await startOAuthHouse({ config: { ...config, verifyHosts: [] } });
    await closed.request.get('/verify').set('X-Original-URL', `${APP}/`).expect(404);
    await closed.request.get(`/continue?to=${APP}/&visit=${'v'.repeat(43)}`).expect(404);
    await closed.close();
  });

  /** With bytes as they are on the wire. */
  async function askRaw(url: string, cookie: string, more = ''): Promise<string> {
    const { port } = house.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `GET /verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Original-URL: ${url}\r\n${more}Cookie: ${cookie}\r\n\r\n`,
    );
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('utf8')));
    await once(socket, 'close');
    return answer;
  }
});

describe('a browser on its way to a host', () => {
  it('is led through without seeing anything, and back to where it was', async () => {
    const { cookie } = await signIn(await newPerson());
    const { visit, arrival } = await setOut(cookie, `${APP}/inbox?page=2&q=a%20b`);
    expect(arrival).toMatch(/^https:\/\/app\.example\.com\/\.linchpin\/arrive\?handle=[\w-]{43}&to=/);
    const arrived = await byParts(arrival, { ...BROWSER, Cookie: visit }).expect(302);
    expect(arrived.headers['location']).toBe(`${APP}/inbox?page=2&q=a%20b`);
    expect(arrived.headers['referrer-policy']).toBe('no-referrer');
    expect(arrived.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-linchpin-host=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/),
    ]);
  });

  it('finds on its activity page where it has been let in', async () => {
    const { cookie } = await arrivedPerson();
    const page = await house.request.get('/account/activity').set('Cookie', cookie).expect(200);
    expect(page.text).toContain('Your sign-in opened app.example.com');
  });

  it('keeps what it set out with from one window to the next', async () => {
    const first = await byParts(`${APP}/one`, BROWSER);
    const [visit = ''] = cookiesOf(first);
    const second = await byParts(`${APP}/two`, { ...BROWSER, Cookie: visit });
    expect(placeOf(second).searchParams.get('visit')).toBe(placeOf(first).searchParams.get('visit'));
  });

  it('arrives once: a handle that was used sets no cookie, and asks anew', async () => {
    const { cookie } = await signIn(await newPerson());
    const { visit, arrival } = await setOut(cookie);
    await byParts(arrival, { ...BROWSER, Cookie: visit }).expect(302);
    const again = await byParts(arrival, { ...BROWSER, Cookie: visit }).expect(302);
    expect(again.headers).not.toHaveProperty('set-cookie');
    expect(again.headers['location']).toBe(`${APP}/inbox?page=2`);
  });

  it('arrives with its own handle, not with one that somebody sent it (RFC 9700 §4.7)', async () => {
    const { cookie } = await signIn(await newPerson());
    const { visit, arrival } = await setOut(cookie);
    const other = cookiesOf(await byParts(`${APP}/`, BROWSER))[0]!;
    const stranger = await byParts(arrival, { ...BROWSER, Cookie: other }).expect(302);
    expect(stranger.headers).not.toHaveProperty('set-cookie');
    const sender = await byParts(arrival, { ...BROWSER, Cookie: visit }).expect(302);
    expect(sender.headers).not.toHaveProperty('set-cookie');
  });

  it('arrives at its host alone', async () => {
    const { cookie } = await signIn(await newPerson());
    const { visit, arrival } = await setOut(cookie);
    const elsewhere = arrival.replace(APP, FILES);
    const response = await byParts(elsewhere, { ...BROWSER, Cookie: visit }).expect(302);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers['location']).toBe(`${FILES}/inbox?page=2`);
  });

  it('goes back to no other host, whatever the address of its arrival says (RFC 9700 §4.11)', async () => {
    const { cookie } = await signIn(await newPerson());
    for (const to of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '@evil.example',
      '/%0d%0aX: y',
    ]) {
      const { visit, arrival } = await setOut(cookie);
      const bent = new URL(arrival);
      bent.searchParams.set('to', to);
      const response = await byParts(bent.href, { ...BROWSER, Cookie: visit }).expect(302);
      expect(placeOf(response).origin).toBe(APP);
    }
  });

  it('is told when its cookies do not come back, and not sent round in circles', async () => {
    const { cookie } = await signIn(await newPerson());
    const { arrival } = await setOut(cookie);
    const lost = await byParts(arrival, BROWSER).expect(302);
    const { pathname, search, origin } = placeOf(lost);
    expect([origin, pathname]).toEqual([PUBLIC_URL, '/continue/no-cookie']);
    const page = await house.request.get(pathname + search).expect(400);
    expect(page.text).toContain('has kept no cookie of app.example.com');
    expect(page.text).toContain(`href="${APP}/inbox?page&#61;2"`.replace('&#61;', '='));
  });

  it('is asked about by nginx at its arrival too, and is passed to no page', async () => {
    const { atHost, cookie } = await arrivedPerson();
    const { arrival } = await setOut(cookie);
    await byUrl(arrival, { ...BROWSER, Cookie: atHost }).expect(401);
    await byParts(arrival, { Cookie: atHost, 'X-Forwarded-Method': 'POST' }).expect(401);
  });
});

describe('our page in between', () => {
  const about = (to: string, visit = 'v'.repeat(43)) =>
    `/continue?${new URLSearchParams({ to, visit }).toString()}`;

  it('asks whoever is not signed in to sign in, and comes back to it', async () => {
    const response = await house.request.get(about(`${APP}/inbox`)).expect(303);
    const place = new URL(response.headers['location'] as string, PUBLIC_URL);
    expect(place.pathname).toBe('/sign-in');
    expect(Object.fromEntries(place.searchParams)).toEqual({
      next: 'continue',
      to: `${APP}/inbox`,
      visit: 'v'.repeat(43),
    });
    const page = await house.request.get(`${place.pathname}${place.search}`).expect(200);
    expect(page.text).toContain(`name="to" value="${APP}/inbox"`);
    expect(page.text).toContain(`name="visit" value="${'v'.repeat(43)}"`);
  });

  it('goes on by itself where forms of ours lead, since those are not redirected so far (CSP form-action)', async () => {
    const { cookie } = await signIn(await newPerson());
    const page = await house.request
      .get(about(`${APP}/inbox`).replace('/continue?', '/continue/on?'))
      .set({ Cookie: cookie })
      .expect(200);
    const [, onward = ''] = /^0; url=(.+)$/.exec(page.headers['refresh'] as string) ?? [];
    expect(new URL(onward).origin).toBe(APP);
    expect(page.text).toContain('On to app.example.com');
  });

  it.each([
    'https://evil.example/',
    'http://app.example.com/',
    '//app.example.com',
    '',
    'javascript:alert(1)',
  ])('leads nobody to %j (RFC 9700 §4.11)', async (to) => {
    const { cookie } = await signIn(await newPerson());
    const response = await house.request.get(about(to)).set('Cookie', cookie).expect(404);
    expect(response.text).toContain('We cannot lead you on to this address');
    expect(response.text).not.toContain('evil.example');
    await house.request.get(about(to)).expect(404);
  });

  it('gives nobody a handle for a browser that it does not know', async () => {
    const { cookie } = await signIn(await newPerson());
    await house.request
      .get(about(`${APP}/`, 'short'))
      .set('Cookie', cookie)
      .expect(404);
  });

  it('leads back to our own host without a handle', async () => {
    const { cookie } = await signIn(await newPerson());
    const response = await house.request
      .get(about(`${PUBLIC_URL}/wiki`))
      .set({ Cookie: cookie })
      .expect(303);
    expect(response.headers['location']).toBe(`${PUBLIC_URL}/wiki`);
  });
});

describe('a browser at a host', () => {
  const isIn = async (atHost: string) => (await byUrl(`${APP}/`, { Cookie: atHost })).status === 200;

  it('is out at the next request once it has signed out here (ASVS 7.4.1)', async () => {
    const { session, atHost } = await arrivedPerson();
    expect(await isIn(atHost)).toBe(true);
    await house.house.signIn.signOut(session, originFrom('198.51.100.7'));
    expect(await isIn(atHost)).toBe(false);
  });

  it('has nothing with which to get in elsewhere', async () => {
    const { atHost } = await arrivedPerson();
    await byUrl(`${FILES}/`, { Cookie: atHost }).expect(401);
    await byUrl(`${PUBLIC_URL}/`, { Cookie: atHost }).expect(401);
    const token = /linchpin-host=([\w-]+)/.exec(atHost)![1]!;
    await byUrl(`${PUBLIC_URL}/`, { Cookie: `__Host-linchpin=${token}` }).expect(401);
  });

  it.each(['', '__Host-linchpin-host=', '__Host-linchpin-host=garbage', '__Host-linchpin-host=../../x'])(
    'with the cookie %j is nobody (authentik CVE-2026-25748)',
    async (cookie) => {
      await byUrl(`${APP}/`, { Cookie: cookie }).expect(401);
    },
  );

  it('with the cookie twice is nobody: one of them was planted', async () => {
    const { atHost } = await arrivedPerson();
    await byUrl(`${APP}/`, { Cookie: `${atHost}; __Host-linchpin-host=${'x'.repeat(43)}` }).expect(401);
  });

  it('is out when it is switched to a member of the household', async () => {
    const { session, atHost } = await arrivedPerson();
    const { household, profileSwitch } = house.house;
    const origin = originFrom('198.51.100.7');
    const { subjectId } = await household.addManaged(await household.editorOf(session, origin), {
      name: 'Kim',
    });
    const { token } = await profileSwitch.switchSession(session, { subjectId }, origin);
    expect(await isIn(atHost)).toBe(false);
    const switched = `__Host-linchpin=${token}`;
    await byUrl(`${PUBLIC_URL}/`, { Cookie: switched }).expect(401);
    const address = `/continue?${new URLSearchParams({ to: `${APP}/`, visit: 'v'.repeat(43) }).toString()}`;
    const response = await house.request.get(address).set('Cookie', switched).expect(303);
    expect(response.headers['location']).toMatch(/^\/sign-in\?next=continue&/);
  });

  it('is not told the address to, where nobody has proved it', async () => {
    const person = await newPerson({ isEmailVerified: false });
    const { cookie } = await signIn(person);
    const response = await byUrl(`${APP}/`, { Cookie: await enter(cookie) }).expect(200);
    expect(response.headers).not.toHaveProperty('remote-email');
  });
});

describe('what is required of accounts', () => {
  it.each([
    ['a second factor', { twoFactor: 'required' }, true, '/account/security/two-factor'],
    ['a verified address', { emailVerification: 'required' }, false, '/verify-email'],
  ] as const)('%s: without one nobody is let in, and the page leads to where it is had', async (...row) => {
    const [, asked, isEmailVerified, leadsTo] = row;
    const strict = await startOAuthHouse({ config: { ...config, ...asked } });
    const { cookie } = await signIn(await newPerson({ in: strict, isEmailVerified }), strict);
    const own = { 'X-Original-URL': `${PUBLIC_URL}/`, Cookie: cookie };
    await strict.request.get('/verify').set(own).expect(401);
    const address = `/continue?${new URLSearchParams({ to: `${APP}/`, visit: 'v'.repeat(43) }).toString()}`;
    const response = await strict.request.get(address).set('Cookie', cookie).expect(303);
    const place = new URL(response.headers['location'] as string, PUBLIC_URL);
    expect([place.pathname, place.searchParams.get('to')]).toEqual([leadsTo, `${APP}/`]);
    await strict.close();
  });
});

describe('a way that leads over setting up a second factor', () => {
  it('ends on the page behind the proxy after all', async () => {
    const verifyHosts = ['app.localhost:9000'];
    const strict = await startOAuthHouse({
      config: { ...{ twoFactor: 'required', verifyHosts, trustedProxies: ['192.0.2.1'] } },
    });
    const { username } = await newPerson({ in: strict });
    const visitor = createVisitor(strict);
    const to = 'http://app.localhost:9000/inbox?page=2';
    await visitor.visit(`/continue?${new URLSearchParams({ to, visit: 'v'.repeat(43) }).toString()}`);
    await visitor.submit({ login: username, password: PASSWORD }, '/sign-in');
    await visitor.submit({ password: PASSWORD }, '/account/security/two-factor');
    const secret = /data-secret="(\w+)"/.exec(visitor.html)![1]!;
    await visitor.submit({ code: await totpCode(secret, strict.clock.now()) });
    await visitor.submit({}, '/account/security/two-factor/stored');
    expect(visitor.path).toBe('/continue/on');
    expect(visitor.html).toContain('href="http://app.localhost:9000/.linchpin/arrive?handle=');
    await strict.close();
  });
});

describe('a tool', () => {
  const ask = (token: string, scheme = 'Bearer') =>
    byUrl(`${APP}/api`, { Authorization: `${scheme} ${token}` });

  it('is let in by its token, and told of as its scopes say', async () => {
    const { access_token } = await house.link({ name: 'tool-anna', scope: 'openid profile' });
    const response = await ask(access_token);
    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({ 'remote-user': 'tool-anna' });
    expect(response.headers).not.toHaveProperty('remote-email');
    const more = await house.link({ name: 'tool-anna', scope: 'openid profile email' });
    expect((await ask(more.access_token)).headers).toMatchObject({
      'remote-email': 'tool-anna@example.com',
    });
  });

  it.each([
    ['openid profile', true, 'app.example.com, files.example.com:8443'],
    ['openid', true, undefined],
    ['openid profile', false, undefined],
  ])('asking for %s, tokens let in: %s, is said to open %s before anybody approves', async (...row) => {
    const [scope, verifyTokens, hosts] = row;
    const verifyHosts = ['app.example.com', 'files.example.com:8443'];
    const asking = await startOAuthHouse({
      config: { verifyHosts, verifyTokens, trustedProxies: ['192.0.2.1'] },
    });
    const { username } = await newPerson({ in: asking });
    const { user_code } = await asking.start(await asking.register(), { scope });
    const visitor = createVisitor(asking);
    await visitor.signIn(username, PASSWORD);
    await visitor.visit(`/link?user_code=${user_code}`);
    await visitor.submit({}, '/link');
    expect(visitor.path).toBe('/link/review');
    const words = /Open pages in your name: ([^<]+)</.exec(visitor.html)?.[1];
    expect(words).toBe(hosts);
    await asking.close();
  });

  it('needs the scopes that say who it is (RFC 6750 §3.1)', async () => {
    const response = await ask((await house.link({ scope: 'openid' })).access_token);
    expect(response.status).toBe(403);
    expect(response.headers['www-authenticate']).toBe(
      'Bearer realm="linchpin", error="insufficient_scope", scope="openid profile"',
    );
  });

  it.each(['garbage', 'eyJhbGciOiJub25lIn0.e30.', 'a.b.c'])('is not let in by %j', async (token) => {
    const response = await ask(token);
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(response.headers).not.toHaveProperty('location');
  });

  it('is out once it is unlinked, or its time is over', async () => {
    const { access_token, refresh_token, id_token } = await house.link({ name: 'tool-ben' });
    await ask(access_token).expect(200);
    await ask(refresh_token).expect(401);
    await ask(id_token).expect(401);
    const accountId = await house.accountOf('tool-ben');
    await house.house.linkedTools.unlinkAllTools({ accountId, origin: originFrom('198.51.100.7') });
    await ask(access_token).expect(401);
    const { access_token: other } = await house.link({ name: 'tool-ben' });
    house.clock.advance(16 * 60);
    await ask(other).expect(401);
  });

  it('is not let in by a token that is bound to its key: no proof reaches us from there (RFC 9449 §7.2)', async () => {
    const clientId = await house.register();
    const { device_code, user_code } = await house.start(clientId, { scope: 'openid profile' });
    await house.approve(user_code, 'tool-keyed');
    const iat = Math.floor(house.clock.now().getTime() / 1000);
    const about = (path: string) => ({ iat, htu: PUBLIC_URL + path, nonce: house.dpop.currentNonce() });
    const proof = house.key.proof({ htm: 'POST', ...about('/oauth/token') });
    const polled = await house.poll(clientId, device_code, { DPoP: proof }).expect(200);
    const { access_token: accessToken, token_type } = bodyOf(polled) as Tokens;
    expect(token_type).toBe('DPoP');
    await ask(accessToken).expect(401);
    const shown = house.key.proof({ htm: 'GET', ...about('/verify'), accessToken });
    await ask(accessToken, 'DPoP').set('DPoP', shown).expect(401);
  });

  it('is not let in where the operator keeps tools out', async () => {
    const browsers = await startOAuthHouse({ config: { ...config, verifyTokens: false } });
    const { access_token } = await browsers.link();
    const asked = { 'X-Original-URL': `${APP}/`, Authorization: `Bearer ${access_token}` };
    const response = await browsers.request.get('/verify').set(asked).expect(401);
    expect(response.headers['www-authenticate']).toBe('Bearer realm="linchpin"');
    await browsers.close();
  });

  it('is not in the way of a page whose own scripts carry tokens of their own', async () => {
    const { atHost } = await arrivedPerson();
    await byUrl(`${APP}/api`, { Cookie: atHost, Authorization: 'Bearer of-the-page' }).expect(200);
  });
});

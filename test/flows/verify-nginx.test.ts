// The nginx file of docs/proxies.md, in front of Linchpin and of a page that has no sign-in of its own, with a real browser. Only
// names, ports and certificates are others.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';
import { createCertificate } from '../support/certificate.js';
import { expectNoAxeFindings, openBrowser, type TestBrowser } from '../support/chromium.js';
import { describeWithNginx, startNginx, type StartedNginx } from '../support/nginx.js';
import { look, LOOKS } from '../support/page-walk.js';
import { findFreePort } from '../support/service.js';

const PASSWORD = 'quartz lantern bicycle 42';

interface Ports {
  readonly nginx: number;
  readonly linchpin: number;
  readonly page: number;
}

/** The server blocks as they are written, and the last of them once more, for a second host. */
function readServers(ports: Ports): string {
  const [, written = ''] = /^```nginx\n([\s\S]*?)^```$/m.exec(readFileSync('docs/proxies.md', 'utf8')) ?? [];
  const page = written.slice(written.indexOf('server {', written.indexOf('# A page behind it')));
  return `${written}\n${page.replaceAll('app.example.com', 'files.example.com')}`
    .replaceAll('/etc/ssl/example.com.pem', 'FOLDER/certificate.pem')
    .replaceAll('/etc/ssl/private/example.com.key', 'FOLDER/key.pem')
    .replaceAll('.example.com', '.localhost')
    .replaceAll('listen 443 ssl', `listen 127.0.0.1:${ports.nginx} ssl`)
    .replaceAll('127.0.0.1:8484', `127.0.0.1:${ports.linchpin}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${ports.page}`);
}

const { key, certificate } = createCertificate(['login.localhost', 'app.localhost', 'files.localhost']);
const start = (ports: Ports) =>
  startNginx(readServers(ports), { 'certificate.pem': certificate, 'key.pem': key });

describeWithNginx('a page behind the nginx of the documentation', () => {
  let nginx: StartedNginx;
  let house: OAuthHouse;
  let page: Server;
  let browser: TestBrowser;
  let ports: Ports;
  const seen: { path: string; headers: IncomingHttpHeaders }[] = [];
  const app = (path = '/') => `https://app.localhost:${ports.nginx}${path}`;
  const files = (path = '/') => `https://files.localhost:${ports.nginx}${path}`;
  const login = (path = '/') => `https://login.localhost:${ports.nginx}${path}`;

  beforeAll(async () => {
    const port = await findFreePort();
    page = createServer((req, res) => {
      seen.push({ path: req.url ?? '', headers: req.headers });
      if (req.url === '/own-401') return void res.writeHead(401).end('of the page itself');
      res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      // With an icon of its own: else the browser asks for one, at a time that it chooses.
      res.end(
        `<link rel="icon" href="data:,"><title>A page</title><h1>Hello ${String(req.headers['remote-user'])}</h1>`,
      );
    }).listen(0, '127.0.0.1');
    await once(page, 'listening');
    house = await startOAuthHouse({
      config: {
        publicUrl: `https://login.localhost:${port}`,
        trustedProxies: ['127.0.0.1'],
        verifyHosts: [`app.localhost:${port}`, `files.localhost:${port}`],
        signingAlgs: ['EdDSA', 'RS256'],
      },
    });
    const { port: pagePort } = page.address() as AddressInfo;
    ports = { nginx: port, linchpin: Number(new URL(house.url).port), page: pagePort };
    nginx = await start(ports);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await nginx.stop();
    page.closeAllConnections();
    page.close();
    await house.close();
  });
  beforeEach(() => void seen.splice(0));

  const newPage = (): Promise<Page> => browser.newPage({ trustsAnyone: true, baseUrl: app() });

  async function signIn(on: Page, name: string): Promise<void> {
    await on.fill('[name=login]', name);
    await on.fill('[name=password]', PASSWORD);
    await on.keyboard.press('Enter');
  }

  /** As no browser would ask: with these headers, and nothing kept. */
  async function ask(address: string, headers: Record<string, string> = {}, method = 'GET') {
    const { hostname, port: at, pathname, search } = new URL(address);
    // The request line may name another host than the header does (RFC 9112 §3.2.2).
    const path = 'Host' in headers ? address : pathname + search;
    const asking = request({
      ...{ host: '127.0.0.1', port: at, path, method, rejectUnauthorized: false },
      headers: { Host: `${hostname}:${at}`, ...headers },
    }).end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, headers: response.headers, text };
  }

  const cookieOf = async (on: Page, host: string): Promise<string> =>
    (await on.context().cookies(`https://${host}:${ports.nginx}`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');

  it('is seen after signing in, once for all hosts, until its visitor signs out', async () => {
    const { accountId } = await house.newAccount('anna');
    const on = await newPage();
    await on.goto(app('/inbox?page=2'));
    expect(new URL(on.url()).host).toBe(`login.localhost:${ports.nginx}`);
    expect(seen).toEqual([]);
    await expectNoAxeFindings(on);
    await signIn(on, 'anna');
    await on.waitForURL(app('/inbox?page=2'));
    expect(await on.locator('h1').innerText()).toBe('Hello anna');
    const { headers } = seen.find(({ path }) => path === '/inbox?page=2')!;
    expect(headers).toMatchObject({
      'remote-user': 'anna',
      'remote-name': 'anna',
      'remote-email': 'anna@example.com',
      'remote-subject': accountId,
    });

    // The next page, and the next host: nothing is asked any more.
    await on.goto(app('/other'));
    expect(await on.locator('h1').innerText()).toBe('Hello anna');
    const passed: string[] = [];
    on.on('framenavigated', (frame) => passed.push(frame.url()));
    await on.goto(files('/photos'));
    expect(passed).toEqual([files('/photos')]);
    expect(await on.locator('h1').innerText()).toBe('Hello anna');

    await on.goto(login('/account'));
    await on.locator('form[action="/sign-out"] button').first().click();
    await on.waitForURL(login());
    seen.splice(0);
    for (const address of [app('/inbox'), files('/photos')]) {
      await on.goto(address);
      expect(new URL(on.url()).pathname).toBe('/sign-in');
    }
    expect(seen).toEqual([]);
    await on.context().close();
  });

  it('is told no name that a visitor has made up (RFC 9700 §4.13)', async () => {
    await house.newAccount('carl');
    const on = await newPage();
    await on.goto(app('/'));
    await signIn(on, 'carl');
    await on.waitForURL(app('/'));
    const Cookie = await cookieOf(on, 'app.localhost');
    const forged = {
      'Remote-User': 'root',
      'remote-name': 'root',
      'REMOTE-EMAIL': 'root@example.com',
      'Remote-Subject': 'root',
      'Remote-Groups': 'admins',
      Remote_User: 'root',
    };
    const stranger = await ask(app('/secret'), forged);
    expect(stranger.status).toBe(401);
    expect(seen.filter(({ path }) => path === '/secret')).toEqual([]);
    await ask(app('/secret'), { ...forged, Cookie });
    const { headers } = seen.find(({ path }) => path === '/secret')!;
    expect(headers).toMatchObject({ 'remote-user': 'carl', 'remote-email': 'carl@example.com' });
    expect(JSON.stringify(headers)).not.toMatch(/root|admins/);
    await on.context().close();
  });

  it('does not open with the cookie of another host, nor with what a visitor says of the address', async () => {
    await house.newAccount('dora');
    const on = await newPage();
    await on.goto(app('/'));
    await signIn(on, 'dora');
    await on.waitForURL(app('/'));
    const Cookie = await cookieOf(on, 'app.localhost');
    expect((await ask(app('/a'), { Cookie })).status).toBe(200);
    const said = {
      'X-Original-URL': app('/'),
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': `app.localhost:${ports.nginx}`,
      'X-Forwarded-Uri': '/',
    };
    expect((await ask(files('/a'), { Cookie })).status).toBe(401);
    expect((await ask(files('/a'), { Cookie, ...said })).status).toBe(401);
    const Host = `app.localhost:${ports.nginx}`;
    expect((await ask(files('/a'), { Cookie, Host })).status).toBe(401);
    await ask(app('/line'), { Cookie, Host: `files.localhost:${ports.nginx}` });
    expect(seen.find(({ path }) => path === '/line')?.headers.host).toBe('app.localhost');
    expect((await ask(app('/b'), { Cookie, ...said })).status).toBe(200);
    expect((await ask(login('/verify'), { Cookie, ...said })).status).toBe(404);
    const own = await cookieOf(on, 'login.localhost');
    expect((await ask(app('/c'), { Cookie: own })).status).toBe(401);
    await on.context().close();
  });

  it('answers 401 to tools, forms and scripts that are not let in, and lets a tool in by its token', async () => {
    const html = { Accept: 'text/html' };
    expect(await ask(app('/api'))).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="linchpin"' },
    });
    expect((await ask(app('/form'), html, 'POST')).status).toBe(401);
    expect((await ask(app('/x'), { ...html, 'Sec-Fetch-Mode': 'cors' })).status).toBe(401);
    const led = await ask(app('/x?y=1'), html);
    expect(led.status).toBe(302);
    expect(new URL(led.headers.location!).searchParams.get('to')).toBe(app('/x?y=1'));
    expect((await ask(app('/api'), { Authorization: 'Bearer garbage' })).headers).toMatchObject({
      'www-authenticate': expect.stringContaining('invalid_token') as string,
    });
    expect(seen).toEqual([]);
    const { access_token } = await house.link({ name: 'fritz', scope: 'openid profile' });
    expect((await ask(app('/api'), { Authorization: `Bearer ${access_token}` })).status).toBe(200);
    expect(seen.at(-1)!.headers).toMatchObject({ 'remote-user': 'fritz' });
    expect(seen.at(-1)!.headers).not.toHaveProperty('remote-email');
  });

  it('keeps its own 401, and never sees what is ours on its host', async () => {
    await house.newAccount('emil');
    const on = await newPage();
    await on.goto(app('/'));
    await signIn(on, 'emil');
    await on.waitForURL(app('/'));
    const Cookie = await cookieOf(on, 'app.localhost');
    expect((await ask(app('/own-401'), { Cookie })).text).toBe('of the page itself');
    seen.splice(0);
    const arrival = await ask(app('/.linchpin/arrive?handle=x&to=/inbox'), { Cookie, Accept: 'text/html' });
    expect([arrival.status, arrival.headers.location]).toEqual([302, app('/inbox')]);
    expect((await ask(app('/.linchpin/verify'), { Cookie })).status).toBe(404);
    expect(seen).toEqual([]);
    await on.context().close();
  });

  it.each(LOOKS)('has pages before it that are for everybody: $name', async (seenAs) => {
    const name = seenAs.name.replace(/\W/g, '');
    await house.newAccount(name);
    const on = await browser.newPage({ ...seenAs, trustsAnyone: true });
    // The way on leads nowhere, so that the page stays.
    await on.route('**/.linchpin/**', (route) => route.fulfill({ status: 204 }));
    await on.goto(app('/'));
    await signIn(on, name);
    await on.waitForURL('**/continue/on?**');
    await look(on, seenAs, 'continue');
    await on.goto(login(`/continue/no-cookie?${new URLSearchParams({ to: app('/') }).toString()}`));
    await look(on, seenAs, 'continue-no-cookie');
    await on.goto(login('/continue?to=https://evil.example/'));
    await look(on, seenAs, 'host-unknown');
    await on.context().close();
  });

  it('is shown to nobody while Linchpin does not answer', async () => {
    const port = await findFreePort();
    const alone = await start({ ...ports, nginx: port, linchpin: await findFreePort() });
    const answer = await ask(`https://app.localhost:${port}/`, { Cookie: 'x=y', Accept: 'text/html' });
    expect([answer.status, seen]).toEqual([500, []]);
    await alone.stop();
  });
});

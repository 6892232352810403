// What every page has in common: its headers, its static files, and what becomes of what does not exist.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor } from '../support/visitor.js';

let house: TestHouse;
beforeAll(async () => {
  house = await startTestHouse({ config: { demoPage: true } });
  await house.newAccount();
});
afterAll(() => house.close());

const PUBLIC = ['/', '/sign-in', '/sign-up', '/verify-email', '/help/two-factor', '/demo', '/nowhere'];

describe('every page', () => {
  it.each(PUBLIC)('%s lets nothing foreign in, and nobody frame it (RFC 9700 §4.16)', async (path) => {
    const { headers } = await house.request.get(path);
    const policy = (headers['content-security-policy'] ?? '').split(';');
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ]),
    );
    expect(headers['content-security-policy']).not.toMatch(/unsafe|http:|https:|\*/);
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(headers['permissions-policy']).toContain('camera=()');
    // A popup's opener has to see that it closed.
    expect(headers).not.toHaveProperty('cross-origin-opener-policy');
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('insists on https once it is reached there (RFC 6797, CHECKLIST 8628-3.1c)', async () => {
    const secure = await startTestHouse({ config: { publicUrl: 'https://pin.example.org' } });
    const { headers } = await secure.request.get('/sign-in');
    // Of this host alone: what else lives under its name is not ours to speak for.
    expect(headers['strict-transport-security']).toMatch(/^max-age=\d{7,}$/);
    const cookies = headers['set-cookie'] as unknown as string[];
    for (const cookie of cookies)
      expect(cookie).toMatch(/^__Host-[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure/);
    await secure.close();
  });

  it('says its language, and follows Accept-Language (RFC 9110 §12.5.4)', async () => {
    const german = createVisitor(house, { language: 'de-CH' });
    await german.visit('/sign-in');
    expect(german.html).toContain('<html lang="de" dir="ltr">');
    expect(german.text).toContain('Passwort');
    expect(german.headers.vary).toContain('Accept-Language');
  });

  it('takes every address from PUBLIC_URL or none, whatever Host says (Koa CVE-2026-27959)', async () => {
    const { text, headers } = await house.request.get('/sign-in').set('Host', 'evil.example');
    expect(text + JSON.stringify(headers)).not.toContain('evil.example');
  });

  it('sets no cookie where there is no form to protect', async () => {
    const { headers } = await house.request.get('/help/two-factor');
    expect(headers).not.toHaveProperty('set-cookie');
  });
});

describe('static files', () => {
  it('may be kept for ever, since their address is the hash of what they hold', async () => {
    const { text } = await house.request.get('/');
    const address = /href="(\/static\/[^"]+\/house\.css)"/.exec(text)![1]!;
    const css = await house.request.get(address);
    expect(css.status).toBe(200);
    expect(css.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(css.headers['content-type']).toBe('text/css; charset=utf-8');
    const font = /url\((\/static\/[^)]+\.woff2)\)/.exec(css.text)![1]!;
    expect((await house.request.get(font)).headers['content-type']).toBe('font/woff2');
    // Nothing is loaded from elsewhere.
    expect(css.text).not.toMatch(/url\(["']?(https?:)?\/\//);
  });

  it('are fenced in like pages, and no browser guesses their type (ASVS 3.4.4)', async () => {
    const { text } = await house.request.get('/');
    for (const [, address] of text.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)) {
      expect((await house.request.get(address!)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'content-security-policy': expect.stringContaining("default-src 'none'") as string,
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });

  it.each(['/static/', '/static/x/house.css', '/static/../package.json', '/static/%2e%2e/package.json'])(
    'answers %s as not found',
    async (path) => {
      expect((await house.request.get(path)).status).toBe(404);
    },
  );
});

describe('what does not exist', () => {
  it('is a page that says so, with a way on and a number to quote', async () => {
    const visitor = createVisitor(house);
    await visitor.visit('/no/such/page');
    expect(visitor.status).toBe(404);
    expect(visitor.title).toBe('Page not found · Linchpin');
    expect(visitor.text).toContain('Go to the start page');
    expect(visitor.text).toContain(visitor.headers['x-request-id']);
  });

  it('names the methods of a page that does not take this one (RFC 9110 §15.5.6)', async () => {
    const put = await house.request.put('/sign-in');
    expect({ status: put.status, allow: put.headers.allow }).toEqual({
      status: 405,
      allow: 'GET, POST, HEAD',
    });
    const post = await house.request.post('/help/two-factor').type('form').send({});
    expect({ status: post.status, allow: post.headers.allow }).toEqual({ status: 405, allow: 'GET, HEAD' });
  });

  it('finds an address typed in capitals, or with a slash at its end', async () => {
    expect((await house.request.get('/HELP/Two-Factor/')).status).toBe(200);
  });

  it('answers HEAD like GET, without a body', async () => {
    const { status, text } = await house.request.head('/sign-in');
    expect({ status, text }).toEqual({ status: 200, text: undefined });
  });
});

describe('a visit', () => {
  /** Every row of every table, by table. */
  function rows(): Map<string, string> {
    const database = new Database(join(house.folder, 'linchpin.sqlite'), { readonly: true });
    const names = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all() as string[];
    const read = (name: string) => JSON.stringify(database.prepare(`SELECT * FROM "${name}"`).all());
    const found = new Map(names.map((name) => [name, read(name)]));
    database.close();
    return found;
  }

  it('changes nothing, on any page, whoever comes and whatever the address holds (nebi #448)', async () => {
    const { linksForTool, clients } = house.house;
    const { client } = await clients.createByOperator({ name: 'TV', isConfidential: false });
    const origin = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
    const { userCode } = await linksForTool.startLink({ client, scope: 'openid', origin });
    const anna = createVisitor(house);
    await anna.signIn('anna');
    await anna.visit('/link');
    await anna.submit({ user_code: userCode });
    const { link, page } = anna.forms.find(({ action }) => action === '/link/review')!.fields;
    house.clock.advance(2);
    const query = new URLSearchParams({
      ...{
        decision: 'approve',
        link: link!,
        page: page!,
        user_code: userCode,
        token: 'x',
        tool: 'x',
        name: 'x',
      },
      ...{ language: 'de', login: 'anna', password: 'quartz lantern bicycle 42', code: '000000' },
    }).toString();
    const table = readFileSync(join('src', 'http', 'pages', 'routes.ts'), 'utf8');
    const paths = new Set([...table.matchAll(/\['(?:GET|POST)', '([^']+)'/g)].map(([, path]) => path!));
    expect(paths.size).toBeGreaterThan(25);
    const before = rows();
    for (const path of paths) {
      for (const { agent } of [anna, createVisitor(house)]) {
        expect((await agent.get(`${path}?${query}`).redirects(0)).status).toBeLessThan(500);
        expect((await agent.head(path).redirects(0)).status).toBeLessThan(500);
      }
    }
    expect(rows()).toEqual(before);
    await anna.submit({ decision: 'decline' }, '/link/review');
    expect(rows()).not.toEqual(before);
  });
});

describe('forms', () => {
  it('are refused without their field, with a page (OWASP CSRF)', async () => {
    const { status, text } = await house.request
      .post('/sign-in')
      .type('form')
      .send({ login: 'a', password: 'b' });
    expect(status).toBe(403);
    expect(text).toContain('This page was too old');
  });

  it('are refused when another site sends them (OWASP CSRF)', async () => {
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in');
    const { fields } = visitor.forms[0]!;
    const answer = await visitor.agent
      .post('/sign-in')
      .set('Sec-Fetch-Site', 'cross-site')
      .type('form')
      .send({ ...fields, login: 'anna', password: 'quartz lantern bicycle 42' });
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('Not sent from here');
  });

  it('are refused as too large before they are read, and with the wrong content', async () => {
    const large = await house.request
      .post('/sign-in')
      .type('form')
      .send(`login=${'x'.repeat(17_000)}`);
    expect(large.status).toBe(413);
    expect(large.text).toContain('Form too large');
    const json = await house.request.post('/sign-in').send({ login: 'anna' });
    expect(json.status).toBe(415);
    const bytes = await house.request.post('/sign-in').type('form').send('login=%ff');
    expect(bytes.status).toBe(400);
    expect(bytes.text).toContain('Form not readable');
  });
});

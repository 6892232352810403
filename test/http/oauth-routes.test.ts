// What holds at every endpoint of the door alike: methods, scripts of other sites, bad input, and faults of ours.
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  expectNoStore,
  expectRefusal,
  startOAuthHouse,
  type Fields,
  type OAuthHouse,
} from './oauth-house.js';

let house: OAuthHouse;
let clientId: string;
let service: Awaited<ReturnType<OAuthHouse['makeService']>>;

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
  service = await house.makeService();
});
afterAll(() => house.close());

const FORMS = ['/oauth/device_authorization', '/oauth/token', '/oauth/revoke', '/oauth/introspect'] as const;
const DOCUMENTS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/jwks.json',
] as const;
const METHODS: readonly (readonly [path: string, methods: readonly string[]])[] = [
  ...FORMS.map((path) => [path, ['POST']] as const),
  ['/oauth/register', ['POST']],
  ['/oauth/userinfo', ['GET', 'POST']],
  ...DOCUMENTS.map((path) => [path, ['GET']] as const),
];
const OPEN = METHODS.map(([path]) => path).filter((path) => path !== '/oauth/introspect');

const countKept = async () => [
  await house.stores.links.countLive(house.clock.now()),
  (await house.clients.listClients()).length,
];

/** What would be right at that endpoint. */
const rightFields = (path: string): Fields => ({
  ...(path === '/oauth/introspect'
    ? { client_id: service.clientId, client_secret: service.secret }
    : { client_id: clientId }),
  grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
  device_code: 'x',
  token: 'x',
});

describe.each(METHODS)('%s', (path, methods) => {
  const all = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  const wrong = all.filter((method) => !methods.includes(method));

  it.each(wrong)('refuses %s with 405 and names what it takes (RFC 9110 §15.5.6)', async (method) => {
    const send = house.request[method.toLowerCase() as 'get'](path);
    const response = await send;
    expectRefusal(response, 405, 'invalid_request');
    const allowed = (response.headers['allow'] ?? '').split(', ');
    expect(allowed).toEqual(expect.arrayContaining([...methods]));
    for (const other of wrong) expect(allowed).not.toContain(other);
  });

  it('sets no cookie and lets nothing guess its type (RFC 9700 §2.6)', async () => {
    const response = await house.request.get(path);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.headers['x-request-id']).toBeDefined();
  });
});

it.each(DOCUMENTS)('%s answers HEAD like GET, without a body (RFC 9110 §9.3.2)', async (path) => {
  const response = await house.request.head(path);
  expect([response.status, response.text]).toEqual([200, undefined]);
});

describe('scripts of other sites (Fetch §3.3; PIN-API, Decided)', () => {
  it.each(OPEN)('may call %s, but never with credentials', async (path) => {
    for (const send of [house.request.get(path), house.request.post(path)]) {
      const { headers } = await send.set('Origin', 'https://tv.example');
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
      expect(headers['access-control-expose-headers']).toContain('Preference-Applied');
    }
  });

  it.each(OPEN)('are told so when they ask %s beforehand', async (path) => {
    const response = await house.request
      .options(path)
      .set('Origin', 'https://tv.example')
      .set('Access-Control-Request-Method', 'POST')
      .set('Access-Control-Request-Headers', 'content-type,prefer,authorization');
    expect(response.status).toBe(204);
    const allowed = (response.headers['access-control-allow-headers'] ?? '').toLowerCase();
    for (const name of ['content-type', 'prefer', 'authorization']) expect(allowed).toContain(name);
    const methods = METHODS.find(([known]) => known === path)![1];
    for (const method of methods) expect(response.headers['access-control-allow-methods']).toContain(method);
    expect(response.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it('may not call the introspection endpoint at all', async () => {
    const asked = await house.request
      .options('/oauth/introspect')
      .set('Origin', 'https://tv.example')
      .set('Access-Control-Request-Method', 'POST');
    expect(asked.status).toBe(405);
    const sent = await house.post('/oauth/introspect', rightFields('/oauth/introspect'), {
      Origin: 'https://tv.example',
    });
    for (const { headers } of [asked, sent])
      expect(headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe.each([...FORMS, '/oauth/userinfo'])('bad input at %s stores nothing and is refused', (path) => {
  const right = () => new URLSearchParams(rightFields(path)).toString();
  const FORM = 'application/x-www-form-urlencoded';
  const send = (body: string | Buffer, type = FORM, headers: Fields = {}) =>
    house.request
      .post(path)
      .set({ 'Content-Type': type, ...headers })
      .serialize((text) => text as string)
      .send(body as string);

  async function refused(
    body: string | Buffer,
    status = 400,
    type = FORM,
    headers: Fields = {},
  ): Promise<void> {
    const before = await countKept();
    const response = await send(body, type, headers);
    expectRefusal(response, status, 'invalid_request');
    expect(await countKept()).toEqual(before);
  }

  it('with 413 when it is over 16 KiB, announced or not (CHECKLIST 4)', async () => {
    await refused(`${right()}&x=${'a'.repeat(17_000)}`, 413);
  });

  it('when a parameter is repeated (RFC 6749 §3.2)', async () => {
    await refused(`${right()}&token=x&token=y`);
    await refused(`${right()}&unknown=1&unknown=2`);
  });

  it('when it is not UTF-8 (RFC 8628 §3.1)', async () => {
    await refused(`${right()}&x=%ff`);
    await refused(Buffer.concat([Buffer.from(`${right()}&x=`), Buffer.from([0xff])]));
    await refused(right(), 400, `${FORM}; charset=utf-16`).catch((error: unknown) => {
      // Userinfo reads no form in another charset, and says that no token came.
      if (path !== '/oauth/userinfo') throw error;
    });
  });

  it('when it is badly encoded, or holds NUL (WHATWG URL §5.1)', async () => {
    await refused(`${right()}&x=%zz`);
    await refused(`${right()}&x=a%00b`);
  });

  it('when it has more fields than any request needs (CHECKLIST 4)', async () => {
    await refused(`${right()}&${Array.from({ length: 70 }, (_, index) => `x${index}=1`).join('&')}`);
  });

  it('when it is compressed, so that it cannot swell (CHECKLIST 4)', async () => {
    await refused(gzipSync(right()), 400, FORM, { 'Content-Encoding': 'gzip' });
  });
});

describe.each(FORMS)('what is no form at %s is refused and stores nothing', (path) => {
  it.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x'])(
    'as %p (RFC 8628 §3.1)',
    async (type) => {
      const before = await countKept();
      const request = house.request
        .post(path)
        .set('Content-Type', type)
        .serialize((text) => text as string);
      expectRefusal(await request.send(JSON.stringify(rightFields(path))), 400, 'invalid_request');
      expect(await countKept()).toEqual(before);
    },
  );

  it('as fields that look like arrays or objects (RFC 6749 §3.2)', async () => {
    const fields = Object.entries(rightFields(path)).map(([name, value]): [string, string] => [
      `${name}[]`,
      value,
    ]);
    const response = await house.post(path, new URLSearchParams(fields).toString());
    expect([400, 401]).toContain(response.status);
    expectNoStore(response);
  });
});

describe('an error never repeats what was sent (RFC 6749 §5.2)', () => {
  const NASTY = ['"><script>alert(1)</script>', 'a\\b"c', 'ünïcödé\u2028', '\r\nSet-Cookie: x=1', '%0d%0a'];

  it.each(FORMS)('at %s', async (path) => {
    for (const nasty of NASTY) {
      for (const name of ['client_id', 'grant_type', 'scope', 'device_code', 'resource', nasty]) {
        const response = await house.post(path, {
          ...rightFields(path),
          [name]: nasty,
          [`${nasty}2`]: nasty,
        });
        expect(JSON.stringify(response.body)).not.toContain(nasty);
        const { error, error_description } = response.body as { error?: string; error_description?: string };
        for (const text of [error, error_description]) {
          if (text !== undefined) expect(text).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
        }
        expect(response.headers).not.toHaveProperty('set-cookie');
      }
    }
  });
});

it('answers an unknown path of its own as JSON, and names the metadata (DESIGN 5)', async () => {
  for (const path of ['/oauth/authorise', '/oauth/', '/oauth/token/', '/oauth/Token']) {
    const response = await house.request.get(path);
    expectRefusal(response, 404, 'invalid_request');
    expect(JSON.stringify(response.body)).toContain('/.well-known/oauth-authorization-server');
  }
});

it('tells clients to come over TLS alone, where the issuer is https (RFC 8628 §3.1, RFC 6797)', async () => {
  const secure = await startOAuthHouse({ config: { publicUrl: 'https://linchpin.example' } });
  const { headers } = await secure.request.get('/.well-known/jwks.json');
  expect(headers['strict-transport-security']).toMatch(/^max-age=\d{7,}/);
  await secure.close();
  const plain = await house.request.get('/.well-known/jwks.json');
  expect(plain.headers).not.toHaveProperty('strict-transport-security');
});

it('finds its endpoints also where the whole address stands in the request line (RFC 9112 §3.2.2)', async () => {
  const { port } = house.server.address() as AddressInfo;
  const options = {
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: 'http://elsewhere.example/oauth/token?x=y',
  };
  const asked = request(options).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const body = JSON.parse((await answer.toArray()).join('')) as { error: string };
  expect({ status: answer.statusCode, error: body.error }).toEqual({ status: 400, error: 'invalid_request' });
  expect(JSON.stringify([body, answer.headers])).not.toContain('elsewhere');
});

it('leaves every other path to the pages (DESIGN 2)', async () => {
  const response = await house.request.get('/nowhere').set('Accept', 'text/html');
  expect(response.status).toBe(404);
  expect(response.headers['content-type']).toMatch(/^text\/html/);
});

it('answers a fault of ours with 500 and a request id, logs its cause, and tells nothing of it (DESIGN 9)', async () => {
  const broken = await startOAuthHouse();
  const id = await broken.register();
  await broken.database.close();
  const response = await broken.post('/oauth/device_authorization', { client_id: id });
  expectRefusal(response, 500, 'server_error');
  const { request_id } = response.body as { request_id: string };
  expect(request_id).toBe(response.headers['x-request-id']);
  expect(JSON.stringify(response.body)).not.toMatch(/database|sqlite|\.ts|\.js/i);
  const logged = broken.lines.find((line) => line.includes(request_id) && line.includes('"err"'));
  expect(logged).toBeDefined();
  await broken.close();
});

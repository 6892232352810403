// What holds at every endpoint of the PIN door alike: unknown addresses, methods, formats and eras of errors, scripts of other
// sites, cookies, and faults of ours (PIN-API 1.2, 1.8, 2, 7; DESIGN 9).
import { expectNoStore } from './oauth-house.js';
import {
  expectOlderRefusal,
  expectRefusal,
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

type Row = readonly [path: string, method: string];

const OPEN: readonly Row[] = [
  ['/api/v2/pins', 'POST'],
  ['/api/v2/pins.json', 'POST'],
  ['/api/v2/pins.xml', 'POST'],
  ['/api/v2/pins/7', 'GET'],
  ['/api/v2/pins/7.json', 'GET'],
  ['/api/v2/pins/7.xml', 'GET'],
  ['/api/v2/user', 'GET'],
  ['/api/v2/auth/nonce', 'GET'],
  ['/api/v2/auth/jwk', 'POST'],
  ['/api/v2/auth/token', 'POST'],
  ['/api/v2/auth/keys', 'GET'],
  ['/pins.xml', 'POST'],
  ['/pins/7.xml', 'GET'],
];
const CLOSED: readonly Row[] = [
  ['/api/v2/pins/link', 'PUT'],
  ['/api/v2/pins/link.json', 'PUT'],
  ['/api/v2/pins/info', 'GET'],
  ['/api/v2/pins/qr/BCDFGHJK', 'GET'],
  ['/api/v2/ping', 'GET'],
  ['/api/v2/users/signin', 'POST'],
  ['/api/v2/users/signout', 'DELETE'],
  ['/api/v2/resources', 'GET'],
  ['/api/resources', 'GET'],
  ['/api/users', 'GET'],
  ['/api/users/', 'GET'],
  ['/api/servers/x/shared_servers', 'POST'],
  ['/api/v2/home', 'GET'],
  ['/api/v2/home/users', 'GET'],
  ['/api/v2/home/users.json', 'GET'],
  ['/api/v2/home/users/7/switch', 'POST'],
  ['/api/v2/home/users/restricted', 'POST'],
  ['/api/v2/home/users/restricted/7', 'POST'],
  ['/api/v2/home/users/7', 'DELETE'],
  ['/api/home/users', 'GET'],
  ['/api/home/users', 'POST'],
  ['/api/home/users/', 'GET'],
  ['/api/home/users.xml', 'GET'],
  ['/api/home/users/7', 'PUT'],
  ['/api/home/users/7', 'DELETE'],
  ['/api/home/users/7/switch', 'POST'],
  ['/users/account', 'GET'],
  ['/users/account.json', 'GET'],
  ['/users/sign_in.xml', 'POST'],
  ['/devices.xml', 'GET'],
  ['/devices.json', 'GET'],
  ['/devices/7.xml', 'DELETE'],
];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Some addresses take more than one. */
const TAKEN = new Set([...OPEN, ...CLOSED, ['/api/home/users.xml', 'POST']].map((row) => row.join(' ')));

const send = (path: string, method: string) =>
  house.request[method.toLowerCase() as 'get'](path).set(toolHeaders({ Origin: 'https://tv.example' }));

describe.each([...OPEN, ...CLOSED])('%s', (path, method) => {
  it.each(METHODS.filter((other) => !TAKEN.has(`${path} ${other}`)))(
    'refuses %s with 405/1005 and names what it takes (PIN-API 2; RFC 9110 §15.5.6)',
    async (other) => {
      const response = await send(path, other);
      expect(response.status).toBe(405);
      if (path.startsWith('/api/v2/')) expectRefusal(response, 405, 1005);
      expectNoStore(response);
      const allowed = (response.headers['allow'] ?? '').split(', ');
      expect(allowed).toContain(method);
      expect(allowed).not.toContain(other);
    },
  );

  it('sets no cookie and lets nothing guess its type (PIN-API Decided)', async () => {
    const response = await send(path, method);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.headers['x-request-id']).toBeDefined();
  });
});

describe('scripts of other sites (PIN-API 1.8, 7.9, Decided; Fetch §3.3)', () => {
  const ask = (path: string, method: string) =>
    house.request.options(path).set({
      Origin: 'https://tv.example',
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': ASKED.join(','),
    });
  const ASKED = [
    ...['accept', 'content-type', 'x-plex-product', 'x-plex-version', 'x-plex-client-identifier'],
    ...['x-plex-model', 'x-plex-platform', 'x-plex-platform-version', 'x-plex-device', 'x-plex-token'],
    ...['x-plex-device-name', 'x-plex-device-screen-resolution', 'x-plex-language', 'x-plex-something-new'],
  ];

  it.each(OPEN)('may call %s, never with credentials', async (path, method) => {
    const { headers } = await send(path, method);
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(headers['access-control-expose-headers']).toContain('Location');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it.each(OPEN)('are told so when they ask %s beforehand', async (path, method) => {
    const response = await ask(path, method);
    expect([response.status, response.text]).toEqual([204, '']);
    const { headers } = response;
    expect(headers['access-control-allow-origin']).toBe('*');
    const list = (name: string) => (headers[name] ?? '').split(', ');
    expect(list('access-control-allow-methods')).toEqual(
      expect.arrayContaining(['GET', 'POST', 'PUT', 'PATCH', 'HEAD', 'DELETE', 'OPTIONS']),
    );
    expect(list('access-control-allow-headers')).toEqual(expect.arrayContaining(ASKED));
    expect(headers['access-control-max-age']).toBe('86400');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it('are allowed headers by name alone, and nothing that is no name (CHECKLIST 4)', async () => {
    const asked = [
      'cookie',
      'x-plex-<b>',
      'x-plex-a b',
      'x-other',
      'X-Plex-Token',
      `x-plex-${'a'.repeat(500)}`,
    ];
    const response = await house.request.options('/api/v2/pins').set({
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': asked.join(', '),
    });
    const allowed = response.headers['access-control-allow-headers']!;
    expect(allowed.split(', ')).toContain('x-plex-token');
    expect(allowed).not.toMatch(/cookie|<b>|a b|other|aaaa/);
  });

  it.each(CLOSED)('may not call %s', async (path, method) => {
    const asked = await ask(path, method);
    expect(asked.status).toBe(405);
    for (const { headers } of [asked, await send(path, method)])
      expect(headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('an unknown address', () => {
  const UNKNOWN = [
    '/api/v2',
    '/api/v2/',
    '/api/v2/nothing',
    '/api/v2/pins/',
    '/api/v2/pins/7/8',
    '/api/v2/users/x',
  ];

  it.each(UNKNOWN.slice(1))('%s is 404/1002, in the format that was asked for (PIN-API 2)', async (path) => {
    for (const method of METHODS) {
      const asJson = await send(path, method).set(JSON_ONLY);
      expectRefusal(asJson, 404, 1002);
      jsonOf(asJson);
    }
    const asXml = await send(path, 'GET');
    expectRefusal(asXml, 404, 1002);
    expect(asXml.headers['content-type']).toMatch(/^application\/xml/);
    jsonOf(await send(`${path}x.json`, 'GET'));
  });

  it.each(['/api/nothing', '/users/nothing', '/devices/7/8', '/pins/7/8', '/api/v2'])(
    '%s of the older ones is 404 in text, XML whatever Accept says (PIN-API 2, Decided)',
    async (path) => {
      const response = await send(path, 'GET').set(JSON_ONLY);
      expectOlderRefusal(response, 404, 'The requested resource or endpoint could not be found');
      expect(response.headers['content-type']).toMatch(/^application\/xml/);
    },
  );

  it('never repeats what was sent (CHECKLIST 1.2)', async () => {
    const response = await send('/api/v2/evil-word?evil=word', 'GET').set('X-Plex-Product', 'evil');
    expect(JSON.stringify([response.text, response.headers])).not.toContain('evil');
  });
});

it('leaves the pages alone', async () => {
  const response = await house.request.get('/link');
  expect(response.headers['content-type']).toMatch(/^text\/html/);
});

it('stands below the path of PUBLIC_URL, and names it in its addresses (DESIGN 4)', async () => {
  const below = await startPinHouse({ config: { publicUrl: 'https://example.org/login' } });
  const response = await below.request.post('/login/api/v2/pins.json').set(toolHeaders()).expect(201);
  expect(response.headers['strict-transport-security']).toMatch(/^max-age=/);
  const { id, code, qr } = jsonOf(response) as { id: number; code: string; qr: string };
  expect(qr).toBe(`https://example.org/login/api/v2/pins/qr/${code}`);
  expect(response.headers['location']).toBe(`https://example.org/login/api/v2/pins/${id}`);
  await below.request.get(`/login/api/v2/pins/${id}`).set(toolHeaders()).expect(200);
  await below.close();
});

it('answers 503 and Retry-After while the store cannot be written, and works again after (CHECKLIST 4)', async () => {
  const full = await startPinHouse({ maxPages: 200, config: { liveLinksPerNetwork: 60 } });
  await full.disk.fill();
  let refused = await full.create();
  // The last page of the table still has room for a few.
  for (let more = 0; more < 50 && refused.status === 201; more++) refused = await full.create();
  expectRefusal(refused, 503, 1007);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  // Whatever was asked for in vain does not count as live.
  for (let more = 0; more < 60; more++) expectRefusal(await full.create(), 503, 1007);
  expect(full.lines.at(-1)).toMatch(/"status":503.*"why":"SQLite answered SQLITE_FULL/);
  await full.disk.free();
  await full.create().expect(201);
  await full.close();
});

it('never logs a query, a code, a token or an identifier (DESIGN 2; PIN-API Decided)', async () => {
  const token = await house.linkTool();
  house.lines.length = 0;
  await house.request.get(`/api/v2/user?X-Plex-Token=${token}&secret=word`).expect(200);
  const { code } = await house.createPin('?strong=true', { 'X-Plex-Client-Identifier': 'my-identifier' });
  await house.request.get(`/api/v2/pins/qr/${code}`).expect(200);
  const logged = house.lines.join('');
  expect(logged).toContain('/api/v2/user');
  for (const secret of [token, code, 'secret=word', 'my-identifier']) expect(logged).not.toContain(secret);
});

it('never logs a number or a code of a path, however it was asked for (DESIGN 2; PIN-API 3.2)', async () => {
  const { id, code } = await house.createPin('?strong=true');
  house.lines.length = 0;
  await house.request.options(`/api/v2/pins/${id}`).expect(204);
  await house.request.delete(`/api/v2/pins/${id}.json`).expect(405);
  await house.request.get(`/api/v2/pins/${id}/`).expect(404);
  await house.request.post(`/pins/${id}.xml`).expect(405);
  await house.request.get(`/PINS/${id}`).expect(404);
  await house.request.post(`/api/v2/pins/qr/${code}`).expect(405);
  await house.request.get(`/api/v2/pins/qr/${code}/`).expect(404);
  await house.request.put('/api/v2/pins/link').expect(401);
  const logged = house.lines.join('');
  expect(logged).toContain('"/api/v2/pins/link"');
  for (const secret of [String(id), code]) expect(logged).not.toContain(secret);
});

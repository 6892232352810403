// The registration endpoint: what a tool may say of itself, what of it is kept, and how often.
import {
  bodyOf,
  DEVICE_CODE_GRANT,
  expectNoStore,
  expectRefusal,
  like,
  startOAuthHouse,
  type OAuthHouse,
} from './oauth-house.js';

const PATH = '/oauth/register';
let house: OAuthHouse;

beforeAll(async () => {
  house = await startOAuthHouse();
});
afterAll(() => house.close());

const register = (metadata: object) => house.request.post(PATH).send(metadata);

interface Registered {
  readonly client_id: string;
  readonly client_name: string;
  readonly scope: string;
  readonly grant_types: string[];
  readonly [member: string]: unknown;
}

async function registered(metadata: object): Promise<Registered> {
  return bodyOf(await register(metadata).expect(201)) as Registered;
}

const countClients = async () => (await house.clients.listClients()).length;

async function expectRefused(metadata: object, error: string): Promise<void> {
  const before = await countClients();
  expectRefusal(await register(metadata), 400, error);
  expect(await countClients()).toBe(before);
}

it('answers 201 with an id of its own and all that was registered (RFC 7591 §3.2.1)', async () => {
  const response = await register({
    client_name: 'A television',
    client_uri: 'https://tv.example/about',
    software_id: 'tv',
    software_version: '1.2',
    token_endpoint_auth_method: 'none',
    grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
    response_types: [],
    scope: 'openid email',
    id_token_signed_response_alg: 'EdDSA',
    access_token_signed_response_alg: 'ES256',
  });
  expect(response.status).toBe(201);
  expectNoStore(response);
  expect(response.body).toEqual({
    client_id: like(/^[\w-]{20,}$/),
    client_id_issued_at: Math.floor(house.clock.now().getTime() / 1000),
    client_name: 'A television',
    client_uri: 'https://tv.example/about',
    software_id: 'tv',
    software_version: '1.2',
    token_endpoint_auth_method: 'none',
    grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
    response_types: [],
    scope: 'openid email',
    id_token_signed_response_alg: 'EdDSA',
    access_token_signed_response_alg: 'ES256',
    dpop_bound_access_tokens: false,
  });
});

it('gives no secret, so there is none to expire (RFC 7591 §3.2.1; RFC 8628 §5.6)', async () => {
  const body = await registered({});
  expect(body).not.toHaveProperty('client_secret');
  expect(body).not.toHaveProperty('client_secret_expires_at');
});

it('gives another id each time, and never the one asked for (RFC 7591 §3.2.1, RFC 9700 §4.15)', async () => {
  const accountId = await house.accountOf('anna');
  const bodies = await Promise.all(
    [0, 1, 2].map(() => registered({ client_id: accountId, client_name: 'TV' })),
  );
  const ids = bodies.map(({ client_id }) => client_id);
  expect(new Set([...ids, accountId]).size).toBe(4);
});

it('says what it put in place of what was left out (RFC 7591 §2)', async () => {
  expect(await registered({})).toMatchObject({
    client_name: 'A tool without a name',
    token_endpoint_auth_method: 'none',
    grant_types: [DEVICE_CODE_GRANT],
    response_types: [],
    scope: 'openid profile email offline_access',
    id_token_signed_response_alg: 'RS256',
    access_token_signed_response_alg: 'EdDSA',
  });
});

it('takes null for left out, as JSON writers do (RFC 7591 §2)', async () => {
  const { grant_types } = await registered({
    client_name: null,
    grant_types: null,
    scope: null,
    redirect_uris: null,
  });
  expect(grant_types).toEqual([DEVICE_CODE_GRANT]);
});

it('gives the refresh grant to a tool that asks for offline_access and names no grants (OpenID Connect Core §11)', async () => {
  const { grant_types } = await registered({ scope: 'openid offline_access' });
  expect(grant_types).toEqual([DEVICE_CODE_GRANT, 'refresh_token']);
});

it('registers what it has of the grants and scopes asked for, and says so (RFC 7591 §3.2.1)', async () => {
  const body = await registered({
    grant_types: ['authorization_code', DEVICE_CODE_GRANT, 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['https://tv.example/back'],
    scope: 'openid admin profile',
  });
  expect(body).toMatchObject({
    grant_types: ['authorization_code', DEVICE_CODE_GRANT, 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['https://tv.example/back'],
    scope: 'openid profile',
  });
});

it('holds the client to the scope that it registered (RFC 7591 §2)', async () => {
  const { client_id } = await registered({ scope: 'openid' });
  const started = await house.post('/oauth/device_authorization', { client_id, scope: 'openid email' });
  expectRefusal(started, 400, 'invalid_scope');
});

it('ignores metadata that it does not know (RFC 7591 §2)', async () => {
  const unknown = {
    client_secret: 'mine',
    registered_by: 'operator',
    kind: 'confidential',
    audience: 'https://other.example',
    tls_client_certificate_bound_access_tokens: true,
    foo: { bar: [1] },
    'client_name#de': 'Fernseher',
  };
  const body = await registered({ client_name: 'TV', ...unknown });
  for (const member of Object.keys(unknown)) expect(body).not.toHaveProperty(member);
  expect(await house.clients.findClient(body.client_id)).toMatchObject({
    kind: 'public',
    registeredBy: 'itself',
    secretHash: undefined,
    audience: undefined,
  });
});

it('ignores a software statement, which it does not support (RFC 7591 §3.1.1)', async () => {
  expect(await registered({ software_statement: 'a.b.c' })).not.toHaveProperty('software_statement');
});

it('fetches no address that a tool names (RFC 7591 §5; SSRF)', async () => {
  const asked: unknown[] = [];
  const original = globalThis.fetch;
  globalThis.fetch = async (input) => {
    asked.push(input);
    return original(input);
  };
  const addresses = {
    client_uri: `${house.issuer}/internal`,
    jwks_uri: `${house.issuer}/internal`,
    logo_uri: 'http://169.254.169.254/latest/meta-data',
    sector_identifier_uri: `${house.issuer}/internal`,
  };
  const body = await registered(addresses);
  globalThis.fetch = original;
  expect(asked).toEqual([]);
  expect(body).not.toHaveProperty('jwks_uri');
  expect(body).not.toHaveProperty('logo_uri');
  expect(house.lines.join('')).not.toContain('/internal');
});

it('shows a name as one plain line of 80 characters at most (RFC 7591 §5)', async () => {
  const { client_name } = await registered({
    client_name: `  Bank\u202e\u0007\n\r<b>\u200f${'x'.repeat(200)}`,
  });
  expect(client_name).toMatch(/^Bank <b> x+$/);
  expect([...client_name]).toHaveLength(80);
});

describe('refuses with invalid_client_metadata (RFC 7591 §3.2.2)', () => {
  it.each([
    { token_endpoint_auth_method: 'client_secret_basic' },
    { token_endpoint_auth_method: 'private_key_jwt' },
    { grant_types: [] },
    { grant_types: ['password'] },
    { grant_types: ['refresh_token'] },
    { grant_types: ['authorization_code'], response_types: [], redirect_uris: ['https://tv.example/'] },
    { grant_types: DEVICE_CODE_GRANT },
    { grant_types: [1] },
    { response_types: ['code'] },
    { response_types: ['token'] },
    { scope: 'admin' },
    { scope: ['openid'] },
    { id_token_signed_response_alg: 'none' },
    { id_token_signed_response_alg: 'HS256' },
    { access_token_signed_response_alg: 'PS256' },
    { client_name: 5 },
    { client_name: { toString: 'x' } },
    { client_name: 'x'.repeat(501) },
    { client_uri: 'javascript:alert(1)' },
    { client_uri: 'data:text/html,x' },
    { client_uri: 'not an address' },
    { software_id: [] },
  ])('%j', (metadata) => expectRefused(metadata, 'invalid_client_metadata'));
});

describe('refuses with invalid_redirect_uri (RFC 7591 §3.2.2)', () => {
  it.each([
    ['no list', 'https://tv.example'],
    ['no address', ['nothing']],
    ['a relative one', ['/relative']],
    ['a fragment (RFC 6749 §3.1.2)', ['https://tv.example/#part']],
    ['an empty fragment (RFC 6749 §3.1.2)', ['https://tv.example/#']],
    ['a number', [5]],
    ['an object', {}],
    ['http beyond this computer (RFC 9700 §2.6)', ['http://tv.example/cb']],
    ['http to a name that only begins like loopback', ['http://127.0.0.1.tv.example/cb']],
    ['a user name', ['https://me@tv.example/cb']],
    ['another host behind a user name', ['https://tv.example@evil.example/cb']],
    ['a script', ['javascript:alert(1)']],
    ['a document of its own', ['data:text/html,x']],
    ['a scheme that is no name in reverse (RFC 8252 §7.1)', ['tv:/cb']],
    ['a file', ['file:///etc/passwd']],
    ['white space', ['https://tv.example/c b']],
    ['a line break', ['https://tv.example/c\nb']],
    ['a backslash', ['https://tv.example\\@evil.example/']],
    ['a host that ends a directive of our policy (CSP Level 3 §2.2)', ['https://tv.example;x/cb']],
    ['a host that stands for every other in it', ['https://*/cb']],
    ['a host with a mark of its own', ["https://tv.example$'x/cb"]],
    ['a host that browsers look for on our own (RFC 3986 §5.2)', ['https:tv.example/cb']],
    ['a host behind three slashes', ['https:///tv.example/cb']],
    ['a host that is written in another way', ['https://tv%2Eexample/cb']],
    ['letters beyond ASCII', ['https://tv.exämple/cb']],
    ['one bad one among good ones', ['https://tv.example/cb', 'http://tv.example/cb']],
    ['too many', Array.from({ length: 21 }, (_, at) => `https://tv.example/${at}`)],
    ['one that is too long', [`https://tv.example/${'x'.repeat(1000)}`]],
  ])('%s', async (_, uris) => {
    await expectRefused({ redirect_uris: uris }, 'invalid_redirect_uri');
    await expectRefused({ post_logout_redirect_uris: uris }, 'invalid_redirect_uri');
  });

  it('but takes good ones, as they are written (RFC 7591 §3.2.1, RFC 8252 §7)', async () => {
    const redirect_uris = [
      'https://tv.example/cb?with=query',
      'http://127.0.0.1/cb',
      'http://[::1]:8080/cb',
      'http://localhost:3000/cb',
      'example.tv.app:/cb',
    ];
    const body = await registered({ redirect_uris, post_logout_redirect_uris: ['https://tv.example/bye'] });
    expect(body).toMatchObject({
      redirect_uris,
      post_logout_redirect_uris: ['https://tv.example/bye'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    });
  });

  it('and of a tool that is sent nowhere it registers none (RFC 7591 §2)', async () => {
    const redirect_uris = ['https://tv.example/cb'];
    const body = await registered({ grant_types: [DEVICE_CODE_GRANT], redirect_uris });
    expect(body).not.toHaveProperty('redirect_uris');
  });

  it('asks for one where people are to be sent back (RFC 7591 §2)', () =>
    expectRefused({ grant_types: ['authorization_code'], response_types: ['code'] }, 'invalid_redirect_uri'));
});

describe('refuses with invalid_request (RFC 7591 §3.1)', () => {
  const sendText = (text: string | Buffer, type = 'application/json') =>
    house.request
      .post(PATH)
      .set('Content-Type', type)
      .serialize((body) => body as string)
      .send(text as string);

  it.each([
    '',
    '{',
    '[]',
    '"text"',
    'null',
    '5',
    '{"client_name":"a","client_name":"b"}',
    '{"a":"\\u0000"}',
    '{"a":"\\ud800"}',
  ])('the body %p', async (text) => {
    const before = await countClients();
    expectRefusal(await sendText(text), 400, 'invalid_request');
    expect(await countClients()).toBe(before);
  });

  it('a form', async () =>
    expectRefusal(
      await sendText('client_name=TV', 'application/x-www-form-urlencoded'),
      400,
      'invalid_request',
    ));

  it('a body nested more deeply than any metadata', async () => {
    expectRefusal(await sendText(`{"a":${'['.repeat(50)}${']'.repeat(50)}}`), 400, 'invalid_request');
  });

  it('a body over 16 KiB, with 413', async () => {
    expectRefusal(await sendText(JSON.stringify({ a: 'x'.repeat(17_000) })), 413, 'invalid_request');
  });

  it('and pollutes no prototype', async () => {
    await sendText('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}').expect(
      201,
    );
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('is budgeted (RFC 7591 §3, §5)', () => {
  it('by network', async () => {
    const small = await startOAuthHouse({ limits: { 'registration-by-network': { limit: 2 } } });
    await small.register();
    await small.register();
    const refused = await small.request.post(PATH).send({});
    expectRefusal(refused, 429, 'temporarily_unavailable');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    small.clock.advance(2 * 3600);
    await small.register();
    await small.close();
  });

  it('and everywhere, whatever the network', async () => {
    const small = await startOAuthHouse({ limits: { 'registration-everywhere': { limit: 1 } } });
    await small.register();
    expectRefusal(await small.request.post(PATH).send({}), 429, 'temporarily_unavailable');
    await small.close();
  });

  it('but a request that is refused for its metadata costs nothing', async () => {
    const small = await startOAuthHouse({ limits: { 'registration-by-network': { limit: 1 } } });
    for (let turn = 0; turn < 3; turn++) await small.request.post(PATH).send({ grant_types: [] }).expect(400);
    await small.register();
    await small.close();
  });
});

it('forgets a tool that started no link for a week, and keeps one that did (DESIGN 5)', async () => {
  const [idle, busy] = [await house.register(), await house.register()];
  await house.start(busy);
  house.clock.advance(7 * 86_400 + 1);
  await house.clients.removeUnused();
  expect(await house.clients.findClient(idle)).toBeUndefined();
  expect(await house.clients.findClient(busy)).toBeDefined();
  expectRefusal(await house.post('/oauth/device_authorization', { client_id: idle }), 401, 'invalid_client');
});

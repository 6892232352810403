// Everything that the PIN door says in XML, read by a strict parser, for a tool with a name that is markup: the elements
// and attributes that clients look for are there, in the types that they cast to. PIN-API.md 1.6, 2, 3, 4.
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor } from '../support/visitor.js';
import { parseXml, type XmlElement } from '../support/xml.js';

const NAME = `Müller & "Söhne" <TV lang='de'> ]]> &amp; 📺`;
const IDENTIFIER = 'a television & more';

let test: TestHouse;
let token: string;

interface Asked {
  readonly method?: string;
  readonly accept?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** What a client gets that parses XML: the type is one that all of them take for XML (PIN-API 1.2). */
async function ask(path: string, { method = 'GET', accept = '*/*', form, token: shown }: Asked = {}) {
  const response = await fetch(`${test.url}${path}`, {
    method,
    headers: {
      Accept: accept,
      'X-Plex-Client-Identifier': IDENTIFIER,
      ...(shown ? { 'X-Plex-Token': shown } : {}),
    },
    ...(form ? { body: new URLSearchParams(form) } : {}),
  });
  expect(response.headers.get('content-type')?.split(';')[0]).toBe('application/xml');
  return { status: response.status, root: parseXml(await response.text()) };
}

async function startPin(path: string): Promise<XmlElement> {
  const form = { 'X-Plex-Product': NAME, 'X-Plex-Device-Name': NAME, 'X-Plex-Platform': NAME };
  const { status, root } = await ask(path, { method: 'POST', form });
  expect(status).toBe(201);
  return root;
}

async function approve(code: string): Promise<void> {
  const anna = createVisitor(test);
  await anna.signIn('anna');
  await anna.visit(`/link?pin=${code}`);
  await anna.submit();
  expect(anna.text).toContain('Müller & "Söhne" <TV');
  test.clock.advance(2);
  await anna.submit({ decision: 'approve' }, '/link/review');
}

const childOf = ({ children }: XmlElement, name: string) => children.find((child) => child.name === name);
const namesIn = (element: XmlElement): string[] => element.children.map(({ name }) => name);

beforeAll(async () => {
  test = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  await test.newAccount('anna');
});
afterAll(() => test.close());

it('a PIN from its making to its token, as an element with attributes (PIN-API 3.1, 3.2)', async () => {
  const made = await startPin('/api/v2/pins?strong=True');
  expect(made.name).toBe('pin');
  expect(made.attributes).toMatchObject({
    product: NAME,
    clientIdentifier: IDENTIFIER,
    trusted: '0',
    authToken: '',
    newRegistration: '',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/) as unknown,
  });
  const { id, code } = made.attributes;
  expect(Number(id)).toBeGreaterThan(0);
  expect(made.attributes.qr).toBe(`${test.url}/api/v2/pins/qr/${code}`);
  expect(childOf(made, 'location')?.attributes).toHaveProperty('code');

  const pending = await ask(`/api/v2/pins/${id}`);
  expect(pending.root.attributes).toMatchObject({ id, code, authToken: '' });
  await approve(code!);
  const { status, root } = await ask(`/api/v2/pins/${id}.xml`, { accept: 'application/json' });
  expect({ status, newRegistration: root.attributes.newRegistration }).toEqual({
    status: 200,
    newRegistration: expect.stringMatching(/^[01]$/) as unknown,
  });
  token = root.attributes.authToken!;
  expect(token.split('.')).toHaveLength(3);
});

it('a PIN of the older kind, as elements with text (PIN-API 3.6)', async () => {
  const made = await startPin('/pins.xml');
  const textOf = (root: XmlElement, name: string) => childOf(root, name)?.text;
  expect(made.name).toBe('pin');
  expect(namesIn(made)).toEqual(
    expect.arrayContaining(['client-identifier', 'code', 'expires-at', 'id', 'user-id', 'auth_token']),
  );
  const id = textOf(made, 'id');
  expect(textOf(made, 'client-identifier')).toBe(IDENTIFIER);
  expect(textOf((await ask(`/pins/${id}.xml`)).root, 'auth_token')).toBe('');
  await approve(textOf(made, 'code')!);
  const { root } = await ask(`/pins/${id}.xml`);
  expect(textOf(root, 'auth_token')?.split('.')).toHaveLength(3);
  expect(textOf(root, 'auth-token')).toBe(textOf(root, 'auth_token'));
});

it('the account, in both of its places (PIN-API 4.1, 4.5)', async () => {
  const { root } = await ask('/api/v2/user', { token });
  expect(root.attributes).toMatchObject({
    username: 'anna',
    authToken: token,
    scrobbleTypes: '',
    restricted: '0',
  });
  expect(root.attributes.id).toMatch(/^\d+$/);
  expect(namesIn(root)).toEqual(expect.arrayContaining(['subscription', 'profile']));
  expect(childOf(root, 'subscription')?.attributes.active).toBe('0');
  const booleans = [
    'home',
    'guest',
    'protected',
    'hasPassword',
    'confirmed',
    'twoFactorEnabled',
    'homeAdmin',
  ];
  for (const name of booleans)
    expect([name, root.attributes[name]]).toEqual([name, expect.stringMatching(/^[01]$/)]);

  const older = await ask('/users/account', { token, accept: 'application/json' });
  expect(older.root.name).toBe('user');
  expect(older.root.attributes).toMatchObject({ username: 'anna', id: root.attributes.id });
  expect(older.root.attributes.authToken ?? older.root.attributes.authenticationToken).toBe(token);
  expect(childOf(older.root, 'subscription')?.attributes.active).toBe('0');
});

it('the ping, whose word is its text (PIN-API 4.4)', async () => {
  const { root } = await ask('/api/v2/ping', { token });
  expect({ name: root.name, text: root.text }).toEqual({ name: 'pong', text: '1' });
});

it('the devices, with names as they were sent and no token but the own (PIN-API 4.7)', async () => {
  const { root } = await ask('/devices.xml', { token });
  expect(root.name).toBe('MediaContainer');
  expect(root.children.length).toBeGreaterThanOrEqual(2);
  for (const { name, attributes } of root.children) {
    expect(name).toBe('Device');
    expect(attributes).toMatchObject({
      product: NAME,
      platform: NAME,
      clientIdentifier: IDENTIFIER,
      provides: expect.any(String) as unknown,
      createdAt: expect.stringMatching(/^\d+$/) as unknown,
    });
    expect(['', token]).toContain(attributes.token);
  }
});

it.each(['/api/v2/resources?includeHttps=1', '/api/resources?includeHttps=1', '/api/users', '/api/users/'])(
  'the container of %s (PIN-API 4.9, 4.10)',
  async (path) => {
    const { status, root } = await ask(path, { token });
    expect(status).toBe(200);
    expect(root.name).toBe(path.startsWith('/api/v2/') ? 'resources' : 'MediaContainer');
  },
);

it.each([
  ['/api/v2/pins/1', 'GET', 404, '1020'],
  ['/api/v2/user', 'GET', 401, '1001'],
  ['/api/v2/nothing', 'GET', 404, '1002'],
  ['/api/v2/ping', 'POST', 405, '1005'],
  ['/api/v2/users/signin', 'POST', 401, '1001'],
])('the error of %s %s, with its number (PIN-API 2)', async (path, method, status, code) => {
  const form = method === 'POST' ? { login: NAME, password: NAME } : undefined;
  const answer = await ask(path, { method, ...(form ? { form } : {}) });
  expect(answer.status).toBe(status);
  expect(answer.root.name).toBe('errors');
  expect(answer.root.children.map(({ name, attributes }) => [name, attributes.code])).toEqual([
    ['error', code],
  ]);
});

it.each([
  ['/users/account', 422, 'Invalid token'],
  ['/api/users', 401, 'Invalid authentication token.'],
  ['/devices.xml', 401, 'Invalid authentication token.'],
])('the error of the older %s, as text (PIN-API 2, 4.5)', async (path, status, text) => {
  const { status: given, root } = await ask(path, { token: 'no token at all' });
  expect(given).toBe(status);
  expect(root.name).toBe('errors');
  expect(root.children).toEqual([{ name: 'error', attributes: {}, children: [], text }]);
});

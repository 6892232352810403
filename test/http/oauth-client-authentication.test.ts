// How a client says who it is, the same at every endpoint that asks: no secret, the Basic header, or the body.
import { basic, expectRefusal, startOAuthHouse, type Fields, type OAuthHouse } from './oauth-house.js';

let house: OAuthHouse;
let publicId: string;
let service: Awaited<ReturnType<OAuthHouse['makeService']>>;

beforeAll(async () => {
  house = await startOAuthHouse();
  publicId = await house.register();
  service = await house.makeService();
});
afterAll(() => house.close());

const PATHS = ['/oauth/device_authorization', '/oauth/revoke', '/oauth/token'] as const;

/** What the endpoint says once the client has been accepted. */
const BEYOND = {
  '/oauth/device_authorization': [200, undefined],
  '/oauth/revoke': [200, undefined],
  '/oauth/token': [400, 'invalid_grant'],
} as const;

const fieldsOf = (fields: Fields): Fields => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
  device_code: 'unknown',
  token: 'unknown',
  ...fields,
});

describe.each(PATHS)('at %s', (path) => {
  const send = (fields: Fields, headers: Fields = {}) => house.post(path, fieldsOf(fields), headers);
  const expectAccepted = async (fields: Fields, headers: Fields = {}) => {
    const response = await send(fields, headers);
    const { error } = response.body as { error?: string };
    expect([response.status, error]).toEqual(BEYOND[path]);
  };

  it('a public client only names itself (RFC 6749 §2.1, §3.2.1)', () =>
    expectAccepted({ client_id: publicId }));

  it('a public client that sends Basic with an empty secret counts as one without (DESIGN 5)', () =>
    expectAccepted({}, { Authorization: basic(publicId, '') }));

  it('a public client may repeat its name beside Basic (RFC 6749 §2.3.1)', () =>
    expectAccepted({ client_id: publicId }, { Authorization: basic(publicId, '') }));

  it('a public client that shows a secret is refused: it has none (RFC 6749 §5.2)', async () => {
    expectRefusal(await send({ client_id: publicId, client_secret: 'x' }), 401, 'invalid_client');
    expectRefusal(await send({}, { Authorization: basic(publicId, 'x') }), 401, 'invalid_client');
  });

  it('a confidential client shows its secret in the header, or in the body (RFC 6749 §2.3.1)', async () => {
    await expectAccepted({}, service.header);
    await expectAccepted({ client_id: service.clientId }, service.header);
    await expectAccepted({ client_id: service.clientId, client_secret: service.secret });
    const lowerCase = service.header.Authorization.replace('Basic', 'basic');
    await expectAccepted({}, { Authorization: lowerCase });
  });

  it('a confidential client without its secret, or with a wrong one, is refused (RFC 6749 §3.2.1)', async () => {
    expectRefusal(await send({ client_id: service.clientId }), 401, 'invalid_client');
    expectRefusal(await send({ client_id: service.clientId, client_secret: '' }), 401, 'invalid_client');
    expectRefusal(await send({ client_id: service.clientId, client_secret: 'x' }), 401, 'invalid_client');
    expectRefusal(
      await send({}, { Authorization: basic(service.clientId, `${service.secret}x`) }),
      401,
      'invalid_client',
    );
  });

  it('two methods in one request are refused, even if both are right (RFC 6749 §2.3)', async () => {
    const body = { client_id: service.clientId, client_secret: service.secret };
    expectRefusal(await send(body, service.header), 400, 'invalid_request');
    expectRefusal(await send({ client_secret: service.secret }, service.header), 400, 'invalid_request');
  });

  it('a header and a body that name different clients are refused (RFC 6749 §2.3)', async () => {
    expectRefusal(await send({ client_id: publicId }, service.header), 400, 'invalid_request');
  });

  it('a refusal by way of the header is 401 with the scheme to use (RFC 6749 §5.2)', async () => {
    const response = await send({}, { Authorization: basic(service.clientId, 'wrong') });
    expectRefusal(response, 401, 'invalid_client');
    expect(response.headers['www-authenticate']).toMatch(/^Basic realm="/);
  });

  it.each([
    'Bearer abc',
    'Basic',
    'Basic !!!',
    'Basic bm9jb2xvbg==',
    `Basic ${Buffer.from(':secret').toString('base64')}`,
    `Basic ${Buffer.from('a%zz:b').toString('base64')}`,
    `Basic ${Buffer.from('a\u0000:b').toString('base64')}`,
    `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}`,
    'Digest username="x"',
  ])('the header %p is refused (RFC 6749 §5.2)', async (Authorization) => {
    expectRefusal(await send({}, { Authorization }), 401, 'invalid_client');
    expectRefusal(await send({ client_id: publicId }, { Authorization }), 401, 'invalid_client');
  });

  it('a secret in the address counts for nothing (RFC 6749 §2.3.1)', async () => {
    const query = new URLSearchParams({ client_id: service.clientId, client_secret: service.secret });
    const response = await house.post(`${path}?${query.toString()}`, fieldsOf({}));
    expectRefusal(response, 400, 'invalid_request');
  });

  it('a cookie counts for nothing, and none is set (PIN-API, Decided)', async () => {
    const response = await send({ client_id: publicId }, { Cookie: 'linchpin=abc; linchpin-browser=def' });
    expect(response.headers).not.toHaveProperty('set-cookie');
  });
});

it('decodes both parts of the Basic header (RFC 6749 §2.3.1)', async () => {
  const encoded = [...service.clientId].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
  const Authorization = `Basic ${Buffer.from(`${encoded}:${service.secret}`).toString('base64')}`;
  const response = await house.post('/oauth/revoke', { token: 'x' }, { Authorization });
  expect(response.status).toBe(200);
});

it('budgets wrong secrets by network, while the right one still works (RFC 6749 §2.3.1)', async () => {
  const small = await startOAuthHouse({ limits: { 'client-secret-by-network': { limit: 3 } } });
  const made = await small.makeService();
  const wrong = { Authorization: basic(made.clientId, 'wrong') };
  const send = (headers: Fields) => small.post('/oauth/introspect', { token: 'x' }, headers);
  for (let turn = 0; turn < 3; turn++) expectRefusal(await send(wrong), 401, 'invalid_client');
  const refused = await send(wrong);
  expectRefusal(refused, 429, 'temporarily_unavailable');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await send(made.header)).status).toBe(200);
  await small.close();
});

it('never writes a secret into the log (RFC 6749 §2.3.1)', () => {
  const log = house.lines.join('');
  expect(log).not.toContain(service.secret);
  expect(log).not.toContain(service.header.Authorization.split(' ')[1]!);
});

// A client that proves who it is with a key: what its assertion must say, once, and that nobody else's word or way counts.
// RFC 7523 §2.2, §3; RFC 7521 §4.2; OpenID Connect Core 1.0 §9; RFC 7591 §2 (the registered method).
import { basic, expectRefusal, startOAuthHouse, type Fields, type OAuthHouse } from './oauth-house.js';
import { createProofKey } from '../support/proofs.js';

let house: OAuthHouse;
let keyed: Awaited<ReturnType<OAuthHouse['makeKeyedClient']>>;

beforeAll(async () => {
  house = await startOAuthHouse({ limits: { 'client-secret-by-network': { limit: 100_000 } } });
  keyed = await house.makeKeyedClient();
});
afterAll(() => house.close());

const PATHS = ['/oauth/device_authorization', '/oauth/revoke', '/oauth/token', '/oauth/introspect'] as const;
const BEYOND = [200, 200, 400, 200];

const send = (fields: Fields, headers: Fields = {}, path: string = PATHS[3]) =>
  house.post(
    path,
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'unknown',
      token: 'unknown',
      ...fields,
    },
    headers,
  );
const now = () => Math.floor(house.clock.now().getTime() / 1000);

it.each(PATHS)(
  'is let in at %s by an assertion, with its client_id beside it or not (RFC 7523 §2.2)',
  async (path) => {
    const expected = BEYOND[PATHS.indexOf(path)];
    expect((await send(keyed.proveSelf(), {}, path)).status).toBe(expected);
    const named = { ...keyed.proveSelf(), client_id: keyed.clientId };
    expect((await send(named, {}, path)).status).toBe(expected);
  },
);

it('is let in where the assertion names the issuer, the token endpoint, or both, and nobody else (RFC 7523 §3 (3))', async () => {
  const token = `${house.issuer}/oauth/token`;
  for (const aud of [house.issuer, token, [house.issuer], [house.issuer, token]])
    expect((await send(keyed.proveSelf({ claims: { aud } }))).status).toBe(200);
});

const seconds = (offset: number) => ({ exp: now() + offset });
const wrong: [title: string, about: () => { header?: object; claims?: object }][] = [
  ['another issuer', () => ({ claims: { iss: 'another' } })],
  ['another subject', () => ({ claims: { sub: 'another' } })],
  ['no issuer', () => ({ claims: { iss: undefined } })],
  ['no audience', () => ({ claims: { aud: undefined } })],
  ['an empty list of audiences', () => ({ claims: { aud: [] } })],
  ['another audience', () => ({ claims: { aud: 'https://other.example' } })],
  ['another audience beside ours', () => ({ claims: { aud: [house.issuer, 'https://other.example'] } })],
  [
    'the introspection endpoint as its audience',
    () => ({ claims: { aud: `${house.issuer}/oauth/introspect` } }),
  ],
  ['no end', () => ({ claims: { exp: undefined } })],
  ['an end that is over', () => ({ claims: seconds(-31) })],
  ['an end that is far away', () => ({ claims: seconds(331) })],
  ['a text as its end', () => ({ claims: { exp: String(now() + 60) } })],
  ['a beginning in the future', () => ({ claims: { nbf: now() + 31 } })],
  ['an issue in the future', () => ({ claims: { iat: now() + 31 } })],
  ['no jti', () => ({ claims: { jti: undefined } })],
  ['an empty jti', () => ({ claims: { jti: '' } })],
  ['a giant jti', () => ({ claims: { jti: 'x'.repeat(257) } })],
  ['the alg none', () => ({ header: { alg: 'none' } })],
  ['a keyed hash as its alg', () => ({ header: { alg: 'HS256' } })],
  ['an alg that is not its key’s', () => ({ header: { alg: 'ES256' } })],
  ['a header that demands what is not understood', () => ({ header: { crit: ['exp'] } })],
];

it.each(wrong)('is refused with %s (RFC 7523 §3)', async (_, about) => {
  for (const path of PATHS)
    expectRefusal(await send(keyed.proveSelf(about()), {}, path), 401, 'invalid_client');
});

it('is refused the second time with the same assertion, at any endpoint (RFC 7523 §3 (7))', async () => {
  const shown = keyed.proveSelf();
  await send(shown).expect(200);
  for (const path of PATHS) expectRefusal(await send(shown, {}, path), 401, 'invalid_client');
  const reworded = keyed.proveSelf({ claims: { jti: 'the same name' } });
  await send(reworded).expect(200);
  expectRefusal(await send(keyed.proveSelf({ claims: { jti: 'the same name' } })), 401, 'invalid_client');
});

it('is refused with a right assertion of another client’s key, or of another client (RFC 7523 §3)', async () => {
  const stranger = await house.makeKeyedClient();
  const forged = stranger.by.assertion({ clientId: keyed.clientId, audience: house.issuer, iat: now() });
  const { client_assertion_type } = keyed.proveSelf();
  expectRefusal(
    await send({ client_assertion_type: client_assertion_type!, client_assertion: forged }),
    401,
    'invalid_client',
  );
  const named = { ...stranger.proveSelf(), client_id: keyed.clientId };
  expectRefusal(await send(named), 400, 'invalid_request');
});

it('is found among several keys, by kid where there is one (RFC 7517 §4.5)', async () => {
  const [first, second] = [createProofKey('ES256'), createProofKey('ES256')];
  const keys = [
    { ...first.jwk, kid: 'first' },
    { ...second.jwk, kid: 'second' },
  ];
  const { client } = await house.clients.createByOperator({
    ...{ name: 'Two keys', isConfidential: true, authMethod: 'private_key_jwt', jwks: { keys } },
  });
  const assertionOf = (by: typeof first, header: Record<string, unknown>) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: by.assertion(
      { clientId: client.clientId, audience: house.issuer, iat: now() },
      { header },
    ),
  });
  for (const [by, kid] of [
    [first, 'first'],
    [second, 'second'],
    [second, undefined],
  ] as const)
    await send(assertionOf(by, { kid })).expect(200);
  expectRefusal(await send(assertionOf(first, { kid: 'second' })), 401, 'invalid_client');
});

describe('two ways in one request', () => {
  it.each([
    ['a secret in the body', { client_secret: 'x' }, {}],
    ['a secret in the header', {}, { Authorization: basic('x', 'y') }],
  ])('are refused, and the assertion is not used up: with %s (RFC 6749 §2.3)', async (_, fields, headers) => {
    const shown = keyed.proveSelf();
    expectRefusal(await send({ ...shown, ...(fields as Fields) }, headers), 400, 'invalid_request');
    await send(shown).expect(200);
  });

  it('are none where the assertion has no type, another one, or is missing (RFC 7521 §4.2)', async () => {
    const { client_assertion, client_assertion_type } = keyed.proveSelf();
    for (const fields of [
      { client_assertion: client_assertion! },
      { client_assertion_type: client_assertion_type! },
      { client_assertion: client_assertion!, client_assertion_type: 'urn:other' },
    ])
      expectRefusal(await send({ client_id: keyed.clientId, ...fields }), 400, 'invalid_request');
  });

  it('that cannot be read are refused (RFC 7521 §4.2)', async () => {
    const { client_assertion_type } = keyed.proveSelf();
    const unread = { client_assertion_type: client_assertion_type!, client_assertion: 'x.y.z' };
    expectRefusal(await send(unread), 401, 'invalid_client');
  });
});

describe('the method that was registered', () => {
  const made = async (authMethod: 'client_secret_basic' | 'client_secret_post') => {
    const { client, secret = '' } = await house.clients.createByOperator({
      ...{ name: 'One way', isConfidential: true, authMethod },
    });
    const inBody = { client_id: client.clientId as string, client_secret: secret };
    return { inBody, inHeader: { Authorization: basic(client.clientId, secret) } };
  };

  it('is the only one: client_secret_basic (RFC 7591 §2)', async () => {
    const { inBody, inHeader } = await made('client_secret_basic');
    await send({}, inHeader).expect(200);
    expectRefusal(await send(inBody), 401, 'invalid_client');
  });

  it('is the only one: client_secret_post (RFC 7591 §2)', async () => {
    const { inBody, inHeader } = await made('client_secret_post');
    await send(inBody).expect(200);
    expectRefusal(await send({}, inHeader), 401, 'invalid_client');
  });

  it('is the only one: private_key_jwt knows no secret, and a client with a secret no assertion (RFC 7591 §2)', async () => {
    expectRefusal(await send({ client_id: keyed.clientId }), 401, 'invalid_client');
    expectRefusal(await send({ client_id: keyed.clientId, client_secret: 'x' }), 401, 'invalid_client');
    const service = await house.makeService();
    const by = createProofKey('EdDSA');
    const shown = by.assertion({ clientId: service.clientId, audience: house.issuer, iat: now() });
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    expectRefusal(
      await send({ client_assertion_type: type, client_assertion: shown }),
      401,
      'invalid_client',
    );
  });

  it('is none for a public client, which is refused with an assertion (RFC 6749 §2.1)', async () => {
    const clientId = await house.register();
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const shown = createProofKey().assertion({ clientId, audience: house.issuer, iat: now() });
    const fields = { client_assertion_type: type, client_assertion: shown };
    expectRefusal(await send(fields, {}, '/oauth/token'), 401, 'invalid_client');
  });
});

it('spends the budget of its network with wrong assertions, as with wrong secrets (CHECKLIST 3.2)', async () => {
  const small = await startOAuthHouse({ limits: { 'client-secret-by-network': { limit: 2 } } });
  const client = await small.makeKeyedClient();
  const shown = () => client.proveSelf({ claims: { aud: 'https://other.example' } });
  for (const status of [401, 401, 429])
    expect((await small.post('/oauth/introspect', { token: 'x', ...shown() })).status).toBe(status);
  await small.close();
});

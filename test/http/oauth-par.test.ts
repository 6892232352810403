// Pushed authorization requests: a tool sends its request ahead, and proves who it is before anybody is sent anywhere. RFC 9126.
import { bodyOf, expectNoStore, expectRefusal, type Fields } from './oauth-house.js';
import { answerIn, BACK, startRedirectHouse, type RedirectHouse } from './redirect-house.js';

let house: RedirectHouse;
let clientId: string;

beforeAll(async () => {
  house = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 10_000 } } });
  clientId = await house.registerTool();
});
afterAll(() => house.close());

const push = (fields: Fields, headers: Fields = {}) => house.post('/oauth/par', fields, headers);

async function pushed(changes: Record<string, string | undefined> = {}, client = clientId) {
  const { fields, verifier } = house.ask(client, changes);
  const body = bodyOf(await push(fields).expect(201)) as { request_uri: string; expires_in: number };
  const query = new URLSearchParams({ client_id: client, request_uri: body.request_uri }).toString();
  return { ...body, verifier, address: `/oauth/authorize?${query}` };
}

const sentTo = async (address: string) =>
  (await house.request.get(address).redirects(0)).headers['location'] as string;

it('is answered with what names it, for a minute and a half (RFC 9126 §2.2)', async () => {
  const response = await push(house.ask(clientId).fields);
  expect(response.status).toBe(201);
  expectNoStore(response);
  expect(response.body).toEqual({
    request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/) as string,
    expires_in: 90,
  });
});

it('leads to the same pages, and its code to tokens (RFC 9126 §4)', async () => {
  const visitor = await house.newPerson();
  const { address, verifier } = await pushed({ nonce: 'n1' });
  await visitor.visit(address);
  await house.approveAt(visitor);
  const answer = answerIn(visitor);
  expect(answer).toMatchObject({ to: BACK, fields: { state: 'as it was', iss: house.issuer } });
  const shown = { client_id: clientId, code: answer!.fields['code']!, code_verifier: verifier };
  expect((await house.exchange(shown)).status).toBe(200);
});

it('counts alone: what stands beside it in the address is not looked at (RFC 9126 §4)', async () => {
  const visitor = await house.newPerson();
  const { address } = await pushed({ scope: 'openid' });
  const beside = new URLSearchParams({
    ...{ scope: 'openid email', redirect_uri: 'https://evil.example/', prompt: 'none', state: 'other' },
  }).toString();
  await visitor.visit(`${address}&${beside}`);
  if (!answerIn(visitor)) await house.approveAt(visitor);
  expect(answerIn(visitor)).toMatchObject({ to: BACK, fields: { state: 'as it was' } });
});

it('is good for one use (RFC 9126 §2.2, §7.3)', async () => {
  const { address } = await pushed();
  expect(await sentTo(address)).toContain('/authorize?request=');
  expect(await sentTo(address)).toMatch(/refused\?why=request$/);
});

it('is good for 90 seconds (RFC 9126 §2.2)', async () => {
  const [late, inTime] = [await pushed(), await pushed()];
  house.clock.advance(89);
  expect(await sentTo(inTime.address)).toContain('/authorize?request=');
  house.clock.advance(2);
  expect(await sentTo(late.address)).toMatch(/refused\?why=request$/);
});

it('is good for the client that pushed it alone, and another’s try consumes nothing (RFC 9126 §2.2)', async () => {
  const { address } = await pushed();
  const other = await house.registerTool();
  expect(await sentTo(address.replace(clientId, other))).toMatch(/refused\?why=request$/);
  expect(await sentTo(address.replace(/client_id=[^&]+&/, ''))).toMatch(/refused\?why=/);
  expect(await sentTo(address)).toContain('/authorize?request=');
});

it('is no name of a request in a browser, nor the other way round', async () => {
  const { request_uri, address } = await pushed();
  const reference = request_uri.split(':').at(-1)!;
  const visitor = await house.newPerson();
  await visitor.visit(`/authorize/review?request=${reference}`);
  expect(visitor.status).toBe(410);
  const handle = (await sentTo(address)).split('request=')[1]!;
  const again = address.replace(
    encodeURIComponent(request_uri),
    encodeURIComponent(request_uri.replace(reference, handle)),
  );
  expect(await sentTo(again)).toMatch(/refused\?why=request$/);
});

it('is what a client sends that registered to do so, and nothing else (RFC 9126 §6)', async () => {
  const client = await house.registerTool({ require_pushed_authorization_requests: true });
  const visitor = house.newVisitor();
  await visitor.visit(house.ask(client).address);
  expect(answerIn(visitor)).toMatchObject({ to: BACK, fields: { error: 'invalid_request' } });
  expect(await sentTo((await pushed({}, client)).address)).toContain('/authorize?request=');
});

describe('every fault is told at once, and nothing is kept (RFC 9126 §2.3)', () => {
  it.each([
    ['an address that is not registered', { redirect_uri: `${BACK}/` }, 'invalid_request'],
    ['no address', { redirect_uri: undefined }, 'invalid_request'],
    ['a request_uri (§2.1)', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['the method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['a scope that it may not have', { scope: 'admin' }, 'invalid_scope'],
  ] as const)('%s', async (_, changes, error) => {
    expectRefusal(await push(house.ask(clientId, changes).fields), 400, error);
  });

  it('a parameter that comes twice', async () => {
    const { query } = house.ask(clientId);
    expectRefusal(await house.post('/oauth/par', `${query}&scope=openid`), 400, 'invalid_request');
  });

  it('a client that does not prove who it is, as at the token endpoint (§2.1)', async () => {
    const { client, secret = '' } = await house.house.clients.createByOperator({
      ...{ name: 'A server', isConfidential: true, redirectUris: [BACK] },
    });
    const { fields } = house.ask(client.clientId);
    expectRefusal(await push(fields), 401, 'invalid_client');
    expectRefusal(await push({ ...fields, client_secret: 'wrong' }), 401, 'invalid_client');
    expect((await push({ ...fields, client_secret: secret })).status).toBe(201);
    const header = `Basic ${Buffer.from(`${client.clientId}:${secret}`).toString('base64')}`;
    const unnamed = { ...fields, client_id: '' };
    expect((await push(unnamed, { Authorization: header })).status).toBe(201);
    expectRefusal(await push({ ...fields, client_id: 'nobody' }), 401, 'invalid_client');
  });

  it('another method than POST (§2.3)', async () => {
    expect((await house.request.get('/oauth/par')).status).toBe(405);
  });

  it('more of them than a network may have waiting', async () => {
    const small = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 1 } } });
    const client = await small.registerTool();
    expect((await small.post('/oauth/par', small.ask(client).fields)).status).toBe(201);
    const refused = await small.post('/oauth/par', small.ask(client).fields);
    expect(refused.status).toBe(429);
    expect(refused.headers).toHaveProperty('retry-after');
    await small.close();
  });
});

// The authorization endpoint: what it takes, whom it tells of a fault, and where nobody is ever sent. What people see on the way
// is in pages-authorize.test.ts, the exchange of the code in oauth-token-authorization-code.test.ts.
import { partsOf } from './oauth-house.js';
import { answerIn, BACK, LOOPBACK, startRedirectHouse, type RedirectHouse } from './redirect-house.js';

let house: RedirectHouse;
let clientId: string;

beforeAll(async () => {
  house = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 10_000 } } });
  clientId = await house.makeTool();
});
afterAll(() => house.close());

/** Where a browser is sent that comes with this, without going there. */
async function sentTo(address: string): Promise<string> {
  const response = await house.request.get(address).redirects(0);
  expect({ status: response.status, body: response.text }).toEqual({ status: 303, body: '' });
  expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  return response.headers['location'] as string;
}

const REFUSED = /^http:\/\/localhost:\d+\/authorize\/refused\?why=(\w+)$/;

/** That a fault is told to the person alone, on a page of ours. */
async function expectPage(changes: Record<string, string | undefined>, why: string): Promise<void> {
  expect(REFUSED.exec(await sentTo(house.ask(clientId, changes).address))?.[1]).toBe(why);
}

/** That a fault is told to the tool, with its own state, and whose answer it is. */
async function expectError(changes: Record<string, string | undefined>, error: string): Promise<void> {
  const [to, query = ''] = (await sentTo(house.ask(clientId, changes).address)).split('?');
  const { error_description, ...fields } = Object.fromEntries(new URLSearchParams(query));
  expect({ to, ...fields }).toEqual({ to: BACK, error, state: 'as it was', iss: house.issuer });
  expect(error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
}

describe('a good request', () => {
  it('leads to the pages, under a name that only this browser knows (RFC 6749 §4.1.1)', async () => {
    const first = await sentTo(house.ask(clientId).address);
    const second = await sentTo(house.ask(clientId).address);
    expect(first).toMatch(/^http:\/\/localhost:\d+\/authorize\?request=[\w-]{43}$/);
    expect(second).not.toBe(first);
  });

  it('may be posted, and goes on by GET without its body (OpenID Connect Core §3.1.2.1, RFC 9700 §4.12)', async () => {
    const { fields } = house.ask(clientId);
    const response = await house.post('/oauth/authorize', fields, { Origin: 'https://tool.example' });
    expect(response.status).toBe(303);
    expect(response.headers['location']).toMatch(/\/authorize\?request=[\w-]{43}$/);
  });

  it('may hold what nobody knows, and what is empty counts as left out (RFC 6749 §3.1)', async () => {
    const address = await sentTo(
      house.ask(clientId, { foo: 'bar', claims: '{}', nonce: '', prompt: '' }).address,
    );
    expect(address).toContain('/authorize?request=');
  });

  it('is never kept by a cache, and shows nothing to scripts (RFC 9700 §2.6)', async () => {
    const { headers } = await house.request.get(house.ask(clientId).address).redirects(0);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    expect((await house.request.options('/oauth/authorize')).status).toBe(405);
  });
});

describe('a fault that the person alone is told of, since nobody showed whose address it is (RFC 6749 §4.1.2.1)', () => {
  it.each([
    ['no client', { client_id: undefined }, 'client'],
    ['an unknown client', { client_id: 'nobody' }, 'client'],
    ['no address', { redirect_uri: undefined }, 'redirect'],
    ['an address that differs by a character', { redirect_uri: `${BACK}/` }, 'redirect'],
    ['an address in other letters', { redirect_uri: BACK.replace('back', 'Back') }, 'redirect'],
    ['an address with a query more', { redirect_uri: `${BACK}?to=elsewhere` }, 'redirect'],
    ['an address with a fragment (RFC 6749 §3.1.2)', { redirect_uri: `${BACK}#here` }, 'redirect'],
    ['an address with an empty fragment (RFC 6749 §3.1.2)', { redirect_uri: `${BACK}#` }, 'redirect'],
    ['the folder above it', { redirect_uri: 'https://tool.example/' }, 'redirect'],
    ['a way out of its folder', { redirect_uri: 'https://tool.example/x/../back' }, 'redirect'],
    ['a subdomain', { redirect_uri: 'https://evil.tool.example/back' }, 'redirect'],
    ['a host that begins like it', { redirect_uri: 'https://tool.example.evil/back' }, 'redirect'],
    ['another port', { redirect_uri: 'https://tool.example:8443/back' }, 'redirect'],
    ['plain http', { redirect_uri: BACK.replace('https', 'http') }, 'redirect'],
    ['a user name before it', { redirect_uri: 'https://tool.example@evil.example/back' }, 'redirect'],
    ['a script', { redirect_uri: 'javascript:alert(1)' }, 'redirect'],
    ['an address of ours', { redirect_uri: '/link' }, 'redirect'],
    ['a percent-encoded spelling of it', { redirect_uri: 'https://tool.example/%62ack' }, 'redirect'],
    [
      'a pushed request that nobody pushed',
      { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
      'request',
    ],
  ] as const)('%s', (_, changes, why) => expectPage(changes, why));

  it('an address, or a client, that comes twice (RFC 6749 §3.1)', async () => {
    const { address } = house.ask(clientId);
    expect(await sentTo(`${address}&redirect_uri=${encodeURIComponent(BACK)}`)).toMatch(/why=redirect$/);
    expect(await sentTo(`${address}&client_id=${clientId}`)).toMatch(/why=client$/);
  });

  it('an address of another client', async () => {
    const other = await house.registerTool({ redirect_uris: ['https://other.example/back'] });
    await expectPage({ client_id: other }, 'redirect');
  });

  it('a tool that is registered for no redirect at all', async () => {
    await expectPage({ client_id: await house.register() }, 'redirect');
  });

  it('a query that cannot be read', async () => {
    expect(await sentTo('/oauth/authorize?state=%FF')).toMatch(/why=request$/);
    expect(
      (await house.request.post('/oauth/authorize').send({ client_id: clientId })).headers['location'],
    ).toMatch(/why=request$/);
  });

  it('has a page with a status of its own, and leads nowhere but here (RFC 9700 §4.11)', async () => {
    const visitor = house.newVisitor();
    await visitor.visit(house.ask(clientId, { redirect_uri: 'https://evil.example/' }).address);
    expect({ status: visitor.status, left: visitor.leftTo }).toEqual({ status: 400, left: undefined });
    expect(visitor.text).toContain('has not registered');
    expect(visitor.html).not.toContain('evil.example');
    expect(visitor.headers).not.toHaveProperty('refresh');
  });
});

describe('a fault that the tool is told of (RFC 6749 §4.1.2.1, RFC 9207 §2)', () => {
  it.each([
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['the implicit grant (RFC 9700 §2.1.2)', { response_type: 'token' }, 'unsupported_response_type'],
    ['an ID token in front', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['an answer in the fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['no challenge (RFC 9700 §2.1.1)', { code_challenge: undefined }, 'invalid_request'],
    [
      'no challenge and no method',
      { code_challenge: undefined, code_challenge_method: undefined },
      'invalid_request',
    ],
    ['the method plain (RFC 9700 §2.1.1)', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no method, which means plain (RFC 7636 §4.3)', { code_challenge_method: undefined }, 'invalid_request'],
    ['a challenge that is no digest', { code_challenge: 'x'.repeat(42) }, 'invalid_request'],
    ['a scope that it may not have', { scope: 'openid admin' }, 'invalid_scope'],
    [
      'a request object (OpenID Connect Core §6.1)',
      { request: 'eyJhbGciOiJub25lIn0.e30.' },
      'request_not_supported',
    ],
    [
      'a request elsewhere (OpenID Connect Core §6.2)',
      { request_uri: 'https://tool.example/r' },
      'request_uri_not_supported',
    ],
    ['a registration on the way', { registration: '{}' }, 'registration_not_supported'],
    ['none beside another prompt', { prompt: 'none login' }, 'invalid_request'],
    ['a prompt that nobody knows', { prompt: 'create' }, 'invalid_request'],
    ['an age that is none', { max_age: '-1' }, 'invalid_request'],
    ['a thumbprint that is none (RFC 9449 §10)', { dpop_jkt: 'x' }, 'invalid_request'],
    ['an ID token that is not ours', { id_token_hint: 'x.y.z' }, 'invalid_request'],
    ['a nonce without end', { nonce: 'x'.repeat(501) }, 'invalid_request'],
    ['a resource that is not here (RFC 8707 §2)', { resource: 'https://other.example' }, 'invalid_target'],
  ] as const)('%s', (_, changes, error) => expectError(changes, error));

  it('a parameter that comes twice (RFC 6749 §3.1)', async () => {
    const { address } = house.ask(clientId);
    for (const more of ['scope=openid', 'code_challenge_method=plain', 'response_type=token', 'nonce=']) {
      const [to, query] = (await sentTo(`${address}&nonce=1&${more}`)).split('?');
      expect(to).toBe(BACK);
      expect(new URLSearchParams(query).get('error')).toBe('invalid_request');
    }
    // Two of them: neither is handed back, since nobody knows which is the tool's.
    const sent = new URL(await sentTo(`${address}&state=other`)).searchParams;
    expect([sent.get('error'), sent.get('state'), sent.get('iss')]).toEqual([
      'invalid_request',
      null,
      house.issuer,
    ]);
  });

  it('keeps the query that the address has (RFC 6749 §3.1.2)', async () => {
    const redirect_uri = 'https://tool.example/back?tenant=a%20b&x';
    const client_id = await house.makeTool([redirect_uri]);
    const { address } = house.ask(client_id, { redirect_uri, response_type: 'token' });
    expect(await sentTo(address)).toMatch(
      /^https:\/\/tool\.example\/back\?tenant=a%20b&x&error=unsupported_response_type&/,
    );
  });

  it('hands the state back as it came, whatever is in it', async () => {
    const state = '&error=none#<script>"\'% +ü';
    const sent = new URL(await sentTo(house.ask(clientId, { state, scope: 'admin' }).address));
    expect(sent.searchParams.get('state')).toBe(state);
    expect(sent.searchParams.getAll('error')).toEqual(['invalid_scope']);
    expect(sent.hash).toBe('');
  });

  it('as a form where the tool takes its answers so (OAuth 2.0 Form Post Response Mode)', async () => {
    const visitor = house.newVisitor();
    await visitor.visit(house.ask(clientId, { response_mode: 'form_post', scope: 'admin' }).address);
    expect(answerIn(visitor)).toMatchObject({
      to: BACK,
      fields: { error: 'invalid_scope', state: 'as it was', iss: house.issuer },
    });
    expect(visitor.headers['content-security-policy']).toContain('form-action https://tool.example;');
  });

  it('not in a form of anybody’s making: what is handed over is sealed', async () => {
    const visitor = house.newVisitor();
    await visitor.visit('/authorize/answer?answer=made-up');
    expect([visitor.status, answerIn(visitor)]).toEqual([410, undefined]);
  });

  it('says when a network has begun too many, and keeps no more of them (CHECKLIST 2)', async () => {
    const small = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 2 } } });
    const client = await small.makeTool();
    const begin = async () =>
      (await small.request.get(small.ask(client).address).redirects(0)).headers['location'] as string;
    expect([await begin(), await begin()].every((to) => to.includes('/authorize?request='))).toBe(true);
    const refused = new URL(await begin());
    expect(refused.searchParams.get('error')).toBe('temporarily_unavailable');
    expect(refused.searchParams.get('iss')).toBe(small.issuer);
    await small.close();
  });
});

describe('a fault of a tool that nobody here knows', () => {
  let stranger: string;
  beforeAll(async () => {
    stranger = await house.registerTool();
  });

  it('leads nobody anywhere who has not pressed a button of ours (RFC 9700 §4.11.2)', async () => {
    const visitor = house.newVisitor();
    for (const fault of [{ scope: 'admin' }, { response_type: 'token' }, { prompt: 'none login' }]) {
      await visitor.visit(house.ask(stranger, fault).address);
      expect([visitor.status, visitor.leftTo, visitor.path]).toEqual([200, undefined, '/authorize/answer']);
      expect(visitor.headers).not.toHaveProperty('refresh');
      expect(visitor.html).not.toContain('go-on.js');
      expect(visitor.text).toContain('A dashboard');
    }
  });

  it('is told where they do go on, with its state and whose answer it is (RFC 6749 §4.1.2.1)', async () => {
    const visitor = house.newVisitor();
    await visitor.visit(house.ask(stranger, { scope: 'admin' }).address);
    expect(answerIn(visitor)).toMatchObject({
      to: BACK,
      fields: { error: 'invalid_scope', state: 'as it was', iss: house.issuer },
    });
  });

  it('is told by a form where it takes its answers so, once a person has sent it', async () => {
    const visitor = house.newVisitor();
    await visitor.visit(house.ask(stranger, { response_mode: 'form_post', scope: 'admin' }).address);
    expect(visitor.html).not.toContain('data-go-on');
    expect(answerIn(visitor)).toMatchObject({ to: BACK, fields: { error: 'invalid_scope' } });
    expect(visitor.headers['content-security-policy']).toContain('form-action https://tool.example;');
  });
});

describe('addresses on the device itself (RFC 8252 §7)', () => {
  let app: string;
  beforeAll(async () => {
    app = await house.registerTool({
      redirect_uris: [LOOPBACK, 'http://[::1]/back', 'http://localhost:3000/back', 'example.tool.app:/back'],
    });
  });

  it.each([
    LOOPBACK,
    'http://127.0.0.1:53110/back',
    'http://[::1]:53110/back',
    'http://localhost:3000/back',
    'example.tool.app:/back',
  ])('takes %s, whatever port it got where it is an address (§7.3)', async (redirect_uri) => {
    expect(await sentTo(house.ask(app, { redirect_uri }).address)).toContain('/authorize?request=');
  });

  it.each([
    ['a name for it, with another port (§8.3)', 'http://localhost:3001/back'],
    ['another address of the device', 'http://127.0.0.2:53110/back'],
    ['another path', 'http://127.0.0.1:53110/other'],
    ['a query more', 'http://127.0.0.1:53110/back?x'],
    ['https in its place', 'https://127.0.0.1:53110/back'],
    ['no port after the colon', 'http://127.0.0.1:/back'],
    ['a port that is none', 'http://127.0.0.1:99999/back'],
    ['a host behind it', 'http://127.0.0.1:53110@evil.example/back'],
    ['a host that only begins so', 'http://127.0.0.1.evil.example/back'],
    ['a scheme in other letters', 'Example.tool.app:/back'],
    ['a host in the scheme', 'example.tool.app://evil.example/back'],
  ])('and not %s', async (_, redirect_uri) => {
    expect(await sentTo(house.ask(app, { redirect_uri }).address)).toMatch(/why=redirect$/);
  });

  it.each(['http://[::1]:53110/back', 'example.tool.app:/back'])(
    'answers %s in its query alone: no form can be kept to it',
    async (redirect_uri) => {
      const address = await sentTo(house.ask(app, { redirect_uri, response_mode: 'form_post' }).address);
      expect(address.startsWith(`${redirect_uri}?error=invalid_request&`)).toBe(true);
    },
  );
});

describe('the answer', () => {
  it('has the code, the state, and who gives it, so that no other server’s passes for ours (RFC 9207 §2, RFC 9700 §4.4)', async () => {
    const visitor = await house.newPerson();
    await visitor.visit(house.ask(clientId).address);
    await house.approveAt(visitor);
    const answer = answerIn(visitor);
    expect(answer?.to).toBe(BACK);
    expect(Object.keys(answer?.fields ?? {}).sort()).toEqual(['code', 'iss', 'state']);
    expect(answer?.fields).toMatchObject({ state: 'as it was', iss: house.issuer });
  });

  it('has no state where the tool sent none', async () => {
    const visitor = await house.newPerson();
    await visitor.visit(house.ask(clientId, { state: undefined }).address);
    if (!answerIn(visitor)) await house.approveAt(visitor);
    expect(answerIn(visitor)?.fields).not.toHaveProperty('state');
  });

  it('carries the nonce into the ID token, with when and how the person signed in (OpenID Connect Core §2)', async () => {
    const visitor = await house.newPerson();
    const signedInAt = Math.floor(house.clock.now().getTime() / 1000);
    const { tokens } = await house.linkBy(visitor, clientId, { nonce: 'n-0S6_WzA2Mj' });
    const { claims } = partsOf(tokens.id_token);
    expect(claims).toMatchObject({
      nonce: 'n-0S6_WzA2Mj',
      aud: clientId,
      iss: house.issuer,
      acr: 'aal1',
      amr: ['pwd'],
    });
    expect(claims['auth_time']).toBe(signedInAt);
    expect(partsOf(tokens.access_token).claims).not.toHaveProperty('nonce');
    expect(partsOf((await house.linkBy(visitor, clientId)).tokens.id_token).claims).not.toHaveProperty(
      'nonce',
    );
  });
});

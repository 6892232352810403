// Signing out where a tool sends its person for it: at once for who the tool's ID token names, after a question for anybody else, and
// back only to an address that was registered for it. OpenID Connect RP-Initiated Logout 1.0.
import type { Visitor } from '../support/visitor.js';
import type { Fields } from './oauth-house.js';
import { answerIn, BACK, startRedirectHouse, type RedirectHouse } from './redirect-house.js';

const BYE = 'https://tool.example/bye?with=query';
let house: RedirectHouse;
let clientId: string;
let people = 0;

beforeAll(async () => {
  house = await startRedirectHouse({
    limits: { 'live-authorizations-by-network': { limit: 10_000 }, 'sign-in-by-network': { limit: 10_000 } },
  });
  clientId = await house.registerTool({ post_logout_redirect_uris: [BYE] });
});
afterAll(() => house.close());

/** Somebody who is signed in, here and at the tool. */
async function newPerson() {
  const visitor = await house.newPerson(`person${++people}`);
  const { tokens } = await house.linkBy(visitor, clientId);
  return { visitor, tokens, id_token_hint: tokens.id_token };
}

const leave = (visitor: Visitor, fields: Fields) =>
  visitor.visit(`/oauth/logout?${new URLSearchParams(fields).toString()}`);

async function isSignedIn(visitor: Visitor): Promise<boolean> {
  await visitor.visit('/account');
  return visitor.path === '/account';
}

it('is done at once with an ID token of who is signed in, and leads back with the state (§2, §3)', async () => {
  const { visitor, id_token_hint } = await newPerson();
  await leave(visitor, { id_token_hint, post_logout_redirect_uri: BYE, state: 'x y' });
  expect(visitor.leftTo).toBe(`${BYE}&state=x+y`);
  expect(await isSignedIn(visitor)).toBe(false);
});

it('may be posted by the tool’s page (§2)', async () => {
  const { visitor, id_token_hint } = await newPerson();
  const posted = await visitor.agent
    .post('/oauth/logout')
    .type('form')
    .set('Origin', 'https://tool.example')
    .redirects(0)
    .send({ id_token_hint });
  expect(posted.status).toBe(303);
  await visitor.visit(posted.headers['location'] as string);
  expect(visitor.text).toContain('You are signed out');
  expect(visitor.html).not.toContain('class="quiet" href="/account"');
  expect(await isSignedIn(visitor)).toBe(false);
});

it('takes an ID token that is long over: it says who is meant, and opens nothing (§2)', async () => {
  const { visitor, id_token_hint } = await newPerson();
  house.clock.advance(2000);
  await leave(visitor, { id_token_hint, post_logout_redirect_uri: BYE });
  expect(visitor.leftTo).toBe(BYE);
});

it('ends the session, and no tool’s access', async () => {
  const { visitor, tokens, id_token_hint } = await newPerson();
  await leave(visitor, { id_token_hint });
  expect(await house.isAlive(tokens)).toBe(true);
});

describe('asks first (§2)', () => {
  it.each<[string, (good: Fields) => Promise<Fields> | Fields]>([
    ['without an ID token', () => ({})],
    [
      'without one, by a client that says who it is',
      () => ({ client_id: clientId, post_logout_redirect_uri: BYE }),
    ],
    ['with one of somebody else', async () => ({ id_token_hint: (await newPerson()).id_token_hint })],
    ['with an access token', async () => ({ id_token_hint: (await newPerson()).tokens.access_token })],
    [
      'with one that was changed',
      (good) => ({ id_token_hint: `${good['id_token_hint']!.slice(0, -6)}AAAAAA` }),
    ],
    [
      'with one of another client than it says',
      async (good) => ({ ...good, client_id: await house.registerTool() }),
    ],
    [
      'with an address that is not registered',
      (good) => ({ ...good, post_logout_redirect_uri: 'https://evil.example/' }),
    ],
    [
      'with nothing but garbage',
      () => ({ id_token_hint: 'x', client_id: 'y', post_logout_redirect_uri: 'z' }),
    ],
  ])('%s', async (_, change) => {
    const { visitor, id_token_hint } = await newPerson();
    await leave(visitor, await change({ id_token_hint }));
    expect([visitor.status, visitor.leftTo, visitor.path]).toEqual([200, undefined, '/authorize/sign-out']);
    expect(visitor.html).not.toContain('evil.example');
    expect(await isSignedIn(visitor)).toBe(true);
  });

  it('and then leads back by a page that goes on by itself, never by a redirect after the form', async () => {
    const { visitor } = await newPerson();
    await leave(visitor, { client_id: clientId, post_logout_redirect_uri: BYE, state: '1' });
    expect(visitor.text).toContain('A dashboard');
    expect(visitor.text).toContain('tool.example');
    await visitor.submit({}, '/authorize/sign-out');
    expect([visitor.leftTo, visitor.headers['refresh']]).toEqual([undefined, `0; url=${BYE}&state=1`]);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it('and takes no answer that another page posts', async () => {
    const { visitor } = await newPerson();
    await leave(visitor, { client_id: clientId });
    expect((await visitor.agent.post('/authorize/sign-out').type('form').send({})).status).toBe(403);
    expect(await isSignedIn(visitor)).toBe(true);
  });
});

it.each([
  ['is not registered', 'https://tool.example/other'],
  ['differs by a character (RFC 9700 §4.11)', `${BYE}/`],
  ['is registered for codes alone', 'https://tool.example/back'],
  ['is a script', 'javascript:alert(1)'],
])('goes to no address that %s, not even by a button', async (_, post_logout_redirect_uri) => {
  const { visitor, id_token_hint } = await newPerson();
  await leave(visitor, { id_token_hint, post_logout_redirect_uri });
  await visitor.submit({}, '/authorize/sign-out');
  expect([visitor.leftTo, answerIn(visitor), visitor.headers['refresh']]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(visitor.text).toContain('You are signed out');
});

it('leads who is signed out already straight back, where the operator has made the tool', async () => {
  const known = await house.makeTool([BACK], [BYE]);
  const visitor = house.newVisitor();
  await leave(visitor, { client_id: known, post_logout_redirect_uri: BYE });
  expect(visitor.leftTo).toBe(BYE);
});

it('leads nobody straight to a stranger’s address who is not signed in, whatever token comes along (RFC 9700 §4.11.2)', async () => {
  const { id_token_hint } = await newPerson();
  const visitor = house.newVisitor();
  for (const named of [{ client_id: clientId }, { id_token_hint }]) {
    await leave(visitor, { ...named, post_logout_redirect_uri: BYE });
    expect([visitor.status, visitor.leftTo, visitor.headers['refresh']]).toEqual([200, undefined, undefined]);
    expect(visitor.text).toContain('Go on to tool.example?');
    expect(visitor.html).toContain(`href="${BYE}"`);
  }
});

it('refuses a parameter that comes twice, and changes nothing (RFC 6749 §3.1)', async () => {
  const { visitor, id_token_hint } = await newPerson();
  const query = new URLSearchParams({ id_token_hint, post_logout_redirect_uri: BYE }).toString();
  await visitor.visit(
    `/oauth/logout?${query}&post_logout_redirect_uri=${encodeURIComponent('https://evil.example/')}`,
  );
  expect([visitor.status, visitor.leftTo]).toEqual([400, undefined]);
  expect(await isSignedIn(visitor)).toBe(true);
});

it('takes what it was handed for ten minutes, and from nobody else', async () => {
  const { visitor, id_token_hint } = await newPerson();
  const handed = await house.request
    .get(`/oauth/logout?${new URLSearchParams({ id_token_hint }).toString()}`)
    .redirects(0);
  house.clock.advance(601);
  await visitor.visit(handed.headers['location'] as string);
  expect(visitor.path).toBe('/authorize/sign-out');
  expect(visitor.text).toContain('Sign out here?');
  expect(await isSignedIn(visitor)).toBe(true);
});

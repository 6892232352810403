// Signing in through another provider, over HTTP: who arrives, who is known, and every answer that must open nothing.
import { openFederatedHouse, PASSWORD, type FederatedHouse } from '../support/federated.js';
import type { Visitor } from '../support/visitor.js';

let house: FederatedHouse;
let visitor: Visitor;

beforeEach(async () => {
  house = await openFederatedHouse();
  visitor = house.newVisitor();
});
afterEach(() => house.close());

const isSignedIn = async (someone: Visitor): Promise<boolean> => {
  await someone.visit('/account');
  return someone.path === '/account';
};

describe('the way there', () => {
  it('asks with a code, PKCE, state, nonce and the one address of PUBLIC_URL (RFC 9700 §2.1)', async () => {
    const address = new URL(await house.leave(visitor));
    expect(address.origin + address.pathname).toBe(`${house.provider.issuer}/authorize`);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      client_id: 'linchpin',
      response_type: 'code',
      scope: 'openid email profile',
      redirect_uri: `${house.url}/federated/staff/callback`,
      state: expect.stringMatching(/^[\w-]{43}$/) as string,
      nonce: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge_method: 'S256',
      // For the time at which they last proved who they are (OpenID Connect Core §3.1.2.1).
      max_age: '31536000',
    });
    expect(visitor.html).toContain(address.href.replaceAll('&', '&amp;'));
  });

  it('never asks twice with the same state, nonce or challenge', async () => {
    const first = new URL(await house.leave(visitor)).searchParams;
    const second = new URL(await house.leave(visitor)).searchParams;
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(first.get(name)).not.toBe(second.get(name));
  });

  it('begins with a form of ours, and not with a visit or a form of another site', async () => {
    await visitor.visit('/federated');
    expect(visitor.status).toBe(405);
    await visitor.visit('/sign-in');
    const sent = visitor.agent.post('/federated').type('form').set('Sec-Fetch-Site', 'cross-site');
    expect((await sent.send({ upstream: 'staff' })).status).toBe(403);
  });

  it('knows no provider that the settings do not name', async () => {
    await visitor.visit('/sign-in');
    await visitor.submit({ upstream: 'google' }, '/federated');
    expect(visitor.status).toBe(404);
    await visitor.visit('/federated/google/callback?code=1&state=2');
    expect(visitor.status).toBe(404);
  });

  it('keeps what it needs to know sealed and hashed, and nothing else of it', async () => {
    const asked = new URL(await house.leave(visitor)).searchParams;
    const { createHash } = await import('node:crypto');
    const stateHash = createHash('sha256').update(asked.get('state')!).digest('base64url');
    const cookie = visitor.headers['set-cookie']!.toString();
    const browserSecret = /linchpin-round-trip=([\w-]+)/.exec(cookie)![1]!;
    const browserHash = createHash('sha256').update(browserSecret).digest('base64url');
    const { inTransaction } = house.house;
    const kept = await inTransaction(({ roundTrips }) =>
      roundTrips.takeTrip({ stateHash, browserHash, upstream: 'staff' }, house.clock.now()),
    );
    expect(kept).toBeDefined();
    expect(JSON.stringify(kept)).not.toContain(asked.get('nonce')!);
    expect(cookie).toMatch(/linchpin-round-trip=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600/);
  });
});

describe('somebody new', () => {
  it('chooses a user name, and has an account with the address that the provider has proved', async () => {
    await house.signIn(visitor);
    expect(visitor.path).toBe('/federated/new');
    expect(visitor.text).toContain('anna@example.com');
    await visitor.submit({}, '/federated/new');
    expect(visitor.path).toBe('/account');
    const account = await house.house.accounts.findByLogin('anna');
    expect(account).toMatchObject({
      email: 'anna@example.com',
      isEmailVerified: true,
      displayName: 'Anna Lind',
      hasPassword: false,
    });
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
    expect(await house.eventsOf('anna')).toEqual(['account-created', 'identity-connected', 'sign-in']);
    await house.sendMail();
    expect(house.mails.map(({ notice, recipient }) => [notice, recipient])).toEqual([
      ['identity-connected', 'anna@example.com'],
    ]);
  });

  it('is known from then on by issuer and subject, whatever else has changed (ASVS 6.8.1)', async () => {
    await house.signUp(visitor);
    const again = house.newVisitor();
    const who = { sub: 'anna-1', email: 'somebody.else@example.com', email_verified: true };
    await house.signIn(again, { who });
    expect(again.path).toBe('/account');
    expect(again.text).toContain('anna@example.com');
    expect((await house.house.accounts.findByLogin('anna'))?.email).toBe('anna@example.com');
  });

  it('is somebody else with the same subject at another provider (ASVS 6.8.1)', async () => {
    await house.signUp(visitor);
    const stranger = house.newVisitor();
    await house.signIn(stranger, {
      by: house.other,
      who: { sub: 'anna-1', email: 'x@example.com', email_verified: true },
    });
    expect(stranger.path).toBe('/federated/new');
    expect(await isSignedIn(stranger)).toBe(false);
  });

  it('says an address where the provider has proved none, and proves it by mail', async () => {
    const who = { sub: 'berta-1', email: 'berta@example.com', email_verified: false };
    await house.signIn(visitor, { who });
    await visitor.submit({ username: 'berta', email: 'berta@example.com' }, '/federated/new');
    expect(visitor.path).toBe('/account');
    expect(await house.house.accounts.findByLogin('berta')).toMatchObject({ isEmailVerified: false });
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toEqual(['verify-email']);
  });

  it('is told at its field when the user name is taken, and loses nothing', async () => {
    await house.signIn(visitor);
    await visitor.submit({ username: 'operator' }, '/federated/new');
    expect(visitor.status).toBe(409);
    expect(visitor.html).toContain('id="field-username-fault"');
    await visitor.submit({ username: 'anna' }, '/federated/new');
    expect(visitor.path).toBe('/account');
  });

  it('makes one account, however often the form is sent', async () => {
    await house.signIn(visitor);
    const [form] = visitor.forms.filter(({ action }) => action === '/federated/new');
    const send = (username: string) =>
      visitor.agent
        .post('/federated/new')
        .type('form')
        .redirects(0)
        .send({ ...form!.fields, username });
    const answers = await Promise.all([send('anna'), send('anna.two')]);
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    const found = await Promise.all(
      ['anna', 'anna.two'].map((name) => house.house.accounts.findByLogin(name)),
    );
    expect(found.filter(Boolean)).toHaveLength(1);
  });

  it('has ten minutes to choose', async () => {
    await house.signIn(visitor);
    house.clock.advance(601);
    await visitor.submit({ username: 'anna' }, '/federated/new');
    expect(visitor.status).toBe(403);
    expect(visitor.title).toContain('not begun here');
    expect(await house.house.accounts.findByLogin('anna')).toBeUndefined();
  });

  it('leaves nothing to whoever comes next at the browser: signing out forgets who has arrived', async () => {
    await house.signIn(visitor);
    expect(visitor.path).toBe('/federated/new');
    await visitor.visit('/sign-in');
    await visitor.submit({ login: 'operator', password: PASSWORD });
    await visitor.visit('/account');
    await visitor.submit({}, '/sign-out');
    await visitor.visit('/federated/new');
    expect(visitor.text).not.toContain('anna@example.com');
  });

  it('gets no account while the server has none of its own', async () => {
    const empty = await openFederatedHouse({ isEmpty: true });
    const first = empty.newVisitor();
    await empty.signIn(first);
    await first.submit({ username: 'anna' }, '/federated/new');
    expect(first.title).toContain('Sign-up is closed');
    await empty.close();
  });
});

describe('where sign-up is closed', () => {
  it('nobody new comes in, and who has an account is told what to do', async () => {
    const closed = await openFederatedHouse({ settings: { mayOpenAccounts: false } });
    const stranger = closed.newVisitor();
    await closed.signIn(stranger);
    expect(stranger.status).toBe(403);
    expect(stranger.title).toContain('No account is connected to it');
    expect(stranger.html).toContain('name="password"');
    await stranger.visit('/federated/new');
    expect(stranger.status).toBe(403);
    await closed.close();
  });
});

describe('an address that an account has', () => {
  it('opens nothing: its owner signs in and connects, with a fresh proof (ASVS 6.8.1)', async () => {
    await house.newAccount('anna');
    await house.signIn(visitor);
    expect(visitor.path).toBe('/federated/known');
    expect(await isSignedIn(visitor)).toBe(false);
    await visitor.visit('/sign-in?next=connect');
    await visitor.submit({ login: 'anna', password: PASSWORD }, '/sign-in');
    expect(visitor.path).toBe('/federated/connect');
    expect(await house.identitiesOf('anna')).toEqual([]);
    await visitor.submit({ password: 'not the password at all' }, '/federated/connect');
    expect(visitor.status).toBe(403);
    expect(await house.identitiesOf('anna')).toEqual([]);
    await visitor.submit({ password: PASSWORD }, '/federated/connect');
    expect(visitor.path).toBe('/account/security/identities');
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
    const again = house.newVisitor();
    await house.signIn(again);
    expect(again.path).toBe('/account');
  });

  it('is no obstacle to its real owner where the account never proved it', async () => {
    const { accounts } = house.house;
    await accounts.createAccount({
      ...{ email: 'anna@example.com', username: 'squatter', password: PASSWORD, role: 'person' },
      isEmailVerified: false,
    });
    await house.signUp(visitor);
    expect(visitor.path).toBe('/account');
    expect(await accounts.findByLogin('anna@example.com')).toMatchObject({
      username: 'anna',
      isEmailVerified: true,
    });
    expect(await accounts.findByLogin('squatter')).toMatchObject({ email: '', isEmailVerified: false });
  });

  it('is not confirmed for a stranger by a click of its owner, but by who is signed in (NIST SP 800-63B §4.6)', async () => {
    const who = { sub: 'mallory', email_verified: false };
    const mallory = house.newVisitor();
    await house.signIn(mallory, { who });
    await mallory.submit({ username: 'mallory', email: 'anna@example.com' }, '/federated/new');
    await house.sendMail();
    const { details } = house.mails.find(({ notice }) => notice === 'verify-email')!;
    const { pathname, search } = new URL((details as { address: string }).address);
    const address = `${pathname}${search}`;
    await visitor.visit(address);
    await visitor.submit({}, '/verify-email');
    expect(visitor.status).toBe(403);
    expect(visitor.text).toContain('Sign in first');
    const { accounts } = house.house;
    expect(await accounts.findByLogin('mallory')).toMatchObject({ isEmailVerified: false });
    // The token is still good, for whose account it is; and the owner takes the address by proving it.
    await mallory.visit(address);
    expect(mallory.text).toContain('Confirm this address');
    await house.signUp(visitor);
    expect(await accounts.findByLogin('anna@example.com')).toMatchObject({ username: 'anna' });
    expect(await accounts.findByLogin('mallory')).toMatchObject({ email: '', isEmailVerified: false });
  });

  it('is not even looked at where the provider has not proved it', async () => {
    await house.newAccount('anna');
    const who = { sub: 'mallory', email: 'anna@example.com', email_verified: false };
    await house.signIn(visitor, { who });
    expect(visitor.path).toBe('/federated/new');
    await visitor.submit({ username: 'mallory', email: 'anna@example.com' }, '/federated/new');
    expect(await house.house.accounts.findByLogin('anna@example.com')).toMatchObject({ username: 'anna' });
    expect(await house.identitiesOf('anna')).toEqual([]);
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toEqual(['email-already-known']);
  });

  it.each([['yes'], [1], ['true'], [null], [undefined]])('is not proved by the word %p', async (word) => {
    await house.newAccount('anna');
    const who = { sub: 'mallory', email: 'anna@example.com', email_verified: word };
    await house.signIn(visitor, { who });
    expect(visitor.path).toBe('/federated/new');
  });

  it('is one account’s when two providers have it: the second asks to sign in and connect', async () => {
    await house.signUp(visitor);
    const second = house.newVisitor();
    await house.signIn(second, {
      by: house.other,
      who: { sub: '77', email: 'Anna@Example.com', email_verified: true },
    });
    expect(second.path).toBe('/federated/known');
    expect(await isSignedIn(second)).toBe(false);
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
  });
});

describe('the address of the userinfo endpoint', () => {
  it('counts where the ID token has none, and only of the same subject (OpenID Connect Core §5.3.2)', async () => {
    const beside = await openFederatedHouse({ upstream: { isAddressInToken: false } });
    const someone = beside.newVisitor();
    await beside.signIn(someone);
    expect(someone.text).toContain('anna@example.com');
    beside.provider.state.forgery = { claims: { sub: 'somebody-else' } };
    const stranger = beside.newVisitor();
    await beside.signIn(stranger);
    expect(stranger.status).toBe(403);
    expect(stranger.title).toContain('could not be trusted');
    await beside.close();
  });
});

describe('an answer that opens nothing', () => {
  beforeEach(async () => {
    await house.signUp(house.newVisitor());
  });

  /** The answer with this changed, and what the person reads. */
  async function tryAnswer(
    change: (fields: Record<string, string>) => Record<string, string>,
  ): Promise<void> {
    const address = await house.leave(visitor);
    await house.comeBack(visitor, change(house.provider.allow(address)));
  }

  /** No session; the page says what to do next. */
  async function expectNothing(status: number, title: RegExp): Promise<void> {
    expect(visitor.status).toBe(status);
    expect(visitor.title).toMatch(title);
    expect(visitor.html).toMatch(/href="\/sign-in"|action="\/sign-in"/);
    expect(await isSignedIn(visitor)).toBe(false);
    expect(await house.eventsOf('anna')).toEqual(['account-created', 'identity-connected', 'sign-in']);
  }

  it('has another state (RFC 6749 §10.12)', async () => {
    await tryAnswer((fields) => ({ ...fields, state: 'A'.repeat(43) }));
    await expectNothing(403, /not begun here/);
  });

  it('has no state', async () => {
    await tryAnswer(({ code, iss }) => ({ code: code!, iss: iss! }));
    await expectNothing(403, /not begun here/);
  });

  it('has two', async () => {
    const address = await house.leave(visitor);
    const { code = '', state = '' } = house.provider.allow(address);
    await visitor.visit(`/federated/staff/callback?code=${code}&state=${state}&state=${state}`);
    await expectNothing(400, /not readable/).catch(() => expect(visitor.status).toBe(400));
  });

  it('has the state of another browser, which can still use it', async () => {
    const mallory = house.newVisitor();
    const fields = house.provider.allow(await house.leave(mallory));
    await house.leave(visitor);
    await house.comeBack(visitor, fields);
    await expectNothing(403, /not begun here/);
    await house.comeBack(mallory, fields);
    expect(mallory.path).toBe('/account');
  });

  it('comes to a browser that began nothing', async () => {
    const mallory = house.newVisitor();
    await house.comeBack(visitor, house.provider.allow(await house.leave(mallory)));
    await expectNothing(403, /not begun here/);
  });

  it('comes to the address of another provider (RFC 9700 §4.4)', async () => {
    const address = await house.leave(visitor);
    await house.comeBack(visitor, house.provider.allow(address), 'other');
    await expectNothing(403, /not begun here/);
  });

  it('comes after ten minutes', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    house.clock.advance(601);
    await house.comeBack(visitor, fields);
    await expectNothing(403, /not begun here/);
  });

  it('comes twice: the first use is the last', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    await house.comeBack(visitor, fields);
    expect(visitor.path).toBe('/account');
    await visitor.submit({}, '/sign-out');
    await house.comeBack(visitor, fields);
    expect(visitor.status).toBe(403);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it('comes many times at once: one of them signs in', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    const address = `/federated/staff/callback?${new URLSearchParams(fields).toString()}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => visitor.agent.get(address).redirects(0)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      303,
      ...Array.from({ length: 7 }, () => 403),
    ]);
  });

  it('is only looked at, with HEAD', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    const address = `/federated/staff/callback?${new URLSearchParams(fields).toString()}`;
    expect((await visitor.agent.head(address).redirects(0)).status).toBe(200);
    await visitor.visit(address);
    expect(visitor.path).toBe('/account');
  });

  it('has a code that was used before', async () => {
    const owner = house.newVisitor();
    const used = house.provider.allow(await house.leave(owner));
    await house.comeBack(owner, used);
    await tryAnswer((fields) => ({ ...fields, code: used['code']! }));
    expect(visitor.title).toMatch(/could not be trusted/);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it('has a code that was made for another browser: its PKCE verifier is another (RFC 7636)', async () => {
    const mallory = house.newVisitor();
    const { code = '' } = house.provider.allow(await house.leave(mallory));
    await tryAnswer((fields) => ({ ...fields, code }));
    await expectNothing(403, /could not be trusted/);
  });

  it('names another issuer beside the code (RFC 9207)', async () => {
    await tryAnswer((fields) => ({ ...fields, iss: 'https://evil.example' }));
    await expectNothing(403, /could not be trusted/);
  });

  it('names no issuer, where the provider says that it always does (RFC 9207)', async () => {
    const strict = await openFederatedHouse();
    strict.provider.state.metadata = { authorization_response_iss_parameter_supported: true };
    const someone = strict.newVisitor();
    const { code = '', state = '' } = strict.provider.allow(await strict.leave(someone));
    await strict.comeBack(someone, { code, state });
    expect(someone.title).toMatch(/could not be trusted/);
    await strict.close();
  });

  it.each([
    ['another nonce', { nonce: 'another' }],
    ['no nonce', { nonce: undefined }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'another-client' }],
    ['several audiences, and is not for us', { aud: ['linchpin', 'another'], azp: 'another' }],
    ['expired', { exp: 1_700_000_000 }],
    ['no subject', { sub: '' }],
    ['a subject that is no text', { sub: { $gt: '' } }],
    ['a subject with spaces', { sub: 'anna 1' }],
    ['a subject without end', { sub: 'a'.repeat(300) }],
  ])('has an ID token with %s (OpenID Connect Core §3.1.3.7)', async (_, claims) => {
    house.provider.state.forgery = { claims };
    await tryAnswer((fields) => fields);
    await expectNothing(403, /could not be trusted/);
  });

  it.each(['none', 'HS256'] as const)('has an ID token signed by %s (RFC 8725 §3.1)', async (alg) => {
    house.provider.state.forgery = { alg };
    await tryAnswer((fields) => fields);
    await expectNothing(403, /could not be trusted/);
  });

  it('has an ID token signed by another key', async () => {
    house.provider.state.forgery = { withKey: house.provider.otherKey() };
    await tryAnswer((fields) => fields);
    await expectNothing(403, /could not be trusted/);
  });

  it('has an ID token beside the code: tokens come from the token endpoint alone', async () => {
    await tryAnswer((fields) => ({ ...fields, id_token: 'x.y.z' }));
    await expectNothing(403, /could not be trusted/);
  });

  it.each(['access_denied', 'consent_required', 'login_required'])(
    'says %s: the person did not want it',
    async (error) => {
      await tryAnswer(({ state }) => ({ error, state: state! }));
      await expectNothing(403, /You were not signed in/);
    },
  );

  it('says invalid_request', async () => {
    await tryAnswer(({ state }) => ({ error: 'invalid_request', state: state! }));
    await expectNothing(403, /could not be trusted/);
  });

  it.each(['server_error', 'temporarily_unavailable'])('says %s', async (error) => {
    await tryAnswer(({ state }) => ({ error, state: state! }));
    await expectNothing(503, /does not answer/);
  });

  it('remembers for the operator that it did not come about, and for nobody who it was', async () => {
    await tryAnswer(({ state }) => ({ error: 'access_denied', state: state! }));
    expect(await house.eventsOf('anna')).not.toContain('upstream-failed');
  });
});

describe('a provider that', () => {
  it.each([
    ['is down', 'down', 503],
    ['answers with garbage', 'garbage', 503],
    ['has no time', 'busy', 503],
    ['does not answer within its budget', 'slow', 503],
    ['answers without end', 'huge', 503],
  ] as const)('%s, where it is looked for, stops nothing but itself', async (_, trouble, status) => {
    const path = '/.well-known/openid-configuration';
    house.provider.state.trouble = { [path]: trouble };
    await visitor.visit('/sign-in');
    await visitor.submit({ upstream: 'staff' }, '/federated');
    expect(visitor.status).toBe(status);
    expect(visitor.title).toMatch(/does not answer/);
    await visitor.submit({ login: 'operator', password: PASSWORD }, '/sign-in');
    expect(visitor.path).toBe('/account');
    house.provider.state.trouble = {};
    house.clock.advance(3);
    const later = house.newVisitor();
    await house.signIn(later);
    expect(later.path).toBe('/federated/new');
  });

  it.each([
    ['/token', 'down'],
    ['/token', 'slow'],
    ['/token', 'garbage'],
    ['/token', 'busy'],
    ['/token', 'huge'],
    ['/jwks', 'down'],
    ['/jwks', 'slow'],
    ['/jwks', 'garbage'],
  ] as const)(
    'fails at %s (%s) signs nobody in, and the code cannot be tried again',
    async (path, trouble) => {
      house.provider.state.trouble = { [path]: trouble };
      const fields = house.provider.allow(await house.leave(visitor));
      await house.comeBack(visitor, fields);
      expect(visitor.status).toBe(503);
      expect(visitor.title).toMatch(/does not answer/);
      house.provider.state.trouble = {};
      await house.comeBack(visitor, fields);
      expect(visitor.title).toMatch(/not begun here/);
      expect(await isSignedIn(visitor)).toBe(false);
    },
  );

  it('calls itself otherwise than the settings is not believed (OpenID Connect Discovery §4.3)', async () => {
    house.provider.state.metadata = { issuer: 'https://evil.example' };
    await visitor.visit('/sign-in');
    await visitor.submit({ upstream: 'staff' }, '/federated');
    expect(visitor.status).toBe(503);
  });

  it('sends on is not followed: a code goes to one address', async () => {
    house.provider.state.trouble = { '/token': 'away' };
    const fields = house.provider.allow(await house.leave(visitor));
    await house.comeBack(visitor, fields);
    expect(visitor.status).toBe(503);
    expect(house.provider.calls).not.toContain('/elsewhere');
  });

  it('was found is not looked for again', async () => {
    await house.leave(visitor);
    await house.leave(visitor);
    const looks = house.provider.calls.filter((path) => path.startsWith('/.well-known'));
    expect(looks).toHaveLength(1);
  });

  it('is begun with too often waits, for that network', async () => {
    const few = await openFederatedHouse({ limits: { 'round-trip-by-network': { limit: 2 } } });
    const someone = few.newVisitor();
    await few.leave(someone);
    await few.leave(someone);
    await someone.visit('/sign-in');
    await someone.submit({ upstream: 'staff' }, '/federated');
    expect(someone.status).toBe(429);
    expect(someone.title).toMatch(/Too many/);
    await few.close();
  });
});

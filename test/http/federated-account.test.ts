// Accounts that other providers sign in to, over HTTP: connecting and disconnecting, what a round trip proves, our own second
// factor after it, and an account that has no password.
import { totpCode } from '../../src/crypto/totp.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { openFederatedHouse, PASSWORD, sentTo, type FederatedHouse } from '../support/federated.js';
import type { Visitor } from '../support/visitor.js';

const PAGE = '/account/security/identities';
const NEW_PASSWORD = 'seven brass otters hum at dusk';
const ORIGIN = {
  networkAddress: '198.51.100.9',
  network: '198.51.100.9',
  userAgent: 'a browser',
  requestId: 'r',
};

let house: FederatedHouse;
let visitor: Visitor;

beforeEach(async () => {
  house = await openFederatedHouse();
  visitor = house.newVisitor();
});
afterEach(() => house.close());

const seconds = () => Math.floor(house.clock.now().getTime() / 1000);

const idOf = async (login: string): Promise<AccountId> =>
  (await house.house.accounts.findByLogin(login))!.accountId;

async function isSignedIn(someone: Visitor): Promise<boolean> {
  await someone.visit('/account');
  return someone.path === '/account';
}

/** From the page of connected accounts to the provider and back. */
async function connect(someone: Visitor, password = PASSWORD): Promise<void> {
  await someone.visit(`${PAGE}/connect?upstream=staff`);
  await someone.submit({ password }, `${PAGE}/connect`);
  await house.comeBack(someone, house.provider.allow(sentTo(someone)));
}

/** An account with a password, to which the provider signs in as well. */
async function newConnected(name = 'anna'): Promise<void> {
  await house.newAccount(name);
  await visitor.signIn(name);
  await connect(visitor);
}

describe('connecting', () => {
  it('takes the password in the same form, and is told: page, mail, activity (ASVS 7.5.1)', async () => {
    await house.newAccount('anna');
    await visitor.signIn('anna');
    await visitor.visit(PAGE);
    expect(visitor.text).toContain('No account elsewhere is connected');
    await connect(visitor);
    expect(visitor.path).toBe(PAGE);
    expect(visitor.text).toMatch(/It is connected now.*Staff.*anna@example\.com/);
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
    expect(await house.eventsOf('anna')).toContain('identity-connected');
    await house.sendMail();
    expect(
      house.mails.map(({ notice, details }) => [notice, 'upstream' in details && details.upstream]),
    ).toEqual([['identity-connected', 'Staff']]);
    const again = house.newVisitor();
    await house.signIn(again);
    expect(again.path).toBe('/account');
  });

  it.each([['not the password at all'], ['']])('leads nowhere with the password %p', async (password) => {
    await house.newAccount('anna');
    await visitor.signIn('anna');
    await visitor.visit(`${PAGE}/connect?upstream=staff`);
    await visitor.submit({ password }, `${PAGE}/connect`);
    expect([400, 403]).toContain(visitor.status);
    expect(visitor.headers['refresh']).toBeUndefined();
    expect(visitor.html).toContain('id="field-password-fault"');
  });

  it('takes several to one account, and the same one twice without a word', async () => {
    await newConnected();
    await connect(visitor);
    await visitor.visit(`${PAGE}/connect?upstream=other`);
    await visitor.submit({ password: PASSWORD }, `${PAGE}/connect`);
    await house.comeBack(visitor, house.other.allow(sentTo(visitor)), 'other');
    expect(await house.identitiesOf('anna')).toEqual(['other:anna-1', 'staff:anna-1']);
    const events = await house.eventsOf('anna');
    expect(events.filter((event) => event === 'identity-connected')).toHaveLength(2);
  });

  it('does not take what another account has (ASVS 10.5.2)', async () => {
    await newConnected('anna');
    const berta = house.newVisitor();
    await house.newAccount('berta');
    await berta.signIn('berta');
    await connect(berta);
    expect(berta.status).toBe(409);
    expect(berta.title).toContain('Already connected elsewhere');
    expect(await house.identitiesOf('berta')).toEqual([]);
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
  });

  it('ends with the session that began it: nobody else who is signed in there is connected', async () => {
    await house.newAccount('anna');
    await house.newAccount('berta');
    await visitor.signIn('anna');
    await visitor.visit(`${PAGE}/connect?upstream=staff`);
    await visitor.submit({ password: PASSWORD }, `${PAGE}/connect`);
    const fields = house.provider.allow(sentTo(visitor));
    await visitor.visit('/account');
    await visitor.submit({}, '/sign-out');
    await visitor.signIn('berta');
    await house.comeBack(visitor, fields);
    expect(visitor.title).toContain('not begun here');
    expect([await house.identitiesOf('anna'), await house.identitiesOf('berta')]).toEqual([[], []]);
  });

  it('is no sign-in: a browser that is signed out is connected to nobody', async () => {
    await house.newAccount('anna');
    await visitor.signIn('anna');
    await visitor.visit(`${PAGE}/connect?upstream=staff`);
    await visitor.submit({ password: PASSWORD }, `${PAGE}/connect`);
    const fields = house.provider.allow(sentTo(visitor));
    await house.house.sessions.endAllSessions(await idOf('anna'));
    await house.comeBack(visitor, fields);
    expect(visitor.title).toContain('not begun here');
    expect(await house.identitiesOf('anna')).toEqual([]);
    expect(await isSignedIn(visitor)).toBe(false);
  });

  it('tells the owner where the provider said no, and remembers it', async () => {
    await house.newAccount('anna');
    await visitor.signIn('anna');
    await visitor.visit(`${PAGE}/connect?upstream=staff`);
    await visitor.submit({ password: PASSWORD }, `${PAGE}/connect`);
    const { state = '' } = house.provider.allow(sentTo(visitor));
    await house.comeBack(visitor, { error: 'access_denied', state });
    expect(visitor.status).toBe(403);
    expect(visitor.html).toContain(`href="${PAGE}"`);
    expect(await house.eventsOf('anna')).toContain('upstream-failed');
  });

  it('asks for the code, too, where there is a second factor', async () => {
    const { accountId, username } = await house.newAccount('anna');
    const { secret } = await house.house.proofs.addAuthenticator(accountId, username, ORIGIN);
    await visitor.signIn('anna');
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    await visitor.visit(`${PAGE}/connect?upstream=staff`);
    house.clock.advance(60);
    await visitor.submit({ password: PASSWORD, code: '000000' }, `${PAGE}/connect`);
    expect(visitor.headers['refresh']).toBeUndefined();
    await visitor.submit(
      { password: PASSWORD, code: await totpCode(secret, house.clock.now()) },
      `${PAGE}/connect`,
    );
    await house.comeBack(visitor, house.provider.allow(sentTo(visitor)));
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
  });
});

describe('disconnecting', () => {
  async function disconnect(password = PASSWORD): Promise<void> {
    await visitor.visit(PAGE);
    const [, address = ''] = /href="([^"]+disconnect[^"]+)"/.exec(visitor.html) ?? [];
    await visitor.visit(address);
    await visitor.submit({ password }, `${PAGE}/disconnect`);
  }

  it('takes a fresh proof, is told, and signs every other browser out', async () => {
    await newConnected();
    const other = house.newVisitor();
    await house.signIn(other);
    await disconnect();
    expect(visitor.text).toContain('No account elsewhere is connected');
    expect(await isSignedIn(other)).toBe(false);
    expect(await isSignedIn(visitor)).toBe(true);
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toContain('identity-disconnected');
    expect(await house.eventsOf('anna')).toContain('identity-disconnected');
    const again = house.newVisitor();
    await house.signIn(again);
    expect(again.path).toBe('/federated/known');
  });

  it('changes nothing with a wrong password', async () => {
    await newConnected();
    await disconnect('not the password at all');
    expect(visitor.status).toBe(403);
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
  });

  it('does not reach another account', async () => {
    await newConnected();
    const [identity] = await house.house.stores.identities.findByAccount(await idOf('anna'));
    const berta = house.newVisitor();
    await house.newAccount('berta');
    await berta.signIn('berta');
    await berta.visit(`${PAGE}/disconnect?identity=${identity!.identityId}`);
    expect(berta.status).toBe(404);
  });

  it('never takes the last way in: the page says to set a password first', async () => {
    await house.signUp(visitor);
    const { accountIdentities, sessions } = house.house;
    const accountId = await idOf('anna');
    const [session] = await sessions.listSessions(accountId);
    const [identity] = await house.house.stores.identities.findByAccount(accountId);
    const tried = accountIdentities.disconnect(session!, identity!.identityId, { password: '' }, ORIGIN);
    await expect(tried).rejects.toMatchObject({ code: 'last-way-in' });
    expect(await house.identitiesOf('anna')).toEqual(['staff:anna-1']);
  });
});

describe('our own second factor', () => {
  async function newCareful(): Promise<string> {
    await newConnected();
    const { secret } = await house.house.proofs.addAuthenticator(await idOf('anna'), 'anna', ORIGIN);
    return secret;
  }

  it('is not asked for after another provider: it is trusted for it', async () => {
    await newCareful();
    const someone = house.newVisitor();
    await house.signIn(someone);
    expect(someone.path).toBe('/account');
    const sessions = await house.house.sessions.listSessions(await idOf('anna'));
    expect(sessions.map(({ authentication }) => authentication.methods)).toContainEqual(['fed']);
  });

  it('is asked for where the settings demand it, and a half-done sign-in opens nothing (ASVS 6.8.4)', async () => {
    await house.close();
    house = await openFederatedHouse({ settings: { asksSecondFactor: true } });
    visitor = house.newVisitor();
    const secret = await newCareful();
    const someone = house.newVisitor();
    await house.signIn(someone);
    expect(someone.path).toBe('/sign-in/code');
    expect(await isSignedIn(someone)).toBe(false);
    await someone.visit('/sign-in/code');
    house.clock.advance(60);
    await someone.submit({ code: await totpCode(secret, house.clock.now()) });
    expect(someone.path).toBe('/account');
    const sessions = await house.house.sessions.listSessions(await idOf('anna'));
    expect(sessions.map(({ authentication }) => authentication.methods)).toContainEqual(['fed', 'otp']);
  });
});

describe('an account that is', () => {
  it('closed is kept, and nothing else, by who signs in to it in time', async () => {
    await newConnected();
    await visitor.visit('/account/close');
    await visitor.submit({ password: PASSWORD }, '/account/close');
    const someone = house.newVisitor();
    await house.signIn(someone);
    expect(someone.path).toBe('/keep-account');
    expect(await isSignedIn(someone)).toBe(false);
    await someone.visit('/keep-account');
    await someone.submit({}, '/keep-account');
    await house.signIn(someone);
    expect(someone.path).toBe('/account');
  });

  it('locked is locked on every way in, and the page says how it opens', async () => {
    await newConnected();
    const accountId = await idOf('anna');
    await house.house.inTransaction(async ({ accounts }) => {
      for (let seen = 0; seen < 100; seen += 1)
        await accounts.chargeFailure(accountId, seen, house.clock.now());
    });
    const someone = house.newVisitor();
    await house.signIn(someone);
    expect(someone.status).toBe(403);
    expect(someone.title).toContain('This account is locked');
    expect(await isSignedIn(someone)).toBe(false);
  });

  it('ended for good leaves no identity behind: whoever it was may begin anew', async () => {
    await newConnected();
    await visitor.visit('/account/close');
    await visitor.submit({ password: PASSWORD }, '/account/close');
    house.clock.advance(15 * 86_400);
    await house.house.accountClosing.endClosed();
    const someone = house.newVisitor();
    await house.signIn(someone);
    expect(someone.path).toBe('/federated/new');
  });
});

describe('an account without a password', () => {
  it('has none that is right, and nobody outside can lock it by guessing', async () => {
    await house.signUp(visitor);
    const stranger = house.newVisitor();
    for (const password of ['', ' ', PASSWORD, 'undefined']) {
      await stranger.visit('/sign-in');
      await stranger.submit({ login: 'anna', password });
      expect(await isSignedIn(stranger)).toBe(false);
    }
    const failures = await house.house.stores.accounts.findFailures(await idOf('anna'));
    expect(failures?.consecutive ?? 0).toBe(0);
  });

  it('is given none by a mail (CHECKLIST 3.5)', async () => {
    await house.signUp(visitor);
    await house.house.accountReset.askReset('anna@example.com', {}, ORIGIN);
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).not.toContain('password-reset-link');
  });

  it('is asked to set one before it can enable two-factor, and goes on from there', async () => {
    house.provider.state.authTime = seconds();
    await house.signUp(visitor);
    await visitor.visit('/account/security/two-factor');
    expect(visitor.path).toBe('/account/password');
    expect(visitor.text).toContain('then two-factor goes on');
    await visitor.submit({ new_password: 'short' }, '/account/password');
    expect(visitor.status).toBe(400);
    await visitor.submit({ new_password: NEW_PASSWORD }, '/account/password');
    expect(visitor.path).toBe('/account/security/two-factor');
    await visitor.submit({ password: NEW_PASSWORD }, '/account/security/two-factor');
    expect(visitor.html).toContain('data-secret');
    expect(await house.eventsOf('anna')).toContain('password-set');
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toContain('password-set');
    const again = house.newVisitor();
    await again.signIn('anna', NEW_PASSWORD);
    expect(again.path).toBe('/account');
  });

  it('sets one after a sign-in that its provider does not date, for ten minutes', async () => {
    await house.signUp(visitor);
    house.clock.advance(601);
    await visitor.visit('/account/password');
    expect(visitor.html).not.toContain('new_password');
    const [form] = visitor.forms.filter(({ action }) => action === '/federated');
    expect(form?.fields).toMatchObject({ purpose: 'prove', next: 'password' });
    await house.signIn(visitor, { from: '/account/password' });
    expect(visitor.path).toBe('/account/password');
    await visitor.submit({ new_password: NEW_PASSWORD }, '/account/password');
    expect(visitor.path).toBe('/account');
    expect((await house.house.accounts.findByLogin('anna'))?.hasPassword).toBe(true);
  });

  it('sets none with a sign-in there of long ago', async () => {
    house.provider.state.authTime = seconds() - 3600;
    await house.signUp(visitor);
    await visitor.visit('/account/password');
    expect(visitor.html).not.toContain('new_password');
    const { session } = { session: (await house.house.sessions.listSessions(await idOf('anna')))[0]! };
    const tried = house.house.accountPassword.setPassword(session, { newPassword: NEW_PASSWORD }, ORIGIN);
    await expect(tried).rejects.toMatchObject({ code: 'proof-required' });
  });

  it('with a second factor gives a code of it, too', async () => {
    house.provider.state.authTime = seconds();
    await house.signUp(visitor);
    const { secret } = await house.house.proofs.addAuthenticator(await idOf('anna'), 'anna', ORIGIN);
    await visitor.visit('/account/password');
    await visitor.submit({ new_password: NEW_PASSWORD }, '/account/password');
    expect(visitor.html).toContain('id="field-code-fault"');
    await visitor.submit({ new_password: NEW_PASSWORD, code: '000000' }, '/account/password');
    expect(visitor.status).toBe(403);
    house.clock.advance(60);
    const code = await totpCode(secret, house.clock.now());
    await visitor.submit({ new_password: NEW_PASSWORD, code }, '/account/password');
    expect(visitor.path).toBe('/account');
    expect((await house.house.accounts.findByLogin('anna'))?.hasPassword).toBe(true);
  });

  it('never has a password in the place of another that way', async () => {
    await newConnected();
    const someone = house.newVisitor();
    await house.signIn(someone);
    const [session] = await house.house.sessions.listSessions(await idOf('anna'));
    const tried = house.house.accountPassword.setPassword(session!, { newPassword: NEW_PASSWORD }, ORIGIN);
    await expect(tried).rejects.toMatchObject({ code: 'credentials-wrong' });
  });
});

describe('what an account without a password can prove with a fresh round trip', () => {
  beforeEach(async () => {
    house.provider.state.authTime = seconds();
    await house.signUp(visitor);
  });

  async function connectOther(): Promise<void> {
    await visitor.visit(`${PAGE}/connect?upstream=other`);
    expect(visitor.html).not.toContain('name="password"');
    await visitor.submit({}, `${PAGE}/connect`);
  }

  it('connects another provider, and then lets the first one go', async () => {
    await connectOther();
    await house.comeBack(visitor, house.other.allow(sentTo(visitor), { sub: 'o-1' }), 'other');
    expect(await house.identitiesOf('anna')).toEqual(['other:o-1', 'staff:anna-1']);
    const identities = await house.house.stores.identities.findByAccount(await idOf('anna'));
    const { identityId } = identities.find(({ upstream }) => upstream === 'staff')!;
    await visitor.visit(`${PAGE}/disconnect?identity=${identityId}`);
    await visitor.submit({}, `${PAGE}/disconnect`);
    expect(await house.identitiesOf('anna')).toEqual(['other:o-1']);
    await visitor.visit(
      `${PAGE}/disconnect?identity=${identities.find((each) => each.identityId !== identityId)!.identityId}`,
    );
    await visitor.submit({}, `${PAGE}/disconnect`);
    expect(visitor.status).toBe(409);
    expect(visitor.text).toContain('That is your only way in');
    expect(await house.identitiesOf('anna')).toEqual(['other:o-1']);
  });

  it('does not stay fresh by being used: ten minutes from the time that the provider told', async () => {
    house.clock.advance(400);
    await connectOther();
    expect(visitor.headers['refresh']).toBeDefined();
    house.clock.advance(201);
    await connectOther();
    expect(visitor.path).toBe('/step-up');
  });

  it('is led to proving it anew, and comes back to where it was', async () => {
    house.clock.advance(700);
    await connectOther();
    expect(visitor.address).toBe('/step-up?next=identities');
    expect(visitor.html).not.toContain('name="password"');
    expect(visitor.html).toContain('href="/account/password?next=identities"');
    await visitor.submit({ upstream: 'staff' }, '/federated');
    const address = sentTo(visitor);
    house.provider.state.authTime = seconds();
    await house.comeBack(visitor, house.provider.allow(address));
    expect(visitor.path).toBe(PAGE);
    await connectOther();
    expect(visitor.headers['refresh']).toBeDefined();
  });
});

describe('a round trip that shall prove who it is', () => {
  const prove = (next = 'review') => visitor.visit(`/account/password?next=${next}`);

  async function startProving(next: string): Promise<URL> {
    await prove(next);
    const [form] = visitor.forms.filter(({ action }) => action === '/sign-out' || action === '/federated');
    const csrf = form?.fields['_csrf'] ?? '';
    const answer = await visitor.agent
      .post('/federated')
      .type('form')
      .send({ _csrf: csrf, purpose: 'prove', next, upstream: 'staff' });
    const [, address = ''] = /^0; url=(.+)$/.exec(answer.headers['refresh'] as string) ?? [];
    return new URL(address);
  }

  beforeEach(async () => {
    await house.signUp(visitor);
    house.clock.advance(700);
  });

  it('asks the provider to have it proved anew (OpenID Connect Core §3.1.2.1)', async () => {
    const { searchParams } = await startProving('security');
    expect(Object.fromEntries(searchParams)).toMatchObject({ prompt: 'login', max_age: '0' });
  });

  it('counts from the time that the provider has told, and gives the session a new name (ASVS 7.2.4)', async () => {
    const before = (await house.house.sessions.listSessions(await idOf('anna')))[0]!;
    const address = await startProving('security');
    house.provider.state.authTime = seconds() - 30;
    await house.comeBack(visitor, house.provider.allow(address));
    expect(visitor.path).toBe('/account/security');
    const after = (await house.house.sessions.listSessions(await idOf('anna')))[0]!;
    expect(after.sessionHash).not.toBe(before.sessionHash);
    expect(after.provedAt).toEqual(new Date((seconds() - 30) * 1000));
    expect(house.house.sessions.hasFreshProof(after)).toBe(true);
  });

  it.each([
    ['no time at all', undefined],
    ['a time of long ago', -3600],
    ['a time that has not come yet', 3600],
    ['no number', 'now'],
  ])('is not fresh where the provider tells %s', async (_, offset) => {
    const address = await startProving('household');
    const told = typeof offset === 'number' ? seconds() + offset : offset;
    house.provider.state.authTime = told as number | undefined;
    await house.comeBack(visitor, house.provider.allow(address));
    expect(visitor.status).toBe(403);
    expect(visitor.title).toMatch(/not a fresh sign-in|could not be trusted/);
    const [session] = await house.house.sessions.listSessions(await idOf('anna'));
    expect(house.house.sessions.hasFreshProof(session!)).toBe(false);
  });

  it('proves nothing where it is somebody else there', async () => {
    const address = await startProving('security');
    house.provider.state.authTime = seconds();
    const who = { sub: 'mallory', email: 'anna@example.com', email_verified: true };
    await house.comeBack(visitor, house.provider.allow(address, who));
    expect(visitor.status).toBe(403);
    expect(visitor.title).toContain('somebody else');
    const [session] = await house.house.sessions.listSessions(await idOf('anna'));
    expect(house.house.sessions.hasFreshProof(session!)).toBe(false);
  });

  it('proves nothing in another session', async () => {
    const address = await startProving('security');
    house.provider.state.authTime = seconds();
    const fields = house.provider.allow(address);
    await visitor.visit('/account');
    await visitor.submit({}, '/sign-out');
    await visitor.signIn('operator');
    await house.comeBack(visitor, fields);
    expect(visitor.title).toContain('not begun here');
  });

  it('is enough to approve a tool, and an undated one is not (DESIGN 6)', async () => {
    const { clients, linksForTool } = house.house;
    const { client } = await clients.createByOperator({ name: 'A TV', isConfidential: false });
    const { userCode } = await linksForTool.startLink({ client, scope: 'openid', origin: ORIGIN });
    await visitor.visit(`/link?user_code=${userCode}`);
    await visitor.submit();
    expect(visitor.path).toBe('/step-up');
    const address = await startProving('review');
    house.provider.state.authTime = seconds();
    await house.comeBack(visitor, house.provider.allow(address));
    expect(visitor.path).toBe('/link/review');
    expect(visitor.html).toContain('value="approve"');
  });
});

describe('an answer that comes as a form', () => {
  const post = (path: string, site: string, fields: Record<string, string>) =>
    visitor.agent
      .post(path)
      .type('form')
      .redirects(0)
      .set('Sec-Fetch-Site', site)
      .set('Origin', 'https://p.example')
      .send(fields);

  it('is handed on by a page of ours, and sets and reads nothing on the way', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    const answer = await post('/federated/staff/callback', 'cross-site', fields);
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.text).toContain('action="/federated/staff/return"');
    for (const value of Object.values(fields)) expect(answer.text).toContain(`value="${value}"`);
    expect(answer.text).not.toContain('_csrf');
  });

  it('escapes what it hands on', async () => {
    const answer = await post('/federated/staff/callback', 'cross-site', {
      state: '"><script>alert(1)</script>',
    });
    expect(answer.text).not.toContain('<script>alert');
  });

  it('is taken from our own page alone once it is handed on', async () => {
    const fields = house.provider.allow(await house.leave(visitor));
    const foreign = await post('/federated/staff/return', 'cross-site', fields);
    expect(foreign.status).toBe(403);
    const own = visitor.agent
      .post('/federated/staff/return')
      .type('form')
      .redirects(0)
      .set('Sec-Fetch-Site', 'same-origin');
    const answer = await own.set('Origin', house.url).send(fields);
    expect(answer.headers['location']).toBe('/federated/new');
  });

  it('opens no other form to other sites', async () => {
    await visitor.visit('/sign-in');
    for (const path of ['/sign-in', '/federated', '/federated/new', '/federated/callback']) {
      const answer = await post(path, 'cross-site', { login: 'operator', password: PASSWORD });
      expect([403, 404]).toContain(answer.status);
    }
  });
});

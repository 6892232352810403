// Browsers that an account knows: over HTTP, as the owner and a stranger who guesses would have it.
import { MOST_FAILURES } from '../../src/domain/password-check.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const HOUR = 3600;

let house: TestHouse;
let owner: Visitor;
let accountId: Awaited<ReturnType<TestHouse['newAccount']>>['accountId'];

beforeEach(async () => {
  const limits = { 'sign-in-by-network': { limit: 10_000 } };
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] }, limits });
  ({ accountId } = await house.newAccount());
  owner = createVisitor(house);
  owner.agent.set('User-Agent', FIREFOX);
});
afterEach(() => house.close());

async function told(): Promise<object[]> {
  await house.sendMail();
  return house.mails
    .filter(({ notice }) => notice === 'sign-in-unknown-browser')
    .map(({ details }) => details);
}

async function signOut(browser: Visitor): Promise<void> {
  await browser.visit('/account');
  await browser.submit({}, '/sign-out');
}

const fail = (browser: Visitor) => browser.signIn('anna', 'not the password');
const failures = async () => (await house.house.stores.accounts.findFailures(accountId))?.consecutive ?? 0;

/** Strangers guess as fast as they may, until the password is locked. */
async function lockByStrangers(): Promise<void> {
  const { inTransaction } = house.house;
  await inTransaction(async ({ accounts }) => {
    for (let seen = await failures(); seen < MOST_FAILURES; seen += 1)
      await accounts.chargeFailure(accountId, seen, house.clock.now());
  });
}

describe('a sign-in', () => {
  it('in a browser that the account does not know is told to its owner: what, where and when', async () => {
    await owner.signIn('anna');
    expect(await told()).toEqual([]);
    const stranger = createVisitor(house);
    stranger.agent.set('User-Agent', FIREFOX);
    await stranger.signIn('anna');
    expect(await told()).toMatchObject([
      { username: 'anna', from: '127.0.0.1', browser: 'Firefox', system: 'Linux' },
    ]);
  });

  it('in a browser that has signed in before is not told, also after signing out', async () => {
    await owner.signIn('anna');
    for (let times = 0; times < 3; times += 1) {
      await signOut(owner);
      house.clock.advance(HOUR);
      await owner.signIn('anna');
    }
    expect(owner.path).toBe('/account');
    expect(await told()).toEqual([]);
  });

  it('of an account that is older than an hour is told even where it is the first', async () => {
    house.clock.advance(HOUR);
    await owner.signIn('anna');
    expect(await told()).toHaveLength(1);
  });

  it('that is wrong, or half done, makes no browser known', async () => {
    await owner.signIn('anna');
    const { proofs } = house.house;
    await proofs.addAuthenticator(accountId, 'anna', {
      networkAddress: '127.0.0.1',
      network: '127.0.0.1',
      requestId: 'setup',
    });
    const stranger = createVisitor(house);
    await fail(stranger);
    await stranger.signIn('anna');
    expect(stranger.path).toBe('/sign-in/code');
    expect(await house.house.stores.accounts.countKnownBrowsers(accountId)).toBe(1);
    expect(await told()).toEqual([]);
  });

  it('gives the browser another secret each time, so that a copy of the old one is worth nothing', async () => {
    await owner.signIn('anna');
    const thief = createVisitor(house);
    const copy = owner.agent.jar.getCookie('linchpin-known', {
      path: '/',
      domain: '127.0.0.1',
      secure: false,
      script: false,
    });
    await signOut(owner);
    await owner.signIn('anna');
    thief.agent.jar.setCookie(`linchpin-known=${copy?.value ?? ''}`, '127.0.0.1', '/');
    await thief.signIn('anna');
    expect(await told()).toHaveLength(1);
  });

  it('is known of ten browsers of an account, and the one used longest ago is forgotten', async () => {
    await owner.signIn('anna');
    for (let count = 0; count < 10; count += 1) {
      house.clock.advance(1);
      await createVisitor(house).signIn('anna');
    }
    expect(await house.house.stores.accounts.countKnownBrowsers(accountId)).toBe(10);
    await signOut(owner);
    await owner.signIn('anna');
    expect(await told()).toHaveLength(11);
  });
});

describe('strangers who guess', () => {
  it('do not make the owner wait in a known browser (NIST SP 800-63B §3.2.2)', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    const stranger = createVisitor(house);
    for (let tries = 0; tries < 12; tries += 1) await fail(stranger);
    await stranger.signIn('anna');
    expect(stranger.path).toBe('/sign-in');
    await owner.signIn('anna');
    expect(owner.path).toBe('/account');
  });

  it('do not lock the owner out of a known browser, where a right password unlocks the account (CHECKLIST 3.2)', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    await lockByStrangers();
    house.clock.advance(HOUR);
    await createVisitor(house).signIn('anna');
    expect(await failures()).toBe(MOST_FAILURES);
    await owner.signIn('anna');
    expect(owner.path).toBe('/account');
    expect(await failures()).toBe(0);
  });

  it('read the same bytes with a cookie of a known browser and without one, for an account and for none (ASVS 6.3.8)', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    await house.newAccount('bob');
    const answers = new Set<string>();
    for (const login of ['anna', 'bobb', 'bob!', 'bob@']) {
      await owner.signIn(login, 'not the password');
      answers.add(`${owner.status} ${owner.text}`);
      const stranger = createVisitor(house);
      await stranger.signIn(login, 'not the password');
      answers.add(`${stranger.status} ${stranger.text}`);
    }
    expect(answers.size).toBe(1);
  });
});

describe('a known browser', () => {
  it('waits after half as many failures, which count toward the account’s hundred too', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    for (let tries = 0; tries < 5; tries += 1) await fail(owner);
    expect(await failures()).toBe(5);
    await owner.signIn('anna');
    expect(owner.path).toBe('/sign-in');
    house.clock.advance(30);
    await owner.signIn('anna');
    expect(owner.path).toBe('/account');
  });

  it('is a stranger after 50 failures in a row: then it can guess no more than they can', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    for (let tries = 0; tries < MOST_FAILURES / 2; tries += 1) {
      await fail(owner);
      house.clock.advance(HOUR);
    }
    expect(await failures()).toBe(MOST_FAILURES / 2);
    await lockByStrangers();
    house.clock.advance(HOUR);
    await owner.signIn('anna');
    expect(owner.path).toBe('/sign-in');
  });

  it('guesses no faster than its waits allow, however many tries come at once', async () => {
    await owner.signIn('anna');
    await signOut(owner);
    await owner.visit('/sign-in');
    const form = { ...owner.forms[0]!.fields, login: 'anna', password: 'not the password' };
    const tries = Array.from({ length: 12 }, () => owner.agent.post('/sign-in').type('form').send(form));
    await Promise.all(tries);
    expect(await failures()).toBeLessThanOrEqual(5);
  });

  it('of one account is none of another, though both sign in with it', async () => {
    await house.newAccount('bob');
    await owner.signIn('anna');
    await signOut(owner);
    house.clock.advance(HOUR);
    await owner.signIn('bob');
    expect(await told()).toMatchObject([{ username: 'bob' }]);
    await signOut(owner);
    await owner.signIn('anna');
    expect(await told()).toHaveLength(1);
  });

  it('is nobody’s with a cookie that is garbage', async () => {
    await owner.signIn('anna');
    for (const garbage of ['x', 'A'.repeat(3000), '..']) {
      const stranger = createVisitor(house);
      stranger.agent.jar.setCookie(`linchpin-known=${garbage}`, '127.0.0.1', '/');
      await stranger.visit('/sign-in');
      await stranger.submit({ login: 'anna', password: PASSWORD });
      expect(stranger.path).toBe('/account');
    }
    expect(await told()).toHaveLength(3);
  });
});

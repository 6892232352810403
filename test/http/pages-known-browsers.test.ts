// Browsers that an account knows: over HTTP, as the owner and a stranger who guesses would have it.
import { totpCode } from '../../src/crypto/totp.js';
import { MOST_FAILURES as MOST_WRONG_CODES } from '../../src/domain/factor-locks.js';
import { MOST_FAILURES } from '../../src/domain/password-check.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const HOUR = 3600;
/** Only what comes in a row is counted. */
const MOST_TODAY = { ...MOST_WRONG_CODES, today: 1000 };

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

describe('somebody who has the password and guesses codes', () => {
  const DAY = 24 * HOUR;
  const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };
  let secret: string;
  let recoveryCodes: readonly string[];
  let stranger: Visitor;

  beforeEach(async () => {
    ({ secret, recoveryCodes } = await house.house.proofs.addAuthenticator(accountId, 'anna', origin));
    stranger = createVisitor(house);
    await enter(owner, { code: await nextCode() });
    await signOut(owner);
  });

  async function nextCode(): Promise<string> {
    house.clock.advance(60);
    return totpCode(secret, house.clock.now());
  }

  const notRight = async () =>
    (await totpCode(secret, house.clock.now())) === '000000' ? '111111' : '000000';

  /** The right password, and then a code, or a recovery code. */
  async function enter(browser: Visitor, typed: Record<string, string>): Promise<void> {
    await browser.signIn('anna');
    if ('recovery_code' in typed) await browser.visit('/sign-in/recovery');
    await browser.submit(typed);
  }

  /** On the account's own count, from networks and browsers that it does not know. */
  async function guess(kind: 'totp' | 'recovery', times: number, perDay = 20): Promise<void> {
    const today = Math.floor(house.clock.now().getTime() / 1000 / DAY);
    const days = Math.ceil(times / perDay);
    await house.house.inTransaction(async ({ proofs }) => {
      for (let count = 0; count < times; count += 1) {
        const day = today - days + 1 + Math.floor(count / perDay);
        await proofs.charge({ accountId, kind, day, at: house.clock.now() }, MOST_WRONG_CODES);
      }
    });
  }

  it('locks the day’s codes elsewhere, and not in a browser that the account knows (CHECKLIST 3.2)', async () => {
    await guess('totp', 20);
    await enter(stranger, { code: await nextCode() });
    expect([stranger.path, stranger.status]).toEqual(['/sign-in/code', 403]);
    await enter(owner, { code: await nextCode() });
    expect(owner.path).toBe('/account');
    await enter(stranger, { code: await nextCode() });
    expect(stranger.status).toBe(403);
  });

  it('locks the authenticator at the hundredth, and a right code in a known browser frees it', async () => {
    await guess('totp', 100);
    await enter(stranger, { code: await nextCode() });
    expect(stranger.status).toBe(403);
    await enter(owner, { code: await nextCode() });
    expect(owner.path).toBe('/account');
    house.clock.advance(DAY);
    await enter(stranger, { code: await nextCode() });
    expect(stranger.path).toBe('/account');
  });

  it('locks recovery codes, and not in a browser that the account knows', async () => {
    await guess('recovery', 20);
    await enter(stranger, { recovery_code: recoveryCodes[0]! });
    expect(stranger.status).toBe(403);
    await enter(owner, { recovery_code: recoveryCodes[1]! });
    expect(owner.path).toBe('/sign-in/recovered');
  });

  it('takes no fresh proof away from a session in a known browser', async () => {
    await enter(owner, { code: await nextCode() });
    await guess('totp', 20);
    await owner.visit('/step-up?next=tools');
    await owner.submit({ code: await nextCode() });
    expect(owner.path).toBe('/account/tools');
    await owner.visit('/account/password');
    const changed = { password: PASSWORD, code: await nextCode(), new_password: 'eleven owls keep a ledger' };
    await owner.submit(changed, '/account/password');
    expect(owner.address).toBe('/account?notice=password-changed');
  });

  it('does not end what the owner has half done in a known browser, however often it is locked elsewhere', async () => {
    await guess('totp', 20);
    await owner.signIn('anna');
    for (let tries = 0; tries < 3; tries += 1) await enter(stranger, { code: await notRight() });
    expect(stranger.text).toMatch(/locked/i);
    await owner.submit({ code: await nextCode() });
    expect(owner.path).toBe('/account');
  });

  it('has ten tries a day with the cookie of a known browser, which count toward the account’s twenty too (CHECKLIST 3.3)', async () => {
    const wrong = async (times: number) => {
      for (let tries = 0; tries < times; tries += 1) {
        if (tries % 4 === 0) await owner.signIn('anna');
        await owner.submit({ code: await notRight() });
      }
    };
    await wrong(10);
    // Used up, it is a stranger's: ten of the account's twenty are left, for all strangers together.
    await guess('totp', 10);
    await enter(owner, { code: await nextCode() });
    expect(owner.status).toBe(403);
    house.clock.advance(DAY);
    await enter(owner, { code: await nextCode() });
    expect(owner.path).toBe('/account');
  });

  it('has fifty in a row there, over all days, and then those of a stranger', async () => {
    const day = () => Math.floor(house.clock.now().getTime() / 1000 / DAY);
    for (let days = 0; days < 5; days += 1) {
      for (let tries = 0; tries < 10; tries += 1) {
        if (tries % 4 === 0) await owner.signIn('anna');
        await owner.submit({ code: await notRight() });
      }
      house.clock.advance(DAY);
    }
    await house.house.inTransaction(async ({ proofs }) => {
      for (let count = 0; count < 50; count += 1)
        await proofs.charge({ accountId, kind: 'totp', day: day() - 1, at: house.clock.now() }, MOST_TODAY);
    });
    await enter(owner, { code: await nextCode() });
    expect(owner.status).toBe(403);
    expect(await house.house.proofs.hasSecondFactor(accountId)).toBe(true);
  });
});

// Two-factor for life on the pages: new recovery codes, another phone, off, a lost phone, the last code; what each form asks,
// what it says when it is refused, and where it leads.
import { totpCode } from '../../src/crypto/totp.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';
import { toolHeaders } from './pins-house.js';

const PASSWORD = 'quartz lantern bicycle 42';
const SHORT = 'quartz lantern';
const ORIGIN = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };
const RENEW = '/account/security/recovery-codes';
const OFF = '/account/security/two-factor/off';
const REPLACE = '/account/security/two-factor/replace';
const A_DAY_MS = 86_400_000;

let house: TestHouse;
let accountId: AccountId;
let secret: string;
let recoveryCodes: string[];
beforeEach(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  ({ accountId } = await house.newAccount());
  ({ secret, recoveryCodes } = await house.house.proofs.addAuthenticator(accountId, 'anna', ORIGIN));
});
afterEach(() => house.close());

/** A code that no door has taken yet. */
async function nextCode(of = secret): Promise<string> {
  house.clock.advance(31);
  return totpCode(of, house.clock.now());
}

async function signedIn(password = PASSWORD): Promise<Visitor> {
  const visitor = createVisitor(house);
  await visitor.signIn('anna', password);
  await visitor.submit({ code: await nextCode() });
  return visitor;
}

/** Signed in with the recovery code of this number. */
async function recovered(index = 0): Promise<Visitor> {
  const visitor = createVisitor(house);
  await visitor.signIn('anna');
  await visitor.visit('/sign-in/recovery');
  await visitor.submit({ recovery_code: recoveryCodes[index]! });
  return visitor;
}

/** Leaves so many of the ten. */
async function leave(left: number): Promise<void> {
  for (const used of recoveryCodes.slice(0, 10 - left)) {
    await house.house.proofs.useRecoveryCode(accountId, used, ORIGIN);
  }
}

/** A hundred wrong ones in a row, on as many days; and no browser has tries of its own left. */
async function lock(kind: 'totp' | 'recovery'): Promise<void> {
  const { inTransaction } = house.house;
  await inTransaction(({ accounts }) => accounts.removeKnownBrowsers(accountId));
  const today = Math.floor(house.clock.now().getTime() / A_DAY_MS);
  for (let day = today - 99; day <= today; day++) {
    const attempt = { accountId, kind, day, at: house.clock.now() };
    await inTransaction(({ proofs }) => proofs.charge(attempt, { consecutive: 100, today: 100 }));
  }
}

const isOn = () => house.house.proofs.hasSecondFactor(accountId);
const codesLeft = () => house.house.proofs.countRecoveryCodes(accountId);
const secretOn = (page: Visitor) => /data-secret="([A-Z2-7]+)"/.exec(page.html)?.[1] ?? '';
const codesOn = (page: Visitor) =>
  [...page.html.matchAll(/<code data-recovery-code>([^<]+)</g)].map(([, one]) => one!);

describe('new recovery codes', () => {
  it('take the password and a code in one form, and are shown once (DESIGN 6)', async () => {
    const visitor = await signedIn();
    await visitor.visit(RENEW);
    await visitor.submit({});
    expect(visitor.html).toContain('field-password-fault');
    expect(visitor.html).toContain('field-code-fault');
    await visitor.submit({ password: 'wrong', code: await nextCode() });
    expect(visitor.title).toBe('Password not right: New recovery codes · Linchpin');
    await visitor.submit({ password: PASSWORD, code: '000000' });
    expect(visitor.title).toBe('Code not right: New recovery codes · Linchpin');
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    expect(codesOn(visitor)).toHaveLength(10);
    expect(codesOn(visitor)).not.toContain(recoveryCodes[0]);
    await visitor.submit();
    expect(visitor.address).toBe('/account/security?notice=codes-renewed');
    await visitor.visit(RENEW);
    expect(codesOn(visitor)).toEqual([]);
  });

  it('in a window that was overtaken: it says so, and makes none', async () => {
    const [one, two] = [await signedIn(), await signedIn()];
    await one.visit(RENEW);
    await two.visit(RENEW);
    await one.submit({ password: PASSWORD, code: await nextCode() });
    const made = codesOn(one);
    await two.submit({ password: PASSWORD, code: await nextCode() });
    expect(two.status).toBe(409);
    expect(two.title).toBe('Another window was faster: New recovery codes · Linchpin');
    expect(codesOn(two)).toEqual([]);
    // The way on: the form is of the set that lives now, and a person without those codes makes newer ones.
    await two.submit({ password: PASSWORD, code: await nextCode() });
    expect(codesOn(two)).toHaveLength(10);
    expect(codesOn(two)).not.toContain(made[0]);
    await one.submit();
    expect(one.address).toBe('/account/security?notice=codes-overtaken');
    expect(one.text).toContain('no longer work: newer ones were made in another window');
  });

  it('in two windows of one browser: the other one is told, by the form and by "I have stored them"', async () => {
    const visitor = await signedIn();
    await visitor.visit(RENEW);
    const opened = visitor.forms[0]!;
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    const shown = visitor.forms[0]!;
    const post = async ({ action, fields }: typeof opened, typed: Record<string, string> = {}) => {
      const answer = await visitor.agent
        .post(action)
        .type('form')
        .redirects(0)
        .send({ ...fields, ...typed });
      expect(answer.status).toBe(303);
      await visitor.visit(answer.headers.location as string);
    };
    await post(opened, { password: PASSWORD, code: await nextCode() });
    expect(visitor.title).toBe('Another window was faster: New recovery codes · Linchpin');
    expect(await codesLeft()).toBe(10);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    expect(codesOn(visitor)).toHaveLength(10);
    await post(shown);
    expect(visitor.text).toContain('no longer work: newer ones were made in another window');
  });

  it('from a page that is only too old are not made, and the page says why', async () => {
    const visitor = await signedIn();
    await visitor.visit(RENEW);
    const { fields } = visitor.forms[0]!;
    await visitor.visit('/step-up');
    await visitor.submit({ code: await nextCode() });
    const form = { ...fields, password: PASSWORD, code: await nextCode() };
    const answer = await visitor.agent.post(RENEW).type('form').redirects(0).send(form);
    await visitor.visit(answer.headers.location as string);
    expect(visitor.title).toBe('This page was too old: New recovery codes · Linchpin');
    await visitor.submit({ password: PASSWORD, code: form.code });
    expect(codesOn(visitor)).toHaveLength(10);
  });

  it('are offered at every sign-in when three or fewer are left, and the way goes on (CHECKLIST 3.4)', async () => {
    await leave(4);
    expect((await signedIn()).path).toBe('/account');
    await house.house.proofs.useRecoveryCode(accountId, recoveryCodes[6]!, ORIGIN);
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in?next=tools');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    await visitor.submit({ code: await nextCode() });
    expect(visitor.path).toBe('/sign-in/few-codes');
    expect(visitor.text).toContain('3 of your ten are left');
    expect(visitor.html).toContain(`href="${RENEW}"`);
    expect(visitor.html).toContain('href="/account/tools"');
    await visitor.visit('/account/security');
    expect(visitor.text).toContain('That is few');
  });
});

describe('turning two-factor off', () => {
  it('takes the password and a code, and leads to where it can be turned on again', async () => {
    const visitor = await signedIn();
    await visitor.visit(OFF);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    expect(visitor.address).toBe('/account/security?notice=two-factor-off');
    expect(visitor.text).toContain('Two-factor is off.');
    expect(visitor.html).toContain('href="/account/security/two-factor"');
    expect(await isOn()).toBe(false);
    const browser = createVisitor(house);
    await browser.signIn('anna');
    expect(browser.path).toBe('/account');
  });

  it('takes a recovery code in its place, and neither the used one nor none', async () => {
    const visitor = await recovered();
    await visitor.visit(`${OFF}?with=recovery`);
    await visitor.submit({ password: PASSWORD });
    expect(visitor.html).toContain('field-recovery_code-fault');
    await visitor.submit({ password: PASSWORD, recovery_code: recoveryCodes[0]! });
    expect(visitor.title).toBe('Code not right: Turn two-factor off · Linchpin');
    expect(await isOn()).toBe(true);
    await visitor.submit({ password: PASSWORD, recovery_code: recoveryCodes[1]!.toLowerCase() });
    expect(await isOn()).toBe(false);
  });

  it('does not take a recovery code in the box for the six digits', async () => {
    const visitor = await recovered();
    await visitor.visit(OFF);
    await visitor.submit({ password: PASSWORD, code: recoveryCodes[1]! });
    expect(visitor.status).toBe(403);
    expect(await codesLeft()).toBe(9);
    expect(await isOn()).toBe(true);
  });

  it('says what to do where the authenticator is locked', async () => {
    const visitor = await signedIn();
    await lock('totp');
    await visitor.visit(OFF);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    expect(visitor.title).toBe('Authenticator locked: Turn two-factor off · Linchpin');
    expect(visitor.html).toContain(`href="${OFF}?with=recovery"`);
    expect(await isOn()).toBe(true);
  });

  it('asks for a longer password where the old one cannot stand alone (CHECKLIST 3.6)', async () => {
    const { accountId: id } = await house.house.accounts.createAccount({
      email: 'berta@example.com',
      username: 'berta',
      password: SHORT,
      role: 'person',
      isEmailVerified: true,
      hasSecondFactor: true,
    });
    const berta = await house.house.proofs.addAuthenticator(id, 'berta', ORIGIN);
    const visitor = createVisitor(house);
    await visitor.signIn('berta', SHORT);
    await visitor.submit({ code: await nextCode(berta.secret) });
    await visitor.visit(OFF);
    expect(visitor.html).toContain('name="new_password"');
    const code = await nextCode(berta.secret);
    await visitor.submit({ password: SHORT, code });
    expect(visitor.html).toContain('field-new_password-fault');
    await visitor.submit({ password: SHORT, code, new_password: 'too short too' });
    expect(visitor.title).toBe('Password too short: Turn two-factor off · Linchpin');
    expect(visitor.forms[0]?.fields['new_password']).toBe('');
    await visitor.submit({ password: SHORT, code, new_password: PASSWORD });
    expect(visitor.address).toBe('/account/security?notice=two-factor-off');
    const browser = createVisitor(house);
    await browser.signIn('berta');
    expect(browser.path).toBe('/account');
  });
});

describe('another phone', () => {
  it('takes the place of the old one, whose codes and recovery codes are dead then', async () => {
    const visitor = await signedIn();
    await visitor.visit(REPLACE);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    const added = secretOn(visitor);
    expect(added).toMatch(/^[A-Z2-7]{32}$/);
    expect(added).not.toBe(secret);
    await visitor.submit({ code: '000000' });
    expect(visitor.title).toBe('Code not right: Add your new authenticator · Linchpin');
    expect(secretOn(visitor)).toBe(added);
    await visitor.submit({ code: await nextCode(added) });
    expect(codesOn(visitor)).toHaveLength(10);
    await visitor.submit();
    expect(visitor.address).toBe('/account/security?notice=authenticator-replaced');
    const browser = createVisitor(house);
    await browser.signIn('anna');
    await browser.submit({ code: await nextCode() });
    expect(browser.title).toContain('Code not right');
    await browser.submit({ code: await nextCode(added) });
    expect(browser.path).toBe('/account');
  });

  it('given up halfway leaves the old one as it was (authentik #2330)', async () => {
    const visitor = await signedIn();
    await visitor.visit(REPLACE);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    expect((await signedIn()).path).toBe('/account');
    expect(await codesLeft()).toBe(10);
  });

  it('does not come of a form that was made for enabling, nor the other way round', async () => {
    const visitor = await signedIn();
    await visitor.visit(REPLACE);
    await visitor.submit({ password: PASSWORD, code: await nextCode() });
    const { setup } = visitor.forms[0]!.fields;
    const { _csrf } = visitor.forms[0]!.fields;
    const answer = await visitor.agent
      .post('/account/security/two-factor/confirm')
      .type('form')
      .send({ _csrf, setup, code: await nextCode(secretOn(visitor)) });
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('That took too long');
  });
});

describe('a lost phone', () => {
  it('leads from the recovery code to turning off with another one, and to enabling again', async () => {
    const visitor = await recovered();
    expect(visitor.path).toBe('/sign-in/recovered');
    expect(visitor.text).toContain('9 are left');
    expect(visitor.html).toContain(`href="${OFF}?with=recovery"`);
    await visitor.visit(`${OFF}?with=recovery`);
    await visitor.submit({ password: PASSWORD, recovery_code: recoveryCodes[1]! });
    await visitor.visit('/sign-in/recovered');
    expect(visitor.text).toContain('Two-factor is off now');
    await visitor.visit('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    await visitor.submit({ code: await nextCode(secretOn(visitor)) });
    expect(codesOn(visitor)).toHaveLength(10);
  });

  it('with the last code leads to a new authenticator, against the password, for ten minutes (UI.md)', async () => {
    await leave(1);
    const visitor = await recovered(9);
    expect(visitor.text).toContain('That was your last one');
    expect(visitor.html).not.toContain(OFF);
    await visitor.visit(REPLACE);
    expect(visitor.text).toContain('your password is enough');
    expect(Object.keys(visitor.forms.at(-1)!.fields)).not.toContain('code');
    house.clock.advance(601);
    await visitor.submit({ password: PASSWORD });
    expect(visitor.html).toContain('field-code-fault');
    await visitor.visit('/sign-in/recovered');
    expect(visitor.text).toContain('the ten minutes for adding another authenticator are over');
    expect(await isOn()).toBe(true);
  });

  it('with the last code, in time: the new authenticator is on, with ten new codes', async () => {
    await leave(1);
    const visitor = await recovered(9);
    await visitor.visit(REPLACE);
    await visitor.submit({ password: 'wrong' });
    expect(visitor.title).toContain('Password not right');
    await visitor.submit({ password: PASSWORD });
    const added = secretOn(visitor);
    await visitor.submit({ code: await nextCode(added) });
    expect(codesOn(visitor)).toHaveLength(10);
    const browser = createVisitor(house);
    await browser.signIn('anna');
    await browser.submit({ code: await nextCode(added) });
    expect(browser.path).toBe('/account');
  });

  it('does not lose the tool that waits: the way goes on to its code', async () => {
    const { client } = await house.house.clients.createByOperator({ name: 'TV', isConfidential: false });
    const { userCode } = await house.house.linksForTool.startLink({
      client,
      scope: 'openid',
      origin: ORIGIN,
    });
    const visitor = createVisitor(house);
    await visitor.visit(`/link?user_code=${userCode}`);
    await visitor.submit({ login: 'anna', password: PASSWORD });
    await visitor.visit('/sign-in/recovery');
    await visitor.submit({ recovery_code: recoveryCodes[0]! });
    expect(visitor.path).toBe('/sign-in/recovered');
    expect(visitor.html).toMatch(/href="\/link(\/review)?"/);
  });
});

describe('a locked authenticator', () => {
  it('leads to the password alone at no door, and the way on is a recovery code (CHECKLIST 3.2)', async () => {
    const before = await signedIn();
    await lock('totp');
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    expect(visitor.path).toBe('/sign-in/code');
    await visitor.submit({ code: await nextCode() });
    expect(visitor.title).toContain('Locked after too many wrong codes');
    for (const address of ['/account', '/account/security', '/link/review', OFF]) {
      await visitor.visit(address);
      expect({ address, path: visitor.path }).toEqual({ address, path: '/sign-in' });
    }
    const code = await nextCode();
    const typed = [{ password: PASSWORD }, { password: PASSWORD + code }];
    for (const fields of [...typed, { password: PASSWORD, verificationCode: code }]) {
      const answer = await house.request
        .post('/api/v2/users/signin')
        .set(toolHeaders())
        .type('form')
        .send({ login: 'anna', ...fields });
      expect(answer.status).toBe(401);
    }
    await before.visit('/step-up');
    await before.submit({ password: PASSWORD, code: await nextCode() });
    expect(before.status).toBe(403);
    expect(await isOn()).toBe(true);
    expect((await recovered()).path).toBe('/sign-in/recovered');
  });
});

describe('after enabling', () => {
  async function enableBeside(others: number) {
    await house.newAccount('carla');
    const browsers: Visitor[] = [];
    for (let i = 0; i < others; i++) {
      const other = createVisitor(house);
      await other.signIn('carla');
      browsers.push(other);
    }
    const visitor = createVisitor(house);
    await visitor.signIn('carla');
    await visitor.visit('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    await visitor.submit({ code: await nextCode(secretOn(visitor)) });
    return { visitor, browsers };
  }

  it('the other browsers can be signed out with "I have stored them" (ASVS 7.4.3)', async () => {
    const { visitor, browsers } = await enableBeside(2);
    expect(visitor.text).toContain('Sign out the 2 other browsers');
    await visitor.submit();
    expect(visitor.address).toBe('/account/security?notice=two-factor-on');
    for (const other of browsers) {
      await other.visit('/account');
      expect(other.path).toBe('/sign-in');
    }
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });

  it('they stay where that is not wanted, and nothing is asked where there is none', async () => {
    const { visitor, browsers } = await enableBeside(1);
    const fields: Record<string, string> = { ...visitor.forms[0]!.fields };
    delete fields['end_others'];
    await visitor.agent.post('/account/security/two-factor/stored').type('form').send(fields);
    await browsers[0]!.visit('/account');
    expect(browsers[0]!.path).toBe('/account');
    const alone = await signedIn();
    await alone.visit(RENEW);
    await alone.submit({ password: PASSWORD, code: await nextCode() });
    expect(alone.html).not.toContain('end_others');
  });
});

describe('a way that leads nowhere', () => {
  it.each([RENEW, OFF, REPLACE, `${REPLACE}/confirm`])(
    'is not there without two-factor, and leads to where it is turned on: %s',
    async (address) => {
      await house.newAccount('carla');
      const visitor = createVisitor(house);
      await visitor.signIn('carla');
      await visitor.visit(address);
      expect(visitor.path).toBe('/account/security');
      await visitor.visit('/account');
      const { _csrf } = visitor.forms[0]!.fields;
      const answer = await visitor.agent.post(address).type('form').send({ _csrf, password: PASSWORD });
      expect([answer.status, answer.headers.location]).toEqual([303, '/account/security']);
    },
  );

  it.each([RENEW, OFF, REPLACE])('asks who it is first, and comes back: %s', async (address) => {
    const visitor = createVisitor(house);
    await visitor.visit(address);
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    await visitor.submit({ code: await nextCode() });
    expect(visitor.path).toBe(address);
  });

  it('ends the session after five wrong codes, with a way on (CHECKLIST 3.3)', async () => {
    const visitor = await signedIn();
    await visitor.visit(OFF);
    for (let i = 0; i < 5; i++) await visitor.submit({ password: PASSWORD, code: '000000' });
    expect(visitor.status).toBe(403);
    expect(visitor.title).toBe('That took too long · Linchpin');
    expect(visitor.html).toContain('href="/sign-in"');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });
});

describe('/help/two-factor', () => {
  it.each([
    ['en', ['lost my phone', 'last recovery code', 'Why no codes by text message', 'at home']],
    ['de', ['Telefon ist weg', 'letzter Wiederherstellungscode', 'per SMS', 'zu Hause']],
  ])('answers what people ask, in %s', async (language, questions) => {
    const visitor = createVisitor(house, { language });
    await visitor.visit('/help/two-factor');
    for (const question of questions) expect(visitor.text).toContain(question);
    for (const topic of ['how', 'where', 'lost-phone', 'last-code', 'lost-codes', 'new-phone', 'locked']) {
      expect(visitor.html).toContain(`<section id="${topic}">`);
    }
    for (const topic of ['wrong', 'sms', 'federated', 'tools', 'old-tools', 'household', 'off']) {
      expect(visitor.html).toContain(`<section id="${topic}">`);
    }
  });
});

// The pages about where an account is signed in, and how long a browser stays so: over HTTP, as browsers without scripts see it.
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1';
const DAY = 86_400;
const ORIGIN = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };

let house: TestHouse;
let visitor: Visitor;

beforeEach(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  visitor = createVisitor(house);
});
afterEach(() => house.close());

async function signIn(browser: Visitor, more: Record<string, string> = {}): Promise<void> {
  await browser.visit('/sign-in');
  await browser.submit({ login: 'anna', password: PASSWORD, ...more });
}

/** The cookie that a sign-in sets, with its attributes. */
async function cookieOf(more: Record<string, string>): Promise<string> {
  const browser = createVisitor(house);
  await browser.visit('/sign-in');
  const form = { ...browser.forms[0]?.fields, login: 'anna', password: PASSWORD, ...more };
  const answer = await browser.agent.post('/sign-in').type('form').redirects(0).send(form);
  const cookies = answer.headers['set-cookie'] as unknown as string[];
  return cookies.find((cookie) => cookie.startsWith('linchpin=')) ?? '';
}

describe('where you are signed in', () => {
  it('shows each browser with its network address and times, this one first and marked', async () => {
    await house.newAccount();
    const phone = createVisitor(house);
    phone.agent.set('User-Agent', SAFARI);
    await signIn(phone);
    house.clock.advance(600);
    visitor.agent.set('User-Agent', FIREFOX);
    await signIn(visitor);
    await visitor.visit('/account/sessions');
    expect(visitor.status).toBe(200);
    const { text } = visitor;
    expect(text.indexOf('Firefox on Linux')).toBeLessThan(text.indexOf('Safari on iPhone'));
    expect(text.match(/This browser/g)).toHaveLength(1);
    expect(text).toContain('From the network address 127.0.0.1');
    expect(text).toContain('Last used 10 minutes ago');
  });

  it('signs one browser out, and only that (ASVS 7.4.1, 7.5.2)', async () => {
    await house.newAccount();
    const [phone, tablet] = [createVisitor(house), createVisitor(house)];
    phone.agent.set('User-Agent', SAFARI);
    for (const browser of [phone, tablet, visitor]) await signIn(browser);
    await visitor.visit('/account/sessions');
    const named = /value="([^"]+)">\s*<button[^>]*Sign out Safari on iPhone/.exec(visitor.html)?.[1];
    await visitor.submit({ session: named ?? '' }, '/account/sessions/end');
    expect(visitor.text).toContain('That browser is signed out');
    await phone.visit('/account');
    expect(phone.path).toBe('/sign-in');
    for (const browser of [tablet, visitor]) {
      await browser.visit('/account');
      expect(browser.path).toBe('/account');
    }
  });

  it('signs out nobody by a name that is another account’s', async () => {
    await house.newAccount();
    await house.newAccount('bob');
    const bob = createVisitor(house);
    await bob.signIn('bob');
    await bob.visit('/account/sessions');
    const named = bob.forms.find(({ action }) => action === '/account/sessions/end')?.fields['session'];
    await signIn(visitor);
    await visitor.visit('/account/sessions');
    await visitor.submit({ session: named ?? '' }, '/account/sessions/end');
    await bob.visit('/account');
    expect(bob.path).toBe('/account');
  });

  it('signs out all others, and stays itself (ASVS 7.4.3)', async () => {
    await house.newAccount();
    const phone = createVisitor(house);
    for (const browser of [phone, visitor]) await signIn(browser);
    await visitor.visit('/account/sessions');
    await visitor.submit({}, '/account/sessions/end-others');
    expect(visitor.text).toContain('All other browsers are signed out.');
    expect(visitor.html).not.toContain('/account/sessions/end-others');
    await phone.visit('/account');
    expect(phone.path).toBe('/sign-in');
  });

  it('signs out everywhere, here too', async () => {
    await house.newAccount();
    const phone = createVisitor(house);
    for (const browser of [phone, visitor]) await signIn(browser);
    await visitor.visit('/account/sessions');
    await visitor.submit({}, '/account/sessions/end-all');
    expect(visitor.path).toBe('/sign-in');
    expect(visitor.text).toContain('You are signed out everywhere');
    for (const browser of [phone, visitor]) {
      await browser.visit('/account');
      expect(browser.path).toBe('/sign-in');
    }
  });

  it('takes no post without the field of this page (OWASP CSRF)', async () => {
    await house.newAccount();
    await signIn(visitor);
    const answer = await visitor.agent.post('/account/sessions/end-all').type('form').send({ _csrf: 'x' });
    expect(answer.status).toBe(403);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });
});

describe('a browser that stays signed in', () => {
  it('does so for REMEMBER_DAYS, while another is signed out after an hour', async () => {
    await house.newAccount();
    const other = createVisitor(house);
    await signIn(other);
    await signIn(visitor, { remember: 'yes' });
    house.clock.advance(29 * DAY);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
    await other.visit('/account');
    expect(other.path).toBe('/sign-in');
    house.clock.advance(DAY);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });

  it('keeps its cookie when the browser closes; any other cookie ends with it', async () => {
    await house.newAccount();
    expect(await cookieOf({})).not.toContain('Max-Age');
    expect(await cookieOf({ remember: 'yes' })).toContain(`Max-Age=${30 * DAY}`);
  });

  it('is asked for beside the password, also where a code comes after it', async () => {
    const { accountId } = await house.newAccount();
    const { secret } = await house.house.proofs.addAuthenticator(accountId, 'anna', ORIGIN);
    await signIn(visitor, { remember: 'yes' });
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    expect(visitor.path).toBe('/account');
    house.clock.advance(20 * DAY);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });

  it('keeps the wish when the password was wrong', async () => {
    await house.newAccount();
    await signIn(visitor, { remember: 'yes', password: 'wrong' });
    expect(visitor.forms[0]?.fields).toHaveProperty('remember');
    await visitor.visit('/sign-in');
    expect(visitor.forms[0]?.fields).not.toHaveProperty('remember');
  });

  it('is not offered, nor given, where the operator has none remembered', async () => {
    await house.close();
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], rememberDays: 0 } });
    visitor = createVisitor(house);
    await house.newAccount();
    await visitor.visit('/sign-in');
    expect(visitor.html).not.toContain('name="remember"');
    await visitor.submit({ login: 'anna', password: PASSWORD, remember: 'yes' });
    house.clock.advance(3601);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });

  it.each([
    ['an hour away', 3600],
    ['a day', 2 * DAY],
  ])('asks for the password before its security pages after %s, and leads back', async (_, seconds) => {
    await house.newAccount();
    await signIn(visitor, { remember: 'yes' });
    house.clock.advance(seconds);
    await visitor.visit('/account/tools');
    expect(visitor.path).toBe('/account/tools');
    for (const path of ['/account/security', '/account/sessions', '/account/security/two-factor']) {
      await visitor.visit(path);
      expect(visitor.path).toBe('/step-up');
    }
    await visitor.visit('/account/sessions');
    await visitor.submit({ password: 'wrong' });
    expect(visitor.title).toContain('Password not right');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.path).toBe('/account/sessions');
    await visitor.visit('/account/security');
    expect(visitor.path).toBe('/account/security');
  });

  it('asks for the password and the code where there is a second factor: being remembered is no factor', async () => {
    const { accountId } = await house.newAccount();
    const { secret } = await house.house.proofs.addAuthenticator(accountId, 'anna', ORIGIN);
    await signIn(visitor, { remember: 'yes' });
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    house.clock.advance(2 * DAY);
    const code = () => totpCode(secret, house.clock.now());
    await visitor.visit('/account/security');
    expect(visitor.path).toBe('/step-up');
    await visitor.submit({ code: await code(), password: '' });
    expect(visitor.status).toBe(400);
    await visitor.submit({ password: PASSWORD });
    expect(visitor.status).toBe(400);
    await visitor.submit({ password: 'wrong', code: await code() });
    expect(visitor.status).toBe(403);
    await visitor.submit({ password: PASSWORD, code: await code() });
    expect(visitor.path).toBe('/account/security');
  });

  it('takes no post to a security page either: it changes nothing, and asks first', async () => {
    await house.newAccount();
    const phone = createVisitor(house);
    await signIn(phone, { remember: 'yes' });
    await signIn(visitor, { remember: 'yes' });
    await visitor.visit('/account/sessions');
    house.clock.advance(3600);
    await visitor.submit({}, '/account/sessions/end-others');
    expect(visitor.path).toBe('/step-up');
    await phone.visit('/account');
    expect(phone.path).toBe('/account');
  });
});

// The pages about old tools: the switches on the security page, the help, and the word about a password that ends in digits.
import type { Config } from '../../src/config.js';
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
const SWITCH = '/account/security/old-tools';

const houses: TestHouse[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

async function openHouse(config: Partial<Config> = {}) {
  const house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'], ...config } });
  houses.push(house);
  return house;
}

/** Somebody signed in; with two-factor, and the password and code that a change takes. */
async function openSignedIn(config: Partial<Config> = {}, { hasSecondFactor = true } = {}) {
  const house = await openHouse(config);
  const { accountId } = await house.newAccount();
  const visitor = createVisitor(house);
  const { proofs, accountSwitches } = house.house;
  const secret = hasSecondFactor
    ? (await proofs.addAuthenticator(accountId, 'anna', ORIGIN)).secret
    : undefined;
  const code = async () => {
    house.clock.advance(60);
    return secret === undefined ? '' : totpCode(secret, house.clock.now());
  };
  await visitor.signIn('anna');
  if (hasSecondFactor) await visitor.submit({ code: await code() });
  await visitor.visit('/account/security');
  const switches = () => accountSwitches.findSwitches(accountId);
  return { house, visitor, code, switches, accountId };
}

const countEvents = async (
  { house }: TestHouse,
  accountId: Parameters<TestHouse['house']['accounts']['findAccount']>[0],
) =>
  (await house.stores.audit.findByAccount(accountId, 100)).filter(({ event }) => event === 'account-switched')
    .length;

const section = (visitor: Visitor) =>
  visitor.text
    .replace(/^.*Sign in from old tools with password and code/, '')
    .replace(/Old tools, and.*$/, '');

describe('the section about old tools', () => {
  it('says how it works and where to switch it off', async () => {
    const { visitor } = await openSignedIn();
    expect(section(visitor)).toContain('right behind it, the six digits of your authenticator');
    expect(visitor.html).toContain(`href="${SWITCH}"`);
    expect(visitor.text).not.toContain('link others');
  });

  it.each([
    ['off', true, 'this server lets no tool sign in with a password'],
    ['with-code', false, 'this takes two-factor, and yours is off'],
  ] as const)(
    'says why it is not available: FALLBACK_DOOR=%s, second factor %s',
    async (fallbackDoor, hasSecondFactor, words) => {
      const { visitor, switches } = await openSignedIn({ fallbackDoor, pinLink: true }, { hasSecondFactor });
      expect(section(visitor)).toContain(words);
      expect(visitor.html).not.toContain(`href="${SWITCH}`);
      await visitor.visit(SWITCH);
      expect(visitor.path).toBe('/account/security');
      expect(await switches()).toMatchObject({ fallback: true, 'link-by-token': false });
    },
  );

  it('tells of the password alone where the operator allows it', async () => {
    const { visitor } = await openSignedIn({ fallbackDoor: 'all' }, { hasSecondFactor: false });
    expect(section(visitor)).toContain('can sign in with your password. It stays signed in');
  });
});

describe('switching the fallback door off', () => {
  it('takes the password and the code in the same request (DESIGN 6)', async () => {
    const { house, visitor, code, switches, accountId } = await openSignedIn();
    await visitor.visit(SWITCH);
    expect(visitor.title).toBe('Let no tool sign in with your password · Linchpin');
    await visitor.submit({ password: PASSWORD, code: await code() });
    expect(visitor.address).toContain('/account/security?notice=switched-off');
    expect(visitor.text).toContain('It is switched off.');
    expect(section(visitor)).toContain('Off. No tool can sign in with your password.');
    expect(await switches()).toMatchObject({ fallback: false, 'link-by-token': false });
    expect(await countEvents(house, accountId)).toBe(1);
    await house.sendMail();
    const told = house.mails.filter(({ notice }) => notice === 'account-switched');
    expect(told).toMatchObject([{ details: { username: 'anna', switched: 'fallback', turned: 'off' } }]);
  });

  it.each([
    ['no password', {}, 'Password missing', 400],
    ['a wrong password', { password: 'wrong' }, 'Password not right', 403],
  ])('refuses %s', async (_, typed, title, status) => {
    const { visitor, code, switches } = await openSignedIn();
    await visitor.visit(SWITCH);
    await visitor.submit({ code: await code(), ...typed });
    expect([visitor.title.split(':')[0], visitor.status]).toEqual([title, status]);
    expect((await switches()).fallback).toBe(true);
  });

  it('refuses a missing code and a wrong one, which counts like any other', async () => {
    const { house, visitor, switches, accountId } = await openSignedIn();
    await visitor.visit(SWITCH);
    await visitor.submit({ password: PASSWORD });
    expect([visitor.title.split(':')[0], visitor.status]).toEqual(['Code missing', 400]);
    await visitor.submit({ password: PASSWORD, code: '0000000' });
    expect([visitor.title.split(':')[0], visitor.status]).toEqual(['Code not right', 403]);
    expect((await switches()).fallback).toBe(true);
    const events = await house.house.stores.audit.findByAccount(accountId, 100);
    expect(events.filter(({ event }) => event === 'second-factor-failed')).toHaveLength(1);
  });

  it('needs no code where there is no second factor', async () => {
    const { visitor, switches } = await openSignedIn({ fallbackDoor: 'all' }, { hasSecondFactor: false });
    await visitor.visit(SWITCH);
    await visitor.submit({ password: PASSWORD });
    expect((await switches()).fallback).toBe(false);
  });

  it('does what the form offered, however often it is posted', async () => {
    const { house, visitor, code, switches, accountId } = await openSignedIn();
    await visitor.visit(SWITCH);
    const off = visitor.forms.find(({ action }) => action === SWITCH)!;
    for (let times = 0; times < 2; times++) {
      const typed = { ...off.fields, password: PASSWORD, code: await code() };
      await visitor.agent.post(SWITCH).type('form').send(typed).expect(303);
    }
    expect((await switches()).fallback).toBe(false);
    expect(await countEvents(house, accountId)).toBe(1);
    await visitor.visit(SWITCH);
    expect(visitor.title).toBe('Let old tools sign in · Linchpin');
    await visitor.submit({ password: PASSWORD, code: await code() });
    expect((await switches()).fallback).toBe(true);
  });
});

describe('letting tools link others', () => {
  it('is there only where the operator has it on (PIN_LINK)', async () => {
    const { visitor } = await openSignedIn();
    await visitor.visit(`${SWITCH}/links`);
    expect(visitor.path).toBe('/account/security');
  });

  it('is off until the owner switches it on with a fresh proof', async () => {
    const { visitor, code, switches } = await openSignedIn({ pinLink: true });
    expect(visitor.text).toContain('Off. Nobody but you links tools');
    await visitor.visit(`${SWITCH}/links`);
    await visitor.submit({ password: PASSWORD, code: await code() });
    expect(await switches()).toMatchObject({ fallback: true, 'link-by-token': true });
    expect(visitor.text).toContain('On. For ten minutes after it has signed in');
  });

  it('takes two-factor even where the operator lets passwords alone in', async () => {
    const { visitor } = await openSignedIn(
      { pinLink: true, fallbackDoor: 'all' },
      { hasSecondFactor: false },
    );
    await visitor.visit(`${SWITCH}/links`);
    expect(visitor.path).toBe('/account/security');
    expect(visitor.text).toContain('this takes two-factor');
  });
});

describe('the help about old tools', () => {
  it.each([
    ['en', 'with nothing in between'],
    ['de', 'ohne etwas dazwischen'],
  ])('is for anyone, and tells authors where to begin (%s)', async (language, words) => {
    const house = await openHouse();
    const visitor = createVisitor(house, { language });
    await visitor.visit('/help/old-tools');
    expect(visitor.status).toBe(200);
    expect(visitor.text).toContain(words);
    expect(visitor.text).toContain(`${house.url}/.well-known/oauth-authorization-server`);
    expect(visitor.text).toContain(`${house.url}/api/v2/pins`);
  });
});

describe('a new password that ends in six digits (CHECKLIST 3.8.9)', () => {
  async function signUp(password: string, config: Partial<Config> = {}) {
    const house = await openHouse(config);
    await house.newAccount('somebody');
    const visitor = createVisitor(house);
    await visitor.visit('/sign-up');
    await visitor.submit({ email: 'new@example.org', username: 'newcomer', new_password: password });
    return { house, visitor };
  }

  it('is taken, with a warning that no address keeps, and a way on', async () => {
    const { house, visitor } = await signUp('copper violin marsh 738201');
    expect(visitor.title).toBe('Your password ends in six digits · Linchpin');
    expect(visitor.address).toBe('/sign-up');
    expect(visitor.html).toContain('href="/sign-in?notice=account-made');
    expect(await house.house.accounts.findByLogin('newcomer')).toBeDefined();
  });

  it.each([
    ['of another kind', 'copper violin marsh 73820', {}],
    ['in full-width digits', 'copper violin marsh ７３８２０１', {}],
    ['where no tool may sign in with it', 'copper violin marsh 738201', { fallbackDoor: 'off' }],
  ] as const)('is not warned of %s', async (_, password, config) => {
    const { visitor } = await signUp(password, config);
    expect(visitor.path).toBe('/sign-in');
  });

  it('is warned of at the first run too', async () => {
    const house = await openHouse();
    const token = await house.house.accounts.firstRunToken();
    const visitor = createVisitor(house);
    await visitor.visit(`/first-run?token=${token!}`);
    const typed = {
      email: 'op@example.org',
      username: 'operator',
      new_password: 'copper violin marsh 738201',
    };
    await visitor.submit(typed);
    expect(visitor.title).toBe('Your password ends in six digits · Linchpin');
    await visitor.visit('/account/security');
    expect(visitor.path).toBe('/account/security');
  });
});

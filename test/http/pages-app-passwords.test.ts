// The pages about app passwords: made with a fresh proof and shown once, listed beside the linked tools, revoked after a question,
// switched on the security page.
import type { Config } from '../../src/config.js';
import { totpCode } from '../../src/crypto/totp.js';
import type { AppPasswordId } from '../../src/domain/app-password-records.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
const PAGE = '/account/security/app-passwords';
const TOOL = {
  ...{ product: 'PhotoSync', version: '', platform: '', platformVersion: '', device: '' },
  ...{ deviceName: '', deviceVendor: '', model: '' },
};

const houses: TestHouse[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

async function openSignedIn(config: Partial<Config> = {}, { hasSecondFactor = false } = {}) {
  const house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'], ...config } });
  houses.push(house);
  const { accountId } = await house.newAccount();
  const { proofs, appPasswords, fallback } = house.house;
  const secret = hasSecondFactor
    ? (await proofs.addAuthenticator(accountId, 'anna', ORIGIN)).secret
    : undefined;
  const code = async () => {
    house.clock.advance(60);
    return secret === undefined ? '' : totpCode(secret, house.clock.now());
  };
  const visitor = createVisitor(house);
  await visitor.signIn('anna');
  if (secret) await visitor.submit({ code: await code() });
  const listed = () => appPasswords.listAppPasswords(accountId);
  const signInTool = async (password: string) =>
    (
      await fallback.signInAtFallback({
        ...{ login: 'anna', password, identifier: 'a-tv', tool: TOOL, origin: ORIGIN },
      })
    ).outcome;
  /** Makes one on the page; gives it as it is shown there. */
  async function make(name = 'Living room'): Promise<string> {
    await visitor.visit(PAGE);
    await visitor.submit({ name, password: PASSWORD, ...(secret && { code: await code() }) }, PAGE);
    return /data-app-password-letters>([^<]*)</.exec(visitor.html)?.[1] ?? '';
  }
  return { house, visitor, code, accountId, listed, signInTool, make };
}

describe('making an app password', () => {
  it('is found from the security page, takes password and code, and shows it once, with Copy', async () => {
    const { visitor, listed, signInTool, make } = await openSignedIn({}, { hasSecondFactor: true });
    await visitor.visit('/account/security');
    expect(visitor.html).toContain(`href="${PAGE}"`);
    const shown = await make();
    expect(visitor.title).toBe('Your new app password · Linchpin');
    expect(visitor.headers['cache-control']).toContain('no-store');
    expect(shown).toMatch(/^([a-z]{4}-){5}[a-z]{4}$/);
    expect(visitor.html).toContain(`data-copy="${shown}"`);
    expect(await listed()).toMatchObject([{ name: 'Living room' }]);
    expect(await signInTool(shown)).toBe('issued');
    await visitor.visit(PAGE);
    expect(visitor.html).not.toContain(shown.slice(0, 9));
    expect(visitor.text).toContain('Living room Made on');
    expect(visitor.text).toContain('It belongs to PhotoSync');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });

  it.each([
    ['no name', { name: '  ' }, 'Name not usable', 400],
    ['a name that shows nothing', { name: '\u202e\u2066' }, 'Name not usable', 400],
    ['a name that is too long', { name: 'x'.repeat(61) }, 'Name not usable', 400],
    ['no password', { password: '' }, 'Password missing', 400],
    ['a wrong password', { password: 'wrong' }, 'Password not right', 403],
    ['no code', { code: '' }, 'Code missing', 400],
    ['a wrong code', { code: '0000000' }, 'Code not right', 403],
  ])('refuses %s, and keeps the name that was typed', async (_, typed, title, status) => {
    const { visitor, code, listed } = await openSignedIn({}, { hasSecondFactor: true });
    await visitor.visit(PAGE);
    await visitor.submit({ name: 'Living room', password: PASSWORD, code: await code(), ...typed }, PAGE);
    expect([visitor.title.split(':')[0], visitor.status]).toEqual([title, status]);
    expect(visitor.html).not.toContain(PASSWORD);
    if (!('name' in typed)) expect(visitor.html).toContain('value="Living room"');
    expect(await listed()).toEqual([]);
  });

  it('says that there are twenty, and offers no more', async () => {
    const { visitor, make, house, accountId } = await openSignedIn();
    await make('one');
    const { stores, inTransaction } = house.house;
    const [one] = await stores.appPasswords.findByAccount(accountId);
    for (let made = 1; made < 20; made++) {
      const id = `made ${made}` as AppPasswordId;
      const row = { ...one!, appPasswordId: id, secretMac: `mac ${made}` };
      await inTransaction(({ appPasswords }) => appPasswords.insert(row));
    }
    await visitor.visit(PAGE);
    expect(visitor.text).toContain('There are 20 already.');
    expect(visitor.forms.map(({ action }) => action)).not.toContain(PAGE);
  });

  it('needs a recent sign-in, and leads there and back', async () => {
    const { visitor, house } = await openSignedIn();
    house.clock.advance(2 * 3600);
    await visitor.visit(PAGE);
    expect(visitor.path).not.toBe(PAGE);
  });

  it('is not for anybody who is signed out', async () => {
    const { house } = await openSignedIn();
    const stranger = createVisitor(house);
    await stranger.visit(PAGE);
    expect(stranger.address).toBe('/sign-in?next=app-passwords');
  });
});

describe('app passwords on the list of linked tools', () => {
  it('stand there, and a tool that came with one says so', async () => {
    const { visitor, make, signInTool } = await openSignedIn();
    const shown = await make();
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('Living room');
    expect(visitor.text).toContain('Not used yet');
    await signInTool(shown);
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('It signed in with the app password “Living room”, and ends with it');
  });

  it('end with the tool that is unlinked, which the question says', async () => {
    const { visitor, make, signInTool, listed } = await openSignedIn();
    const shown = await make();
    await signInTool(shown);
    await visitor.visit('/account/tools');
    await visitor.visit(/href="(\/account\/tools\/unlink\?tool=[^"]*)"/.exec(visitor.html)![1]!);
    expect(visitor.text).toContain('Its app password is revoked with it');
    await visitor.submit();
    expect(await listed()).toEqual([]);
    expect(await signInTool(shown)).toBe('refused');
  });
});

describe('revoking an app password', () => {
  it('is asked first, and then it is over with its tool', async () => {
    const { visitor, make, signInTool, listed } = await openSignedIn();
    const shown = await make();
    await signInTool(shown);
    await visitor.visit(PAGE);
    const address = /href="([^"]*\/revoke\?app_password=[^"]*)"/.exec(visitor.html)![1]!;
    await visitor.visit(address);
    expect(visitor.title).toBe('Revoke Living room? · Linchpin');
    expect(await listed()).toHaveLength(1);
    await visitor.submit();
    expect(visitor.text).toContain('The app password is revoked, and its tool is signed out.');
    expect(await listed()).toEqual([]);
    expect(await signInTool(shown)).toBe('refused');
    await visitor.visit(address);
    expect(visitor.status).toBe(404);
  });
});

describe('the switch of app passwords', () => {
  it('is turned with a fresh proof, and the page of app passwords says how it stands', async () => {
    const { visitor, make, signInTool } = await openSignedIn();
    const shown = await make();
    await visitor.visit(`${PAGE}/switch`);
    expect(visitor.title).toBe('Let no tool sign in with an app password · Linchpin');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.text).toContain('Off. No tool can sign in with an app password.');
    expect(await signInTool(shown)).toBe('refused');
    await visitor.visit(PAGE);
    expect(visitor.text).toContain('Off. No tool can sign in with an app password.');
    await visitor.visit(`${PAGE}/switch`);
    await visitor.submit({ password: PASSWORD });
    expect(await signInTool(shown)).toBe('issued');
  });

  it('is not there where the operator has the door off, and none is made', async () => {
    const { visitor } = await openSignedIn({ fallbackDoor: 'off' });
    await visitor.visit('/account/security');
    expect(visitor.html).not.toContain(`href="${PAGE}`);
    await visitor.visit(PAGE);
    expect(visitor.text).toContain('this server lets no tool sign in with a password');
    expect(visitor.forms.map(({ action }) => action)).not.toContain(PAGE);
  });
});

describe('a new password that looks like an app password', () => {
  it('is taken, with a word about old tools and a way on', async () => {
    const house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
    houses.push(house);
    await house.newAccount('somebody');
    const visitor = createVisitor(house);
    await visitor.visit('/sign-up');
    const password = 'copperviolinmarshkitebow';
    await visitor.submit({ email: 'new@example.org', username: 'newcomer', new_password: password });
    expect(visitor.title).toBe('Your password looks like an app password · Linchpin');
    expect(visitor.html).toContain('href="/sign-in?notice=account-made');
    expect(await house.house.accounts.findByLogin('newcomer')).toBeDefined();
  });
});

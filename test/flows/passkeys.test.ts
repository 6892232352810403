// Passkeys in a real browser, with its virtual authenticator and the headers of production: made, signed in with, used as the
// second step and as a fresh proof, removed. The person does what the pages say, and nothing else.
import type { Page } from 'playwright-core';
import {
  describeInBrowser,
  expectNoAxeFindings,
  openBrowser,
  type TestBrowser,
} from '../support/chromium.js';
import { openPageHouse, PASSWORD, submit, type PageHouse } from '../support/page-walk.js';
import { addVirtualAuthenticator } from '../support/virtual-authenticator.js';

describeInBrowser('passkeys', () => {
  let browser: TestBrowser;
  let house: PageHouse;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    house = await openPageHouse(browser);
    await house.newAccount('mira');
    page = await house.open({ locale: 'en-GB' });
  });
  afterEach(async () => {
    await page.context().close();
    await house.close();
  });

  const main = () => page.locator('main').innerText();
  const useButton = (name: string) => page.getByRole('button', { name });

  async function signOut(): Promise<void> {
    await page.goto('/account');
    await page.locator('form[action="/sign-out"] button').click();
    await page.waitForURL('**/');
  }

  /** From the security page on: the first passkey, against the password; resolves to the ten recovery codes. */
  async function makeFirst(name = 'Blue key'): Promise<string[]> {
    await page.goto('/account/security');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await page.fill('[name=name]', name);
    await useButton('Make the passkey').click();
    await page.locator('[data-recovery-code]').first().waitFor();
    const codes = await page.locator('[data-recovery-code]').allTextContents();
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/account/security?notice=passkey-added');
    return codes;
  }

  async function givePassword(): Promise<void> {
    await page.goto('/sign-in');
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await page.waitForURL('**/sign-in/code**');
  }

  const notices = async (): Promise<string[]> => {
    await house.sendMail();
    const names: string[] = house.mails.map(({ notice }) => notice);
    return names.filter((name) => !name.startsWith('sign-in'));
  };

  it('is made with ten recovery codes, then signs in by itself, and is removed again', async () => {
    const authenticator = await addVirtualAuthenticator(page);
    await house.signIn(page, 'mira');
    expect(await makeFirst()).toHaveLength(10);
    expect(await main()).toContain('Your passkeys: Blue key.');
    expect(await authenticator.credentials()).toHaveLength(1);

    await signOut();
    // Else the virtual authenticator answers what is offered, before anybody can press the button.
    await page.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = async () => false;
    });
    await page.goto('/sign-in');
    await page.locator('label:has([name=remember])').click();
    await useButton('Sign in with a passkey').click();
    await page.waitForURL('**/account');
    const { accountId } = (await house.house.accounts.findByLogin('mira'))!;
    const [session] = await house.house.sessions.listSessions(accountId);
    expect(session).toMatchObject({ authentication: { methods: ['pop', 'mfa'] }, isRemembered: true });

    await page.goto('/account/security/passkeys');
    expect(await main()).toContain('Signs in by itself.');
    await page.getByRole('button', { name: 'Remove Blue key' }).click();
    expect(await main()).toContain('It is your last second step.');
    await useButton('Use a passkey instead').click();
    await page.waitForURL('**/account/security/passkeys?notice=passkey-removed');
    expect(await main()).toContain('You have none yet.');
    expect((await notices()).sort()).toEqual(['passkey-added', 'passkey-removed']);
    await signOut();
    await house.signIn(page, 'mira');
    await page.waitForURL('**/account');
  }, 60_000);

  it('is offered among the names of the sign-in page (conditional mediation)', async () => {
    await addVirtualAuthenticator(page);
    await house.signIn(page, 'mira');
    await makeFirst();
    await signOut();
    await page.goto('/sign-in');
    // The virtual authenticator takes what is offered: nobody has pressed anything.
    await page.waitForURL('**/account');
    const { accountId } = (await house.house.accounts.findByLogin('mira'))!;
    const [session] = await house.house.sessions.listSessions(accountId);
    expect(session?.authentication.methods).toEqual(['pop', 'mfa']);
  }, 60_000);

  it('is the second step after the password, beside a recovery code', async () => {
    await addVirtualAuthenticator(page, { isVerifying: false });
    await house.signIn(page, 'mira');
    const [recoveryCode] = await makeFirst();
    await signOut();
    await givePassword();
    expect(await main()).toContain('The second step is one of your passkeys.');
    await expectNoAxeFindings(page);
    await useButton('Use your passkey').click();
    await page.waitForURL('**/account');
    await signOut();
    await givePassword();
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await page.fill('[name=recovery_code]', recoveryCode!);
    await submit(page);
    await page.waitForURL('**/sign-in/recovered**');
    expect(await main()).toContain('Lost your passkey?');
  }, 60_000);

  it('is the fresh proof that approving takes', async () => {
    await addVirtualAuthenticator(page);
    await house.signIn(page, 'mira');
    await makeFirst();
    const { userCode, deviceCode, client } = await house.startLink();
    house.clock.advance(601);
    const { userCode: second } = await house.startLink('Another TV');
    expect(second).not.toBe(userCode);
    await page.goto(`/link?user_code=${second}`);
    await submit(page);
    await page.waitForURL('**/step-up**');
    await expectNoAxeFindings(page);
    await useButton('Use your passkey').click();
    await page.waitForURL('**/link/review');
    house.clock.advance(2);
    await page.locator('[value=approve]:enabled').click();
    await page.waitForURL('**/link/done**');
    expect(await house.house.linksForTool.pollLink({ deviceCode, client })).not.toBe('approved');
  }, 60_000);

  it('that makes sure of nobody takes the password with it, and says so', async () => {
    await addVirtualAuthenticator(page, { isVerifying: false });
    await house.signIn(page, 'mira');
    await makeFirst();
    await page.goto('/account/password');
    // Nobody is asked for a passkey by a form that lacks something else.
    await useButton('Use a passkey instead').click();
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('new_password');
    await page.fill('[name=new_password]', 'nine herons read the tide');
    await useButton('Use a passkey instead').click();
    await page.locator('[data-summary]').waitFor();
    expect(await main()).toContain('Type your password too');
    await expectNoAxeFindings(page);
    await page.fill('[name=password]', PASSWORD);
    await page.fill('[name=new_password]', 'nine herons read the tide');
    // The form's own button asks for the passkey: there is no other second step.
    await submit(page);
    await page.waitForURL('**/account?notice=password-changed');
  }, 60_000);

  it('tells in place what went wrong in the browser, and nothing is sent', async () => {
    const authenticator = await addVirtualAuthenticator(page);
    await house.signIn(page, 'mira');
    await makeFirst();
    await authenticator.remove();
    await addVirtualAuthenticator(page);
    await page.goto('/account/email');
    await page.fill('[name=email]', 'new@example.com');
    await useButton('Use a passkey instead').click();
    await page.locator('[data-passkey-said]:visible').waitFor();
    expect(await main()).toContain('Nothing was sent');
    expect(new URL(page.url()).pathname).toBe('/account/email');
    await expectNoAxeFindings(page);
  }, 60_000);

  it('is asked for by no page that has become too old: it says so', async () => {
    await addVirtualAuthenticator(page);
    await house.signIn(page, 'mira');
    await makeFirst();
    await page.goto('/account/email');
    const other = await page.context().newPage();
    await other.goto('/account');
    await other.locator('form[action="/sign-out"] button').click();
    await other.waitForURL('**/');
    await page.fill('[name=email]', 'new@example.com');
    await useButton('Use a passkey instead').click();
    await page.locator('[data-passkey-said]:visible').waitFor();
    expect(await main()).toContain('You have signed in or out since it was opened');
  }, 60_000);

  it('is made on the way to a tool where two-factor is required', async () => {
    await house.close();
    house = await openPageHouse(browser, { twoFactor: 'required' });
    await house.newAccount('mira');
    page = await house.open({ locale: 'en-GB' });
    await addVirtualAuthenticator(page);
    const { userCode, deviceCode, client } = await house.startLink();
    await page.goto(`/link?user_code=${userCode}`);
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await submit(page);
    await page.waitForURL('**/account/security/two-factor**');
    await page.getByRole('link', { name: 'Use a passkey instead of an app' }).click();
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await useButton('Make the passkey').click();
    await page.locator('[data-recovery-code]').first().waitFor();
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/step-up**');
    await useButton('Use your passkey').click();
    await page.waitForURL('**/link/review');
    house.clock.advance(2);
    await page.locator('[value=approve]:enabled').click();
    await page.waitForURL('**/link/done**');
    expect(await house.house.linksForTool.pollLink({ deviceCode, client })).toBe('approved');
  }, 60_000);
});

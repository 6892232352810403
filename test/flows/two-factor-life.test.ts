// Two-factor for life in a real browser, as whole stories: a lost phone, the last recovery code, lost codes, two windows, and
// off and on again. The person does what the pages say, and nothing else.
import type { Page } from 'playwright-core';
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import {
  describeInBrowser,
  expectNoAxeFindings,
  openBrowser,
  type TestBrowser,
} from '../support/chromium.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };

describeInBrowser('two-factor for life', () => {
  let browser: TestBrowser;
  let house: TestHouse;
  let page: Page;
  let secret: string;
  let recoveryCodes: readonly string[];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
    const { accountId } = await house.newAccount('mira');
    ({ secret, recoveryCodes } = await house.house.proofs.addAuthenticator(accountId, 'mira', ORIGIN));
    page = await newPage();
  });
  afterEach(async () => {
    await page.context().close();
    await house.close();
  });

  const newPage = () => browser.newPage({ baseUrl: house.url, locale: 'en-GB' });

  /** The next code of an authenticator, which no door has taken yet. */
  async function nextCode(of = secret): Promise<string> {
    house.clock.advance(31);
    return totpCode(of, house.clock.now());
  }

  const submit = (on: Page) => on.locator('main form [type=submit]').first().click();
  const heading = (on: Page) => on.locator('h1').innerText();

  async function fill(on: Page, fields: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(fields)) await on.fill(`[name=${name}]`, value);
    await submit(on);
  }

  async function givePassword(on: Page): Promise<void> {
    await on.goto('/sign-in');
    await fill(on, { login: 'mira', password: PASSWORD });
    await on.waitForURL('**/sign-in/code**');
  }

  async function signIn(on: Page, of = secret): Promise<void> {
    await givePassword(on);
    await fill(on, { code: await nextCode(of) });
  }

  async function signInRecovered(on: Page, code: string): Promise<void> {
    await givePassword(on);
    await on.getByRole('link', { name: 'Use a recovery code' }).click();
    await fill(on, { recovery_code: code });
    await on.waitForURL('**/sign-in/recovered**');
  }

  /** From the page with the QR code on: the new authenticator's secret, and the ten codes. */
  async function addAuthenticator(on: Page): Promise<{ added: string; codes: string[] }> {
    const added = (await on.locator('[data-secret]').getAttribute('data-secret'))!;
    await fill(on, { code: await nextCode(added) });
    await on.locator('[data-recovery-code]').first().waitFor();
    return { added, codes: await on.locator('[data-recovery-code]').allTextContents() };
  }

  /** What was mailed of changes; that somebody signed in is another story. */
  const notices = async (): Promise<string[]> => {
    await house.sendMail();
    const names: string[] = house.mails.map(({ notice }) => notice);
    return names.filter((name) => !name.startsWith('sign-in'));
  };

  it('a lost phone: in with one recovery code, off with another, on again with a new phone', async () => {
    await signInRecovered(page, recoveryCodes[0]!.toLowerCase().replaceAll('-', ''));
    expect(await heading(page)).toBe('Lost your authenticator?');
    expect(await page.locator('main').innerText()).toContain('9 are left');
    await expectNoAxeFindings(page);
    await page.getByRole('button', { name: 'Turn it off with another code' }).click();
    await fill(page, { password: PASSWORD, recovery_code: recoveryCodes[1]! });
    await page.waitForURL('**/account/security?notice=two-factor-off');
    expect(await page.locator('main').innerText()).toContain('Two-factor is off.');
    await page.goto('/account/security/two-factor');
    await fill(page, { password: PASSWORD });
    const { added, codes } = await addAuthenticator(page);
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/account/security?notice=two-factor-on');
    expect(await page.locator('main').innerText()).toContain('10 recovery codes left');
    expect((await notices()).sort()).toEqual([
      'recovery-code-used',
      'recovery-code-used',
      'two-factor-enabled',
      'two-factor-turned-off',
    ]);

    // The old phone and the old codes are worth nothing; the new ones open.
    const other = await newPage();
    await givePassword(other);
    await fill(other, { code: await nextCode() });
    await other.locator('#field-code-fault').waitFor();
    await fill(other, { code: await nextCode(added) });
    await other.waitForURL('**/account');
    await other.context().clearCookies();
    await givePassword(other);
    await other.getByRole('link', { name: 'Use a recovery code' }).click();
    await fill(other, { recovery_code: recoveryCodes[2]! });
    await other.locator('#field-recovery_code-fault').waitFor();
    await fill(other, { recovery_code: codes[0]! });
    await other.waitForURL('**/sign-in/recovered**');
    await other.context().close();
  }, 60_000);

  it('the last code: a new authenticator takes the place of the lost one, against the password', async () => {
    const { accountId } = (await house.house.accounts.findByLogin('mira'))!;
    for (const used of recoveryCodes.slice(0, 9)) {
      await house.house.proofs.useRecoveryCode(accountId, used, ORIGIN);
    }
    await signInRecovered(page, recoveryCodes[9]!);
    expect(await page.locator('main').innerText()).toContain('That was your last one');
    await expectNoAxeFindings(page);
    await page.getByRole('button', { name: 'Add a new authenticator' }).click();
    expect(await page.locator('main').innerText()).toContain('your password is enough');
    await expectNoAxeFindings(page);
    await fill(page, { password: PASSWORD });
    const { added, codes } = await addAuthenticator(page);
    expect(codes).toHaveLength(10);
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/account/security?notice=authenticator-replaced');
    expect(await notices()).toContain('two-factor-replaced');
    const other = await newPage();
    await signIn(other, added);
    await other.waitForURL('**/account');
    await other.context().close();
  }, 60_000);

  it('lost codes as well: no page leads in, and the operator’s command does', async () => {
    await givePassword(page);
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await page.getByRole('link', { name: 'I have lost my codes too' }).click();
    await page.waitForURL('**/help/two-factor#lost-codes');
    expect(await page.locator('#lost-codes').innerText()).toContain('ask the operator of this server');
    await page.goto('/account/security');
    await page.waitForURL('**/sign-in**');
    await house.house.operatorHelp.removeTwoFactor('mira', undefined, ORIGIN);
    expect(await notices()).toEqual(['two-factor-removed']);
    await fill(page, { login: 'mira', password: PASSWORD });
    await page.waitForURL('**/account/security');
    expect(await page.locator('main').innerText()).toContain('Off.');
  }, 60_000);

  it('two windows that make new recovery codes: one set lives, and the other window says so', async () => {
    await signIn(page);
    await page.waitForURL('**/account');
    const second = await page.context().newPage();
    for (const one of [page, second]) await one.goto('/account/security/recovery-codes');
    await fill(page, { password: PASSWORD, code: await nextCode() });
    await page.locator('[data-recovery-code]').first().waitFor();
    const [living] = await page.locator('[data-recovery-code]').allTextContents();
    await fill(second, { password: PASSWORD, code: await nextCode() });
    await second.locator('[data-summary]').waitFor();
    expect(await second.title()).toContain('Another window was faster');
    expect(await second.locator('[data-recovery-code]').count()).toBe(0);
    await expectNoAxeFindings(second);
    const other = await newPage();
    await signInRecovered(other, living!);
    await other.context().close();

    // Whoever goes on in the second window makes newer ones, and then the first one says so.
    await fill(second, { password: PASSWORD, code: await nextCode() });
    await second.locator('[data-recovery-code]').first().waitFor();
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/account/security?notice=codes-overtaken');
    expect(await page.locator('main').innerText()).toContain('made in another window meanwhile');
  }, 60_000);

  it('another phone while the old one is at hand, and the other browsers are signed out', async () => {
    const elsewhere = await newPage();
    await signIn(elsewhere);
    await elsewhere.waitForURL('**/account');
    await signIn(page);
    await page.waitForURL('**/account');
    await page.goto('/account/security');
    await page.getByRole('button', { name: 'Use another phone' }).click();
    await fill(page, { password: PASSWORD, code: await nextCode() });
    const { added } = await addAuthenticator(page);
    expect(await page.getByLabel('Sign out the other browser').isChecked()).toBe(true);
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/account/security?notice=authenticator-replaced');
    await elsewhere.goto('/account');
    await elsewhere.waitForURL('**/sign-in**');
    await signIn(elsewhere, added);
    await elsewhere.waitForURL('**/account');
    await elsewhere.context().close();
  }, 60_000);

  it('off with a code, and on again', async () => {
    await signIn(page);
    await page.waitForURL('**/account');
    await page.goto('/account/security');
    await page.getByRole('button', { name: 'Turn off' }).click();
    await fill(page, { password: PASSWORD, code: await nextCode() });
    await page.waitForURL('**/account/security?notice=two-factor-off');
    await page.click('[data-dialog]');
    await page.fill('dialog [name=password]', PASSWORD);
    await page.click('dialog [data-step] [type=submit]');
    await page.waitForSelector('dialog [data-secret]');
    const added = (await page.getAttribute('dialog [data-secret]', 'data-secret'))!;
    await page.fill('dialog [name=code]', await nextCode(added));
    await page.click('dialog [data-step] [type=submit]');
    await page.waitForSelector('dialog [data-recovery-code]');
    await page.click('dialog [data-step] [type=submit]');
    await page.waitForURL('**/account/security?notice=two-factor-on');
    expect((await notices()).sort()).toEqual(['two-factor-enabled', 'two-factor-turned-off']);
  }, 60_000);
});

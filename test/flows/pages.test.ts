// The small scripts of the pages in a real browser do what they are for, and the pages do without them. How the pages look is
// walked through in pages-*.test.ts.
import type { Page } from 'playwright-core';
import { totpCode } from '../../src/crypto/totp.js';
import {
  describeInBrowser,
  expectNoAxeFindings,
  openBrowser,
  screenshot,
  type TestBrowser,
} from '../support/chromium.js';
import { openPageHouse, PASSWORD, submit, type PageHouse } from '../support/page-walk.js';

let browser: TestBrowser;
let house: PageHouse;

describeInBrowser('the small scripts', () => {
  let page: Page;
  beforeAll(async () => {
    browser = await openBrowser();
    house = await openPageHouse(browser);
    await house.newAccount('mira');
    page = await house.open({ locale: 'en-GB' });
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  it('show a password and hide it again', async () => {
    await page.goto('/sign-in');
    const field = page.locator('[name=password]');
    const toggle = page.getByRole('button', { name: 'Show' });
    await toggle.click();
    expect(await field.getAttribute('type')).toBe('text');
    await page.getByRole('button', { name: 'Hide' }).click();
    expect(await field.getAttribute('type')).toBe('password');
  });

  it('clean a pasted code', async () => {
    await house.signIn(page, 'mira');
    await page.goto('/link');
    await page.fill('[name=user_code]', ' wdjb mjht ');
    await page.locator('[name=user_code]').blur();
    expect(await page.inputValue('[name=user_code]')).toBe('WDJB-MJHT');
  });

  it('keep Approve asleep for the first second, and never focused, with Decline as the default', async () => {
    const { userCode, deviceCode, client } = await house.startLink();
    await page.goto(`/link?user_code=${userCode}`);
    await submit(page);
    await page.waitForURL('**/link/review');
    const button = page.locator('[value=approve]');
    await page.goto('/link/review', { waitUntil: 'domcontentloaded' });
    expect(await button.isDisabled()).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY');
    await page.locator('[value=approve]:enabled').waitFor();
    house.clock.advance(2);
    expect(
      await page.evaluate(
        () => document.querySelector<HTMLFormElement>('form.decision')!.querySelector('button')!.value,
      ),
    ).toBe('decline');
    await button.click();
    await page.waitForURL('**/link/done**');
    expect(await house.house.linksForTool.pollLink({ deviceCode, client })).toBe('approved');
  });

  it('play the tool on the demo page, up to the checked signature (RFC 8628, RFC 7515)', async () => {
    await page.goto('/demo');
    await page.click('[data-start]');
    await page.waitForSelector('[data-code] .half');
    const userCode = (await page.textContent('[data-code]'))!;
    expect(await page.getAttribute('[data-qr]', 'src')).toContain('/demo/qr?user_code=');
    const phone = await page.context().newPage();
    await phone.goto(`/link?user_code=${userCode}`);
    await submit(phone);
    await phone.waitForURL('**/link/review');
    house.clock.advance(2);
    await phone.locator('[value=approve]:enabled').click();
    await phone.waitForURL('**/link/done**');
    await page.waitForSelector('[data-state=done]:visible');
    const knowsEd25519 = await page.evaluate(() =>
      crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']).then(
        () => true,
        () => false,
      ),
    );
    expect(await page.locator('[data-check]:visible').getAttribute('data-check')).toBe(
      knowsEd25519 ? 'good' : 'none',
    );
    expect(await page.textContent('[data-claims]')).toContain(house.url);
    await expectNoAxeFindings(page);
    await screenshot(page, '28-demo-done-light-1280');
    await phone.close();
  });
});

describeInBrowser('without JavaScript', () => {
  beforeAll(async () => {
    browser = await openBrowser();
    house = await openPageHouse(browser, { twoFactor: 'required' });
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  it('a person signs up, adds the second factor and approves, all in one go', async () => {
    await house.newAccount('operator');
    const { userCode, deviceCode, client } = await house.startLink();
    const page = await house.open({ javaScript: false, locale: 'en-GB' });
    await page.goto(`/link?user_code=${userCode}`);
    await page.click('a[href^="/sign-up"]');
    await page.fill('[name=email]', 'mira@example.com');
    await page.fill('[name=username]', 'mira');
    await page.fill('[name=new_password]', PASSWORD);
    await submit(page);
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await submit(page);
    await page.waitForURL('**/account/security/two-factor**');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    const secret = (await page.textContent('[data-secret]'))!;
    await page.fill('[name=code]', await totpCode(secret, house.clock.now()));
    await submit(page);
    expect(await page.locator('[data-recovery-code]').count()).toBe(10);
    await page.getByRole('button', { name: 'I have stored them' }).click();
    await page.waitForURL('**/link/review');
    house.clock.advance(2);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForURL('**/link/done**');
    expect(await house.house.linksForTool.pollLink({ deviceCode, client })).toBe('approved');
  });
});

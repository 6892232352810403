// The life of an account in a real browser: a forgotten password with a second factor, another address, closing and keeping
// after all. axe finds nothing on the way, in light and dark, and nothing is wider than a narrow phone.
import type { Page } from 'playwright-core';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import {
  NEW_PASSWORD,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
} from '../support/credentials.js';
import { look as lookAt, LOOKS, type Look } from '../support/page-walk.js';

/** Each story looks at half a dozen pages, and every look takes a second or more. */
const STORY_MS = 60_000;

describeInBrowser('the life of an account', () => {
  let browser: TestBrowser;
  let test: CredentialsHouse;
  let look: (page: Page, what: string) => Promise<void>;

  beforeAll(async () => {
    browser = await openBrowser();
    test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  type Person = Awaited<ReturnType<CredentialsHouse['newPerson']>>;
  const press = (page: Page, field: string) => page.locator(`[name=${field}]`).press('Enter');

  async function open(settings: Look): Promise<Page> {
    const { name, ...rest } = settings;
    look = (page, what) => lookAt(page, { name }, what);
    return browser.newPage({ ...rest, baseUrl: test.url });
  }

  async function signIn(page: Page, person: Person, password = PASSWORD): Promise<void> {
    await page.goto('/sign-in');
    await page.fill('[name=login]', person.username);
    await page.fill('[name=password]', password);
    await press(page, 'password');
    await page.fill('[name=code]', await test.freshCode(person));
    await press(page, 'code');
    await page.waitForURL('**/account');
  }

  async function giveProof(page: Page, person: Person, password = PASSWORD): Promise<void> {
    await page.fill('[name=password]', password);
    await page.fill('[name=code]', await test.freshCode(person));
  }

  it.each(LOOKS)(
    'goes on after a forgotten password, with the second factor: $name',
    async (settings) => {
      const page = await open(settings);
      const anna = await test.newPerson({ isCareful: true });
      await page.goto('/sign-in');
      await page.locator('a[href="/forgot-password"]').click();
      await look(page, 'forgot-password');
      await page.fill('[name=login]', anna.email);
      await press(page, 'login');
      await page.waitForURL('**/forgot-password/sent');
      await look(page, 'forgot-password-sent');

      await page.goto(`/reset-password?token=${await test.tokenMailedTo(anna.email, 'password-reset-link')}`);
      await page.fill('[name=new_password]', 'short');
      await page.fill('[name=code]', '000000');
      await press(page, 'code');
      await page.waitForSelector('[data-summary]');
      await look(page, 'reset-password');
      await page.locator('a[href*="with=recovery"]').click();
      await page.fill('[name=new_password]', NEW_PASSWORD);
      await page.fill('[name=recovery_code]', anna.recoveryCodes[0]!.toLowerCase().replaceAll('-', ''));
      await look(page, 'reset-password-recovery');
      await press(page, 'recovery_code');
      await page.waitForURL('**/sign-in?notice=password-reset');
      await look(page, 'reset-done');
      await signIn(page, anna, NEW_PASSWORD);
      await page.goto('/reset-password?token=used');
      await look(page, 'reset-over');
      await page.context().close();
    },
    STORY_MS,
  );

  it.each(LOOKS)(
    'changes its password and its address: $name',
    async (settings) => {
      const page = await open(settings);
      const anna = await test.newPerson({ isCareful: true });
      await test.letToolIn(anna);
      await signIn(page, anna);
      await look(page, 'account');
      await page.locator('a[href="/account/password"]').click();
      await giveProof(page, anna);
      await page.fill('[name=new_password]', NEW_PASSWORD);
      await look(page, 'account-password');
      await press(page, 'new_password');
      await page.waitForURL('**/account/password/tools');
      await look(page, 'account-password-tools');

      await page.goto('/account/email');
      const email = `${anna.username}@example.net`;
      await page.fill('[name=email]', email);
      await giveProof(page, anna, NEW_PASSWORD);
      await look(page, 'account-email');
      await press(page, 'code');
      await page.waitForURL('**/account/email/sent');
      await look(page, 'account-email-sent');
      await page.goto(`/account/email/confirm?token=${await test.tokenMailedTo(email)}`);
      await look(page, 'account-email-confirm');
      await page.locator('main form [type=submit]').click();
      await page.waitForURL('**/account?notice=email-changed');
      expect(await page.locator('main').innerText()).toContain(email);
      await page.context().close();
    },
    STORY_MS,
  );

  it.each(LOOKS)(
    'is closed, and kept after all: $name',
    async (settings) => {
      const page = await open(settings);
      const anna = await test.newPerson({ isCareful: true });
      await signIn(page, anna);
      await page.locator('a[href="/account/close"]').click();
      await giveProof(page, anna);
      await look(page, 'account-close');
      await press(page, 'code');
      await page.waitForURL('**/account/closed');
      await look(page, 'account-closed');

      await page.goto('/sign-in');
      await page.fill('[name=login]', anna.email);
      await page.fill('[name=password]', PASSWORD);
      await press(page, 'password');
      await page.waitForURL('**/keep-account');
      await look(page, 'keep-account');
      await page.fill('[name=code]', await test.freshCode(anna));
      await press(page, 'code');
      await page.waitForURL('**/sign-in?notice=account-kept');
      await signIn(page, anna);
      await page.context().close();
    },
    STORY_MS,
  );
});

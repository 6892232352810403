// Sessions, activity, a browser that stays signed in, and "this wasn't me", in a real browser: axe finds nothing in light and
// dark, nothing is wider than a narrow phone. With SCREENSHOTS set to a folder, a picture of each page is kept there.
import type { Page } from 'playwright-core';
import { startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { look, LOOKS } from '../support/page-walk.js';

const PASSWORD = 'quartz lantern bicycle 42';
const DAY = 86_400;

describeInBrowser('the pages about sessions and activity', () => {
  let browser: TestBrowser;
  let house: OAuthHouse;

  beforeAll(async () => {
    browser = await openBrowser();
    house = await startOAuthHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  async function signIn(page: Page, login: string, { remember = false } = {}): Promise<void> {
    await page.fill('[name=login]', login);
    await page.fill('[name=password]', PASSWORD);
    if (remember) await page.check('[name=remember]');
    await page.keyboard.press('Enter');
  }

  it.each(LOOKS)(
    'are for everybody: $name',
    async ({ name, ...settings }) => {
      const login = name.replace(/\d+|-/g, '');
      await house.link({ name: login });
      await house.sendMail();
      const mail = house.mails.findLast(({ notice }) => notice === 'tool-linked')!;
      const { address } = mail.details as { address: string };
      const newPage = () => browser.newPage({ ...settings, baseUrl: house.url });
      const [page, other] = [await newPage(), await newPage()];

      await other.goto('/sign-in');
      await signIn(other, login);
      await other.waitForURL('**/account');

      await page.goto('/sign-in');
      await look(page, { name }, 'sign-in');
      await signIn(page, login, { remember: true });
      await page.waitForURL('**/account');
      await look(page, { name }, 'account');
      await page.goto('/account/sessions');
      expect(await page.locator('.list > li').count()).toBe(3);
      await look(page, { name }, 'sessions');
      await page.goto('/account/activity');
      await look(page, { name }, 'activity');

      // A day later the browser is still signed in, and its security pages ask for everything once more.
      house.clock.advance(2 * DAY);
      await page.goto('/account/tools');
      expect(new URL(page.url()).pathname).toBe('/account/tools');
      await page.goto('/account/sessions');
      await page.waitForURL('**/step-up?next=sessions');
      await look(page, { name }, 'step-up');
      await page.fill('[name=password]', PASSWORD);
      await page.keyboard.press('Enter');
      await page.waitForURL('**/account/sessions');

      // "This wasn't me": from the mail to the unlinked tool, and everybody else signed out.
      await other.goto(address);
      await other.waitForURL('**/sign-in?next=not-me**');
      await signIn(other, login);
      await other.waitForURL('**/not-me?**');
      await look(other, { name }, 'not-me');
      await other.locator('form[action="/not-me"] button').click();
      await other.waitForSelector('form[action="/account/sessions/end-others"]');
      await look(other, { name }, 'not-me-done');
      await other.locator('form[action="/account/sessions/end-others"] button').click();
      await other.waitForURL('**/account/sessions?notice=*');
      expect(await house.linkedTools.listLinkedTools(await house.accountOf(login))).toEqual([]);
      await page.goto('/account');
      await page.waitForURL('**/sign-in**');
      await other.goto('/not-me?token=nothing');
      await look(other, { name }, 'not-me-over');

      await page.context().close();
      await other.context().close();
    },
    60_000,
  );
});

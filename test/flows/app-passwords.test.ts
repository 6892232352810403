// App passwords in a real browser: made by the keyboard, copied, used by a tool, revoked; axe finds nothing on any of the pages, in
// light and dark, wide and narrow. With SCREENSHOTS set to a folder, a picture of each page is kept there.
import type { Page } from 'playwright-core';
import { startTestHouse, type TestHouse } from '../support/app.js';
import {
  describeInBrowser,
  expectNoAxeFindings,
  openBrowser,
  screenshot,
  type PageSettings,
  type TestBrowser,
} from '../support/chromium.js';

const PASSWORD = 'quartz lantern bicycle 42';
const PAGE = '/account/security/app-passwords';
const LOOKS: readonly (PageSettings & { readonly name: string })[] = [
  { name: 'light-1440', colorScheme: 'light', width: 1440, locale: 'en-GB' },
  { name: 'dark-320', colorScheme: 'dark', width: 320, height: 640, locale: 'de-DE' },
];

describeInBrowser('app passwords', () => {
  let browser: TestBrowser;
  let house: TestHouse;

  beforeAll(async () => {
    browser = await openBrowser();
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
    await house.newAccount();
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  async function look(page: Page, name: string): Promise<void> {
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect({ name, isTooWide: overflow > 0 }).toEqual({ name, isTooWide: false });
    await expectNoAxeFindings(page);
    await screenshot(page, name);
  }

  const signInTool = (password: string, identifier: string) =>
    house.request
      .post('/api/v2/users/signin')
      .set({
        Accept: 'application/json',
        'X-Plex-Client-Identifier': identifier,
        'X-Plex-Product': 'A player',
      })
      .type('form')
      .send({ login: 'anna', password });

  it.each(LOOKS)('from the first one to its end: $name', async ({ name, ...settings }) => {
    const page = await browser.newPage({ ...settings, baseUrl: house.url });
    await page.goto('/sign-in');
    await page.fill('[name=login]', 'anna');
    await page.fill('[name=password]', PASSWORD);
    await page.press('[name=password]', 'Enter');
    await page.waitForURL('**/account');
    await page.goto('/account/security');
    await page.locator(`#app-passwords a[href="${PAGE}"]`).press('Enter');
    await page.waitForURL(`**${PAGE}`);
    await look(page, `app-passwords-none-${name}`);

    await page.fill('[name=name]', 'A television in the kitchen');
    await page.fill('[name=password]', 'wrong');
    await page.press('[name=password]', 'Enter');
    await page.waitForSelector('[data-summary]');
    expect(await page.inputValue('[name=name]')).toBe('A television in the kitchen');
    await page.fill('[name=password]', PASSWORD);
    await page.press('[name=password]', 'Enter');
    const shown = await page.locator('[data-app-password-letters]').innerText();
    await look(page, `app-password-made-${name}`);
    await page.locator('[data-copy]').press('Enter');
    expect(await page.locator('[data-copy]').getAttribute('data-copy')).toBe(shown);

    const signedIn = await signInTool(shown, name).expect(201);
    const { authToken } = signedIn.body as { authToken: string };
    await page.locator(`main a[href="${PAGE}"]`).press('Enter');
    await page.waitForSelector('[data-app-password]');
    expect(await page.locator('[data-app-password]').innerText()).toContain('A player');
    await look(page, `app-passwords-${name}`);
    await page.goto('/account/tools');
    await look(page, `tools-with-app-password-${name}`);

    await page.locator('[data-app-password] a').press('Enter');
    await page.waitForURL(`**${PAGE}/revoke?*`);
    await look(page, `app-password-revoke-${name}`);
    await page.locator('main button[type=submit]').press('Enter');
    await page.waitForURL(`**${PAGE}?notice=*`);
    expect(await page.locator('[data-app-password]').count()).toBe(0);
    await signInTool(shown, name).expect(401);
    await house.request.get('/api/v2/user').set({ 'X-Plex-Token': authToken }).expect(401);
    await page.goto(`${PAGE}/switch`);
    await look(page, `app-passwords-switch-${name}`);
    await page.context().close();
  });
});

// App passwords in a real browser: made by the keyboard, copied, used by a tool, revoked; axe finds nothing on any of the pages, in
// light and dark, wide and narrow. With SCREENSHOTS set to a folder, a picture of each page is kept there.
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { look, LOOKS } from '../support/page-walk.js';

const PASSWORD = 'quartz lantern bicycle 42';
const PAGE = '/account/security/app-passwords';

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
    await look(page, { name }, 'app-passwords-none');

    await page.fill('[name=name]', 'A television in the kitchen');
    await page.fill('[name=password]', 'wrong');
    await page.press('[name=password]', 'Enter');
    await page.waitForSelector('[data-summary]');
    expect(await page.inputValue('[name=name]')).toBe('A television in the kitchen');
    await page.fill('[name=password]', PASSWORD);
    await page.press('[name=password]', 'Enter');
    const shown = await page.locator('[data-app-password-letters]').innerText();
    await look(page, { name }, 'app-password-made');
    await page.locator('[data-copy]').press('Enter');
    expect(await page.locator('[data-copy]').getAttribute('data-copy')).toBe(shown);

    const signedIn = await signInTool(shown, name).expect(201);
    const { authToken } = signedIn.body as { authToken: string };
    await page.locator(`main a[href="${PAGE}"]`).press('Enter');
    await page.waitForSelector('[data-app-password]');
    expect(await page.locator('[data-app-password]').innerText()).toContain('A player');
    await look(page, { name }, 'app-passwords');
    await page.goto('/account/tools');
    await look(page, { name }, 'tools-with-app-password');

    await page.locator('[data-app-password] a').press('Enter');
    await page.waitForURL(`**${PAGE}/revoke?*`);
    await look(page, { name }, 'app-password-revoke');
    await page.locator('main button[type=submit]').press('Enter');
    await page.waitForURL(`**${PAGE}?notice=*`);
    expect(await page.locator('[data-app-password]').count()).toBe(0);
    await signInTool(shown, name).expect(401);
    await house.request.get('/api/v2/user').set({ 'X-Plex-Token': authToken }).expect(401);
    await page.goto(`${PAGE}/switch`);
    await look(page, { name }, 'app-passwords-switch');
    await page.context().close();
  });
});

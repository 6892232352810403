// The pages about old tools in a real browser: axe finds nothing in light and dark, nothing is wider than a narrow phone, and
// the owner turns the switch by the keyboard alone. With SCREENSHOTS set to a folder, a picture of each page is kept there.
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { look, LOOKS } from '../support/page-walk.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
const SWITCH = '/account/security/old-tools';

describeInBrowser('the pages about old tools', () => {
  let browser: TestBrowser;
  let house: TestHouse;
  let secret: string;

  beforeAll(async () => {
    browser = await openBrowser();
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'], pinLink: true } });
    const { accountId } = await house.newAccount();
    secret = (await house.house.proofs.addAuthenticator(accountId, 'anna', ORIGIN)).secret;
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  async function freshCode(): Promise<string> {
    house.clock.advance(60);
    return totpCode(secret, house.clock.now());
  }

  it.each(LOOKS)(
    'are for everybody: $name',
    async ({ name, ...settings }) => {
      const page = await browser.newPage({ ...settings, baseUrl: house.url });
      await page.goto('/help/old-tools');
      await look(page, { name }, 'help-old-tools');

      await page.goto('/sign-up');
      await page.fill('[name=email]', `${name}@example.org`);
      await page.fill('[name=username]', name);
      await page.fill('[name=new_password]', 'copper violin marsh 738201');
      await page.keyboard.press('Enter');
      await page.waitForSelector('a[href^="/sign-in"]');
      await look(page, { name }, 'password-digits');

      await page.goto('/sign-in');
      await page.fill('[name=login]', 'anna');
      await page.fill('[name=password]', PASSWORD);
      await page.keyboard.press('Enter');
      await page.fill('[name=code]', await freshCode());
      await page.keyboard.press('Enter');
      await page.waitForURL('**/account');
      await page.goto('/account/security');
      await look(page, { name }, 'security');

      const before = await page.locator('#old-tools p').first().innerText();
      await page.locator(`a[href="${SWITCH}"]`).press('Enter');
      await page.fill('[name=password]', 'wrong');
      await page.fill('[name=code]', await freshCode());
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-summary]');
      await look(page, { name }, 'switch');
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=code]', await freshCode());
      await page.keyboard.press('Enter');
      await page.waitForURL('**/account/security?notice=*');
      expect(await page.locator('#old-tools p').first().innerText()).not.toBe(before);
      await look(page, { name }, 'switched');
      await page.context().close();
    },
    60_000,
  );
});

// A walk through the pages of federated sign-in and connected accounts, in a real browser and every look
// (test/support/page-walk.ts).
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { openIdSettings } from '../support/federated.js';
import { LOOKS, look, PASSWORD, submit } from '../support/page-walk.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { startUpstream, type TestUpstream } from '../support/upstream.js';

const LONG = 'The very long name of a company and its sign-in'.slice(0, 40).trim();

describeInBrowser('every page', () => {
  let browser: TestBrowser;
  let provider: TestUpstream;
  let other: TestUpstream;
  let house: TestHouse;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    [provider, other] = [await startUpstream(), await startUpstream()];
    const upstreams = [
      { ...openIdSettings(provider), label: LONG },
      { ...openIdSettings(other, 'other'), label: 'Google' },
    ];
    const clock = createTestClock(new Date());
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], upstreams }, clock });
    await house.newAccount('mira');
  });
  afterEach(async () => {
    await house.close();
    await provider.close();
    await other.close();
  });

  describe.each(LOOKS)('in $name', (given) => {
    const open = () => browser.newPage({ ...given, baseUrl: house.url });

    it('of signing in through another provider is clean (WCAG 2.2 AA)', async () => {
      const page = await open();
      await page.goto('/sign-in');
      await look(page, given, '90-sign-in');
      await page.goto('/sign-up');
      await look(page, given, '91-sign-up');
      // Held on the way: the page that sends the browser on stays in front of it.
      await page.route(`${provider.issuer}/**`, (route) => route.fulfill({ status: 204 }));
      await page.goto('/sign-in');
      const held = page.waitForRequest(`${provider.issuer}/**`);
      await page.click('button[value=staff]', { noWaitAfter: true });
      await page.waitForURL('**/federated');
      await look(page, given, '92-going');
      await held;
      await page.unroute(`${provider.issuer}/**`);
      provider.state.who = {
        sub: '1',
        email: 'greta@example.com',
        email_verified: true,
        preferred_username: 'greta',
      };
      await page.click('main a[role=button]');
      await page.click('#allow button');
      await page.waitForURL('**/federated/new');
      await look(page, given, '93-new');
      await page.fill('[name=username]', 'mira');
      await submit(page);
      await page.waitForSelector('[role=alert]');
      await look(page, given, '94-new-taken');
      provider.state.who = { sub: '2', email: 'x@example.com', preferred_username: 'x y' };
      await page.goto('/sign-in');
      await page.click('button[value=staff]');
      await page.click('#allow button');
      await page.waitForURL('**/federated/new');
      await look(page, given, '95-new-without-address');
      await page.goto('/sign-in');
      await page.click('button[value=staff]');
      await page.click('#deny button');
      await page.waitForURL('**/callback**');
      await look(page, given, '96-declined');
      await page.goto('/federated/staff/callback?code=a&state=b');
      await look(page, given, '97-stale');
    }, 90_000);

    it('of connected accounts is clean (WCAG 2.2 AA)', async () => {
      const page = await open();
      provider.state.who = { sub: 'm', email: 'mira@example.com', email_verified: true };
      await page.goto('/sign-in');
      await page.click('button[value=staff]');
      await page.click('#allow button');
      await page.waitForURL('**/federated/known');
      await look(page, given, '98-known');
      await page.click('main a[role=button]');
      await page.fill('[name=login]', 'mira');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/federated/connect');
      await look(page, given, '99-connect-arrived');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/account/security/identities**');
      await look(page, given, '99-identities');
      await page.goto('/account/security');
      await look(page, given, '99-security');
      await page.goto('/account/security/identities/connect?upstream=other');
      await look(page, given, '99-connect');
      await page.goto('/account/security/identities');
      await page.click('[data-identity] a[role=button]');
      await look(page, given, '99-disconnect');
      house.clock.advance(700);
      await page.goto('/step-up?next=household');
      await look(page, given, '99-step-up');
    }, 90_000);

    it('of an account without a password is clean (WCAG 2.2 AA)', async () => {
      const page = await open();
      provider.state.who = { sub: 'g', email: 'greta@example.com', email_verified: true };
      await page.goto('/sign-in');
      await page.click('button[value=staff]');
      await page.click('#allow button');
      await page.waitForURL('**/federated/new');
      await submit(page);
      await page.waitForURL('**/account');
      await look(page, given, '99-account-without-password');
      await page.goto('/account/security');
      await look(page, given, '99-security-without-password');
      await page.click('a[href="/account/security/two-factor"]');
      await page.waitForURL('**/account/password**');
      await look(page, given, '99-first-password');
      house.clock.advance(700);
      await page.goto('/account/password');
      await look(page, given, '99-first-password-prove');
      await page.goto('/step-up?next=household');
      await look(page, given, '99-step-up-elsewhere');
      await page.goto('/account/email');
      await look(page, given, '99-email-without-password');
    }, 90_000);

    it('that hands an answer on is clean (WCAG 2.2 AA)', async () => {
      const still = await browser.newPage({ ...given, baseUrl: house.url, javaScript: false });
      provider.state.isByForm = true;
      await still.goto('/sign-in');
      await still.click('button[value=staff]');
      await still.click('#allow button');
      await still.waitForURL('**/federated/staff/callback');
      const html = await still.content();
      const page = await open();
      await page.route('**/federated/staff/callback', (route) =>
        route.fulfill({
          body: html.replace(/<script[^>]*go-on[^>]*><\/script>/, ''),
          contentType: 'text/html',
        }),
      );
      await page.goto('/federated/staff/callback');
      await look(page, given, '99-hand-on');
    }, 60_000);
  });
});

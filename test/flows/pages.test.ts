// Every page in a real browser: axe finds nothing in light and dark, nothing is wider than a narrow phone, and the small
// scripts do what they are for. With SCREENSHOTS set to a folder, a picture of each page is kept there, in all four looks.
import type { Page } from 'playwright-core';
import { totpCode } from '../../src/crypto/totp.js';
import type { Origin } from '../../src/domain/vocabulary.js';
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
const TV = {
  networkAddress: '198.51.100.23',
  network: '198.51.100.23',
  userAgent: 'LivingRoomTV/4.2 (Tizen 7.0)',
  requestId: 'tool',
};
const HERE = { networkAddress: '127.0.0.1', network: '127.0.0.1' };
const LONG_NAME = 'backup.sh on the little server in the cellar, with a long name';

interface Look extends PageSettings {
  readonly name: string;
}

const BOTH: readonly Look[] = [
  { name: 'light-1440', colorScheme: 'light', width: 1440, locale: 'en-GB' },
  { name: 'dark-320', colorScheme: 'dark', width: 320, height: 640, locale: 'de-DE' },
];
const OTHERS: readonly Look[] = [
  { name: 'light-320', colorScheme: 'light', width: 320, height: 640, locale: 'en-GB' },
  { name: 'dark-1440', colorScheme: 'dark', width: 1440, locale: 'de-DE' },
];
const LOOKS = process.env.SCREENSHOTS ? [...BOTH, ...OTHERS] : BOTH;

let browser: TestBrowser;
let house: TestHouse;

async function openHouse(config: NonNullable<Parameters<typeof startTestHouse>[0]>['config'] = {}) {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], demoPage: true, ...config } });
}

async function open(settings: PageSettings): Promise<Page> {
  return browser.newPage({ ...settings, baseUrl: house.url });
}

const submit = (page: Page) => page.locator('main form button[type=submit]:visible').first().click();

async function signIn(page: Page, login: string) {
  await page.goto('/sign-in');
  await page.fill('[name=login]', login);
  await page.fill('[name=password]', PASSWORD);
  await submit(page);
}

async function startLink(name = 'Living room TV') {
  const { client } = await house.house.clients.createByOperator({ name, isConfidential: false });
  const asked = { client, scope: 'openid profile offline_access', origin: TV };
  return { client, ...(await house.house.linksForTool.startLink(asked)) };
}

/** As a web page asks that a person of this network has opened, or any other tool. */
async function startNumberedLink(origin: Origin = { ...TV, ...HERE, webOrigin: 'https://films.example' }) {
  const { linksByNumber } = house.house;
  const { number, userCode } = await linksByNumber.startNumberedLink({
    identifier: 'a browser',
    tool: {
      product: 'Film cellar',
      version: '4.2.1',
      platform: 'Chrome',
      platformVersion: '140.0',
      device: 'Linux',
      deviceName: 'Chrome on the desk upstairs',
      deviceVendor: '',
      model: 'Hosted web app',
    },
    isStrong: true,
    origin,
  });
  const poll = () => linksByNumber.pollNumberedLink({ number, identifier: 'a browser', origin });
  return { userCode, poll };
}

/** Enters the code and approves, as soon as the page lets a person do so. */
async function approve(page: Page, name?: string) {
  const { userCode, deviceCode, client } = await startLink(name);
  await page.goto(`/link?user_code=${userCode}`);
  await submit(page);
  await page.waitForURL('**/link/review');
  house.clock.advance(2);
  await page.click('[value=approve]');
  await page.waitForURL('**/link/done**');
  await house.house.linksForTool.redeemLink({ deviceCode, client, origin: TV });
}

/** Looks at the page as it stands: its width, what axe says, and a picture. */
async function look(page: Page, { name }: Look, label: string) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect({ label, isTooWide: overflow > 0 }).toEqual({ label, isTooWide: false });
  await expectNoAxeFindings(page);
  await screenshot(page, `${label}-${name}`);
}

describeInBrowser('every page', () => {
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  afterEach(() => house.close());

  it('shows the whole of the host that a person is sent back to, however it was made (RFC 9700 §4.11)', async () => {
    await openHouse();
    await house.newAccount('mira');
    const page = await open({ colorScheme: 'light', width: 320, height: 640, locale: 'en-GB' });
    await page.route('https://*/**', (route) => route.fulfill({ status: 204 }));
    const { userCode } = await startNumberedLink();
    const host = `accounts.bank.example.${'a'.repeat(60)}.${'b'.repeat(60)}.films.example`;
    await page.goto(`/auth#!?code=${userCode}&forwardUrl=${encodeURIComponent(`https://${host}/`)}`);
    await submit(page);
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await page.waitForURL('**/link/review');
    const isWhole = (selector: string) =>
      page.locator(selector, { hasText: host }).evaluate((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left >= 0 && right <= window.innerWidth && element.scrollWidth <= element.clientWidth;
      });
    expect(await isWhole('dd')).toBe(true);
    await page.locator('[value=approve]:enabled').waitFor();
    house.clock.advance(2);
    await page.click('[value=approve]');
    await page.waitForURL('**/link/done**', { waitUntil: 'commit' });
    await page.locator('[data-forward]').waitFor();
    expect(await isWhole('[data-forward]')).toBe(true);
  }, 60_000);

  describe.each(LOOKS)('in $name', (given) => {
    it('of the first run and of signing up is clean (WCAG 2.2 AA)', async () => {
      await openHouse({ emailVerification: 'required' });
      const page = await open(given);
      await page.goto('/');
      await look(page, given, '01-not-ready');
      await page.goto(`/first-run?token=${await house.house.accounts.firstRunToken()}`);
      await look(page, given, '02-first-run');
      await page.fill('[name=email]', 'ops@example.com');
      await page.fill('[name=username]', 'ops');
      await page.fill('[name=new_password]', PASSWORD);
      await submit(page);
      await page.context().clearCookies();
      await page.goto('/');
      await look(page, given, '03-home');
      const { userCode } = await startLink();
      await page.goto(`/sign-up?user_code=${userCode}`);
      await look(page, given, '04-sign-up');
      await page.fill('[name=email]', 'mira@example.com');
      await page.fill('[name=username]', 'mira');
      await page.fill('[name=new_password]', 'too short');
      await submit(page);
      await look(page, given, '05-sign-up-fault');
      expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-summary'))).toBe(true);
      await page.fill('[name=new_password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/verify-email**');
      await look(page, given, '06-check-mail');
      await house.sendMail();
      const mail = house.mails.find(({ recipient }) => recipient === 'mira@example.com');
      await page.goto((mail!.details as { address: string }).address);
      await look(page, given, '07-verify');
      await submit(page);
      await look(page, given, '08-sign-in');
    }, 60_000);

    it('of linking is clean (WCAG 2.2 AA)', async () => {
      await openHouse();
      await house.newAccount('mira');
      const page = await open(given);
      const { userCode } = await startLink();
      await page.goto(`/link?user_code=${userCode}`);
      await look(page, given, '10-sign-in-to-link');
      await page.fill('[name=login]', 'mira');
      await page.fill('[name=password]', 'wrong');
      await submit(page);
      await look(page, given, '11-sign-in-fault');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link');
      await look(page, given, '12-link-filled');
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '13-review');
      house.clock.advance(601);
      await page.goto('/link/review');
      await look(page, given, '14-code-over');
      await page.fill('[name=user_code]', 'BCDFGHJK');
      await submit(page);
      await look(page, given, '15-code-not-found');
      const second = await startLink(LONG_NAME);
      await page.goto(`/link?user_code=${second.userCode}`);
      await submit(page);
      await page.waitForURL('**/step-up**');
      await look(page, given, '16-step-up');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link/review');
      house.clock.advance(2);
      await page.click('[value=decline]');
      await page.waitForURL('**/link/done**');
      await look(page, given, '17-declined');
      await approve(page);
      await look(page, given, '18-done');
    }, 60_000);

    it('of the PIN door is clean (WCAG 2.2 AA)', async () => {
      await openHouse();
      await house.newAccount('mira');
      const page = await open(given);
      // Whoever is sent back stays where they are, so that the page can be looked at.
      await page.route('https://films.example/**', (route) => route.fulfill({ status: 204 }));
      const enter = async (fragment: string) => {
        await page.goto('about:blank');
        await page.goto(`/auth#!?${fragment}`);
      };
      await enter('clientID=abc');
      await look(page, given, '40-auth-no-code');
      const first = await startNumberedLink();
      await enter(`code=${first.userCode}&forwardUrl=${encodeURIComponent('https://films.example/back')}`);
      await look(page, given, '41-auth');
      await submit(page);
      await page.waitForURL('**/sign-in**');
      await look(page, given, '42-auth-sign-in');
      await page.fill('[name=login]', 'mira');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '43-review-by-address');
      house.clock.advance(2);
      await page.click('[value=approve]');
      await page.waitForURL('**/link/done**', { waitUntil: 'commit' });
      await page.locator('[data-forward]').waitFor();
      await look(page, given, '44-done-with-way-back');
      await first.poll();
      const second = await startNumberedLink(TV);
      await page.goto(`/link?pin=${second.userCode}`);
      await look(page, given, '45-long-code');
      await enter(`code=${second.userCode}&forwardUrl=http://films.example/`);
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '46-review-with-warning');
      house.clock.advance(2);
      await page.click('[value=decline]');
      await page.waitForURL('**/link/done**');
      await look(page, given, '47-declined-by-address');
      await page.goto('/account/tools');
      await look(page, given, '48-tools-of-both-doors');
    }, 60_000);

    it('of the account is clean (WCAG 2.2 AA)', async () => {
      await openHouse();
      await house.newAccount('mira');
      const page = await open(given);
      await signIn(page, 'mira');
      await look(page, given, '20-account');
      await page.goto('/account/tools');
      await look(page, given, '21-no-tools');
      await approve(page);
      await approve(page, LONG_NAME);
      await page.goto('/account/tools');
      await page.locator('summary').first().click();
      await look(page, given, '22-tools');
      await page.locator('a[href*="unlink?"]').first().click();
      await look(page, given, '23-unlink');
      await page.goto('/account/tools/unlink-all');
      await look(page, given, '24-unlink-all');
      await page.goto('/help/two-factor');
      await look(page, given, '25-help');
      await page.goto('/no/such/page');
      await look(page, given, '26-not-found');
      await page.goto('/demo');
      await look(page, given, '27-demo');
    }, 60_000);

    it('of two-factor is clean, and the dialog does what the pages do (WCAG 2.2 AA)', async () => {
      await openHouse();
      await house.newAccount('mira');
      const page = await open(given);
      await signIn(page, 'mira');
      await page.goto('/account/security');
      await look(page, given, '30-security');
      await page.click('[data-dialog]');
      await page.waitForSelector('dialog[open] [name=password]');
      await look(page, given, '31-two-factor-password');
      await page.fill('dialog [name=password]', PASSWORD);
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-secret]');
      await look(page, given, '32-two-factor-code');
      const secret = (await page.getAttribute('[data-secret]', 'data-secret'))!;
      expect(await page.textContent('[data-secret]')).toBe(secret);
      await page.fill('dialog [name=code]', '000000');
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-summary]');
      await look(page, given, '33-two-factor-fault');
      await page.fill('dialog [name=code]', await totpCode(secret, house.clock.now()));
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-recovery-code]');
      await look(page, given, '34-two-factor-codes');
      const [recoveryCode] = await page.locator('[data-recovery-code]').allTextContents();
      expect(
        await page.locator('[data-copy]:visible, [data-print]:visible, a[download]:visible').count(),
      ).toBe(3);
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForURL('**/account/security?notice=two-factor-on');
      await look(page, given, '35-security-on');
      await page.goto('/account');
      await page.locator('form[action="/sign-out"] button').click();
      await signIn(page, 'mira');
      await look(page, given, '36-code');
      await page.click('a[href^="/sign-in/recovery"]');
      await look(page, given, '37-recovery');
      await page.fill('[name=recovery_code]', recoveryCode!);
      await submit(page);
      await look(page, given, '38-recovered');
    }, 60_000);

    it('of two-factor once it is on is clean (WCAG 2.2 AA)', async () => {
      await openHouse();
      const { accountId } = await house.newAccount('mira');
      const { proofs } = house.house;
      const { secret, recoveryCodes } = await proofs.addAuthenticator(accountId, 'mira', TV);
      const nextCode = async (of = secret) => {
        house.clock.advance(31);
        return totpCode(of, house.clock.now());
      };
      for (const used of recoveryCodes.slice(0, 7)) await proofs.useRecoveryCode(accountId, used, TV);
      const page = await open(given);
      await signIn(page, 'mira');
      await page.fill('[name=code]', await nextCode());
      await submit(page);
      await page.waitForURL('**/sign-in/few-codes**');
      await look(page, given, '50-few-codes');
      await page.goto('/account/security');
      await look(page, given, '51-security-few-codes');
      await page.click('a[href="/account/security/two-factor/off"]');
      await look(page, given, '52-two-factor-off');
      await page.click('a[href$="with=recovery"]');
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=recovery_code]', '0000-0000-0000-0000');
      await submit(page);
      await look(page, given, '53-two-factor-off-fault');
      await page.goto('/account/security/two-factor/replace');
      await look(page, given, '54-replace');
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=code]', await nextCode());
      await submit(page);
      await page.waitForSelector('[data-secret]');
      await look(page, given, '55-replace-code');
      const added = (await page.getAttribute('[data-secret]', 'data-secret'))!;
      const other = await open(given);
      await signIn(other, 'mira');
      await other.fill('[name=code]', await nextCode());
      await submit(other);
      await other.waitForURL('**/sign-in/few-codes**');
      await page.fill('[name=code]', await nextCode(added));
      await submit(page);
      await page.waitForSelector('[data-recovery-code]');
      await look(page, given, '56-replaced');
      await page.goto('/account/security/recovery-codes');
      await look(page, given, '57-recovery-codes');
      await page.goto('/account/security/recovery-codes?set=gone');
      await look(page, given, '58-recovery-codes-overtaken');
    }, 60_000);
  });
});

describeInBrowser('the small scripts', () => {
  let page: Page;
  beforeAll(async () => {
    browser = await openBrowser();
    await openHouse();
    await house.newAccount('mira');
    page = await open({ locale: 'en-GB' });
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
    await signIn(page, 'mira');
    await page.goto('/link');
    await page.fill('[name=user_code]', ' wdjb mjht ');
    await page.locator('[name=user_code]').blur();
    expect(await page.inputValue('[name=user_code]')).toBe('WDJB-MJHT');
  });

  it('keep Approve asleep for the first second, and never focused, with Decline as the default', async () => {
    const { userCode, deviceCode, client } = await startLink();
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
    await openHouse({ twoFactor: 'required' });
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  it('a person signs up, adds the second factor and approves, all in one go', async () => {
    await house.newAccount('operator');
    const { userCode, deviceCode, client } = await startLink();
    const page = await open({ javaScript: false, locale: 'en-GB' });
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

// The popup entry in a real browser: what its script makes of the fragments that tools write (PIN-API.md 3.7), what stays in
// the address bar, and that nothing is sent before a person presses the button.
import type { Page } from 'playwright-core';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';

const PASSWORD = 'quartz lantern bicycle 42';
const TOOL = { networkAddress: '198.51.100.9', network: '198.51.100.9', userAgent: 'TV', requestId: 't' };
const CODE = '8lzjqnq8lye02n52jq3fqxf8e';
const BACK = 'https://tool.example/done?state=a%20b&x=1';

const encoded = encodeURIComponent;
const context = (product: string) => `context[device][product]=${product}&context[device][device]=TV`;
const contextEncoded = 'context%5Bdevice%5D%5Bproduct%5D=A%20tool&context%5Bdevice%5D%5Blayout%5D=desktop';

/** What stands behind `/auth`, and the forward address that is read from it. */
const WRITTEN: readonly (readonly [written: string, as: string, forward?: string])[] = [
  ['the vendor', `#?clientID=abc&code=${CODE}&${context('A%20tool')}&forwardUrl=${encoded(BACK)}`, BACK],
  ['python-plexapi', `/#!?clientID=abc&${contextEncoded}&code=${CODE}&forwardUrl=${encoded(BACK)}`, BACK],
  ['Overseerr and its family', `/#!?clientID=abc&${contextEncoded}&code=${CODE}`],
  ['Tautulli', `/#!?clientID=abc&${contextEncoded}&context%5Bdevice%5D%5Bmodel%5D=Plex%20OAuth&code=${CODE}`],
  ['python-plexauth', `#!?clientID=abc&code=${CODE}&${contextEncoded}&forwardUrl=${encoded(BACK)}`, BACK],
  [
    'plex-oauth, nothing encoded',
    `#?code=${CODE}&${context('A tool')}&clientID=abc&forwardUrl=${BACK}`,
    BACK,
  ],
  [
    'plex-oauth, encoded in one go',
    encodeURI(`#?code=${CODE}&${context('A tool')}&clientID=abc&forwardUrl=${BACK}`),
    BACK,
  ],
  [
    '@ctrl/plex',
    `#?clientID=abc&code=${CODE}&context%5Bdevice%5D%5Bproduct%5D=A&forwardUrl=${encoded(BACK)}`,
    BACK,
  ],
  ['Sonarr', `/#!?clientID=abc&forwardUrl=${encoded(BACK)}&code=${CODE}&${context('Sonarr')}`, BACK],
  [
    'URLSearchParams',
    `/#?${new URLSearchParams({ code: CODE, forwardUrl: BACK, clientID: 'a b' }).toString()}`,
    BACK,
  ],
  ['the forward address first, as it stands', `#?forwardUrl=${BACK}&code=${CODE}`, BACK],
  ['a code alone', `#?code=${CODE}`],
  ['no question mark', `#code=${CODE}`],
  ['a slash before it', `#!/?code=${CODE}`],
  ['names encoded', `#?c%6Fde=${CODE}&forward%55rl=${encoded(BACK)}`, BACK],
  ['spaces around the code', `#?code=%20${CODE}%20`],
  ['a percent sign that encodes nothing', `#?context[device][product]=100%&code=${CODE}`],
  ['two codes, of which the first counts', `#?code=${CODE}&code=BCDFGHJK`],
  ['names that nobody knows', `#?constructor=x&__proto__=y&code=${CODE}&toString`],
];

const CODELESS = [
  '',
  '#',
  '#?',
  '#!?',
  '#?code=',
  '#?code',
  '#?clientID=abc&forwardUrl=https://tool.example/',
  '#!%',
  '#?%&&=&',
];

let browser: TestBrowser;
let house: TestHouse;
let page: Page;

describeInBrowser('the popup entry', () => {
  const sent: string[] = [];

  beforeAll(async () => {
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
    await house.newAccount('mira');
    browser = await openBrowser();
    page = await browser.newPage({ baseUrl: house.url, locale: 'en-GB' });
    page.on('request', (request) => void (request.method() === 'POST' && sent.push(request.url())));
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });
  beforeEach(() => void sent.splice(0));

  const ready = () => page.locator('[data-auth=ready]');
  const brought = () =>
    page.evaluate(() =>
      Object.fromEntries(
        [...document.querySelectorAll<HTMLInputElement>('[data-auth=ready] input')]
          .filter(({ name }) => name !== '_csrf')
          .map(({ name, value }) => [name, value]),
      ),
    );

  /** As a popup is opened: afresh, not by a change of the fragment. */
  async function open(address: string): Promise<void> {
    await page.goto('about:blank');
    await page.goto(`/auth${address}`);
  }

  async function startLink() {
    const { client } = await house.house.clients.createByOperator({ name: 'Player', isConfidential: false });
    return house.house.linksForTool.startLink({ client, scope: 'openid', origin: TOOL });
  }

  it.each(WRITTEN)(
    'reads the address as it is written: %s (PIN-API 3.7)',
    async (_by, written, forward = '') => {
      await open(written);
      expect(await brought()).toEqual({ user_code: CODE, brought: CODE, forward_url: forward });
      expect(await ready().isVisible()).toBe(true);
      expect(await page.locator('[data-auth=box]').isVisible()).toBe(false);
      expect(new URL(page.url()).pathname.replace(/\/$/, '')).toBe('/auth');
      expect(page.url()).not.toMatch(/[#?]/);
      expect(sent).toEqual([]);
    },
  );

  it.each(CODELESS)('offers the code box where there is no code: "%s"', async (written) => {
    await open(written);
    expect(await ready().isVisible()).toBe(false);
    expect(await page.locator('[data-auth=missing]').isVisible()).toBe(true);
    expect(await page.locator('[data-auth=box] [name=user_code]').isVisible()).toBe(true);
  });

  it('shows nothing of what the address says, and takes no markup from it (CHECKLIST 2)', async () => {
    await open(`#?code=<img src=x onerror=alert(1)>&${context('Your account is locked, call 0800')}`);
    expect(await ready().isVisible()).toBe(true);
    expect(await page.locator('main').innerText()).not.toMatch(/0800|img/);
    expect(await page.locator('main img').count()).toBe(0);
  });

  it('still knows the code after a reload, and takes another one in the same window', async () => {
    await open(`#?code=${CODE}&forwardUrl=${encoded(BACK)}`);
    await page.reload();
    expect(await brought()).toMatchObject({ user_code: CODE, forward_url: BACK });
    await page.evaluate(() => {
      location.hash = '?code=BCDFGHJK';
    });
    await page.waitForFunction(() => !location.href.includes('#'));
    expect(await brought()).toEqual({ user_code: 'BCDFGHJK', brought: 'BCDFGHJK', forward_url: '' });
  });

  it('leads on by a press of its button: through the sign-in, to who is asking (RFC 8628 §3.3.1)', async () => {
    const { userCode } = await startLink();
    await open(`/#!?clientID=abc&code=${userCode}&${context('Player')}`);
    expect(sent).toEqual([]);
    await ready().locator('[type=submit]').click();
    await page.waitForURL('**/sign-in**');
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await page.locator('main [type=submit]').click();
    await page.waitForURL('**/link/review');
    // Signed in now, the visit still sends nothing.
    sent.splice(0);
    const next = await startLink();
    await open(`/#!?clientID=abc&code=${next.userCode}`);
    await ready().waitFor();
    expect(sent).toEqual([]);
    await ready().locator('[type=submit]').click();
    await page.waitForURL('**/link/review');
  });
});

// The popup entry in a real browser: what its script makes of the fragments that tools write (PIN-API.md 3.7), what stays in
// the address bar, that nothing is sent before a person presses the button, and how the window ends after the decision.
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

/** What stands behind `/auth`, by whom, and the forward address that is read from it. */
const WRITTEN: readonly { readonly by: string; readonly written: string; readonly forward?: string }[] = [
  {
    by: 'the vendor',
    written: `#?clientID=abc&code=${CODE}&${context('A%20tool')}&forwardUrl=${encoded(BACK)}`,
    forward: BACK,
  },
  {
    by: 'python-plexapi',
    written: `/#!?clientID=abc&${contextEncoded}&code=${CODE}&forwardUrl=${encoded(BACK)}`,
    forward: BACK,
  },
  { by: 'Overseerr and its family', written: `/#!?clientID=abc&${contextEncoded}&code=${CODE}` },
  {
    by: 'Tautulli',
    written: `/#!?clientID=abc&${contextEncoded}&context%5Bdevice%5D%5Bmodel%5D=Plex%20OAuth&code=${CODE}`,
  },
  {
    by: 'python-plexauth',
    written: `#!?clientID=abc&code=${CODE}&${contextEncoded}&forwardUrl=${encoded(BACK)}`,
    forward: BACK,
  },
  {
    by: 'plex-oauth, nothing encoded',
    written: `#?code=${CODE}&${context('A tool')}&clientID=abc&forwardUrl=${BACK}`,
    forward: BACK,
  },
  {
    by: 'plex-oauth, encoded in one go',
    written: encodeURI(`#?code=${CODE}&${context('A tool')}&clientID=abc&forwardUrl=${BACK}`),
    forward: BACK,
  },
  {
    by: '@ctrl/plex',
    written: `#?clientID=abc&code=${CODE}&context%5Bdevice%5D%5Bproduct%5D=A&forwardUrl=${encoded(BACK)}`,
    forward: BACK,
  },
  {
    by: 'Sonarr',
    written: `/#!?clientID=abc&forwardUrl=${encoded(BACK)}&code=${CODE}&${context('Sonarr')}`,
    forward: BACK,
  },
  {
    by: 'URLSearchParams',
    written: `/#?${new URLSearchParams({ code: CODE, forwardUrl: BACK, clientID: 'a b' }).toString()}`,
    forward: BACK,
  },
  {
    by: 'the forward address first, as it stands',
    written: `#?forwardUrl=${BACK}&code=${CODE}`,
    forward: BACK,
  },
  { by: 'a code alone', written: `#?code=${CODE}` },
  { by: 'no question mark', written: `#code=${CODE}` },
  { by: 'a slash before it', written: `#!/?code=${CODE}` },
  { by: 'names encoded', written: `#?c%6Fde=${CODE}&forward%55rl=${encoded(BACK)}`, forward: BACK },
  { by: 'spaces around the code', written: `#?code=%20${CODE}%20` },
  { by: 'a percent sign that encodes nothing', written: `#?context[device][product]=100%&code=${CODE}` },
  { by: 'two codes, of which the first counts', written: `#?code=${CODE}&code=BCDFGHJK` },
  { by: 'names that nobody knows', written: `#?constructor=x&__proto__=y&code=${CODE}&toString` },
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
    'reads the address as it is written: $by (PIN-API 3.7)',
    async ({ written, forward = '' }) => {
      await open(written);
      expect(await brought()).toEqual({ user_code: CODE, brought: CODE, forward_url: forward });
      expect(await ready().isVisible()).toBe(true);
      expect(await page.locator('[data-auth=box]').isVisible()).toBe(false);
      expect(new URL(page.url()).pathname.replace(/\/$/, '')).toBe('/auth');
      expect(page.url()).not.toMatch(/[#?]/);
      expect(sent).toEqual([]);
    },
  );

  it.each(CODELESS)('offers the code box where there is no code: "%s"', async (written: string) => {
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

describeInBrowser('after the decision', () => {
  let window: Page;
  const NOTHING = {
    version: '',
    platform: '',
    platformVersion: '',
    device: '',
    deviceName: '',
    deviceVendor: '',
  };

  beforeAll(async () => {
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
    await house.newAccount('mira');
    browser = await openBrowser();
    page = await browser.newPage({ baseUrl: house.url, locale: 'en-GB' });
    await page.goto('/sign-in');
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await page.locator('main [type=submit]').click();
    await page.waitForURL('**/account');
    // The tool's own site, and whatever else a page might be led to.
    await page
      .context()
      .route(/^https?:\/\/(?!localhost)/, (route) =>
        route.fulfill({ contentType: 'text/html', body: '<title>A tool</title><h1>Back at the tool</h1>' }),
      );
  });
  afterAll(async () => {
    await browser.close();
    await house.close();
  });

  /** Opens the address as a tool on another origin does, enters the code and looks at who is asking. */
  async function openPopup(forwardUrl: string): Promise<() => Promise<string>> {
    const origin = { ...TOOL, networkAddress: '127.0.0.1', network: '127.0.0.1' };
    const asked = {
      identifier: 'x',
      tool: { ...NOTHING, product: 'Films', model: '' },
      isStrong: true,
      origin,
    };
    const { number, userCode } = await house.house.linksByNumber.startNumberedLink(asked);
    await page.goto('https://dashboard.example/');
    const opened = page.waitForEvent('popup');
    await page.evaluate(
      (address) => {
        Object.assign(globalThis, { popup: open(address, '_blank', 'width=500,height=800') });
      },
      `${house.url}/auth/#!?clientID=x&code=${userCode}${forwardUrl && `&forwardUrl=${encoded(forwardUrl)}`}`,
    );
    window = await opened;
    await window.locator('[data-auth=ready] [type=submit]').click();
    await window.waitForURL('**/link/review');
    return async () =>
      (await house.house.linksByNumber.pollNumberedLink({ number, identifier: 'x', origin })).outcome;
  }

  async function decide(decision: 'approve' | 'decline'): Promise<void> {
    await window.locator('[value=approve]:enabled').waitFor();
    house.clock.advance(2);
    await window.click(`[value=${decision}]`);
  }

  it.each(['approve', 'decline'] as const)(
    'of %s the popup goes on to its forward address, in sight of its opener (PIN-API 3.7)',
    async (decision) => {
      const outcome = await openPopup(BACK);
      await decide(decision);
      await window.waitForURL(BACK);
      expect(await window.textContent('h1')).toBe('Back at the tool');
      expect(await outcome()).toBe(decision === 'approve' ? 'issued' : 'unknown');
      await window.close();
      await page.waitForFunction(() => (globalThis as unknown as { popup: Window }).popup.closed);
    },
  );

  it.each(['approve', 'decline'] as const)(
    'of %s a popup without one closes by itself, and its opener sees it (PIN-API 3.7)',
    async (decision) => {
      const outcome = await openPopup('');
      const isClosed = () => page.evaluate(() => (globalThis as unknown as { popup: Window }).popup.closed);
      const closed = window.waitForEvent('close');
      await decide(decision);
      await window.waitForURL('**/link/done**');
      expect(await isClosed()).toBe(false);
      expect(await window.locator('main').innerText()).toContain('You can close this page');
      await closed;
      expect(await isClosed()).toBe(true);
      expect(await outcome()).toBe(decision === 'approve' ? 'issued' : 'unknown');
    },
  );

  it.each([
    'javascript:alert(document.domain)',
    'http://tool.example/',
    'https://a@tool.example/',
    'data:text/html,x',
  ])('nothing is followed to %s (RFC 9700 §4.11)', async (address) => {
    await openPopup(address);
    const alarms: string[] = [];
    window.on('dialog', (dialog) => void alarms.push(dialog.message()));
    const closed = window.waitForEvent('close');
    await decide('approve');
    await window.waitForURL('**/link/done**');
    expect(await window.locator('[data-forward]').count()).toBe(0);
    await closed;
    expect(alarms).toEqual([]);
  });

  it('sends nobody away twice: neither Back nor the page itself, opened once more', async () => {
    await openPopup(BACK);
    const seen: string[] = [];
    window.on('framenavigated', (frame) => void seen.push(frame.url()));
    await decide('approve');
    await window.waitForURL(BACK);
    await window.goBack();
    await window.waitForURL('**/link');
    await window.goto(seen.find((address) => address.includes('/link/done'))!);
    expect(await window.getAttribute('[data-forward]', 'href')).toBe(BACK);
    await window.click('[data-forward]');
    await window.waitForURL(BACK);
    await window.close();
  });
});

// Walks through the pages in a real browser: the looks that a person may have chosen, what is looked at on each page, and a
// house with the steps that such walks take. With SCREENSHOTS set to a folder, a picture of each page is kept there, in all
// four looks.
import type { Page } from 'playwright-core';
import type { Origin } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouseOptions } from './app.js';
import {
  describeInBrowser,
  expectNoAxeFindings,
  IS_LOOKED_AT,
  openBrowser,
  screenshot,
  type PageSettings,
  type TestBrowser,
} from './chromium.js';

export const PASSWORD = 'quartz lantern bicycle 42';
export const LONG_NAME = 'backup.sh on the little server in the cellar, with a long name';
export const TV = {
  networkAddress: '198.51.100.23',
  network: '198.51.100.23',
  userAgent: 'LivingRoomTV/4.2 (Tizen 7.0)',
  requestId: 'tool',
};
const HERE = { networkAddress: '127.0.0.1', network: '127.0.0.1' };

export interface Look extends PageSettings {
  readonly name: string;
}

const LIGHT = { colorScheme: 'light', locale: 'en-GB' } as const;
const DARK = { colorScheme: 'dark', locale: 'de-DE' } as const;
const WIDE = { width: 1440, height: 900 } as const;
const NARROW = { width: 320, height: 640 } as const;

/**
 * A walk is made once, in German, whose words are the longer ones, and each page is looked at in light and wide and in dark and narrow.
 * For pictures it is made in each of four looks.
 */
export const LOOKS: readonly Look[] = process.env.SCREENSHOTS
  ? [
      { name: 'light-1440', ...LIGHT, ...WIDE },
      { name: 'dark-320', ...DARK, ...NARROW },
      { name: 'light-320', ...LIGHT, ...NARROW },
      { name: 'dark-1440', ...DARK, ...WIDE },
    ]
  : [{ name: 'both-looks', ...DARK, ...NARROW }];

/** Over to the other look, without leaving the page. */
async function turn(page: Page): Promise<void> {
  const isNarrow = page.viewportSize()?.width === NARROW.width;
  await page.setViewportSize(isNarrow ? WIDE : NARROW);
  await page.emulateMedia({ colorScheme: isNarrow ? 'light' : 'dark' });
}

async function expectSound(page: Page, label: string): Promise<void> {
  const [overflow, width] = await page.evaluate(() => [
    document.documentElement.scrollWidth - window.innerWidth,
    window.innerWidth,
  ]);
  expect({ label, width, isTooWide: overflow > 0 }).toEqual({ label, width, isTooWide: false });
  await expectNoAxeFindings(page);
}

/**
 * Looks at the page as it stands, in both looks: its width, and what axe says; or at a picture of it. Where pages are not looked
 * at, it is enough that there is one.
 */
export async function look(page: Page, { name }: Pick<Look, 'name'>, label: string): Promise<void> {
  if (!IS_LOOKED_AT) return void (await page.evaluate(() => document.readyState));
  await expectSound(page, label);
  if (process.env.SCREENSHOTS) return screenshot(page, `${label}-${name}`);
  await turn(page);
  await expectSound(page, label);
}

export const submit = (page: Page) => page.locator('main form button[type=submit]:visible').first().click();

export type PageHouse = Awaited<ReturnType<typeof openPageHouse>>;

/** A house with the demo page, whose pages this browser opens. */
export async function openPageHouse(browser: TestBrowser, config: TestHouseOptions['config'] = {}) {
  const test = await startTestHouse({ config: { signingAlgs: ['EdDSA'], demoPage: true, ...config } });
  const { house, clock, url } = test;

  async function startLink(name = 'Living room TV') {
    const { client } = await house.clients.createByOperator({ name, isConfidential: false });
    const asked = { client, scope: 'openid profile offline_access', origin: TV };
    return { client, ...(await house.linksForTool.startLink(asked)) };
  }

  return {
    ...test,

    open: (settings: PageSettings): Promise<Page> => browser.newPage({ ...settings, baseUrl: url }),

    async signIn(page: Page, login: string): Promise<void> {
      await page.goto('/sign-in');
      await page.fill('[name=login]', login);
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
    },

    startLink,

    /** As a web page asks that a person of this network has opened, or any other tool. */
    async startNumberedLink(origin: Origin = { ...TV, ...HERE, webOrigin: 'https://films.example' }) {
      const { linksByNumber } = house;
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
    },

    /** Enters the code and approves, as soon as the page lets a person do so. */
    async approve(page: Page, name?: string): Promise<void> {
      const { userCode, deviceCode, client } = await startLink(name);
      await page.goto(`/link?user_code=${userCode}`);
      await submit(page);
      await page.waitForURL('**/link/review');
      clock.advance(2);
      await page.click('[value=approve]');
      await page.waitForURL('**/link/done**');
      await house.linksForTool.redeemLink({ deviceCode, client, origin: TV });
    },
  };
}

export type OpenPageHouse = (config?: TestHouseOptions['config']) => Promise<PageHouse>;

/** A suite of walks through pages: one browser for all, and for each test a house, closed behind it, that `openHouse` opens. */
export function describePages(body: (openHouse: OpenPageHouse) => void): void {
  describeInBrowser('every page', () => {
    let browser: TestBrowser;
    let house: PageHouse | undefined;

    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(() => browser.close());
    afterEach(async () => {
      await house?.close();
      house = undefined;
    });

    body(async (config) => (house = await openPageHouse(browser, config)));
  });
}

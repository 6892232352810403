// Walks through the pages in a real browser: the looks that a person may have chosen, what is looked at on each page, and a
// house with the steps that such walks take. With SCREENSHOTS set to a folder, a picture of each page is kept there, in all
// four looks.
import type { Page } from 'playwright-core';
import type { Origin } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouseOptions } from './app.js';
import { expectNoAxeFindings, screenshot, type PageSettings, type TestBrowser } from './chromium.js';

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

const BOTH: readonly Look[] = [
  { name: 'light-1440', colorScheme: 'light', width: 1440, locale: 'en-GB' },
  { name: 'dark-320', colorScheme: 'dark', width: 320, height: 640, locale: 'de-DE' },
];
const OTHERS: readonly Look[] = [
  { name: 'light-320', colorScheme: 'light', width: 320, height: 640, locale: 'en-GB' },
  { name: 'dark-1440', colorScheme: 'dark', width: 1440, locale: 'de-DE' },
];
export const LOOKS = process.env.SCREENSHOTS ? [...BOTH, ...OTHERS] : BOTH;

/** Looks at the page as it stands: its width, what axe says, and a picture. */
export async function look(page: Page, { name }: Look, label: string): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect({ label, isTooWide: overflow > 0 }).toEqual({ label, isTooWide: false });
  await expectNoAxeFindings(page);
  await screenshot(page, `${label}-${name}`);
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

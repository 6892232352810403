// A dashboard on another origin signs a person in from the browser by PIN, in a popup and by way of a forward address:
// real pages, a real browser with its CORS and its preflights, and the house with the headers it always sends.
// PIN-API.md 1.8, 3.2, 3.7.
import type { IncomingMessage } from 'node:http';
import type { Page } from 'playwright-core';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, screenshot, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { openDashboard, type Dashboard } from '../support/dashboard.js';
import { createPerson, type Person } from '../support/person.js';

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly hasCookie: boolean;
}

describeInBrowser('a dashboard on another origin', () => {
  let test: TestHouse;
  let browser: TestBrowser;
  let dashboard: Dashboard;
  let maria: Person;
  let page: Page;
  const seen: Seen[] = [];

  beforeAll(async () => {
    test = await startTestHouse({ clock: createTestClock(new Date()) });
    test.server.on('request', ({ method, url, headers }: IncomingMessage) => {
      seen.push({ method: method!, path: url!.split('?')[0]!, hasCookie: headers.cookie !== undefined });
    });
    dashboard = await openDashboard(test.url);
    maria = createPerson(test, 'maria');
    await maria.moveIn();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
    await test.close();
  });
  beforeEach(async () => {
    seen.length = 0;
    page = await browser.newPage({ baseUrl: test.url });
    await page.goto(dashboard.url);
  });
  afterEach(() => page.context().close());

  const greeting = () => page.locator('output:has-text("Hello maria")').waitFor();
  const asked = (method: string, path: RegExp) =>
    seen.filter((request) => request.method === method && path.test(request.path));

  it('signs a person in through a popup, which stays in its sight and which it closes (PIN-API 1.8, 3.7)', async () => {
    const opened = page.waitForEvent('popup');
    await page.click('#popup');
    const popup = await opened;
    await maria.enter(popup);
    await maria.signIn(popup);
    const closed = popup.waitForEvent('close');
    const review = await maria.approve(popup);
    expect(review).toContain('A dashboard');
    expect(review).toContain(dashboard.url);
    await closed;
    await greeting();

    expect(asked('OPTIONS', /^\/api\/v2\/pins$/)).toHaveLength(1);
    expect(asked('POST', /^\/api\/v2\/pins$/)).toHaveLength(1);
    expect(asked('OPTIONS', /^\/api\/v2\/pins\/\d+$/)).toHaveLength(1);
    expect(asked('OPTIONS', /^\/api\/v2\/user$/)).toHaveLength(1);
    expect(seen.filter(({ path, hasCookie }) => path.startsWith('/api/') && hasCookie)).toEqual([]);
  }, 60_000);

  it('gets a person back at its forward address, after the decision, and finds the token (PIN-API 3.7)', async () => {
    await page.click('#same');
    await maria.enter(page);
    await maria.signIn(page);
    const review = await maria.approve(page);
    expect(review).toContain(new URL(dashboard.url).host);
    await page.waitForURL(`${dashboard.url}/back?state=a%20b#there`);
    await greeting();
  }, 60_000);

  it('gets a person back who declined, and no token (PIN-API 3.7)', async () => {
    await page.click('#same');
    await maria.enter(page);
    await maria.signIn(page);
    await maria.decline(page);
    await page.waitForURL(`${dashboard.url}/back?state=a%20b#there`);
    await page.locator('output:has-text("answered 404")').waitFor();
    await screenshot(page, 'pin-dashboard-declined');
  }, 60_000);

  it('may not read what is not for scripts of other sites (PIN-API "Decided")', async () => {
    const tryToRead = (path: string, method: string) =>
      page.evaluate(
        ([address, verb]) =>
          fetch(address!, { method: verb!, headers: { 'X-Plex-Client-Identifier': 'a dashboard' } }).then(
            () => 'read',
            () => 'kept from it',
          ),
        [test.url + path, method],
      );
    expect(await tryToRead('/api/v2/pins/info?code=ABCD', 'GET')).toBe('kept from it');
    expect(await tryToRead('/api/v2/pins/link', 'PUT')).toBe('kept from it');
    expect(await tryToRead('/account', 'GET')).toBe('kept from it');
    expect(await tryToRead('/api/v2/pins/1', 'GET')).toBe('read');
  });
});

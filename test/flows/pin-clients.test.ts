// Client libraries of the PIN API as npm has them, with nothing changed but the origin that they ask: each logs in through
// a real approval in a real browser, and does with its token what it knows to do. docs/pin-clients.md tells what of it
// works. PIN-API.md 3, 4; the password box of old tools: CHECKLIST.md 3.8.
import os from 'node:os';
import { jest } from '@jest/globals';
import { PlexOauth } from 'plex-oauth';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, screenshot, type TestBrowser } from '../support/chromium.js';
import { leadOriginsTo, type ClientOrigins } from '../support/client-origins.js';
import { createTestClock } from '../support/clock.js';
import { createPerson } from '../support/person.js';

// @ctrl/plex calls itself by the address of the first network card, and does not load on a machine without one.
const networkInterfaces = () => ({ eth0: [{ mac: '02:00:5e:00:53:01' }] });
jest.unstable_mockModule('os', () => ({ ...os, networkInterfaces, default: { ...os, networkInterfaces } }));
const { MyPlexAccount, PlexServer, X_PLEX_IDENTIFIER } = await import('@ctrl/plex');

/** Where the two libraries believe the door to be. */
const ORIGINS = ['https://plex.tv', 'https://app.plex.tv'];

describeInBrowser('a client library of the PIN API', () => {
  let test: TestHouse;
  let browser: TestBrowser;
  let origins: ClientOrigins;

  beforeAll(async () => {
    // The libraries look at the real time; from there on, this test moves the clock of the house.
    test = await startTestHouse({ clock: createTestClock(new Date()) });
    await test.newAccount('operator');
    origins = leadOriginsTo(test.url, ORIGINS);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await origins.restore();
    await test.close();
  });
  afterEach(() => expect(origins.refused).toEqual([]));

  const openPage = () => browser.newPage({ baseUrl: test.url });

  const askUser = (token: string) =>
    fetch(`${test.url}/api/v2/user`, { headers: { Accept: 'application/json', 'X-Plex-Token': token } });

  it('@ctrl/plex links, reads the account, its devices and resources, and removes its device (PIN-API 3, 4)', async () => {
    const maria = createPerson(test, 'maria');
    const page = await openPage();
    const login = await MyPlexAccount.getWebLogin();
    const approve = async () => {
      await page.goto(origins.at(login.uri));
      await maria.enter(page);
      await maria.signUp(page);
      await maria.enableTwoFactor(page);
      const review = await maria.approve(page);
      await screenshot(page, 'pin-clients-done');
      return review;
    };
    const [account, review] = await Promise.all([MyPlexAccount.webLoginCheck(login, 60), approve()]);
    expect(review).toContain('PlexAPI');
    expect(account).toMatchObject({
      username: 'maria',
      title: 'maria',
      // Nobody has proved the address that was typed at sign-up, so nobody is recognised by it.
      email: expect.stringMatching(/^\d+@unverified\.invalid$/) as unknown,
      uuid: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
      restricted: false,
      home: false,
      scrobbleTypes: '',
      subscriptionFeatures: [],
    });
    expect(account.id).toBeGreaterThan(0);
    expect(account.token).toBeTruthy();
    expect(await account.resources()).toEqual([]);
    expect(await account.query('https://plex.tv/api/v2/ping')).toEqual({ pong: true });

    const [first, ...others] = await account.devices();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ product: 'PlexAPI', clientIdentifier: X_PLEX_IDENTIFIER });
    expect(['', account.token]).toContain(first!.token);
    account.server = new PlexServer('https://plex.tv', account.token!);
    const device = await account.device('', X_PLEX_IDENTIFIER);
    await device.delete();
    await expect(account.connect()).rejects.toMatchObject({ status: 401 });
  }, 90_000);

  it('@ctrl/plex signs in with password and code, as old tools do, and each code is good once (CHECKLIST 3.8)', async () => {
    const jonas = createPerson(test, 'jonas');
    await jonas.moveIn();
    const typed = jonas.password + (await jonas.nextCode());
    const account = await new MyPlexAccount(null, 'jonas', typed).connect();
    expect(account).toMatchObject({ username: 'jonas', email: 'jonas@example.com' });
    expect((await account.devices()).map(({ product }) => product)).toEqual(['PlexAPI']);
    expect(await new MyPlexAccount(null, '', '', account.token).connect()).toMatchObject({ id: account.id });
    await expect(new MyPlexAccount(null, 'jonas', typed).connect()).rejects.toMatchObject({ status: 401 });
  });

  it.each([
    { urlencode: false, product: 'Bücherregal [neu]' },
    { urlencode: true, product: 'Bücherregal & Söhne' },
  ])(
    'plex-oauth links with the address as it writes it, encoded or not (PIN-API 3.7) (%#)',
    async ({ urlencode, product }) => {
      const ida = createPerson(test, `ida${Number(urlencode)}`);
      await ida.moveIn();
      const page = await openPage();
      const client = new PlexOauth({
        clientIdentifier: 'a shelf of books',
        product,
        device: 'Shelf',
        version: '1.0',
        urlencode,
      });
      const [address, id] = await client.requestHostedLoginURL();
      expect(await client.checkForAuthToken(id)).toBeNull();
      const approve = async () => {
        await page.goto(origins.at(address));
        await ida.enter(page);
        await ida.signIn(page);
        return ida.approve(page);
      };
      const [token, review] = await Promise.all([client.checkForAuthToken(id, 1000, 40), approve()]);
      expect(review).toContain(product);
      const user = await askUser(token!);
      expect(await user.json()).toMatchObject({ username: ida.name, authToken: token });
      expect(await client.checkForAuthToken(id)).toBe(token);
      test.clock.advance(121);
      await expect(client.checkForAuthToken(id)).rejects.toMatchObject({ response: { status: 404 } });
    },
    60_000,
  );
});

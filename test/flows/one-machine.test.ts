// One link machine behind all doors: what the OAuth door started is approved by way of the PIN door's popup page, and the
// other way round; one page asks, one list shows what was linked, and each tool gets its token at the door where it began.
// DESIGN 3, RFC 8628 §3.3, PIN-API.md 3.7.
import * as oauth from 'openid-client';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, screenshot, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { createPerson, type Person } from '../support/person.js';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const insecure = { execute: [oauth.allowInsecureRequests] };

describeInBrowser('one machine behind two doors', () => {
  let test: TestHouse;
  let browser: TestBrowser;
  let maria: Person;

  beforeAll(async () => {
    test = await startTestHouse({ clock: createTestClock(new Date()) });
    maria = createPerson(test, 'maria');
    await maria.moveIn();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  async function startAtOAuthDoor() {
    const config = await oauth.dynamicClientRegistration(
      new URL(test.url),
      { client_name: 'A weather station', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] },
      oauth.None(),
      insecure,
    );
    return { config, started: await oauth.initiateDeviceAuthorization(config, { scope: 'openid profile' }) };
  }

  async function askPins(path: string, method = 'GET') {
    const response = await fetch(`${test.url}/api/v2/pins${path}`, {
      method,
      headers: {
        Accept: 'application/json',
        'X-Plex-Product': 'A television',
        'X-Plex-Client-Identifier': 'a television',
      },
    });
    return {
      status: response.status,
      body: (await response.json()) as { id: number; code: string; authToken: string | null },
    };
  }

  const pollAtOAuthDoor = (form: Record<string, string>) =>
    fetch(`${test.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: DEVICE_CODE, ...form }),
    }).then(async (response) => ((await response.json()) as { error?: string }).error);

  it('approves a link of the OAuth door on /auth, and a PIN typed into /link (DESIGN 3)', async () => {
    const { config, started } = await startAtOAuthDoor();
    const pin = (await askPins('', 'POST')).body;
    const page = await browser.newPage({ baseUrl: test.url });

    await page.goto(`/auth#?code=${encodeURIComponent(started.user_code)}`);
    await maria.enter(page);
    await maria.signIn(page);
    expect(await maria.approve(page)).toContain('A weather station');
    await page.waitForURL('**/link/done**');

    await page.goto('/link');
    await page.fill('[name=user_code]', pin.code.toLowerCase());
    expect(await maria.approve(page)).toContain('A television');
    await page.waitForURL('**/link/done**');

    const clientId = config.clientMetadata().client_id;
    // The number, the code and the device code are worth nothing at the other door.
    for (const device_code of [String(pin.id), pin.code]) {
      expect(await pollAtOAuthDoor({ client_id: clientId, device_code })).toBe('invalid_grant');
      expect(await pollAtOAuthDoor({ client_id: 'pin:a television', device_code })).toBe('invalid_client');
    }
    for (const id of [started.device_code, started.user_code]) {
      expect((await askPins(`/${encodeURIComponent(id)}`)).status).toBe(404);
    }

    const tokens = await oauth.pollDeviceAuthorizationGrant(config, { ...started, interval: 1 });
    const person = await oauth.fetchUserInfo(config, tokens.access_token, tokens.claims()!.sub);
    expect(person).toMatchObject({ preferred_username: 'maria' });
    const { authToken } = (await askPins(`/${pin.id}`)).body;
    expect(authToken).toEqual(expect.any(String));

    await page.goto('/account/tools');
    const list = await page.locator('main').innerText();
    expect(list).toContain('A weather station');
    expect(list).toContain('A television');
    await screenshot(page, 'one-machine-tools');
  }, 60_000);

  it('lets neither door decide twice: who declined at one page declined for good (DESIGN 3)', async () => {
    const pin = (await askPins('?strong=true', 'POST')).body;
    const page = await browser.newPage({ baseUrl: test.url });
    await page.goto(`/link?pin=${pin.code}`);
    await maria.signIn(page);
    await maria.decline(page);
    await page.waitForURL('**/link/done**');
    expect((await askPins(`/${pin.id}`)).status).toBe(404);
    await page.goto(`/auth#?code=${pin.code}`);
    await maria.enter(page);
    await page.locator('[name=user_code][aria-invalid=true]').waitFor();
    expect((await askPins(`/${pin.id}`)).status).toBe(404);
  }, 60_000);
});

// Signing in through other providers, in a real browser with the headers of production: npm oidc-provider, an OAuth 2 provider
// with an endpoint of its own, and one that answers with a post from another site (127.0.0.1 and localhost are two sites).
import { generateKeyPairSync } from 'node:crypto';
import { jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { UpstreamSettings } from '../../src/config.js';
import { startTestHouse, type TestHouse, type TestHouseOptions } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { openIdSettings } from '../support/federated.js';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.js';
import { TV } from '../support/page-walk.js';
import { startUpstream, type TestUpstream } from '../support/upstream.js';

const common = { mayOpenAccounts: true, asksSecondFactor: false };
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function appleSettings({ clientId }: TestUpstream): UpstreamSettings {
  const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const names = {
    name: 'apple',
    label: 'Apple',
    kind: 'apple',
    clientId,
    teamId: 'TEAM',
    keyId: 'KEY',
  } as const;
  return { ...common, ...names, privateKey };
}

function gitHubSettings({ clientId, clientSecret }: TestUpstream): UpstreamSettings {
  return { ...common, name: 'github', label: 'GitHub', kind: 'github', clientId, clientSecret };
}

describeInBrowser('federated sign-in', () => {
  let browser: TestBrowser;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    // oidc-provider says of each default that it is one.
    for (const level of ['info', 'warn'] as const) jest.spyOn(console, level).mockReturnValue();
    browser = await openBrowser();
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await browser.close();
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
  });

  /** The clock of the house stands at this moment: providers date what they say by their own. */
  async function openHouse(
    upstreams: readonly UpstreamSettings[],
    options: Omit<TestHouseOptions, 'config' | 'clock'> = {},
  ): Promise<TestHouse> {
    const clock = createTestClock(new Date());
    const house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], upstreams }, clock, ...options });
    opened.push(house);
    await house.newAccount('operator');
    return house;
  }

  async function openWithOidcProvider(): Promise<{ house: TestHouse; provider: OidcProvider }> {
    const provider = await startOidcProvider();
    opened.push(provider);
    const { issuer, clientId, clientSecret } = provider;
    const house = await openHouse([
      { ...common, name: 'staff', label: 'The company', kind: 'openid', issuer, clientId, clientSecret },
    ]);
    provider.admit(`${house.url}/federated/staff/callback`);
    return { house, provider };
  }

  /** On oidc-provider's own pages: who, and then what this service may know. */
  async function proveThere(page: Page, { issuer }: OidcProvider, name: string): Promise<void> {
    await page.waitForURL(`${issuer}/interaction/**`);
    await page.fill('[name=login]', name);
    await page.fill('[name=password]', 'anything at all');
    await page.click('button[type=submit]');
    const consent = page.locator('button[type=submit]:has-text("Continue")');
    await Promise.race([page.waitForURL((url) => url.origin !== issuer), consent.waitFor()]);
    if (new URL(page.url()).origin === issuer) await consent.click();
  }

  const offer = (page: Page, name: string) => page.click(`form[action="/federated"] button[value=${name}]`);

  const codeOf = async (house: TestHouse) => {
    const { client } = await house.house.clients.createByOperator({ name: 'A TV', isConfidential: false });
    return { client, ...(await house.house.linksForTool.startLink({ client, scope: 'openid', origin: TV })) };
  };

  it('links a TV for somebody who has no account yet, and the code waits all the way (DESIGN 6)', async () => {
    const { house, provider } = await openWithOidcProvider();
    const { client, userCode, deviceCode } = await codeOf(house);
    const page = await browser.newPage({ baseUrl: house.url });
    await page.goto(`/link?user_code=${userCode}`);
    await page.waitForURL('**/sign-in**');
    await offer(page, 'staff');
    await proveThere(page, provider, 'greta');
    await page.waitForURL('**/federated/new');
    expect(await page.inputValue('[name=username]')).toBe('greta');
    await page.click('main form button[type=submit]');
    await page.waitForURL('**/link');
    expect(await page.inputValue('[name=user_code]')).toBe(userCode);
    await page.click('main form button[type=submit]');
    await page.waitForURL('**/link/review**');
    house.clock.advance(2);
    await page.click('[value=approve]');
    await page.waitForURL('**/link/done**');
    const redeemed = await house.house.linksForTool.redeemLink({ deviceCode, client, origin: TV });
    if (redeemed.outcome !== 'issued') throw new Error(`the link was ${redeemed.outcome}`);
    const [, claims = ''] = redeemed.tokens.accessToken.split('.');
    const { amr, acr } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    expect({ amr, acr }).toEqual({ amr: ['fed'], acr: 'aal1' });
    expect(await house.house.accounts.findByLogin('greta')).toMatchObject({ email: 'greta@example.com' });
  });

  it('proves anew who somebody is by a round trip, and sets a first password with that', async () => {
    const { house, provider } = await openWithOidcProvider();
    const page = await browser.newPage({ baseUrl: house.url });
    await page.goto('/sign-in');
    await offer(page, 'staff');
    await proveThere(page, provider, 'greta');
    await page.waitForURL('**/federated/new');
    await page.click('main form button[type=submit]');
    await page.waitForURL('**/account');
    house.clock.advance(1200);
    await page.goto('/account/security/two-factor');
    await page.waitForURL('**/account/password?next=two-factor');
    expect(await page.locator('[name=new_password]').count()).toBe(0);
    await offer(page, 'staff');
    // It is asked to be proved there once more, although the provider still knows the browser (prompt=login).
    house.clock.set(new Date());
    await proveThere(page, provider, 'greta');
    await page.waitForURL('**/account/password**');
    await page.fill('[name=new_password]', 'seven brass otters hum at dusk');
    await page.click('main form button[type=submit]');
    await page.waitForURL((url) => !url.pathname.startsWith('/account/password'));
    const account = await house.house.accounts.findByLogin('greta');
    expect(account?.hasPassword).toBe(true);
  });

  it('is not stopped by a provider that sends the browser on to a third site (CSP form-action)', async () => {
    const provider = await startUpstream();
    const front = await startUpstream();
    opened.push(provider, front);
    provider.state.metadata = {
      authorization_endpoint: `${provider.issuer.replace('127.0.0.1', 'localhost')}/hop`,
    };
    const house = await openHouse([openIdSettings(provider)]);
    const page = await browser.newPage({ baseUrl: house.url });
    const refused: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && refused.push(message.text())));
    const answer = await page.goto('/sign-in');
    expect(answer?.headers()['content-security-policy']).toContain("form-action 'self'");
    await offer(page, 'staff');
    await page.waitForURL(`${provider.issuer}/authorize**`);
    await page.click('#allow button');
    await page.waitForURL('**/federated/new');
    expect(refused).toEqual([]);
  });

  it('signs in through a provider that speaks OAuth 2 alone, by its list of proved addresses', async () => {
    const provider = await startUpstream();
    opened.push(provider);
    provider.state.who = { sub: '583231', preferred_username: 'octo.cat', name: 'Octo Cat' };
    provider.state.emails = [
      { email: 'other@example.com', primary: false, verified: true },
      { email: 'octo@example.com', primary: true, verified: true },
    ];
    const house = await openHouse([gitHubSettings(provider)], {
      upstreamPlaces: { github: provider.places },
    });
    const page = await browser.newPage({ baseUrl: house.url });
    await page.goto('/sign-in');
    await offer(page, 'github');
    await page.waitForURL(`${provider.issuer}/authorize**`);
    await page.click('#allow button');
    await page.waitForURL('**/federated/new');
    expect(await page.inputValue('[name=username]')).toBe('octo.cat');
    await page.click('main form button[type=submit]');
    await page.waitForURL('**/account');
    expect(await house.house.accounts.findByLogin('octo@example.com')).toMatchObject({
      isEmailVerified: true,
    });
  });

  it.each([
    ['by itself', true],
    ['by a button, without scripts', false],
  ])(
    'takes a post from another site and hands it on once, %s (OAuth 2.0 Form Post Response Mode)',
    async (_, javaScript) => {
      const provider = await startUpstream({ appleKey: keys.publicKey });
      opened.push(provider);
      provider.state.answer = { user: JSON.stringify({ name: { firstName: 'Anna', lastName: 'Lind' } }) };
      const house = await openHouse([appleSettings(provider)], {
        upstreamPlaces: { apple: provider.places },
      });
      const page = await browser.newPage({ baseUrl: house.url, javaScript });
      await page.goto('/sign-in');
      await offer(page, 'apple');
      if (!javaScript) await page.waitForURL(`${provider.issuer}/authorize**`);
      await page.waitForURL(`${provider.issuer}/authorize**`);
      const cookies: (string | undefined)[] = [];
      page.on('request', (request) => {
        if (!request.url().startsWith(`${house.url}/federated/apple/`)) return;
        void request.allHeaders().then((headers) => cookies.push(headers['cookie']));
      });
      await page.click('#allow button');
      if (!javaScript) await page.click('main form button[type=submit]');
      await page.waitForURL('**/federated/new');
      // Lax cookies stay away from the post of another site, and come with our own.
      expect(cookies[0]).toBeUndefined();
      expect(cookies[1]).toContain('linchpin-round-trip=');
      await page.click('main form button[type=submit]');
      await page.waitForURL('**/account');
      const account = await house.house.accounts.findByLogin('anna@example.com');
      expect(account).toMatchObject({ displayName: 'Anna Lind', isEmailVerified: true });
    },
  );

  it('brings somebody back who said no there, with every other way to sign in before them', async () => {
    const provider = await startUpstream();
    opened.push(provider);
    const house = await openHouse([openIdSettings(provider)]);
    const page = await browser.newPage({ baseUrl: house.url });
    await page.goto('/sign-in');
    await offer(page, 'staff');
    await page.click('#deny button');
    await page.waitForURL(`${house.url}/federated/staff/callback**`);
    expect(await page.textContent('[role=alert]')).toContain('You were not signed in');
    await page.fill('[name=login]', 'operator');
    await page.fill('[name=password]', 'quartz lantern bicycle 42');
    await page.click('main form[action="/sign-in"] button[type=submit]');
    await page.waitForURL('**/account');
  });
});

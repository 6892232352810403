// Tools that send their person here, by two libraries that nobody here wrote, through a real browser and the headers that production
// has: code, PKCE, refresh, pushed requests, keys, forms, signing out; and the browser’s own rules on where a form may lead.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import type { Page } from 'playwright-core';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';
import { createPerson, type Person } from '../support/person.js';

/** The web page of a tool: it keeps what browsers bring. */
interface ToolSite {
  readonly url: string;
  readonly came: { readonly method: string; readonly url: URL; readonly body: string }[];
  readonly close: () => Promise<void>;
}

async function readAll(req: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of req) body += String(chunk);
  return body;
}

async function openToolSite(): Promise<ToolSite> {
  const came: ToolSite['came'] = [];
  const server: Server = createServer((req, res) => {
    void readAll(req).then((body) => {
      const url = new URL(req.url ?? '/', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      if (url.pathname !== '/favicon.ico') came.push({ method: req.method ?? '', url, body });
      res.writeHead(200, { 'Content-Type': 'text/html' }).end(`<title>Came back</title><p>${url.pathname}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    came,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describeInBrowser('a tool that sends its person here', () => {
  let browser: TestBrowser;
  let test: TestHouse;
  let site: ToolSite;
  let mira: Person;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    // The libraries read the machine's clock.
    test = await startTestHouse({ clock: createTestClock(new Date()) });
    site = await openToolSite();
    mira = createPerson(test, 'mira');
    await mira.moveIn();
    faults = [];
    page = await newPage();
  });
  afterEach(async () => {
    await page.context().close();
    await site.close();
    await test.close();
  });

  async function newPage(javaScript = true): Promise<Page> {
    const opened = await browser.newPage({ baseUrl: test.url, javaScript });
    opened.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    return opened;
  }

  const title = () => page.title();
  const cameBack = (path = '/back') => page.waitForURL((url) => url.href.startsWith(site.url + path));

  /** From the sign-in page or the review, up to the tool’s own page. */
  async function approve(): Promise<void> {
    if (page.url().includes('/sign-in')) await mira.signIn(page);
    await page.waitForURL('**/authorize/review**');
    await page.locator('[name=decision][value=approve]:enabled').waitFor();
    test.clock.advance(2);
    await page.click('[name=decision][value=approve]');
    await cameBack();
  }

  const execute = [openid.allowInsecureRequests];

  it('comes back with a code by a redirect, and signs out again (openid-client)', async () => {
    const redirect_uri = `${site.url}/back`;
    const bye = `${site.url}/bye`;
    const { client, secret = '' } = await test.house.clients.createByOperator({
      ...{ name: 'A dashboard', isConfidential: true },
      ...{ redirectUris: [redirect_uri], postLogoutRedirectUris: [bye] },
    });
    const config = await openid.discovery(new URL(test.url), client.clientId, secret, undefined, { execute });
    const begin = async (more: Record<string, string> = {}) => {
      const verifier = openid.randomPKCECodeVerifier();
      const [state, nonce] = [openid.randomState(), openid.randomNonce()];
      const code_challenge = await openid.calculatePKCECodeChallenge(verifier);
      const asked = { redirect_uri, scope: 'openid profile email', state, nonce, code_challenge };
      const address = openid.buildAuthorizationUrl(config, {
        ...{ ...asked, code_challenge_method: 'S256', ...more },
      });
      await page.goto(address.href);
      return () =>
        openid.authorizationCodeGrant(config, site.came.at(-1)!.url, {
          ...{ pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce },
          idTokenExpected: true,
        });
    };

    const exchange = await begin();
    expect(await title()).toContain('Sign in');
    await approve();
    const tokens = await exchange();
    const claims = tokens.claims()!;
    expect(claims).toMatchObject({ iss: test.url, acr: 'aal2' });
    const person = await openid.fetchUserInfo(config, tokens.access_token, claims.sub);
    expect(person).toMatchObject({ preferred_username: 'mira', email: 'mira@example.com' });
    const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token!);
    expect(refreshed.access_token).not.toBe(tokens.access_token);

    // Again: it is remembered, and nothing is asked.
    const again = await begin();
    await cameBack();
    expect((await again()).claims()?.sub).toBe(claims.sub);
    const silent = await begin({ prompt: 'none' });
    await cameBack();
    expect((await silent()).claims()?.sub).toBe(claims.sub);

    // Of a sign-in of now, in the same browser.
    const anew = await begin({ prompt: 'login' });
    expect(await title()).toContain('Sign in');
    await mira.signIn(page);
    await cameBack();
    expect((await anew()).claims()!.auth_time).toBeGreaterThan(claims.auth_time!);

    const end = openid.buildEndSessionUrl(config, {
      ...{ id_token_hint: tokens.id_token!, post_logout_redirect_uri: bye, state: 'bye' },
    });
    await page.goto(end.href);
    await cameBack('/bye');
    expect(site.came.at(-1)!.url.searchParams.get('state')).toBe('bye');
    await begin({ prompt: 'none' });
    await cameBack();
    expect(site.came.at(-1)!.url.searchParams.get('error')).toBe('login_required');
    await page.goto(`${test.url}/account`);
    expect(await title()).toContain('Sign in');
    expect(faults).toEqual([]);
  }, 60_000);

  it('pushes its request, is bound to its key, and takes its answer as a form (oauth4webapi)', async () => {
    const redirect_uri = `${site.url}/back`;
    const insecure = { [oauth.allowInsecureRequests]: true };
    const issuer = new URL(test.url);
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    const registered = await oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(
        as,
        {
          client_name: 'A weather station',
          redirect_uris: ['http://127.0.0.1/back'],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
          dpop_bound_access_tokens: true,
        },
        insecure,
      ),
    );
    const client: oauth.Client = { client_id: registered.client_id };
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
    const bound = { ...insecure, DPoP };
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const parameters = {
      ...{
        redirect_uri,
        response_type: 'code',
        response_mode: 'form_post',
        scope: 'openid profile',
        state,
        nonce,
      },
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    };
    /** A library does as the standard has it: once more with the nonce that it was given (RFC 9449 §8). */
    const twice = async <T>(send: () => Promise<T>): Promise<T> => {
      try {
        return await send();
      } catch (error) {
        if (oauth.isDPoPNonceError(error)) return send();
        throw error;
      }
    };
    const pushed = await twice(async () =>
      oauth.processPushedAuthorizationResponse(
        as,
        client,
        await oauth.pushedAuthorizationRequest(as, client, oauth.None(), parameters, bound),
      ),
    );
    const address = new URL(as.authorization_endpoint!);
    address.searchParams.set('client_id', client.client_id);
    address.searchParams.set('request_uri', pushed.request_uri);
    await page.goto(address.href);
    await approve();
    const { method, body } = site.came.at(-1)!;
    expect(method).toBe('POST');
    const answer = oauth.validateAuthResponse(as, client, new URLSearchParams(body), state);
    const tokens = await twice(async () =>
      oauth.processAuthorizationCodeResponse(
        as,
        client,
        await oauth.authorizationCodeGrantRequest(
          ...[as, client, oauth.None(), answer, redirect_uri, verifier, bound],
        ),
        { expectedNonce: nonce, requireIdToken: true },
      ),
    );
    expect(tokens.token_type).toBe('dpop');
    const sub = oauth.getValidatedIdTokenClaims(tokens)!.sub;
    const person = await twice(async () =>
      oauth.processUserInfoResponse(
        as,
        client,
        sub,
        await oauth.userInfoRequest(as, client, tokens.access_token, bound),
      ),
    );
    expect(person).toMatchObject({ preferred_username: 'mira' });
    const refreshed = await twice(async () =>
      oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token!, bound),
      ),
    );
    expect(refreshed.token_type).toBe('dpop');
    // Without its key, the token is nothing.
    const bare = await fetch(`${test.url}/oauth/userinfo`, {
      headers: { Authorization: `Bearer ${tokens.access_token}` },
    });
    expect(bare.status).toBe(401);
    expect(faults).toEqual([]);
  }, 60_000);

  it('is declined, and told so (openid-client)', async () => {
    const redirect_uri = `${site.url}/back`;
    const config = await openid.dynamicClientRegistration(
      new URL(test.url),
      {
        client_name: 'A stranger',
        redirect_uris: ['http://127.0.0.1/back'],
        grant_types: ['authorization_code'],
      },
      openid.None(),
      { execute },
    );
    const verifier = openid.randomPKCECodeVerifier();
    const code_challenge = await openid.calculatePKCECodeChallenge(verifier);
    const asked = { redirect_uri, scope: 'openid', code_challenge, code_challenge_method: 'S256' };
    await page.goto(openid.buildAuthorizationUrl(config, asked).href);
    await mira.signIn(page);
    await page.locator('[name=decision][value=decline]').waitFor();
    expect(await page.locator('main').innerText()).toContain('Any program on your device could be asking');
    test.clock.advance(2);
    await page.click('[name=decision][value=decline]');
    await cameBack();
    await expect(
      openid.authorizationCodeGrant(config, site.came.at(-1)!.url, { pkceCodeVerifier: verifier }),
    ).rejects.toMatchObject({ error: 'access_denied' });
    expect(faults).toEqual([]);
  }, 60_000);

  it.each(['query', 'form_post'])(
    'is gone back to without scripts too, by a page with a link or a button: %s',
    async (response_mode) => {
      await page.context().close();
      page = await newPage(false);
      const { client } = await test.house.clients.createByOperator({
        ...{ name: 'A dashboard', isConfidential: false, redirectUris: [`${site.url}/back`] },
      });
      const code_challenge = await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier());
      const query = new URLSearchParams({
        ...{
          client_id: client.clientId,
          response_type: 'code',
          redirect_uri: `${site.url}/back`,
          response_mode,
        },
        ...{ scope: 'openid', code_challenge, code_challenge_method: 'S256', state: 's' },
      });
      await page.goto(`/oauth/authorize?${query.toString()}`);
      await mira.signIn(page);
      await page.waitForURL('**/authorize/review**');
      test.clock.advance(2);
      await page.click('[name=decision][value=approve]');
      if (response_mode === 'form_post') {
        await page.getByRole('button', { name: 'Go on' }).click();
      }
      await cameBack();
      const { url, body } = site.came.at(-1)!;
      const answer = response_mode === 'query' ? url.searchParams : new URLSearchParams(body);
      expect([...answer.keys()].sort()).toEqual(['code', 'iss', 'state']);
    },
    60_000,
  );
});

// The main job, end to end, with nobody's help: a real OAuth client finds the server, registers and starts a link; a person in
// a real browser signs up, turns two-factor on, signs in again and approves; the client gets a token, verifies, refreshes
// and revokes it, and a service asks about it before and after.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'openid-client';
import type { Page } from 'playwright-core';
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { describeInBrowser, openBrowser, screenshot, type TestBrowser } from '../support/chromium.js';
import { createTestClock } from '../support/clock.js';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const PASSWORD = 'cobalt heron under the bridge';
const insecure = { execute: [oauth.allowInsecureRequests] };

describeInBrowser('a tool, a person and a service', () => {
  let test: TestHouse;
  let browser: TestBrowser;
  beforeAll(async () => {
    // Real clients look at the real time; from there on, this test moves the clock of the house.
    test = await startTestHouse({ clock: createTestClock(new Date()) });
    await test.newAccount('operator');
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  async function signUp(page: Page): Promise<void> {
    await page.getByRole('link', { name: 'Sign up' }).first().click();
    await page.fill('[name=email]', 'maria@example.com');
    await page.fill('[name=username]', 'maria');
    await page.fill('[name=new_password]', PASSWORD);
    await page.locator('form:has([name=email]) [type=submit]').click();
  }

  async function signIn(page: Page): Promise<void> {
    await page.fill('[name=login]', 'maria');
    await page.fill('[name=password]', PASSWORD);
    await page.locator('form:has([name=password]) [type=submit]').click();
  }

  /** The Enable dialog, step by step; resolves to the shared secret and the recovery codes. */
  async function enableTwoFactor(page: Page): Promise<{ secret: string; recoveryCodes: string[] }> {
    await page.goto('/account/security');
    await page
      .getByRole('link', { name: /^enable/i })
      .or(page.getByRole('button', { name: /^enable/i }))
      .first()
      .click();
    await page.locator('[name=password]:visible').fill(PASSWORD);
    await page.locator('form:has([name=password]:visible) [type=submit]').click();
    const shown = await page.locator('[data-secret]').innerText();
    const secret = shown.replace(/\s/g, '');
    await screenshot(page, 'main-job-qr');
    await page.locator('[name=code]:visible').fill(await totpCode(secret, test.clock.now()));
    await page.locator('form:has([name=code]:visible) [type=submit]').click();
    await page.locator('[data-recovery-code]').first().waitFor();
    const recoveryCodes = await page.locator('[data-recovery-code]').allInnerTexts();
    await screenshot(page, 'main-job-codes');
    await page.getByRole('button', { name: /stored/i }).click();
    await page.waitForURL(/\/link/);
    return { secret, recoveryCodes };
  }

  it('link, approve, use, refresh, revoke (RFC 8628, 6749, 7591, 7662, 7009, 9068)', async () => {
    const config = await oauth.dynamicClientRegistration(
      new URL(test.url),
      {
        client_name: 'A weather station',
        grant_types: [DEVICE_CODE, 'refresh_token'],
        response_types: [],
        redirect_uris: [],
      },
      oauth.None(),
      insecure,
    );
    const started = await oauth.initiateDeviceAuthorization(config, { scope: 'openid profile email' });
    expect(started.user_code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);

    const page = await browser.newPage({ baseUrl: test.url });
    await page.goto(started.verification_uri_complete!);
    await signUp(page);
    await signIn(page);
    const { secret, recoveryCodes } = await enableTwoFactor(page);
    expect(recoveryCodes).toHaveLength(10);

    await page.goto('/account');
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.waitForURL((url) => url.pathname !== '/account');
    test.clock.advance(31);
    await page.goto(started.verification_uri);
    await signIn(page);
    await page.fill('[name=code]', await totpCode(secret, test.clock.now()));
    await page.locator('form:has([name=code]) [type=submit]').click();
    await page.fill('[name=user_code]', started.user_code.toLowerCase());
    await page.locator('form:has([name=user_code]) [type=submit]').click();
    await page.locator('[name=decision][value=approve]').waitFor();
    expect(await page.locator('main').innerText()).toContain('A weather station');
    await screenshot(page, 'main-job-review');
    test.clock.advance(2);
    await page.locator('[name=decision][value=approve]:enabled').click();
    await page.waitForURL(/\/link\/done/);

    const tokens = await oauth.pollDeviceAuthorizationGrant(config, { ...started, interval: 1 });
    const jwks = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri!));
    const verified = await jwtVerify(tokens.access_token, jwks, {
      issuer: test.url,
      audience: test.url,
      typ: 'at+jwt',
    });
    const claims = tokens.claims()!;
    expect(verified.payload).toMatchObject({
      sub: claims.sub,
      client_id: config.clientMetadata().client_id,
      scope: 'openid profile email',
      amr: ['pwd', 'otp', 'mfa'],
      acr: 'aal2',
    });
    const person = await oauth.fetchUserInfo(config, tokens.access_token, claims.sub);
    expect(person).toMatchObject({ preferred_username: 'maria', email: 'maria@example.com' });

    const made = await test.house.clients.createByOperator({
      name: 'A weather service',
      isConfidential: true,
    });
    const service = await oauth.discovery(
      new URL(test.url),
      made.client.clientId,
      made.secret,
      undefined,
      insecure,
    );
    const ask = (token: string) => oauth.tokenIntrospection(service, token);
    expect(await ask(tokens.access_token)).toMatchObject({ active: true, sub: claims.sub });

    const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token!);
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect(await ask(refreshed.access_token)).toMatchObject({ active: true });

    await oauth.tokenRevocation(config, refreshed.refresh_token!);
    expect(await ask(refreshed.access_token)).toEqual({ active: false });
    expect(await ask(tokens.access_token)).toEqual({ active: false });
    await expect(oauth.refreshTokenGrant(config, refreshed.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await page.goto('/account/tools');
    expect(await page.locator('main').innerText()).not.toContain('A weather station');
  }, 60_000);
});

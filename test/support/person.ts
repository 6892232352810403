// A person in front of a real browser, for stories: signs up, turns two-factor on, signs in with password and code, and
// approves what a tool asks. The clock of the house is moved where a person would have waited.
import type { Page } from 'playwright-core';
import { totpCode } from '../../src/crypto/totp.js';
import type { TestHouse } from './app.js';

/** With letters beyond ASCII and a colon, which clients and Basic credentials handle in ways of their own. */
const PASSWORD = 'cobalt heron: under the brücke';

export type Person = ReturnType<typeof createPerson>;

export function createPerson(test: Pick<TestHouse, 'clock' | 'house' | 'newAccount'>, name: string) {
  const { clock } = test;
  let secret: string | undefined;

  const submit = (page: Page, field: string) =>
    page.locator(`main form:has([name=${field}]) [type=submit]:visible`).first().click();

  /** The next code of the authenticator, which no door has taken yet (RFC 6238 §5.2). */
  async function nextCode(): Promise<string> {
    if (secret === undefined) throw new Error(`${name} has no authenticator`);
    clock.advance(31);
    return totpCode(secret, clock.now());
  }

  /** From the sign-in page on, which any page leads to; with the second factor where there is one. */
  async function signIn(page: Page): Promise<void> {
    await page.fill('[name=login]', name);
    await page.fill('[name=password]', PASSWORD);
    await submit(page, 'password');
    if (secret === undefined) return;
    await page.fill('[name=code]', await nextCode());
    await submit(page, 'code');
  }

  async function enter(page: Page): Promise<void> {
    // Loaded: until its script has run, the page of the popup shows another form.
    await page.waitForURL(/\/(auth|link)\b/);
    await page.locator('main form[action="/link"] [type=submit]:visible').first().click();
  }

  async function decide(page: Page, decision: 'approve' | 'decline'): Promise<string> {
    const button = page.locator(`[name=decision][value=${decision}]`);
    const box = page.locator('main form[action="/link"]:visible');
    await button.or(box).first().waitFor();
    if (await box.isVisible()) await enter(page);
    await button.waitFor();
    const review = await page.locator('main').innerText();
    await page.locator('[name=decision][value=approve]:enabled').waitFor();
    clock.advance(2);
    await button.click();
    return review;
  }

  return {
    name,
    password: PASSWORD,
    email: `${name}@example.com`,
    nextCode,
    signIn,
    /** Goes on from a page with a code, or from where a tool's address led; signed out, that is to signing in. */
    enter,

    /** Has an account with an authenticator from here on, as the operator's commands make them. */
    async moveIn(): Promise<void> {
      const { accountId } = await test.newAccount(name, PASSWORD);
      const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'moving-in' };
      secret = (await test.house.proofs.addAuthenticator(accountId, name, origin)).secret;
    },

    /** From the sign-in page on: an account, and signed in to it. */
    async signUp(page: Page): Promise<void> {
      await page.locator('main a[href^="/sign-up"]').first().click();
      await page.fill('[name=email]', `${name}@example.com`);
      await page.fill('[name=username]', name);
      await page.fill('[name=new_password]', PASSWORD);
      await submit(page, 'email');
      await page.waitForURL('**/sign-in**');
      await signIn(page);
    },

    /** Turns two-factor on; the pages lead back to the link that is under way. */
    async enableTwoFactor(page: Page): Promise<void> {
      await page.goto('/account/security/two-factor');
      await page.fill('[name=password]', PASSWORD);
      await submit(page, 'password');
      secret = (await page.locator('[data-secret]').getAttribute('data-secret'))!;
      await page.fill('[name=code]', await totpCode(secret, clock.now()));
      await submit(page, 'code');
      await page.getByRole('button', { name: /stored/i }).click();
    },

    /** From the box with the code, or the review, up to Approve. Resolves to what the review says. */
    approve: (page: Page) => decide(page, 'approve'),
    /** The same, up to Decline. */
    decline: (page: Page) => decide(page, 'decline'),
  };
}

// A walk through the pages of passkeys, in a real browser and every look (test/support/page-walk.ts).
import { describePages, look, LOOKS, PASSWORD, submit } from '../support/page-walk.js';
import { addVirtualAuthenticator } from '../support/virtual-authenticator.js';

describePages((openHouse) => {
  describe.each(LOOKS)('in $name', (given) => {
    it('of passkeys is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      const { accountId } = await house.newAccount('mira');
      const page = await house.open(given);
      await page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
      });
      await page.goto('/sign-in');
      await page.locator('[data-passkey-use]:visible').waitFor();
      await look(page, given, '60-sign-in-passkey');
      await house.signIn(page, 'mira');
      await page.goto('/account/security/passkeys');
      await look(page, given, '61-passkeys-none');
      await page.goto('/account/security/passkeys/new');
      await look(page, given, '62-passkey-new');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      // There is no authenticator yet: the browser has nothing to ask.
      await page.locator('[data-passkey-use]:visible').waitFor();
      await look(page, given, '63-passkey-make');
      await addVirtualAuthenticator(page, { isVerifying: false });
      await page.click('[data-passkey-use]');
      await page.locator('[data-recovery-code]').first().waitFor();
      const [recoveryCode] = await page.locator('[data-recovery-code]').allTextContents();
      await look(page, given, '64-passkey-codes');
      await submit(page);
      await page.waitForURL('**/account/security?notice=passkey-added');
      await look(page, given, '65-security-passkeys');
      await page.goto('/account/security/passkeys');
      const [passkey] = await house.house.stores.passkeys.findByAccount(accountId);
      await look(page, given, '66-passkeys');
      await page.click('a[href*="/passkeys/rename"]');
      await look(page, given, '67-passkey-rename');
      await page.goto(`/account/security/passkeys/remove?passkey_id=${passkey!.passkeyId}`);
      await page.locator('[data-passkey-use]:visible').waitFor();
      await look(page, given, '68-passkey-remove');
      await page.click('[data-passkey-use]');
      await page.locator('[data-summary]').waitFor();
      await look(page, given, '69-passkey-unverified');
      house.clock.advance(601);
      await page.goto('/step-up?next=household');
      await page.locator('[data-passkey-use]:visible').waitFor();
      await look(page, given, '70-step-up-passkey');
      await house.house.inTransaction(({ passkeys }) => passkeys.stop(passkey!.passkeyId, house.clock.now()));
      await page.click('[data-passkey-use]');
      await page.locator('[data-summary]').waitFor();
      await look(page, given, '71-step-up-stopped');
      await page.goto('/account/security/passkeys');
      await look(page, given, '72-passkeys-stopped');
      await page.goto('/account');
      await page.locator('form[action="/sign-out"] button').click();
      await house.signIn(page, 'mira');
      await page.locator('[data-passkey-use]:visible').waitFor();
      await look(page, given, '73-code-passkey');
      await page.click('a[href^="/sign-in/recovery"]');
      await page.fill('[name=recovery_code]', recoveryCode!);
      await submit(page);
      await page.waitForURL('**/sign-in/recovered**');
      await look(page, given, '74-recovered-passkey');
      await page.goto('/help/two-factor#passkeys');
      await look(page, given, '75-help-passkeys');
    }, 90_000);

    it('of passkeys says what it takes where there are no scripts', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      const page = await house.open({ ...given, javaScript: false });
      await page.goto('/sign-in');
      expect(await page.locator('[data-passkey-use]:visible').count()).toBe(0);
      await house.signIn(page, 'mira');
      await page.goto('/account/security/passkeys/new');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      expect(await page.locator('noscript .hint, main .hint').count()).toBeGreaterThan(0);
    }, 60_000);
  });
});

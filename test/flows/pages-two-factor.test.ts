// A walk through the pages of two-factor, in a real browser and every look (test/support/page-walk.ts).
import { totpCode } from '../../src/crypto/totp.js';
import { describePages, look, LOOKS, PASSWORD, submit, TV } from '../support/page-walk.js';

describePages((openHouse) => {
  describe.each(LOOKS)('in $name', (given) => {
    it('of two-factor is clean, and the dialog does what the pages do (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      const page = await house.open(given);
      await house.signIn(page, 'mira');
      await page.goto('/account/security');
      await look(page, given, '30-security');
      await page.click('[data-dialog]');
      await page.waitForSelector('dialog[open] [name=password]');
      await look(page, given, '31-two-factor-password');
      await page.fill('dialog [name=password]', PASSWORD);
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-secret]');
      await look(page, given, '32-two-factor-code');
      const secret = (await page.getAttribute('[data-secret]', 'data-secret'))!;
      expect(await page.textContent('[data-secret]')).toBe(secret);
      await page.fill('dialog [name=code]', '000000');
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-summary]');
      await look(page, given, '33-two-factor-fault');
      await page.fill('dialog [name=code]', await totpCode(secret, house.clock.now()));
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForSelector('dialog [data-recovery-code]');
      await look(page, given, '34-two-factor-codes');
      const [recoveryCode] = await page.locator('[data-recovery-code]').allTextContents();
      expect(
        await page.locator('[data-copy]:visible, [data-print]:visible, a[download]:visible').count(),
      ).toBe(3);
      await page.click('dialog [data-step] [type=submit]');
      await page.waitForURL('**/account/security?notice=two-factor-on');
      await look(page, given, '35-security-on');
      await page.goto('/account');
      await page.locator('form[action="/sign-out"] button').click();
      await house.signIn(page, 'mira');
      await look(page, given, '36-code');
      await page.click('a[href^="/sign-in/recovery"]');
      await look(page, given, '37-recovery');
      await page.fill('[name=recovery_code]', recoveryCode!);
      await submit(page);
      await look(page, given, '38-recovered');
    }, 60_000);

    it('of two-factor once it is on is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      const { accountId } = await house.newAccount('mira');
      const { proofs } = house.house;
      const { secret, recoveryCodes } = await proofs.addAuthenticator(accountId, 'mira', TV);
      const nextCode = async (of = secret) => {
        house.clock.advance(31);
        return totpCode(of, house.clock.now());
      };
      for (const used of recoveryCodes.slice(0, 7)) await proofs.useRecoveryCode(accountId, used, TV);
      const page = await house.open(given);
      await house.signIn(page, 'mira');
      await page.fill('[name=code]', await nextCode());
      await submit(page);
      await page.waitForURL('**/sign-in/few-codes**');
      await look(page, given, '50-few-codes');
      await page.goto('/account/security');
      await look(page, given, '51-security-few-codes');
      await page.click('a[href="/account/security/two-factor/off"]');
      await look(page, given, '52-two-factor-off');
      await page.click('a[href$="with=recovery"]');
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=recovery_code]', '0000-0000-0000-0000');
      await submit(page);
      await look(page, given, '53-two-factor-off-fault');
      await page.goto('/account/security/two-factor/replace');
      await look(page, given, '54-replace');
      await page.fill('[name=password]', PASSWORD);
      await page.fill('[name=code]', await nextCode());
      await submit(page);
      await page.waitForSelector('[data-secret]');
      await look(page, given, '55-replace-code');
      const added = (await page.getAttribute('[data-secret]', 'data-secret'))!;
      const other = await house.open(given);
      await house.signIn(other, 'mira');
      await other.fill('[name=code]', await nextCode());
      await submit(other);
      await other.waitForURL('**/sign-in/few-codes**');
      await page.fill('[name=code]', await nextCode(added));
      await submit(page);
      await page.waitForSelector('[data-recovery-code]');
      await look(page, given, '56-replaced');
      await page.goto('/account/security/recovery-codes');
      await look(page, given, '57-recovery-codes');
      await page.goto('/account/security/recovery-codes?set=gone');
      await look(page, given, '58-recovery-codes-overtaken');
    }, 60_000);
  });
});

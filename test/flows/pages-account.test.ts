// A walk through the pages of an account and its tools, in a real browser and every look (test/support/page-walk.ts).
import { describePages, LONG_NAME, look, LOOKS } from '../support/page-walk.js';

describePages((openHouse) => {
  describe.each(LOOKS)('in $name', (given) => {
    it('of the account is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      const page = await house.open(given);
      await house.signIn(page, 'mira');
      await look(page, given, '20-account');
      await page.goto('/account/tools');
      await look(page, given, '21-no-tools');
      await house.approve(page);
      await house.approve(page, LONG_NAME);
      await page.goto('/account/tools');
      await page.locator('summary').first().click();
      await look(page, given, '22-tools');
      await page.locator('a[href*="unlink?"]').first().click();
      await look(page, given, '23-unlink');
      await page.goto('/account/tools/unlink-all');
      await look(page, given, '24-unlink-all');
      await page.goto('/help/two-factor');
      await look(page, given, '25-help');
      await page.goto('/no/such/page');
      await look(page, given, '26-not-found');
      await page.goto('/demo');
      await look(page, given, '27-demo');
    }, 60_000);
  });
});

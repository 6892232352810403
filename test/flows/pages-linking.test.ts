// A walk through the pages on which a person lets a tool in, by its code, in a real browser and every look
// (test/support/page-walk.ts).
import { describePages, LONG_NAME, look, LOOKS, PASSWORD, submit } from '../support/page-walk.js';

describePages((openHouse) => {
  describe.each(LOOKS)('in $name', (given) => {
    it('of linking is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      const page = await house.open(given);
      const { userCode } = await house.startLink();
      await page.goto(`/link?user_code=${userCode}`);
      await look(page, given, '10-sign-in-to-link');
      await page.fill('[name=login]', 'mira');
      await page.fill('[name=password]', 'wrong');
      await submit(page);
      await look(page, given, '11-sign-in-fault');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link');
      await look(page, given, '12-link-filled');
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '13-review');
      house.clock.advance(601);
      await page.goto('/link/review');
      await look(page, given, '14-code-over');
      await page.fill('[name=user_code]', 'BCDFGHJK');
      await submit(page);
      await look(page, given, '15-code-not-found');
      const second = await house.startLink(LONG_NAME);
      await page.goto(`/link?user_code=${second.userCode}`);
      await submit(page);
      await page.waitForURL('**/step-up**');
      await look(page, given, '16-step-up');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link/review');
      house.clock.advance(2);
      await page.click('[value=decline]');
      await page.waitForURL('**/link/done**');
      await look(page, given, '17-declined');
      await house.approve(page);
      await look(page, given, '18-done');
    }, 60_000);
  });
});

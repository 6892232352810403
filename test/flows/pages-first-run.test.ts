// A walk through the pages of the first run and of signing up, in a real browser and every look (test/support/page-walk.ts).
import { describePages, look, LOOKS, PASSWORD, submit } from '../support/page-walk.js';

describePages((openHouse) => {
  describe.each(LOOKS)('in $name', (given) => {
    it('of the first run and of signing up is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse({ emailVerification: 'required' });
      const page = await house.open(given);
      await page.goto('/');
      await look(page, given, '01-not-ready');
      await page.goto(`/first-run?token=${await house.house.accounts.firstRunToken()}`);
      await look(page, given, '02-first-run');
      await page.fill('[name=email]', 'ops@example.com');
      await page.fill('[name=username]', 'ops');
      await page.fill('[name=new_password]', PASSWORD);
      await submit(page);
      await page.context().clearCookies();
      await page.goto('/');
      await look(page, given, '03-home');
      const { userCode } = await house.startLink();
      await page.goto(`/sign-up?user_code=${userCode}`);
      await look(page, given, '04-sign-up');
      await page.fill('[name=email]', 'mira@example.com');
      await page.fill('[name=username]', 'mira');
      await page.fill('[name=new_password]', 'too short');
      await submit(page);
      await look(page, given, '05-sign-up-fault');
      expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-summary'))).toBe(true);
      await page.fill('[name=new_password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/verify-email**');
      await look(page, given, '06-check-mail');
      await house.sendMail();
      const mail = house.mails.find(({ recipient }) => recipient === 'mira@example.com');
      await page.goto((mail!.details as { address: string }).address);
      await look(page, given, '07-verify');
      await submit(page);
      await look(page, given, '08-sign-in');
    }, 60_000);
  });
});

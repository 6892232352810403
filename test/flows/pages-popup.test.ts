// A walk through the pages to which a tool of the PIN door leads, in a real browser and every look
// (test/support/page-walk.ts).
import { describePages, look, LOOKS, PASSWORD, submit, TV } from '../support/page-walk.js';

describePages((openHouse) => {
  it('shows the whole of the host that a person is sent back to, however it was made (RFC 9700 §4.11)', async () => {
    const house = await openHouse();
    await house.newAccount('mira');
    const page = await house.open({ colorScheme: 'light', width: 320, height: 640, locale: 'en-GB' });
    await page.route('https://*/**', (route) => route.fulfill({ status: 204 }));
    const { userCode } = await house.startNumberedLink();
    const host = `accounts.bank.example.${'a'.repeat(60)}.${'b'.repeat(60)}.films.example`;
    await page.goto(`/auth#!?code=${userCode}&forwardUrl=${encodeURIComponent(`https://${host}/`)}`);
    await submit(page);
    await page.fill('[name=login]', 'mira');
    await page.fill('[name=password]', PASSWORD);
    await submit(page);
    await page.waitForURL('**/link/review');
    const isWhole = (selector: string) =>
      page.locator(selector, { hasText: host }).evaluate((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left >= 0 && right <= window.innerWidth && element.scrollWidth <= element.clientWidth;
      });
    expect(await isWhole('dd')).toBe(true);
    await page.locator('[value=approve]:enabled').waitFor();
    house.clock.advance(2);
    await page.click('[value=approve]');
    await page.waitForURL('**/link/done**', { waitUntil: 'commit' });
    await page.locator('[data-forward]').waitFor();
    expect(await isWhole('[data-forward]')).toBe(true);
  }, 60_000);

  describe.each(LOOKS)('in $name', (given) => {
    it('of the PIN door is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      const page = await house.open(given);
      // Whoever is sent back stays where they are, so that the page can be looked at.
      await page.route('https://films.example/**', (route) => route.fulfill({ status: 204 }));
      const enter = async (fragment: string) => {
        await page.goto('about:blank');
        await page.goto(`/auth#!?${fragment}`);
      };
      await enter('clientID=abc');
      await look(page, given, '40-auth-no-code');
      const first = await house.startNumberedLink();
      await enter(`code=${first.userCode}&forwardUrl=${encodeURIComponent('https://films.example/back')}`);
      await look(page, given, '41-auth');
      await submit(page);
      await page.waitForURL('**/sign-in**');
      await look(page, given, '42-auth-sign-in');
      await page.fill('[name=login]', 'mira');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '43-review-by-address');
      house.clock.advance(2);
      await page.click('[value=approve]');
      await page.waitForURL('**/link/done**', { waitUntil: 'commit' });
      await page.locator('[data-forward]').waitFor();
      await look(page, given, '44-done-with-way-back');
      await first.poll();
      const second = await house.startNumberedLink(TV);
      await page.goto(`/link?pin=${second.userCode}`);
      await look(page, given, '45-long-code');
      await enter(`code=${second.userCode}&forwardUrl=http://films.example/`);
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '46-review-with-warning');
      house.clock.advance(2);
      await page.click('[value=decline]');
      await page.waitForURL('**/link/done**');
      await look(page, given, '47-declined-by-address');
      await page.goto('/account/tools');
      await look(page, given, '48-tools-of-both-doors');
    }, 60_000);
  });
});

// A household in a real browser and every look (test/support/page-walk.ts): from the first member to a forgotten PIN, and two
// who live together. axe finds nothing on the way, and nothing is wider than a narrow phone.
import type { Page } from 'playwright-core';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/chromium.js';
import { newOrigin, PASSWORD, type TestPerson } from '../support/credentials.js';
import { openHouseholdHouse, type HouseholdHouse } from '../support/household.js';
import { look as lookAt, LOOKS, submit } from '../support/page-walk.js';

const [PIN, OWN_PIN, NEW_PIN] = ['4915', '5093', '7306'];
/** Each story looks at a dozen pages, and every look takes a second or more. */
const STORY_MS = 90_000;

describeInBrowser('a household', () => {
  let browser: TestBrowser;
  let test: HouseholdHouse;

  beforeAll(async () => {
    browser = await openBrowser();
    test = await openHouseholdHouse();
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });

  const press = (page: Page, field: string) => page.locator(`[name=${field}]`).press('Enter');
  const faultOf = (page: Page) => page.locator('[data-summary]').innerText();
  const who = (page: Page) => page.locator('.bar nav').innerText();

  async function signIn(page: Page, person: TestPerson): Promise<void> {
    await page.goto('/sign-in');
    await page.fill('[name=login]', person.username);
    await page.fill('[name=password]', PASSWORD);
    await press(page, 'password');
    await page.waitForURL('**/sign-in/code');
    await page.fill('[name=code]', await test.freshCode(person));
    await press(page, 'code');
    await page.waitForURL('**/account');
  }

  /** With the keys beside the field, as fingers do. */
  async function tapPin(page: Page, pin: string): Promise<void> {
    for (const digit of pin) await page.click(`[data-digit="${digit}"]`);
    await page.click('[data-pin-form] [type=submit]');
  }

  it.each(LOOKS)(
    'from the first member to a forgotten PIN: $name',
    async (given) => {
      const look = (at: Page, what: string) => lookAt(at, given, `household-${what}`);
      const owner = await test.newPerson({ isCareful: true });
      const page = await browser.newPage({ ...given, baseUrl: test.url });
      await signIn(page, owner);
      await page.click('a[href="/account/household"]');
      await look(page, '01-nobody-else');

      // The proof has become old: it is asked for, and leads back.
      test.clock.advance(700);
      await page.click('a[href="/account/household/new"]');
      await page.waitForURL('**/step-up?next=new-member');
      await page.fill('[name=code]', await test.freshCode(owner));
      await press(page, 'code');
      await page.waitForURL('**/account/household/new');
      await look(page, '02-new-member');
      await page.fill('[name=name]', 'Mia');
      await page.check('[name=picture][value=fox]');
      await page.check('[name=colour][value=orange]');
      await page.selectOption('[name=restriction]', 'older-kid');
      await press(page, 'name');
      await page.waitForURL('**/account/household/member?*');
      expect(await page.locator('h1').innerText()).toBe('Mia');
      for (const [pin, what] of [
        ['491', '03-three-digits'],
        ['1234', '04-too-easy'],
      ] as const) {
        await page.fill('[name=new_pin]', pin);
        await press(page, 'new_pin');
        await page.waitForSelector('[data-summary]');
        await look(page, what);
        expect(await page.inputValue('[name=new_pin]')).toBe('');
      }
      await page.fill('[name=new_pin]', PIN);
      await press(page, 'new_pin');
      await page.waitForURL('**notice=pin-set');
      const memberPage = page.url();
      await look(page, '05-member');

      await page.goto('/account/household/pin');
      await look(page, '06-no-pin-of-their-own');
      await page.fill('[name=new_pin]', OWN_PIN);
      await press(page, 'new_pin');
      await page.waitForURL('**notice=own-pin-set');
      await page.goto('/account/household/pin');
      await look(page, '07-edit-pin');
      await page.goto('/account/household');
      await page.click('#guest [type=submit]');
      await page.waitForURL('**notice=guest-on');
      await page.click('a[href="/account/household/invite"]');
      await look(page, '08-invite');
      await page.fill('[name=email]', `somebody.with.a.long.name@${given.name}.example`);
      await press(page, 'email');
      await page.waitForURL('**notice=invited');
      await look(page, '09-household');

      await page.goto('/household/switch');
      await look(page, '10-who-is-it');
      await page.click('[data-choice=managed] a');
      await page.locator('[data-pin-pad]').waitFor();
      await look(page, '11-pin');
      await tapPin(page, '1357');
      await page.waitForSelector('[data-summary]');
      await look(page, '12-wrong-pin');
      expect(await page.inputValue('[name=pin]')).toBe('');
      await tapPin(page, PIN);
      await page.waitForURL('**/household');
      expect(await who(page)).toBe('Mia');
      await look(page, '13-switched');

      // Such a browser changes nothing: it is asked to sign in.
      for (const path of [
        '/account',
        '/account/household',
        '/account/security',
        '/link/review',
        '/pin-reset',
      ]) {
        await page.goto(path);
        expect(new URL(page.url()).pathname).toBe('/sign-in');
      }
      await page.goto('/');
      expect(new URL(page.url()).pathname).toBe('/household');
      await page.click('a[href="/household/switch"]');
      await page.locator('[data-choice=guest] button').press('Enter');
      await page.waitForURL('**/household');
      await page.goto('/household/switch');
      await page.locator('[data-choice=owner] a').press('Enter');
      await page.fill('[name=pin]', OWN_PIN);
      await press(page, 'pin');
      await page.waitForURL('**/household');
      expect(await who(page)).toBe(owner.displayName);
      await page.goto('/account');
      expect(new URL(page.url()).pathname).toBe('/sign-in');

      await signIn(page, owner);
      await page.goto(memberPage);
      await page.click('#remove a');
      await look(page, '15-remove');
      await page.click('form.decision [type=submit]');
      await page.waitForURL('**notice=member-removed');
      expect(await page.locator('[data-member=managed]').count()).toBe(0);

      await page.goto('/account/household/pin');
      await page.click('a[href="/pin-reset"]');
      await page.waitForURL('**/pin-reset');
      await look(page, '16-pin-reset');
      await page.fill('[name=new_pin]', NEW_PIN);
      await page.fill('[name=new_pin_again]', NEW_PIN);
      await page.fill('[name=password]', 'not the password');
      await press(page, 'password');
      expect(await faultOf(page)).not.toBe('');
      await page.fill('[name=new_pin]', NEW_PIN);
      await page.fill('[name=new_pin_again]', NEW_PIN);
      await page.fill('[name=password]', PASSWORD);
      await press(page, 'password');
      await page.waitForURL('**notice=own-pin-reset');
      await page.context().close();
    },
    STORY_MS,
  );

  it.each(LOOKS)(
    'of two who live together: $name',
    async (given) => {
      const look = (at: Page, what: string) => lookAt(at, given, `household-${what}`);
      const newPage = () => browser.newPage({ ...given, baseUrl: test.url });
      const [owner, kim] = [await test.newOwner(), await test.newPerson()];
      const mia = await test.addGuarded(owner, PIN, {
        name: 'Mia',
        picture: 'owl',
        restriction: 'little-kid',
      });
      await test.house.householdInvitations.inviteToHousehold(owner.editor, kim.email);
      const token = await test.tokenMailedTo(kim.email, 'household-invitation');

      // Invited by mail, signed in, joined.
      const theirs = await newPage();
      await theirs.goto(`/household/invitation?token=${token}`);
      await theirs.waitForURL('**/sign-in?next=invitation**');
      await theirs.fill('[name=login]', kim.username);
      await theirs.fill('[name=password]', PASSWORD);
      await press(theirs, 'password');
      await theirs.waitForURL('**/household/invitation?*');
      await look(theirs, '20-invitation');
      await theirs.click('[value=accept]');
      await theirs.waitForURL('**notice=household-joined');
      await look(theirs, '21-household-of-another');
      const meant = await test.newPerson();
      await test.house.householdInvitations.inviteToHousehold(owner.editor, meant.email);
      const others = await test.tokenMailedTo(meant.email, 'household-invitation');
      await theirs.goto(`/household/invitation?token=${others}`);
      await look(theirs, '26-invitation-of-another');
      await theirs.goto('/household/switch');
      await look(theirs, '22-who-is-it-without-pins');
      await theirs.goto(`/household/switch?member=${mia.subjectId}`);
      // Tapped and typed: the pad and the keyboard write into one field.
      await theirs.click(`[data-digit="${PIN[0]}"]`);
      await theirs.keyboard.type(PIN[1]!);
      await theirs.click('[data-delete]');
      await theirs.keyboard.type(PIN.slice(1));
      expect(await theirs.locator('[data-pin-typed]').innerText()).toContain('4');
      await theirs.click('[data-pin-form] [type=submit]');
      await theirs.waitForURL('**/household');

      // A tool for Mia, approved by who looks after her.
      const page = await newPage();
      await page.goto('/sign-in');
      await page.fill('[name=login]', owner.person.username);
      await page.fill('[name=password]', PASSWORD);
      await press(page, 'password');
      await page.waitForURL('**/account');
      const { client } = await test.house.clients.createByOperator({ name: 'Tablet', isConfidential: false });
      const asked = { client, scope: 'openid profile email offline_access', origin: newOrigin() };
      const { userCode, deviceCode } = await test.house.linksForTool.startLink(asked);
      await page.goto(`/link?user_code=${userCode}`);
      await submit(page);
      await page.waitForURL('**/link/review');
      await page.check(`[name=for][value="${mia.subjectId}"]`);
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, '23-for-whom');
      test.clock.advance(2);
      await page.click('[value=approve]');
      await page.waitForURL('**/link/done**');
      await test.house.linksForTool.redeemLink({ deviceCode, client, origin: newOrigin() });
      await page.goto('/account/tools');
      await look(page, '24-tool-of-a-member');
      await page.goto(`/household/switch?member=${mia.subjectId}`);
      // The field has the focus by itself, but only once the page was painted.
      await page.locator('[name=pin]:focus').waitFor();
      await page.keyboard.type(PIN);
      await page.keyboard.press('Enter');
      await page.waitForURL('**/household');
      const again = await newPage();
      await again.goto('/sign-in');
      await again.fill('[name=login]', owner.person.username);
      await again.fill('[name=password]', PASSWORD);
      await press(again, 'password');
      await again.waitForURL('**/account');
      await again.goto('/account/sessions');
      await look(again, '25-a-switched-browser');
      for (const each of [theirs, page, again]) await each.context().close();
    },
    STORY_MS,
  );

  it('goes over to a member without scripts too', async () => {
    const owner = await test.newOwner();
    const { subjectId } = await test.addGuarded(owner, PIN, { name: 'Mia' });
    const page = await browser.newPage({ baseUrl: test.url, javaScript: false });
    await page.goto('/sign-in');
    await page.fill('[name=login]', owner.person.username);
    await page.fill('[name=password]', PASSWORD);
    await press(page, 'password');
    await page.goto('/household/switch');
    await page.click(`a[href$="${subjectId}"]`);
    expect(await page.locator('[data-pin-pad]').isVisible()).toBe(false);
    await page.fill('[name=pin]', PIN);
    await press(page, 'pin');
    expect([new URL(page.url()).pathname, await who(page)]).toEqual(['/household', 'Mia']);
    await page.context().close();
  });
});

// A walk through the pages that people see whom a tool has sent here, in a real browser and every look (test/support/page-walk.ts).
import { sha256 } from '../../src/crypto/secrets.js';
import {
  describePages,
  LONG_NAME,
  look,
  LOOKS,
  PASSWORD,
  submit,
  TV,
  type PageHouse,
} from '../support/page-walk.js';

/** Nothing on the machine answers to it: the page that leads there stays. */
const APP = 'example.tool.app:/back';
const WEB = 'https://tool.example/back';

describePages((openHouse) => {
  async function newTool({ house }: PageHouse, name: string, redirectUri: string) {
    const { client } = await house.clients.createByOperator({
      ...{ name, isConfidential: false, redirectUris: [redirectUri], postLogoutRedirectUris: [APP] },
    });
    const address = (more: Record<string, string> = {}): string =>
      `/oauth/authorize?${new URLSearchParams({
        ...{ client_id: client.clientId, response_type: 'code', redirect_uri: redirectUri, state: 's' },
        ...{ code_challenge: sha256('v'.repeat(43)), code_challenge_method: 'S256' },
        ...{ scope: 'openid profile email offline_access', ...more },
      }).toString()}`;
    return { client, address };
  }

  describe.each(LOOKS)('in $name', (given) => {
    it('of being sent here by a tool is clean (WCAG 2.2 AA)', async () => {
      const house = await openHouse();
      await house.newAccount('mira');
      let page = await house.open(given);
      const app = await newTool(house, LONG_NAME, APP);
      const web = await newTool(house, 'A dashboard', WEB);

      await page.goto(app.address({ redirect_uri: 'https://evil.example/' }));
      await look(page, given, '80-authorize-refused');
      await page.goto(app.address({ login_hint: 'mira' }));
      await look(page, given, '81-sign-in-to-go-on');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/authorize/review**');
      await page.locator('[value=approve]:enabled').waitFor();
      await look(page, given, '82-authorize-review');
      house.clock.advance(2);
      await page.click('[value=approve]');
      await page.locator(`a[href^="${APP}"]`).waitFor();
      await look(page, given, '83-going-back');
      const address = (await page.locator(`a[href^="${APP}"]`).getAttribute('href'))!;
      const answer = new URL(address).searchParams;
      await house.house.authorizations.redeemCode({
        ...{ code: answer.get('code')!, client: app.client, redirectUri: APP, verifier: 'v'.repeat(43) },
        origin: TV,
      });

      // The browser asks whether it may open the app, and takes no click before it is answered.
      const asking = page;
      page = await asking.context().newPage();
      await asking.close();
      await page.goto(app.address());
      const review = page.url();
      house.clock.advance(601);
      await page.goto(review);
      await look(page, given, '84-authorize-over');

      // Where the button is to be seen: its script would have pressed it.
      await page.route('**/go-on.js', (route) => route.abort());
      await page.goto(web.address({ response_mode: 'form_post' }));
      await page.waitForURL('**/step-up**');
      await page.fill('[name=password]', PASSWORD);
      await submit(page);
      await page.waitForURL('**/authorize/review**');
      await look(page, given, '85-authorize-review-web');
      house.clock.advance(2);
      await page.click('[value=approve]');
      await page.locator(`form[action="${WEB}"]`).waitFor();
      await look(page, given, '86-going-back-by-form');

      await page.goto('/account/tools');
      await look(page, given, '87-tools-by-redirect');
      await page.goto('/oauth/logout');
      await look(page, given, '88-sign-out');
      await submit(page);
      await page.locator('a[href="/sign-in"]').waitFor();
      await look(page, given, '89-signed-out');
    }, 60_000);
  });
});

// Where tools of the PIN door send people: `/auth`, `/pin` and `/link?pin=` (PIN-API.md 3.6, 3.7). What the script of `/auth`
// reads from its fragment is shown in a browser, in test/flows/popup.test.ts; here it is what the form then says.
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const TOOL = { networkAddress: '198.51.100.9', network: '198.51.100.9', userAgent: 'TV', requestId: 't' };

let house: TestHouse;
let visitor: Visitor;

beforeEach(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  await house.newAccount();
  visitor = createVisitor(house);
});
afterEach(() => house.close());

async function startLink() {
  const { client } = await house.house.clients.createByOperator({ name: 'Player', isConfidential: false });
  const started = await house.house.linksForTool.startLink({ client, scope: 'openid', origin: TOOL });
  return {
    ...started,
    poll: () => house.house.linksForTool.pollLink({ deviceCode: started.deviceCode, client }),
  };
}

/** Sends the form of `/auth` as its script fills it. */
async function enterByAddress(browser: Visitor, code: string, forwardUrl = '') {
  await browser.visit('/auth');
  await browser.submit({ user_code: code, brought: code, forward_url: forwardUrl });
}

const pendingCookie = () => (visitor.headers['set-cookie'] as unknown as string[] | undefined)?.join() ?? '';

describe('the popup entry', () => {
  it.each(['/auth', '/auth/'])('stands at %s, and opens for anyone (PIN-API 3.7)', async (path) => {
    await visitor.visit(path);
    expect({ status: visitor.status, title: visitor.title }).toEqual({
      status: 200,
      title: 'Link a tool · Linchpin',
    });
    expect(visitor.html).toMatch(/<script src="\/static\/[^"]+\/auth\.js">/);
  });

  it('keeps no opener from seeing its window, nor any page behind it (PIN-API 3.7)', async () => {
    const seen: Record<string, string | undefined> = {};
    const note = () => (seen[visitor.path] = visitor.headers['cross-origin-opener-policy']);
    const { userCode } = await startLink();
    await enterByAddress(visitor, userCode);
    note();
    await visitor.submit({ login: 'anna', password: PASSWORD });
    note();
    house.clock.advance(2);
    await visitor.submit({ decision: 'approve' }, '/link/review');
    note();
    await visitor.visit('/auth');
    note();
    expect(seen).toEqual({
      '/sign-in': undefined,
      '/link/review': undefined,
      '/link/done': undefined,
      '/auth': undefined,
    });
  });

  it('has a code box for people without scripts, and says where the code is', async () => {
    await visitor.visit('/auth');
    expect(visitor.html).toMatch(/<noscript>[\s\S]*behind “code=”[\s\S]*<\/noscript>/);
    const { userCode } = await startLink();
    await visitor.signIn('anna');
    await visitor.visit('/auth');
    const [, box] = visitor.forms;
    expect(box?.action).toBe('/link');
    const page = await visitor.agent
      .post('/link')
      .type('form')
      .redirects(0)
      .send({ ...box!.fields, user_code: userCode });
    expect(page.headers.location).toBe('/link/review');
  });

  it('enters nothing and keeps nothing on a visit, whoever is signed in (RFC 8628 §3.3.1)', async () => {
    const { userCode, poll } = await startLink();
    await visitor.signIn('anna');
    for (const path of [
      '/auth',
      `/auth?code=${userCode}`,
      `/auth?user_code=${userCode}&forwardUrl=https://t.example`,
    ]) {
      await visitor.visit(path);
      expect({ path, html: visitor.html.includes(userCode), cookie: pendingCookie() }).toEqual({
        path,
        html: false,
        cookie: '',
      });
    }
    await visitor.visit('/link/review');
    expect(visitor.path).toBe('/link');
    expect(await poll()).toBe('pending');
  });

  it('leads a signed-in person to who is asking, and remembers that an address brought the code', async () => {
    const { userCode } = await startLink();
    await visitor.signIn('anna');
    await enterByAddress(visitor, userCode);
    expect(visitor.path).toBe('/link/review');
    expect(visitor.text).toContain('Player');
  });

  it('leads a signed-out person through the sign-in, and on to who is asking without a second question', async () => {
    const { userCode, poll } = await startLink();
    await enterByAddress(visitor, userCode);
    expect(visitor.path).toBe('/sign-in');
    expect(visitor.text).toContain('You are linking a tool with this code');
    await visitor.submit({ login: 'anna', password: 'wrong' });
    expect(await poll()).toBe('pending');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.path).toBe('/link/review');
    expect(visitor.text).toContain('10 minutes left');
  });

  it('shows the box, with what is wrong, where the code ran out during the sign-in', async () => {
    const { userCode } = await startLink();
    await enterByAddress(visitor, userCode);
    house.clock.advance(601);
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.path).toBe('/link');
    await visitor.submit();
    expect(visitor.title).toBe('Code not found: Link a tool · Linchpin');
  });

  it.each(['WRONG-ONE', 'YOUR ACCOUNT IS LOCKED, CALL 0800 123456', '<b>x</b>', 'x'.repeat(5000)])(
    'answers an address without a usable code at the box, and repeats nothing of it (%#)',
    async (code) => {
      for (const person of [undefined, 'anna']) {
        if (person) await visitor.signIn(person);
        await enterByAddress(visitor, code);
        expect({ status: visitor.status, title: visitor.title }).toEqual({
          status: 400,
          title: 'Code not usable: Link a tool · Linchpin',
        });
        expect(visitor.html).not.toContain(code.slice(0, 64));
        expect(visitor.forms[0]?.fields.user_code).toBe('');
      }
      // It could not be a code, so it was no guess at one either.
      const { userCode } = await startLink();
      for (let again = 0; again < 6; again += 1) await enterByAddress(visitor, code);
      await enterByAddress(visitor, userCode);
      expect(visitor.path).toBe('/link/review');
    },
  );

  it('counts a code that is wrong as a guess, like any other (CHECKLIST 3.1)', async () => {
    await visitor.signIn('anna');
    for (let wrong = 0; wrong < 5; wrong += 1) await enterByAddress(visitor, 'BCDF-GHJK');
    expect(visitor.title).toBe('Code not found: Link a tool · Linchpin');
    await enterByAddress(visitor, (await startLink()).userCode);
    expect(visitor.status).toBe(429);
  });
});

describe('the older addresses of the code box', () => {
  it.each(['/pin?pin=', '/pin/?pin=', '/link?pin=', '/link/?pin='])(
    '%s fills it (PIN-API 3.4, 3.6)',
    async (address) => {
      const { userCode } = await startLink();
      await visitor.signIn('anna');
      await visitor.visit(`${address}${userCode.replace('-', '').toLowerCase()}`);
      expect(visitor.path.replace(/\/$/, '')).toBe('/link');
      expect(visitor.forms[0]?.fields.user_code).toBe(userCode);
    },
  );

  it.each(['/pin', '/pin/', '/pin?pin=', '/pin?pin=%3Cb%3E', '/pin?pin=A&pin=B'])(
    '%s leads to the empty box',
    async (address) => {
      await visitor.signIn('anna');
      await visitor.visit(address);
      expect(visitor.address).toBe('/link');
      expect(visitor.forms[0]?.fields.user_code).toBe('');
    },
  );

  it('keep the code through the sign-in', async () => {
    const { userCode } = await startLink();
    await visitor.visit(`/pin?pin=${userCode}`);
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.forms[0]?.fields.user_code).toBe(userCode);
  });
});

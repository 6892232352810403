// Linking on the pages (RFC 8628 §3.3): the code, who is asking, the decision, and every detour in between.
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const TOOL = {
  networkAddress: '198.51.100.9',
  network: '198.51.100.9',
  userAgent: 'LivingRoomTV/4.2',
  requestId: 't',
};

let house: TestHouse;
let visitor: Visitor;

async function startHouse(config: NonNullable<Parameters<typeof startTestHouse>[0]>['config'] = {}) {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], ...config } });
  await house.newAccount();
  visitor = createVisitor(house);
}

afterEach(() => house.close());

async function startLink({ name = 'Living room TV', scope = 'openid profile', webOrigin = '' } = {}) {
  const { client } = await house.house.clients.createByOperator({ name, isConfidential: false });
  const origin = { ...TOOL, ...(webOrigin ? { webOrigin } : {}) };
  const started = await house.house.linksForTool.startLink({ client, scope, origin });
  const poll = () => house.house.linksForTool.pollLink({ deviceCode: started.deviceCode, client });
  return { ...started, poll };
}

const plain = (code: string | undefined) => code?.replace('-', '');

/** Decides as a person would: not within the first second. */
async function decide(browser: Visitor, decision: 'approve' | 'decline') {
  house.clock.advance(2);
  await browser.submit({ decision }, '/link/review');
}

async function reviewAs(browser: Visitor, userCode: string) {
  await browser.visit('/link');
  await browser.submit({ user_code: userCode });
}

describe('the code', () => {
  beforeEach(() => startHouse());

  it('is asked for after signing in, and back here (CHECKLIST 3.1)', async () => {
    await visitor.visit('/link');
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.path).toBe('/link');
  });

  it.each(['user_code', 'code', 'pin'])(
    'fills the box from %s, and a visit enters nothing (RFC 8628 §3.3.1)',
    async (name) => {
      const { userCode, poll } = await startLink();
      await visitor.visit(`/link?${name}=${userCode}`);
      expect(visitor.path).toBe('/sign-in');
      expect(visitor.text).toContain('You are linking a tool with this code');
      await visitor.submit({ login: 'anna', password: PASSWORD });
      expect(visitor.path).toBe('/link');
      expect(plain(visitor.forms[0]?.fields.user_code)).toBe(plain(userCode));
      expect(await poll()).toBe('pending');
      await visitor.submit();
      expect(visitor.path).toBe('/link/review');
    },
  );

  it.each([
    (code: string) => code.toLowerCase(),
    (code: string) => code.replace('-', ' '),
    (code: string) => ` ${code.replace('-', '–')} `,
    (code: string) => [...plain(code)!].join('.'),
  ])('means the same in any spelling (RFC 8628 §6.1) (%#)', async (spell) => {
    const { userCode } = await startLink();
    await visitor.signIn('anna');
    await reviewAs(visitor, spell(userCode));
    expect(visitor.path).toBe('/link/review');
  });

  it('gives one answer to wrong, used and foreign codes (RFC 8628 §5.5, CVE-2026-45337)', async () => {
    await house.newAccount('berta');
    const used = await startLink();
    const foreign = await startLink();
    const berta = createVisitor(house);
    await berta.signIn('berta');
    await reviewAs(berta, used.userCode);
    await decide(berta, 'decline');
    await reviewAs(berta, foreign.userCode);
    await visitor.signIn('anna');
    const answers: string[] = [];
    for (const code of ['BCDF-GHJK', used.userCode, foreign.userCode, 'not a code']) {
      await reviewAs(visitor, code);
      answers.push(`${visitor.status} ${visitor.title} ${visitor.text}`);
      expect(visitor.forms[0]?.fields.user_code).toBe(code);
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('Code not found: Link a tool');
  });

  it('rests after five wrong codes, at the box, with the time to wait (RFC 8628 §5.1)', async () => {
    await visitor.signIn('anna');
    for (let wrong = 1; wrong <= 5; wrong += 1) await reviewAs(visitor, 'BCDF-GHJK');
    await reviewAs(visitor, (await startLink()).userCode);
    expect(visitor.status).toBe(429);
    expect(Number(visitor.headers['retry-after'])).toBeGreaterThan(0);
    expect(visitor.title).toBe('Too many tries: Link a tool · Linchpin');
  });

  it('that was entered while signed out and is wrong costs one try, and the box says so after the sign-in', async () => {
    for (let wrong = 1; wrong <= 5; wrong += 1) {
      const browser = createVisitor(house);
      await browser.visit('/auth');
      await browser.submit({ user_code: 'BCDF-GHJK', brought: 'BCDF-GHJK' });
      await browser.submit({ login: 'anna', password: PASSWORD });
      expect([browser.path, browser.status]).toEqual(['/link', 200]);
      expect(browser.title).toContain('Code not found');
      expect(browser.forms[0]?.fields.user_code).toBe('BCDF-GHJK');
      await browser.visit('/link');
      expect(browser.title).not.toContain('Code not found');
    }
    await visitor.signIn('anna');
    await reviewAs(visitor, 'BCDF-GHJK');
    expect(visitor.status).toBe(429);
    const rows = await house.house.stores.audit.findByAccount(
      (await house.house.accounts.findByLogin('anna'))!.accountId,
      100,
    );
    expect(rows.filter(({ event }) => event === 'user-code-unknown')).toHaveLength(5);
  });

  it('says at the box that it is missing', async () => {
    await visitor.signIn('anna');
    await reviewAs(visitor, '');
    expect(visitor.title).toBe('Code missing: Link a tool · Linchpin');
  });

  it('is kept when the session has ended meanwhile', async () => {
    const { userCode } = await startLink();
    await visitor.signIn('anna');
    await visitor.visit('/account');
    await visitor.submit({}, '/sign-out');
    await visitor.visit(`/link?user_code=${userCode}`);
    await visitor.submit({ login: 'anna', password: 'wrong' });
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(plain(visitor.forms[0]?.fields.user_code)).toBe(plain(userCode));
  });

  it('is shown only if it can be one: an address puts no words into our mouth (CHECKLIST 2)', async () => {
    const words = 'YOUR ACCOUNT IS LOCKED, CALL 0800 123456';
    const stranger = createVisitor(house);
    for (const page of ['sign-in', 'sign-up', 'verify-email']) {
      await stranger.visit(`/${page}?${new URLSearchParams({ next: 'link', user_code: words }).toString()}`);
      expect(stranger.status).toBe(200);
      expect(stranger.html).not.toMatch(/0800|0 8 0 0/);
    }
    const anna = createVisitor(house);
    await anna.signIn('anna');
    await anna.visit(`/link?${new URLSearchParams({ pin: words }).toString()}`);
    expect(anna.forms[0]?.fields.user_code).toBe('');
    expect(anna.html).not.toContain('0800');
  });

  it('is never taken from a cookie that somebody else wrote', async () => {
    await visitor.signIn('anna');
    const planted = await visitor.agent.get('/link').set('Cookie', 'linchpin-pending=QkNERi1HSEpL');
    expect(planted.text).not.toContain('QkNERi1HSEpL');
  });

  it('that has run out says so, and where a new one comes from', async () => {
    const { userCode } = await startLink();
    await visitor.signIn('anna');
    await reviewAs(visitor, userCode);
    await visitor.visit('/link');
    expect(visitor.text).toContain('10 minutes left');
    house.clock.advance(601);
    await visitor.visit('/link/review');
    expect(visitor.path).toBe('/link');
    expect(visitor.title).toBe('Code has run out: Link a tool · Linchpin');
    expect(visitor.text).toContain('Ask your TV for a new code');
  });
});

describe('who is asking', () => {
  beforeEach(async () => {
    await startHouse();
    await visitor.signIn('anna');
  });

  it('names the tool, the place, the time and what it may do (RFC 8628 §5.4)', async () => {
    const { userCode, deviceCode } = await startLink({
      scope: 'openid email',
      webOrigin: 'https://player.example',
    });
    house.clock.advance(12);
    await reviewAs(visitor, userCode);
    for (const words of [
      'Living room TV',
      '12 seconds ago',
      '198.51.100.9',
      'a different network from yours',
      'https://player.example',
      'LivingRoomTV/4.2',
      'See your e-mail address',
      'anna@example.com',
      '10 minutes left',
    ]) {
      expect(visitor.text).toContain(words);
    }
    // RFC 8628 §3.3: the device code is not for people.
    expect(visitor.html).not.toContain(deviceCode);
  });

  it('says of a tool that registered itself that the name is its own (RFC 8628 §5.4, ASVS 10.4.7)', async () => {
    const client = await house.house.clients.registerClient(
      { name: '<b>Bank</b> & "Co"', metadata: { grantTypes: [], scopes: ['openid'] } },
      TOOL,
    );
    const { userCode } = await house.house.linksForTool.startLink({ client, scope: 'openid', origin: TOOL });
    await reviewAs(visitor, userCode);
    expect(visitor.text).toContain('A tool that calls itself');
    expect(visitor.html).not.toContain('<b>Bank');
  });

  it('is shown without scopes too, and has both buttons, Decline first (RFC 8628 §3.3, Keycloak #26100)', async () => {
    const { userCode, poll } = await startLink({ scope: '' });
    await reviewAs(visitor, userCode);
    const decisions = [...visitor.html.matchAll(/name="decision" value="(\w+)"([^>]*)>/g)];
    expect(decisions.map(([, value]) => value)).toEqual(['decline', 'approve']);
    expect(decisions[1]?.[2]).toContain('data-inert-for="1000"');
    expect(visitor.html).not.toMatch(/<button[^>]*autofocus/);
    expect(await poll()).toBe('pending');
  });

  it('is asked of the code that was entered last, not of the newest that this browser holds', async () => {
    const older = await startLink({ name: 'The TV in front of me' });
    house.clock.advance(1);
    const newer = await startLink({ name: 'A link from a mail' });
    await reviewAs(visitor, newer.userCode);
    await reviewAs(visitor, older.userCode);
    expect(visitor.text).toContain('The TV in front of me');
    expect(visitor.html).toContain([...older.userCode].join(' '));
    await decide(visitor, 'approve');
    expect([await older.poll(), await newer.poll()]).toEqual(['approved', 'pending']);
    // The other one is still there to be answered, and no code vouches for it.
    await visitor.visit('/link/review');
    expect(visitor.text).toContain('A link from a mail');
    expect(visitor.text).not.toContain('should show this code');
  });

  it('approves, and says that the page can be closed', async () => {
    const { userCode, poll } = await startLink();
    await reviewAs(visitor, userCode);
    await decide(visitor, 'approve');
    expect(visitor.path).toBe('/link/done');
    expect(visitor.title).toBe('Linked · Linchpin');
    expect(visitor.text).toContain('You can close this page');
    expect(await poll()).toBe('approved');
  });

  it('declines for good, also after Back (Keycloak #36811)', async () => {
    const { userCode, poll } = await startLink();
    await reviewAs(visitor, userCode);
    const page = visitor.forms[0]!;
    await decide(visitor, 'decline');
    expect(visitor.title).toBe('Declined · Linchpin');
    house.clock.advance(2);
    const again = await visitor.agent
      .post('/link/review')
      .type('form')
      .send({ ...page.fields, decision: 'approve' });
    expect(again.status).toBe(410);
    expect(await poll()).toBe('denied');
    await visitor.visit('/link/review');
    expect(visitor.path).toBe('/link');
  });

  it('refuses an answer within the first second, and shows the page again', async () => {
    const { userCode, poll } = await startLink();
    await reviewAs(visitor, userCode);
    await visitor.submit({ decision: 'approve' }, '/link/review');
    expect(visitor.status).toBe(409);
    expect(visitor.title).toBe('That was too quick: Who is asking? · Linchpin');
    expect(await poll()).toBe('pending');
    await decide(visitor, 'approve');
    expect(visitor.path).toBe('/link/done');
  });

  it('takes no decision from another browser of the same account (Hydra PR #770)', async () => {
    const { userCode, poll } = await startLink();
    await reviewAs(visitor, userCode);
    const { fields } = visitor.forms[0]!;
    const other = createVisitor(house);
    await other.signIn('anna');
    await other.visit('/account');
    const { _csrf } = other.forms[0]!.fields;
    house.clock.advance(2);
    const answer = await other.agent
      .post('/link/review')
      .type('form')
      .send({ ...fields, _csrf, decision: 'approve' });
    expect(answer.status).toBe(410);
    expect(await poll()).toBe('pending');
  });

  it('asks for a fresh proof before it approves, never before it declines (DESIGN 6)', async () => {
    house.clock.advance(300);
    const { userCode, poll } = await startLink();
    await reviewAs(visitor, userCode);
    house.clock.advance(301);
    await visitor.submit({ decision: 'approve' }, '/link/review');
    expect(visitor.path).toBe('/step-up');
    expect(visitor.text).toContain('5 minutes left');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.path).toBe('/link/review');
    await decide(visitor, 'approve');
    expect(await poll()).toBe('approved');

    house.clock.advance(300);
    const second = await startLink();
    await reviewAs(visitor, second.userCode);
    house.clock.advance(301);
    await decide(visitor, 'decline');
    expect(await second.poll()).toBe('denied');
  });

  it('says so when the code has run out meanwhile', async () => {
    const { userCode } = await startLink();
    await reviewAs(visitor, userCode);
    house.clock.advance(601);
    await visitor.submit({ decision: 'decline' }, '/link/review');
    expect(visitor.status).toBe(410);
    expect(visitor.title).toBe('Code has run out · Linchpin');
  });

  it('gives the code back to whoever signs in next, twice at most (DESIGN 3)', async () => {
    const { userCode, poll } = await startLink();
    await house.newAccount('berta');
    const people = ['berta', 'anna', 'berta'];
    await reviewAs(visitor, userCode);
    for (const next of people.slice(0, 2)) {
      await visitor.submit({}, '/link/another-account');
      expect(visitor.path).toBe('/sign-in');
      await visitor.submit({ login: next, password: PASSWORD });
      expect(plain(visitor.forms[0]?.fields.user_code)).toBe(plain(userCode));
      await visitor.submit();
      expect(visitor.path).toBe('/link/review');
    }
    await visitor.submit({}, '/link/another-account');
    expect(await poll()).toBe('denied');
  });
});

describe('two-factor before a link', () => {
  it('leads through enabling where it is required, and back to the same link (DESIGN 6)', async () => {
    await startHouse({ twoFactor: 'required' });
    const { userCode, poll } = await startLink();
    await visitor.signIn('anna');
    await reviewAs(visitor, userCode);
    expect(visitor.path).toBe('/account/security/two-factor');
    expect(visitor.text).toContain('10 minutes left');
    await visitor.submit({ password: PASSWORD });
    const secret = /data-secret="([A-Z2-7]+)"/.exec(visitor.html)![1]!;
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    expect(visitor.html.match(/data-recovery-code/g)).toHaveLength(10);
    await visitor.submit();
    // The code that proved the authenticator is used up: it counts as the fresh proof, so none is asked for again.
    expect(visitor.path).toBe('/link/review');
    await decide(visitor, 'approve');
    expect(await poll()).toBe('approved');
  });

  it('invites to it after approving where it is offered, and not once it is on', async () => {
    await startHouse();
    await visitor.signIn('anna');
    await reviewAs(visitor, (await startLink()).userCode);
    await decide(visitor, 'approve');
    expect(visitor.text).toContain('Make your account safer');
  });
});

// "Who is it?": a browser that goes over to a member of the household, and what such a browser may see and do: its own start
// page, switching on, signing out, and nothing that is anybody's account.
import { addressAbout } from '../../src/http/pages/journey.js';
import { newOrigin, PASSWORD } from '../support/credentials.js';
import { openHouseholdHouse, type HouseholdHouse } from '../support/household.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const SWITCH = '/household/switch';
const PIN = '4915';
let test: HouseholdHouse;
let owner: Awaited<ReturnType<HouseholdHouse['newOwner']>>;
let visitor: Visitor;
let mia: Awaited<ReturnType<HouseholdHouse['addGuarded']>>;

beforeAll(async () => {
  test = await openHouseholdHouse();
});
afterAll(() => test.close());
beforeEach(async () => {
  owner = await test.newOwner();
  mia = await test.addGuarded(owner, PIN, { name: 'Mia' });
  visitor = await signedIn(owner.person.username);
});

async function signedIn(username: string): Promise<Visitor> {
  const browser = createVisitor({ newAgent: test.newAgent });
  await browser.signIn(username);
  return browser;
}

const pinPage = (member: string) => addressAbout('switch', { member });

async function switchTo(member: string, pin: string, browser = visitor): Promise<void> {
  await browser.visit(pinPage(member));
  await browser.submit({ pin }, SWITCH);
}

const bare = (html: string): string =>
  html.replace(/<code>[^<]+<\/code>/g, '').replace(/name="_csrf" value="[^"]+"/g, '');

describe('who is it', () => {
  it('shows each member, whether a PIN is required, and who cannot be switched to', async () => {
    await test.addFull(owner);
    await test.house.household.turnGuest(owner.editor, true);
    await visitor.visit(SWITCH);
    expect(visitor.text).toMatch(/Mia PIN required/);
    expect(visitor.text).toContain('Has set no PIN');
    expect(visitor.text).toContain('Guest');
    expect(visitor.html.match(/class="face" aria-current="true"/g)).toHaveLength(1);
  });

  it('switches with the right PIN alone, and asks for no second factor', async () => {
    await switchTo(mia.subjectId, PIN);
    expect([visitor.path, visitor.title]).toEqual(['/household', 'Mia · Linchpin']);
    expect(visitor.html).toMatch(
      /<nav[^>]*>\s*<a class="quiet" href="\/household">[\s\S]*?<span>Mia<\/span>/,
    );
    expect(visitor.html).not.toContain(owner.person.email);
  });

  it('switches at once to whoever has no account and no PIN', async () => {
    await test.house.household.turnGuest(owner.editor, true);
    await visitor.visit(SWITCH);
    await visitor.submit({}, SWITCH);
    expect([visitor.path, visitor.title]).toEqual(['/household', 'Guest · Linchpin']);
  });

  it('gives one answer for a wrong PIN, no digits, one that waits and one that is locked', async () => {
    const answers: string[] = [];
    for (const pin of ['8058', '805', '80581', '８０５８']) {
      await switchTo(mia.subjectId, pin);
      expect([pin, visitor.status]).toEqual([pin, 403]);
      answers.push(bare(visitor.html));
    }
    for (let wrong = 1; wrong < 5; wrong++) await switchTo(mia.subjectId, '8058');
    await switchTo(mia.subjectId, PIN);
    answers.push(bare(visitor.html));
    for (let wrong = 5; wrong < 10; wrong++) {
      test.clock.advance(600);
      await switchTo(mia.subjectId, '8058');
    }
    test.clock.advance(600);
    await switchTo(mia.subjectId, PIN);
    answers.push(bare(visitor.html));
    expect(new Set(answers).size).toBe(1);
    expect(visitor.html).not.toContain('8058');
  });

  it('is unlocked by the owner with a fresh proof', async () => {
    for (let wrong = 0; wrong < 10; wrong++) {
      test.clock.advance(600);
      await switchTo(mia.subjectId, '8058');
    }
    visitor = await signedIn(owner.person.username);
    await visitor.visit('/account/household');
    expect(visitor.text).toContain('Locked after ten wrong PINs');
    await visitor.submit({}, '/account/household/unlock');
    expect(visitor.text).toContain('Unlocked.');
    await switchTo(mia.subjectId, PIN);
    expect(visitor.path).toBe('/household');
  });

  it('ignores a PIN in the address, and changes nothing on a visit', async () => {
    await visitor.visit(`${pinPage(mia.subjectId)}&pin=${PIN}`);
    expect([visitor.path, visitor.status]).toEqual([SWITCH, 200]);
    expect(visitor.html).not.toContain(PIN);
    expect(visitor.headers['cache-control']).toContain('no-store');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });

  it('answers a form for nobody, and for somebody of another household, with the same bytes', async () => {
    const stranger = await test.addGuarded(await test.newOwner(), PIN);
    const answers: string[] = [];
    for (const member of ['00000000-0000-4000-8000-000000000000', stranger.subjectId]) {
      await visitor.visit(pinPage(mia.subjectId));
      await visitor.submit({ member, pin: PIN }, SWITCH);
      expect([member, visitor.status]).toEqual([member, 404]);
      answers.push(bare(visitor.html));
    }
    expect(answers[0]).toBe(answers[1]);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });

  it('does not switch to an account without a PIN, even by a form of one’s own', async () => {
    const full = await test.addFull(owner);
    await visitor.visit(pinPage(full.member.subjectId));
    expect(visitor.path).toBe(SWITCH);
    await visitor.visit(pinPage(mia.subjectId));
    await visitor.submit({ member: full.member.subjectId, pin: '0000' }, SWITCH);
    expect([visitor.status, visitor.title]).toEqual([403, expect.stringContaining('PIN not accepted')]);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/account');
  });
});

describe('a switched browser', () => {
  beforeEach(() => switchTo(mia.subjectId, PIN));

  it('sees no page of any account, and is asked to sign in', async () => {
    const pages = [
      ...['/account', '/account/security', '/account/tools', '/account/sessions', '/account/activity'],
      ...['/account/password', '/account/email', '/account/close', '/account/household', '/pin-reset'],
      ...['/account/household/new', '/account/household/pin', '/account/household/invite', '/step-up'],
      ...['/link', '/link/review', '/link/done', '/account/security/two-factor'],
      ...['/account/security/app-passwords', '/household/invitation?token=x', '/not-me?token=x'],
    ];
    for (const path of pages) {
      await visitor.visit(path);
      expect([path, visitor.path]).toEqual([path, '/sign-in']);
    }
    for (const path of ['/', '/household']) {
      await visitor.visit(path);
      expect([path, visitor.path]).toEqual([path, '/household']);
    }
  });

  it('hears at the sign-in for whom the browser acts, and why it has to sign in', async () => {
    await visitor.visit('/account');
    expect(visitor.text).toContain('This browser acts for Mia, and can change nothing in any account.');
    const stranger = createVisitor({ newAgent: test.newAgent });
    await stranger.visit('/account');
    expect(stranger.text).not.toContain('acts for');
  });

  it('posts no form of any account, whatever field it brings', async () => {
    await visitor.visit('/household');
    const csrf = visitor.forms[0]!.fields['_csrf']!;
    const posts = [
      ...['/account/household/new', '/account/household/member/pin', '/account/household/pin'],
      ...['/account/household/remove', '/account/household/guest', '/account/household/invite'],
      ...[
        '/account/household/leave',
        '/account/household/unlock',
        '/pin-reset',
        '/step-up',
        '/account/close',
      ],
      ...['/account/sessions/end-all', '/account/tools/unlink-all', '/link/review', '/account/password'],
    ];
    for (const path of posts) {
      const fields = { _csrf: csrf, member: mia.subjectId, name: 'Kim', new_pin: '7306', action: 'remove' };
      const answer = await visitor.agent.post(path).type('form').redirects(0).send(fields);
      expect([path, answer.status]).toEqual([path, 303]);
      expect(answer.headers.location).toMatch(/^\/sign-in/);
    }
    const members = (await test.house.household.findHousehold(mia.subjectId))?.members;
    expect(members).toMatchObject([{ kind: 'owner' }, { name: 'Mia', isPinRequired: true, pinVersion: 1 }]);
  });

  it('takes no form of the session before it, nor one of the member before (OWASP CSRF)', async () => {
    const { person } = await test.newOwner();
    const browser = await signedIn(person.username);
    await browser.visit('/account');
    const { fields } = browser.forms.find(({ action }) => action === '/sign-out')!;
    const answer = await visitor.agent
      .post(SWITCH)
      .type('form')
      .send({ ...fields, member: mia.subjectId });
    expect(answer.status).toBe(403);
    const kim = await test.addMember(owner, { name: 'Kim' });
    await visitor.visit(SWITCH);
    const before = visitor.forms.find(({ action }) => action === SWITCH)!.fields;
    await visitor.submit({}, SWITCH);
    expect(visitor.title).toBe('Kim · Linchpin');
    const stale = await visitor.agent
      .post(SWITCH)
      .type('form')
      .send({ ...before, member: kim.subjectId });
    expect(stale.status).toBe(403);
  });

  it('goes on to the owner with their PIN, and is no more than before', async () => {
    await test.house.profilePins.changeOwnPin(owner.editor, { pin: '7306' });
    await switchTo(owner.session.subjectId, '7306');
    expect(visitor.title).toBe(`${owner.person.displayName} · Linchpin`);
    await visitor.visit('/account/security');
    expect(visitor.path).toBe('/sign-in');
  });

  it('signs in to a full session, and what it acted for is over', async () => {
    await visitor.signIn(owner.person.username);
    expect(visitor.path).toBe('/account');
    expect(await test.house.switchedSessions.listSwitched(owner.person.accountId)).toEqual([]);
  });

  it('signs out, and is nobody then', async () => {
    await visitor.visit('/household');
    await visitor.submit({}, '/sign-out');
    expect(await test.house.switchedSessions.listSwitched(owner.person.accountId)).toEqual([]);
    await visitor.visit('/household');
    expect(visitor.path).toBe('/sign-in');
  });

  it.each([
    ['the member is removed', () => test.house.household.removeMember(owner.editor, mia.subjectId)],
    [
      'their PIN is changed',
      () => test.house.profilePins.setManagedPin(owner.editor, mia.subjectId, { pin: '7306' }),
    ],
    [
      'its owner signs everybody out',
      () => test.house.sessions.endAllSessions(owner.person.accountId, { origin: newOrigin() }),
    ],
  ])('is over once %s', async (_, end) => {
    await end();
    await visitor.visit('/household');
    expect(visitor.path).toBe('/sign-in');
    await visitor.visit(SWITCH);
    expect(visitor.path).toBe('/sign-in');
  });

  it('stands on the page of browsers under the name of the member, and is signed out there', async () => {
    const browser = await signedIn(owner.person.username);
    await browser.visit('/account/sessions');
    expect(browser.text).toContain('Acts for Mia');
    const named = browser.html.slice(browser.html.indexOf('Acts for Mia'));
    const name = /name="session" value="([^"]+)"/.exec(named)![1]!;
    await browser.submit({ session: name }, '/account/sessions/end');
    expect(browser.text).toContain('That browser is signed out.');
    await visitor.visit('/household');
    expect(visitor.path).toBe('/sign-in');
  });

  it('cannot switch into a household that its account has left', async () => {
    const full = await test.addFull(owner);
    const browser = await signedIn(full.person.username);
    await switchTo(mia.subjectId, PIN, browser);
    expect(browser.path).toBe('/household');
    await test.house.household.leaveHousehold(full.session, newOrigin());
    await browser.visit(SWITCH);
    expect(browser.path).toBe('/sign-in');
    const again = await signedIn(full.person.username);
    await again.visit(pinPage(mia.subjectId));
    expect(again.status).toBe(404);
  });
});

describe('a tool for a member', () => {
  async function review() {
    const { client } = await test.house.clients.createByOperator({ name: 'TV', isConfidential: false });
    const scope = 'openid profile email offline_access';
    const link = await test.house.linksForTool.startLink({ client, scope, origin: newOrigin() });
    await visitor.visit(`/link?user_code=${link.userCode}`);
    await visitor.submit({}, '/link');
    expect(visitor.path).toBe('/link/review');
    test.clock.advance(2);
    return { ...link, client };
  }

  it('is chosen on the page of the tool, oneself first, with what is left out for whom', async () => {
    const { deviceCode, client } = await review();
    expect(visitor.text).toMatch(/For whom .* \(you\) Mia Without: See your e-mail address/);
    const { fields } = visitor.forms.find(({ action }) => action === '/link/review')!;
    expect(fields['for']).toBe(owner.session.subjectId);
    await visitor.submit({ decision: 'approve', for: mia.subjectId }, '/link/review');
    expect(visitor.path).toBe('/link/done');
    const origin = newOrigin();
    const redeemed = await test.house.linksForTool.redeemLink({ deviceCode, client, origin });
    expect(redeemed).toMatchObject({ outcome: 'issued' });
    const [tool] = await test.house.linkedTools.listLinkedTools(owner.person.accountId);
    expect(tool).toMatchObject({ subjectId: mia.subjectId, scope: 'openid profile offline_access' });
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('For Mia');
  });

  it('is oneself without a choice, and never somebody of another household', async () => {
    const stranger = await test.addMember(await test.newOwner());
    const { deviceCode, client } = await review();
    await visitor.submit({ decision: 'approve', for: stranger.subjectId }, '/link/review');
    expect(visitor.status).toBe(404);
    await visitor.visit('/link/review');
    test.clock.advance(2);
    await visitor.submit({ decision: 'approve', for: '' }, '/link/review');
    const origin = newOrigin();
    await test.house.linksForTool.redeemLink({ deviceCode, client, origin });
    const [tool] = await test.house.linkedTools.listLinkedTools(owner.person.accountId);
    expect(tool?.subjectId).toBe(owner.session.subjectId);
    await visitor.visit('/account/tools');
    expect(visitor.text).not.toContain('For ');
  });

  it('stays chosen where the answer came too quickly to be taken', async () => {
    await review();
    await visitor.visit('/link/review');
    await visitor.submit({ decision: 'approve', for: mia.subjectId }, '/link/review');
    expect(visitor.status).toBe(409);
    const { fields } = visitor.forms.find(({ action }) => action === '/link/review')!;
    expect(fields['for']).toBe(mia.subjectId);
  });

  it('stays chosen where a fresh proof comes first', async () => {
    test.clock.advance(400);
    await review();
    test.clock.advance(300);
    await visitor.submit({ decision: 'approve', for: mia.subjectId }, '/link/review');
    expect(visitor.path).toBe('/step-up');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.path).toBe('/link/review');
    const { fields } = visitor.forms.find(({ action }) => action === '/link/review')!;
    expect(fields['for']).toBe(mia.subjectId);
    await visitor.visit('/link/review?for=somebody');
    const again = visitor.forms.find(({ action }) => action === '/link/review')!;
    expect(again.fields['for']).toBe(owner.session.subjectId);
  });

  it('is no question where nobody else lives', async () => {
    await test.house.household.removeMember(owner.editor, mia.subjectId);
    await review();
    expect(visitor.text).not.toContain('For whom');
  });
});

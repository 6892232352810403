// The household on its pages: who is in it, what its owner changes and with what proof, who is invited, and what nobody else may.
import { addressAbout } from '../../src/http/pages/journey.js';
import type { TestPerson } from '../support/credentials.js';
import { openHouseholdHouse, type HouseholdHouse } from '../support/household.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PAGE = '/account/household';
let test: HouseholdHouse;
let owner: TestPerson;
let visitor: Visitor;

beforeAll(async () => {
  test = await openHouseholdHouse();
});
afterAll(() => test.close());
beforeEach(async () => {
  owner = await test.newPerson();
  visitor = await signedIn(owner);
});

async function signedIn({ username }: TestPerson): Promise<Visitor> {
  const browser = createVisitor({ newAgent: test.newAgent });
  await browser.signIn(username);
  return browser;
}

const membersOf = async (person: TestPerson) =>
  (await test.house.household.findHousehold(person.subjectId))?.members ?? [];

/** Adds somebody by the page; resolves to them. */
async function add(name: string, more: Record<string, string> = {}, browser = visitor) {
  await browser.visit(`${PAGE}/new`);
  await browser.submit({ name, ...more });
  const added = new URL(`http://x${browser.address}`).searchParams.get('member');
  return (await membersOf(owner)).find(({ subjectId }) => subjectId === added)!;
}

const memberPage = (member: string) => addressAbout('member', { member });

/** What differs between two answers of one page: the number to quote, and the field against forged forms. */
const bare = (html: string): string =>
  html.replace(/<code>[^<]+<\/code>/g, '').replace(/name="_csrf" value="[^"]+"/g, '');

/** The token of the invitation that waits for this person. */
async function invite(person: TestPerson): Promise<string> {
  await visitor.visit(`${PAGE}/invite`);
  await visitor.submit({ email: person.email });
  return test.tokenMailedTo(person.email, 'household-invitation');
}

const invitationPage = (token: string) => addressAbout('invitation', { token });

describe('the household', () => {
  it('is empty at first, and shows each member with whether a PIN is required', async () => {
    await visitor.visit(PAGE);
    expect(visitor.text).toContain('You · Owner of the household');
    expect(visitor.text).toContain('No PIN');
    const member = await add('Mia', { picture: 'fox', colour: 'orange', restriction: 'older-kid' });
    expect(member).toMatchObject({ name: 'Mia', picture: 'fox', colour: 'orange', restriction: 'older-kid' });
    expect(visitor.text).toContain('Added.');
    await visitor.submit({ new_pin: '4915', action: 'set' }, `${PAGE}/member/pin`);
    await visitor.visit(PAGE);
    expect(visitor.text).toMatch(/Mia Managed by the owner · Older kid PIN required/);
  });

  it('takes a name of one to forty characters, and keeps what was typed', async () => {
    await visitor.visit(`${PAGE}/new`);
    await visitor.submit({ name: ' ', colour: 'pink' });
    expect(visitor.status).toBe(400);
    expect(visitor.title).toContain('That is not a name');
    await visitor.submit({ name: 'a'.repeat(41), colour: 'pink' });
    expect(visitor.status).toBe(400);
    expect(visitor.forms.find(({ action }) => action === `${PAGE}/new`)?.fields).toMatchObject({
      ...{ name: 'a'.repeat(41), colour: 'pink' },
    });
    expect(await membersOf(owner)).toEqual([]);
  });

  it('takes no picture, colour or restriction that is not on its lists', async () => {
    const odd = { picture: '../../secret', colour: '"><script>', restriction: 'owner' };
    const member = await add('<b>Mia</b>', odd);
    expect(member).toMatchObject({ picture: 'letter', restriction: 'none' });
    expect(visitor.html).not.toContain('<b>Mia');
  });

  it('changes a member, and removes them after a question; a visit changes nothing', async () => {
    const { subjectId } = await add('Mia');
    await visitor.submit({ name: 'Mila', colour: 'blue', picture: 'owl' }, `${PAGE}/member`);
    expect(visitor.text).toContain('Saved.');
    expect((await membersOf(owner)).at(-1)).toMatchObject({ name: 'Mila', colour: 'blue', picture: 'owl' });
    await visitor.visit(`${PAGE}/remove?member=${subjectId}`);
    expect(visitor.title).toContain('Remove Mila?');
    for (const path of ['unlock', 'guest', 'withdraw', 'leave', 'member/pin'])
      await visitor.visit(`${PAGE}/${path}?member=${subjectId}&turn=on&new_pin=4915`);
    expect(await membersOf(owner)).toHaveLength(2);
    await visitor.visit(`${PAGE}/remove?member=${subjectId}`);
    await visitor.submit();
    expect(visitor.text).toContain('Removed');
    expect(await membersOf(owner)).toHaveLength(1);
  });

  it('lets a guest in and out: another one every time', async () => {
    const turn = async () => {
      await visitor.visit(PAGE);
      await visitor.submit({}, `${PAGE}/guest`);
      return (await membersOf(owner)).find(({ kind }) => kind === 'guest')?.subjectId;
    };
    const first = await turn();
    expect(first).toBeDefined();
    expect(await turn()).toBeUndefined();
    const second = await turn();
    expect([undefined, first]).not.toContain(second);
  });

  it('asks for a fresh proof before every edit, leads back to it, and has changed nothing', async () => {
    const { subjectId } = await add('Mia');
    await visitor.visit(memberPage(subjectId));
    const page = visitor.html;
    test.clock.advance(601);
    const csrf = /name="_csrf" value="([^"]+)"/.exec(page)![1]!;
    const edits: [string, Record<string, string>, string][] = [
      [`${PAGE}/new`, { name: 'Kim' }, 'next=new-member'],
      [`${PAGE}/member`, { name: 'Kim' }, `next=member&member=${subjectId}`],
      [`${PAGE}/member/pin`, { new_pin: '4915', version: '0' }, `next=member&member=${subjectId}`],
      [`${PAGE}/unlock`, {}, 'next=household'],
      [`${PAGE}/remove`, {}, `next=member&member=${subjectId}`],
      [`${PAGE}/guest`, { turn: 'on' }, 'next=household'],
      [`${PAGE}/invite`, { email: 'kim@example.com' }, 'next=invite'],
      [`${PAGE}/withdraw`, { invitation: 'x' }, 'next=household'],
    ];
    for (const [path, fields, query] of edits) {
      const form = { _csrf: csrf, member: subjectId, ...fields };
      const answer = await visitor.agent.post(path).type('form').redirects(0).send(form);
      expect([path, answer.status, answer.headers.location]).toEqual([path, 303, `/step-up?${query}`]);
    }
    expect(await membersOf(owner)).toMatchObject([{ kind: 'owner' }, { name: 'Mia', isPinRequired: false }]);
    await visitor.visit(memberPage(subjectId));
    expect(visitor.path).toBe('/step-up');
    await visitor.submit({ password: 'quartz lantern bicycle 42' });
    expect(visitor.address).toBe(memberPage(subjectId));
  });

  it('takes no post without the field of its pages (OWASP CSRF)', async () => {
    const { subjectId } = await add('Mia');
    const paths = [
      'new',
      'member',
      'member/pin',
      'unlock',
      'remove',
      'guest',
      'leave',
      'invite',
      'withdraw',
      'pin',
    ];
    for (const path of [...paths.map((each) => `${PAGE}/${each}`), '/pin-reset', '/household/switch']) {
      const fields = { _csrf: 'x', member: subjectId, name: 'Kim', turn: 'on', new_pin: '4915' };
      expect((await visitor.agent.post(path).type('form').send(fields)).status).toBe(403);
    }
    expect(await membersOf(owner)).toMatchObject([{ kind: 'owner' }, { name: 'Mia', isPinRequired: false }]);
  });

  it('answers for nobody and for somebody of another household with the same bytes', async () => {
    const stranger = await test.addMember(await test.newOwner());
    await add('Mia');
    const nobody = '00000000-0000-4000-8000-000000000000';
    for (const path of [`${PAGE}/member`, `${PAGE}/remove`, '/household/switch']) {
      const answers: string[] = [];
      for (const member of [nobody, stranger.subjectId]) {
        await visitor.visit(`${path}?member=${member}`);
        expect([path, visitor.status]).toEqual([path, 404]);
        answers.push(bare(visitor.html));
      }
      expect(answers[0]).toBe(answers[1]);
    }
    await visitor.visit(PAGE);
    const { fields } = visitor.forms.find(({ action }) => action === `${PAGE}/guest`)!;
    for (const path of ['member', 'member/pin', 'unlock', 'remove']) {
      const send = (member: string) =>
        visitor.agent
          .post(`${PAGE}/${path}`)
          .type('form')
          .send({ ...fields, member, name: 'Kim', new_pin: '4915' });
      const [first, second] = [await send(nobody), await send(stranger.subjectId)];
      expect([first.status, second.status, bare(first.text)]).toEqual([404, 404, bare(second.text)]);
    }
  });

  it('asks whoever is not signed in to do so, and leads back', async () => {
    const browser = createVisitor({ newAgent: test.newAgent });
    await browser.visit(`${PAGE}/invite`);
    expect(browser.address).toBe('/sign-in?next=invite');
    await browser.submit({ login: owner.username, password: 'quartz lantern bicycle 42' });
    expect(browser.path).toBe(`${PAGE}/invite`);
  });
});

describe('an invitation', () => {
  it('warns on both pages, leads through the sign-in, and is accepted once', async () => {
    const kim = await test.newPerson();
    await visitor.visit(`${PAGE}/invite`);
    expect(visitor.text).toContain('Only people you live with and trust');
    const token = await invite(kim);
    expect(visitor.text).toContain(kim.email);
    const browser = createVisitor({ newAgent: test.newAgent });
    await browser.visit(invitationPage(token));
    expect(browser.path).toBe('/sign-in');
    expect(browser.text).toContain('Sign in to go on');
    await browser.submit({ login: kim.username, password: 'quartz lantern bicycle 42' });
    expect(browser.address).toBe(invitationPage(token));
    expect(browser.text).toContain('Only people you live with and trust');
    expect(await membersOf(kim)).toEqual([]);
    await browser.submit({ decision: 'accept' }, '/household/invitation');
    expect(browser.text).toContain('you have joined');
    expect(await membersOf(owner)).toMatchObject([{ kind: 'owner' }, { kind: 'full' }]);
    await browser.visit(invitationPage(token));
    expect(browser.status).toBe(410);
  });

  it('says so to another account, and stays good for the one that was meant', async () => {
    const [kim, other] = [await test.newPerson(), await test.newPerson()];
    const token = await invite(kim);
    const stranger = await signedIn(other);
    await stranger.visit(invitationPage(token));
    expect([stranger.status, stranger.title]).toEqual([403, expect.stringContaining('for somebody else')]);
    expect(stranger.text).not.toContain(kim.email);
    expect(stranger.text).toContain(`You are signed in as ${other.username}.`);
    await stranger.visit('/account');
    const { fields } = stranger.forms[0]!;
    const form = { ...fields, token, decision: 'accept' };
    expect((await stranger.agent.post('/household/invitation').type('form').send(form)).status).toBe(403);
    const browser = await signedIn(kim);
    await browser.visit(invitationPage(token));
    expect(browser.status).toBe(200);
  });

  it('is declined, withdrawn, or runs out, and then says that it is no longer good', async () => {
    const people = [await test.newPerson(), await test.newPerson(), await test.newPerson()] as const;
    const [declined, withdrawn, late] = people;
    const first = await invite(declined);
    const browser = await signedIn(declined);
    await browser.visit(invitationPage(first));
    await browser.submit({ decision: 'decline' }, '/household/invitation');
    expect(browser.text).toContain('You declined the invitation.');
    const second = await invite(withdrawn);
    await visitor.visit(PAGE);
    await visitor.submit({}, `${PAGE}/withdraw`);
    expect(visitor.html).not.toContain('data-invitation');
    const third = await invite(late);
    test.clock.advance(7 * 86_400 + 1);
    for (const [person, token] of [
      [declined, first],
      [withdrawn, second],
      [late, third],
    ] as const) {
      const returning = await signedIn(person);
      await returning.visit(invitationPage(token));
      expect([returning.status, await membersOf(person)]).toEqual([410, []]);
    }
  });

  it('answers alike whether or not there is such an account, and refuses what is no address', async () => {
    await visitor.visit(`${PAGE}/invite`);
    await visitor.submit({ email: 'nobody.at.all@example.com' });
    expect(visitor.text).toContain('The invitation is on its way.');
    await visitor.visit(`${PAGE}/invite`);
    await visitor.submit({ email: 'not an address' });
    expect([visitor.status, visitor.forms[0]?.fields]).toMatchObject([400, { email: 'not an address' }]);
  });

  it('is for whom the owner means: who lives there sees the household, changes nothing, and may leave', async () => {
    const kim = await test.newPerson();
    const token = await invite(kim);
    const { subjectId } = await add('Mia');
    const browser = await signedIn(kim);
    await browser.visit(invitationPage(token));
    await browser.submit({ decision: 'accept' }, '/household/invitation');
    expect(browser.text).toContain('Mia');
    expect(browser.text).not.toContain(owner.email);
    for (const path of [
      `${PAGE}/new`,
      `${PAGE}/invite`,
      memberPage(subjectId),
      `${PAGE}/remove?member=${subjectId}`,
    ]) {
      expect(browser.html).not.toContain(`href="${path}"`);
      await browser.visit(path);
      expect([path, browser.status]).toEqual([path, 403]);
    }
    await browser.visit(`${PAGE}/leave`);
    await browser.submit();
    expect(browser.text).toContain('You have left the household.');
    await browser.visit(`/household/switch?member=${subjectId}`);
    expect(browser.status).toBe(404);
    expect(await membersOf(owner)).toHaveLength(2);
  });
});

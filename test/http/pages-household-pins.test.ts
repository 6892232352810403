// Profile PINs on their pages: one's own with the one before, a member's by the owner, a forgotten one after all that a sign-in
// takes. What is no PIN is refused with the reason, and no page, address or log ever holds one.
import { addressAbout } from '../../src/http/pages/journey.js';
import { NEW_PASSWORD, PASSWORD, type TestPerson } from '../support/credentials.js';
import { openHouseholdHouse, type HouseholdHouse } from '../support/household.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const OWN = '/account/household/pin';
const [PIN, OTHER] = ['4915', '7306'];
let test: HouseholdHouse;
let person: TestPerson;
let visitor: Visitor;
const logged: string[] = [];

beforeAll(async () => {
  const logTo = { write: (text: string) => void logged.push(text) };
  test = await openHouseholdHouse({ logTo, config: { logLevel: 'debug' } });
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await test.newPerson();
  visitor = await signedIn(person);
});

async function signedIn(of: TestPerson): Promise<Visitor> {
  const browser = createVisitor({ newAgent: test.newAgent });
  await browser.signIn(of.username);
  if (of.secret) await browser.submit({ code: await test.freshCode(of) });
  return browser;
}

async function setOwn(fields: Record<string, string>, browser = visitor): Promise<void> {
  await browser.visit(OWN);
  await browser.submit({ action: 'change', ...fields }, OWN);
}

const own = async ({ subjectId }: TestPerson = person) =>
  (await test.house.household.findHousehold(subjectId))?.members[0];

const NO_PINS = [
  ['three digits', '491', 'Not four digits'],
  ['five digits', '49151', 'Not four digits'],
  ['full-width digits', '４９１５', 'Not four digits'],
  ['Arabic digits', '٤٩١٥', 'Not four digits'],
  ['a letter', '49a5', 'Not four digits'],
  ['a space behind', '491 ', 'Not four digits'],
  ['four equal digits', '7777', 'PIN too easy'],
  ['digits in a row', '4321', 'PIN too easy'],
  ['a year', '1987', 'PIN too easy'],
  ['a line of the keypad', '2580', 'PIN too easy'],
] as const;

describe("one's own PIN", () => {
  it('is set after a fresh proof, and changed or removed with the one before', async () => {
    await setOwn({ new_pin: PIN });
    expect(visitor.text).toContain('Your new PIN counts from now on.');
    test.clock.advance(601);
    await setOwn({ new_pin: OTHER, current_pin: PIN });
    expect([visitor.path, await own()]).toMatchObject(['/account/household', { pinVersion: 2 }]);
    await setOwn({ current_pin: OTHER, action: 'remove' });
    expect(visitor.text).toContain('Your PIN is removed.');
    expect(await own()).toMatchObject({ isPinRequired: false });
    await visitor.visit(OWN);
    expect(visitor.address).toBe('/step-up?next=own-pin');
  });

  it.each(NO_PINS)('is refused with the reason for %s', async (_, pin, title) => {
    await setOwn({ new_pin: pin });
    expect([visitor.status, visitor.title]).toEqual([400, `${title}: Edit PIN · Linchpin`]);
    expect(await own()).toBeUndefined();
  });

  it('says what is missing, and takes no change without the one before', async () => {
    await setOwn({});
    expect([visitor.status, visitor.title]).toEqual([400, expect.stringContaining('New PIN missing')]);
    await setOwn({ new_pin: PIN });
    await setOwn({ new_pin: OTHER });
    expect([visitor.status, visitor.title]).toEqual([400, expect.stringContaining('PIN missing')]);
    for (const action of ['change', 'remove']) {
      await setOwn({ new_pin: OTHER, current_pin: '8058', action });
      expect([visitor.status, visitor.title]).toEqual([403, expect.stringContaining('PIN not accepted')]);
    }
    expect(await own()).toMatchObject({ isPinRequired: true, pinVersion: 1 });
  });

  it('is changed by one of two windows: the other is told so, and changes nothing', async () => {
    await setOwn({ new_pin: PIN });
    await visitor.visit(OWN);
    const before = visitor.forms.find(({ action }) => action === OWN)!.fields;
    await setOwn({ new_pin: OTHER, current_pin: PIN });
    for (const current_pin of [PIN, OTHER]) {
      const form = { ...before, current_pin, new_pin: '8058', action: 'change' };
      const late = await visitor.agent.post(OWN).type('form').send(form);
      expect([late.status, late.text]).toEqual([
        409,
        expect.stringContaining('This PIN was changed meanwhile'),
      ]);
    }
    expect(await own()).toMatchObject({ pinVersion: 2 });
    await setOwn({ current_pin: OTHER, new_pin: '8058' });
    expect(visitor.path).toBe('/account/household');
  });

  it('counts in a form without a version as changed meanwhile', async () => {
    await setOwn({ new_pin: PIN });
    await setOwn({ new_pin: OTHER, current_pin: PIN, version: '' });
    expect([visitor.status, await own()]).toMatchObject([409, { pinVersion: 1 }]);
  });
});

describe("a member's PIN", () => {
  async function openMember() {
    const editor = await test.editorOf(await test.sessionOf(person));
    const { subjectId } = await test.house.household.addManaged(editor, { name: 'Mia' });
    const page = addressAbout('member', { member: subjectId });
    const set = async (fields: Record<string, string>) => {
      await visitor.visit(page);
      await visitor.submit({ action: 'set', ...fields }, '/account/household/member/pin');
    };
    const find = () => test.house.household.findMember(person.subjectId, { subjectId });
    return { subjectId, page, set, find };
  }

  it('is set, changed and removed by the owner, who does not know it', async () => {
    const { set, find } = await openMember();
    await set({ new_pin: PIN });
    expect([visitor.text, await find()]).toMatchObject([
      expect.stringContaining('PIN required'),
      { isPinRequired: true },
    ]);
    await set({ new_pin: OTHER });
    await set({ action: 'remove' });
    expect([visitor.text, await find()]).toMatchObject([
      expect.stringContaining('The PIN is removed.'),
      { isPinRequired: false, pinVersion: 3 },
    ]);
  });

  it.each(NO_PINS)('is refused with the reason for %s', async (_, pin, title) => {
    const { set, find } = await openMember();
    await set({ new_pin: pin });
    expect([visitor.status, visitor.title]).toEqual([400, expect.stringContaining(title)]);
    expect(await find()).toMatchObject({ isPinRequired: false });
  });

  it('is changed by one of two windows', async () => {
    const { page, set, find } = await openMember();
    await visitor.visit(page);
    const before = visitor.forms.find(({ action }) => action.endsWith('/member/pin'))!.fields;
    await set({ new_pin: PIN });
    const form = { ...before, action: 'remove' };
    const late = await visitor.agent.post('/account/household/member/pin').type('form').send(form);
    expect([late.status, await find()]).toMatchObject([409, { isPinRequired: true, pinVersion: 1 }]);
  });

  it('is a full member’s own: the owner sees that there is one, and cannot change it', async () => {
    const ownerSession = await test.sessionOf(person);
    const given = { person, session: ownerSession, editor: await test.editorOf(ownerSession) };
    const full = await test.addFull(given);
    await test.house.profilePins.changeOwnPin(full.editor, { pin: PIN });
    const { subjectId } = full.member;
    await visitor.visit(addressAbout('member', { member: subjectId }));
    expect(visitor.text).toMatch(/PIN required Only they themselves can set, change or remove it\./);
    const { fields } = visitor.forms[0] ?? { fields: {} };
    await visitor.visit('/account/household');
    const csrf = visitor.forms[0]!.fields['_csrf']!;
    for (const [path, more] of [
      ['member/pin', { new_pin: OTHER, version: '1', action: 'set' }],
      ['member/pin', { version: '1', action: 'remove' }],
      ['unlock', {}],
    ] as const) {
      const form = { ...fields, ...more, _csrf: csrf, member: subjectId };
      const answer = await visitor.agent.post(`/account/household/${path}`).type('form').send(form);
      expect([path, answer.status]).toEqual([path, 403]);
    }
    const found = await test.house.household.findMember(person.subjectId, { subjectId });
    expect(found).toMatchObject({ isPinRequired: true, pinVersion: 1 });
  });
});

describe('a forgotten PIN', () => {
  const reset = async (fields: Record<string, string>) => {
    await visitor.visit('/pin-reset');
    await visitor.submit(
      { new_pin: OTHER, new_pin_again: OTHER, password: PASSWORD, ...fields },
      '/pin-reset',
    );
  };

  it('is set anew with the second factor and the current password', async () => {
    const careful = await test.newPerson({ isCareful: true });
    visitor = await signedIn(careful);
    await setOwn({ new_pin: PIN });
    await visitor.visit(OWN);
    expect(visitor.html).toContain('href="/pin-reset"');
    test.clock.advance(601);
    await visitor.visit('/pin-reset');
    expect(visitor.address).toBe('/step-up?next=pin-reset');
    await visitor.submit({ code: await test.freshCode(careful) });
    expect(visitor.path).toBe('/pin-reset');
    await visitor.submit({ new_pin: OTHER, new_pin_again: OTHER, password: PASSWORD }, '/pin-reset');
    expect(visitor.text).toContain('Your new PIN counts from now on.');
    await setOwn({ current_pin: OTHER, new_pin: '8058' });
    expect(visitor.path).toBe('/account/household');
  });

  it.each([
    ['another password', { password: 'not the password' }, 403, 'Password not right'],
    ['no password', { password: '' }, 400, 'Password missing'],
    ['two different PINs', { new_pin_again: PIN }, 400, 'PINs differ'],
    ['three digits', { new_pin: '730', new_pin_again: '730' }, 400, 'Not four digits'],
    ['an older page', { version: '7' }, 409, 'changed meanwhile'],
  ])('is refused for %s, and nothing is changed', async (_, fields, status, title) => {
    await setOwn({ new_pin: PIN });
    await reset(fields);
    expect([visitor.status, visitor.title]).toEqual([status, expect.stringContaining(title)]);
    expect(await own()).toMatchObject({ pinVersion: 1 });
  });

  it('asks who is not signed in to do so; with the password forgotten too, its reset leads back', async () => {
    await setOwn({ new_pin: PIN });
    await visitor.visit('/pin-reset');
    const browser = createVisitor({ newAgent: test.newAgent });
    await browser.visit('/pin-reset');
    expect(browser.address).toBe('/sign-in?next=pin-reset');
    expect(browser.html).toContain('href="/forgot-password?next=pin-reset"');
    await browser.visit('/forgot-password?next=pin-reset');
    await browser.submit({ login: person.username });
    await test.sendMail();
    const mail = test.mails.findLast(({ notice }) => notice === 'password-reset-link')!;
    const elsewhere = createVisitor({ newAgent: test.newAgent });
    await elsewhere.visit((mail.details as { address: string }).address);
    await elsewhere.submit({ new_password: NEW_PASSWORD });
    expect(elsewhere.path).toBe('/sign-in');
    await elsewhere.submit({ login: person.username, password: NEW_PASSWORD });
    expect(elsewhere.path).toBe('/pin-reset');
  });
});

it('stands in no page, address or log', async () => {
  await setOwn({ new_pin: PIN });
  const pages = [visitor.html];
  await setOwn({ current_pin: PIN, new_pin: '1234' });
  pages.push(visitor.html);
  await setOwn({ current_pin: '8058', new_pin: PIN });
  pages.push(visitor.html);
  await visitor.visit(`${OWN}?current_pin=${PIN}&new_pin=${OTHER}&pin=${PIN}&action=remove`);
  pages.push(visitor.html);
  const shown = pages
    .join('\n')
    .replace(/name="_csrf" value="[^"]+"|\/static\/[^"]+|<code>[^<]+<\/code>/g, '');
  expect(shown).not.toMatch(/4915|8058|7306/);
  expect(await own()).toMatchObject({ isPinRequired: true, pinVersion: 1 });
  expect(logged.length).toBeGreaterThan(100);
  const told = logged.join('\n').replace(/"(?:time|requestId|responseTime|ms)":[^,}]+/g, '');
  expect(told).not.toMatch(/\b(?:4915|8058|7306)\b/);
});

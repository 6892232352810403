// Switching: who becomes whom, by which PIN, and how little they are then. No sequence of calls lets anybody act as another without
// their PIN, or climb to the owner (DESIGN 8, CHECKLIST 3.7).
import fc from 'fast-check';
import { createProfileSwitch } from '../../src/domain/household-switch.js';
import type { Session } from '../../src/domain/sessions.js';
import type { SwitchedSession } from '../../src/domain/sessions-switched.js';
import type { LastingStanding } from '../../src/domain/tokens-lasting.js';
import type { SubjectId } from '../../src/domain/vocabulary.js';
import { newOrigin } from '../support/credentials.js';
import { claimsOf, openHouseholdHouse, refusalOf, type HouseholdHouse } from '../support/household.js';

let test: HouseholdHouse;
beforeAll(async () => void (test = await openHouseholdHouse()));
afterAll(() => test.close());

const PIN = '8365';
const OTHER = '9274';

const switchSession = (browser: Session | SwitchedSession, subjectId: SubjectId, pin?: string) =>
  test.house.profileSwitch.switchSession(
    browser,
    pin === undefined ? { subjectId } : { subjectId, pin },
    newOrigin(),
  );
const switchToken = (standing: LastingStanding, subjectId: SubjectId, pin?: string) =>
  test.house.profileSwitch.switchToken(
    standing,
    pin === undefined ? { subjectId } : { subjectId, pin },
    newOrigin(),
  );

describe('a browser that is switched (DESIGN 8)', () => {
  it('becomes a member without a PIN by choosing them, and one with a PIN by that alone', async () => {
    const owner = await test.newOwner({ isCareful: true });
    const sam = await test.addMember(owner, { name: 'Sam' });
    const kim = await test.addGuarded(owner, PIN);
    const first = await switchSession(owner.session, sam.subjectId);
    expect(first.session).toMatchObject({ subjectId: sam.subjectId, begunBy: owner.person.accountId });
    expect(await refusalOf(switchSession(first.session, kim.subjectId, '4711'))).toBe('profile-pin-wrong');
    const second = await switchSession(first.session, kim.subjectId, PIN);
    expect(second.session).toMatchObject({ subjectId: kim.subjectId, ticket: owner.session.ticket });
    expect(await test.house.switchedSessions.findSwitched(first.token)).toBeUndefined();
    expect(await test.house.switchedSessions.findSwitched(second.token)).toMatchObject(second.session);
    expect(await test.eventsOf(owner.person)).toContain('profile-switched');
  });

  it('has no session any more, and every use of the one before is refused', async () => {
    const owner = await test.newOwner();
    const sam = await test.addMember(owner);
    const { token, session } = await test.signIn(owner.person);
    const switched = await switchSession(session, sam.subjectId);
    expect(await test.house.sessions.findSession(token)).toBeUndefined();
    expect(await test.house.sessions.findSession(switched.token)).toBeUndefined();
    expect(await refusalOf(switchSession(session, sam.subjectId))).toBe('sign-in-over');
    const changed = test.house.accountPassword.changePassword(
      session,
      { password: 'quartz lantern bicycle 42', newPassword: 'eleven owls keep a ledger' },
      newOrigin(),
    );
    expect(await refusalOf(changed)).toBe('sign-in-over');
  });

  it('becomes its owner or a full member only by a PIN that they have set, and gets no session by it', async () => {
    const owner = await test.newOwner();
    const sam = await test.addMember(owner);
    const full = await test.addFull(owner);
    const browser = await switchSession(await test.sessionOf(owner.person), sam.subjectId);
    for (const { subjectId } of [owner.session, full.session]) {
      expect(await refusalOf(switchSession(browser.session, subjectId))).toBe('profile-pin-wrong');
      expect(await refusalOf(switchSession(browser.session, subjectId, PIN))).toBe('profile-pin-wrong');
    }
    await test.house.profilePins.changeOwnPin(owner.editor, { pin: PIN });
    const asOwner = await switchSession(browser.session, owner.session.subjectId, PIN);
    expect(asOwner.session).toMatchObject({ subjectId: owner.session.subjectId });
    expect(await test.house.sessions.findSession(asOwner.token)).toBeUndefined();
  });

  it('ends when it is signed out, idle for an hour, or as old as the session that it was', async () => {
    const owner = await test.newOwner();
    const sam = await test.addMember(owner);
    const { findSwitched, endSwitched, listSwitched } = test.house.switchedSessions;
    const start = async () => switchSession(await test.sessionOf(owner.person), sam.subjectId);
    const out = await start();
    expect(await listSwitched(owner.person.accountId)).toHaveLength(1);
    await endSwitched(out.session, newOrigin());
    await endSwitched(out.session, newOrigin());
    expect(await findSwitched(out.token)).toBeUndefined();
    const idle = await start();
    test.clock.advance(3600);
    expect(await findSwitched(idle.token)).toBeUndefined();
    const busy = await start();
    for (let minutes = 0; minutes < 24 * 60 - 30; minutes += 30) {
      expect(await findSwitched(busy.token)).toBeDefined();
      test.clock.advance(1800);
    }
    test.clock.advance(1800);
    expect(await findSwitched(busy.token)).toBeUndefined();
  });

  it('ends with a change of the PIN that it was switched by, of the password, or of all other sessions', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const { findSwitched } = test.house.switchedSessions;
    const start = async (pin: string) =>
      switchSession(await test.sessionOf(owner.person), kim.subjectId, pin);
    const first = await start(PIN);
    await test.house.profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: OTHER });
    expect(await findSwitched(first.token)).toBeUndefined();
    const second = await start(OTHER);
    await test.house.sessions.endAllSessions(owner.person.accountId, { except: owner.session.sessionHash });
    expect(await findSwitched(second.token)).toBeUndefined();
    const third = await start(OTHER);
    const asked = { password: 'quartz lantern bicycle 42', newPassword: 'eleven owls keep a ledger' };
    await test.house.accountPassword.changePassword(owner.session, asked, newOrigin());
    expect(await findSwitched(third.token)).toBeUndefined();
  });

  it('reaches nobody of another household, and the answer is that for nobody', async () => {
    const [owner, stranger] = [await test.newOwner(), await test.newOwner()];
    const sam = await test.addMember(owner);
    await test.addMember(stranger);
    const nobody = 'nobody' as SubjectId;
    expect(await refusalOf(switchSession(stranger.session, sam.subjectId))).toBe('not-found');
    expect(await refusalOf(switchSession(stranger.session, nobody))).toBe('not-found');
    const alone = await test.newOwner();
    expect(await refusalOf(switchSession(alone.session, sam.subjectId))).toBe('not-found');
  });

  it('is switched sixty times in ten minutes at most, over the whole household', async () => {
    const owner = await test.newOwner();
    const sam = await test.addMember(owner);
    let browser: Session | SwitchedSession = owner.session;
    for (let each = 0; each < 60; each++) browser = (await switchSession(browser, sam.subjectId)).session;
    expect(await refusalOf(switchSession(browser, sam.subjectId))).toBe('too-many');
    const tool = await test.linkedTool(await test.sessionOf(owner.person));
    expect(await refusalOf(switchToken(tool, sam.subjectId))).toBe('too-many');
  });
});

describe('a tool that is switched (DESIGN 8, PIN-API 6)', () => {
  it('gets a token that says nobody was authenticated, and knows no address', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN, { name: 'Kim' });
    const tool = await test.linkedTool(owner.session);
    const { token, member } = await switchToken(tool, kim.subjectId, PIN);
    const claims = claimsOf(token);
    expect(claims).toMatchObject({ sub: kim.subjectId, amr: ['profile'], scope: 'profile' });
    expect(claims).toMatchObject({ member_kind: 'managed', household_id: kim.householdId });
    expect(claims).not.toHaveProperty('auth_time');
    expect(claims).not.toHaveProperty('acr');
    expect(member.name).toBe('Kim');
    const standing = await test.standingOf(token);
    expect(await test.house.household.describePerson(standing.tool)).toMatchObject({
      ...{ name: 'Kim', isOwn: false, isSwitched: true, account: undefined },
    });
    await test.house.profilePins.changeOwnPin(owner.editor, { pin: PIN });
    const asOwner = await switchToken(standing, owner.session.subjectId, PIN);
    const described = await test.house.household.describePerson(asOwner.tool);
    expect(described).toMatchObject({ isOwn: false, account: undefined, isSwitched: true });
    expect(asOwner.tool.scope).toBe('profile');
  });

  it('gets the same token again, which ends with the tool and no later than its token', async () => {
    const owner = await test.newOwner();
    const [kim, sam] = [await test.addGuarded(owner, PIN), await test.addMember(owner, { name: 'Sam' })];
    const root = await test.linkTool(owner.session);
    const tool = await test.standingOf(root);
    const first = await switchToken(tool, kim.subjectId, PIN);
    expect((await switchToken(tool, kim.subjectId, PIN)).token).toBe(first.token);
    expect(first.expiresAt.getTime()).toBeLessThanOrEqual(tool.expiresAt.getTime());
    const further = await switchToken(await test.standingOf(first.token), sam.subjectId);
    expect(further.tool.parentToolId).toBe(tool.tool.linkedToolId);
    const back = await switchToken(await test.standingOf(further.token), kim.subjectId, PIN);
    expect(back.token).toBe(first.token);
    await test.house.tokensLasting.endLastingToken(tool, newOrigin());
    expect(await Promise.all([root, first.token, further.token].map(test.isAlive))).toEqual([
      ...[false, false, false],
    ]);
    expect(await refusalOf(switchToken(tool, kim.subjectId, PIN))).toBe('token-invalid');
  });

  it('is told of no other tool, and a member’s tool of none but theirs', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const own = await test.linkedTool(owner.session);
    const ofKim = await test.linkedTool(owner.session, kim.subjectId);
    const { token } = await switchToken(own, kim.subjectId);
    const switched = await test.standingOf(token);
    const namesOf = async ({ tool }: LastingStanding) =>
      (await test.house.linkedTools.listForTool(tool)).map(({ linkedToolId }) => linkedToolId).sort();
    expect(await namesOf(switched)).toEqual([switched.tool.linkedToolId]);
    expect(await namesOf(ofKim)).toEqual([ofKim.tool.linkedToolId]);
    expect(await namesOf(own)).toEqual([own, ofKim].map(({ tool }) => tool.linkedToolId).sort());
  });

  it('ends with a change of the PIN, while tools that were linked for the member stay', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const linked = await test.linkTool(owner.session, kim.subjectId);
    const { token } = await switchToken(await test.linkedTool(owner.session), kim.subjectId, PIN);
    await test.house.profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: undefined });
    expect(await Promise.all([linked, token].map(test.isAlive))).toEqual([true, false]);
    const rows = await test.house.stores.audit.findByAccount(owner.person.accountId, 100);
    const ended = rows.filter(({ event }) => event === 'tool-unlinked');
    expect(ended.map(({ details }) => details['why'])).toEqual(['pin-changed']);
  });
});

describe('a switch that meets a change (CHECKLIST 4)', () => {
  /** Switching where something else lands right after the PIN was found right. */
  const racing = (meanwhile: () => Promise<unknown>) => {
    const { house } = test;
    return createProfileSwitch({
      ...{ ...house, store: house.stores.households, mayReceiveToken: house.accounts.mayReceiveToken },
      passwords: {
        hash: house.passwords.hash,
        verify: async (...asked: Parameters<typeof house.passwords.verify>) => {
          const verdict = await house.passwords.verify(...asked);
          await meanwhile();
          return verdict;
        },
      },
    });
  };

  it.each([
    ['of the PIN', (owner: Owner, id: SubjectId) => pins().setManagedPin(owner.editor, id, { pin: OTHER })],
    ['of the household', (owner: Owner, id: SubjectId) => rooms().household.removeMember(owner.editor, id)],
    ['of the session', (owner: Owner) => rooms().sessions.endAllSessions(owner.person.accountId)],
  ])('loses, where it is a change %s', async (_, change) => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const session = await test.sessionOf(owner.person);
    const { switchSession: race } = racing(() => change(owner, kim.subjectId));
    const lost = await refusalOf(race(session, { subjectId: kim.subjectId, pin: PIN }, newOrigin()));
    expect(['profile-pin-wrong', 'not-found', 'sign-in-over']).toContain(lost);
    expect(await test.house.switchedSessions.listSwitched(owner.person.accountId)).toEqual([]);
  });

  type Owner = Awaited<ReturnType<HouseholdHouse['newOwner']>>;
  const rooms = () => test.house;
  const pins = () => test.house.profilePins;
});

describe('no sequence of calls (DESIGN 8)', () => {
  const TARGETS = ['owner', 'full', 'kim', 'sam'] as const;
  type Name = (typeof TARGETS)[number];
  type Guess = 'none' | 'wrong' | 'right' | 'of another';

  /** Something that acts for somebody: a browser, or a tool, which can be asked to be somebody else. */
  type Carrier =
    | { readonly is: 'browser'; token: string; held: Session | SwitchedSession; who: Name }
    | { readonly is: 'tool'; standing: LastingStanding; who: Name };

  const step = fc.record({
    carrier: fc.nat(3),
    act: fc.oneof(
      { weight: 6, arbitrary: fc.constant('switch' as const) },
      { weight: 2, arbitrary: fc.constant('climb' as const) },
      { weight: 1, arbitrary: fc.constant('change PIN' as const) },
      { weight: 1, arbitrary: fc.constant('wait' as const) },
    ),
    target: fc.constantFrom(...TARGETS),
    guess: fc.constantFrom<Guess>('none', 'wrong', 'right', 'right', 'of another'),
  });

  async function openHome() {
    const owner = await test.newOwner();
    const full = await test.addFull(owner);
    const kim = await test.addGuarded(owner, '8365');
    const sam = await test.addMember(owner, { name: 'Sam' });
    await test.house.profilePins.changeOwnPin(owner.editor, { pin: '6193' });
    const subjects: Record<Name, SubjectId> = {
      ...{ owner: owner.session.subjectId, full: full.session.subjectId },
      ...{ kim: kim.subjectId, sam: sam.subjectId },
    };
    // A full member without a PIN can be switched to by nobody; Sam, without one, by everybody.
    const pins: Record<Name, string | undefined> = {
      owner: '6193',
      full: undefined,
      kim: '8365',
      sam: undefined,
    };
    const signed = await test.signIn(owner.person);
    const carriers: Carrier[] = [
      { is: 'browser', token: signed.token, held: signed.session, who: 'owner' },
      { is: 'tool', standing: await test.linkedTool(owner.session), who: 'owner' },
      { is: 'tool', standing: await test.linkedTool(owner.session, kim.subjectId), who: 'kim' },
    ];
    const mine = await test.signIn(full.person);
    carriers.push({ is: 'browser', token: mine.token, held: mine.session, who: 'full' });
    return { owner, subjects, pins, carriers };
  }

  type Home = Awaited<ReturnType<typeof openHome>>;

  function pinFor({ pins }: Home, target: Name, guess: Guess): string | undefined {
    if (guess === 'none') return undefined;
    if (guess === 'wrong') return '4711';
    const named = guess === 'right' ? target : TARGETS.find((name) => name !== target && pins[name]);
    return pins[named!];
  }

  /** Whether this PIN may open this profile at all, whatever was tried before. */
  const mayOpen = ({ pins }: Home, target: Name, pin: string | undefined): boolean =>
    pins[target] === undefined ? target === 'sam' : pin === pins[target];

  async function switchCarrier(carrier: Carrier, subjectId: SubjectId, pin: string | undefined) {
    if (carrier.is === 'browser') {
      const { token, session } = await switchSession(carrier.held, subjectId, pin);
      carrier.token = token;
      carrier.held = session;
    } else {
      const { token } = await switchToken(carrier.standing, subjectId, pin);
      carrier.standing = await test.standingOf(token);
    }
  }

  const isSwitched = (carrier: Carrier): boolean =>
    carrier.is === 'browser' ? 'begunBy' in carrier.held : carrier.standing.tool.methods.includes('profile');

  /** Everything by which what was switched, or speaks for a member, might get more than it has. */
  async function climb(carrier: Carrier): Promise<void> {
    const { house } = test;
    if (carrier.is === 'browser') {
      if (isSwitched(carrier)) expect(await house.sessions.findSession(carrier.token)).toBeUndefined();
      return;
    }
    if (!isSwitched(carrier) && carrier.who === 'owner') return;
    const { standing } = carrier;
    expect(() => house.household.editorOfToken(standing, newOrigin())).toThrow('member-may-not');
    expect((await house.household.describePerson(standing.tool))?.account).toBeUndefined();
    const linked = house.linksByNumber.linkByToken({ standing, userCode: 'BCDF-GHJK', origin: newOrigin() });
    expect(await refusalOf(linked)).toBe('grant-not-allowed');
  }

  async function take(
    home: Home,
    { carrier: index, act, target, guess }: typeof step extends fc.Arbitrary<infer S> ? S : never,
  ) {
    const carrier = home.carriers[index]!;
    if (act === 'wait') return test.clock.advance(35);
    if (act === 'climb') return climb(carrier);
    if (act === 'change PIN') {
      home.pins.kim = home.pins.kim === '8365' ? '9274' : '8365';
      const editor = await test.editorOf(await test.sessionOf(home.owner.person));
      await test.house.profilePins.setManagedPin(editor, home.subjects.kim, { pin: home.pins.kim });
      // Whatever was Kim by the PIN before is nobody now.
      home.carriers = home.carriers.filter((each) => each.who !== 'kim' || !isSwitched(each));
      while (home.carriers.length < 4) home.carriers.push(await newBrowser(home));
      return undefined;
    }
    const pin = pinFor(home, target, guess);
    const word = await refusalOf(switchCarrier(carrier, home.subjects[target], pin));
    if (word !== 'nothing refused') return void expect(['profile-pin-wrong', 'too-many']).toContain(word);
    expect({ target, pin, may: mayOpen(home, target, pin) }).toEqual({ target, pin, may: true });
    expect(isSwitched(carrier)).toBe(true);
    carrier.who = target;
    switched += 1;
    return undefined;
  }

  const newBrowser = async ({ owner }: Home): Promise<Carrier> => {
    const { token, session } = await test.signIn(owner.person);
    return { is: 'browser', token, held: session, who: 'owner' };
  };

  let switched = 0;

  it('lets anybody act as another without the PIN, or climb to the owner', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const home = await openHome();
        for (const each of steps) {
          await take(home, each);
          for (const carrier of home.carriers) {
            const subject =
              carrier.is === 'browser' ? carrier.held.subjectId : carrier.standing.tool.subjectId;
            expect(subject).toBe(home.subjects[carrier.who]);
          }
        }
        for (const carrier of home.carriers) await climb(carrier);
      }),
      { numRuns: 20 },
    );
    expect(switched).toBeGreaterThan(20);
  }, 120_000);
});

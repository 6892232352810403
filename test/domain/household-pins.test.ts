// Profile PINs: which are taken, who may set whose, what a wrong one costs, and that the cost outlives everything (CHECKLIST 3.7).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinFault } from '../../src/domain/household-pin-rule.js';
import { MOST_FAILURES, pinWaitSeconds } from '../../src/domain/household-pin-tries.js';
import type { Member } from '../../src/domain/household-records.js';
import type { Session } from '../../src/domain/sessions.js';
import { newOrigin, PASSWORD } from '../support/credentials.js';
import { openHouseholdHouse, refusalOf, type HouseholdHouse } from '../support/household.js';

let test: HouseholdHouse;
beforeAll(async () => void (test = await openHouseholdHouse()));
afterAll(() => test.close());

const PIN = '8365';
const OTHER = '9274';

type Owner = Awaited<ReturnType<HouseholdHouse['newOwner']>>;

/** A browser of the owner that tries to switch; a new one each time, since a right PIN uses it up. */
async function tryPin({ person }: Owner, { subjectId }: Pick<Member, 'subjectId'>, pin?: string) {
  const session = await test.sessionOf(person);
  const to = pin === undefined ? { subjectId } : { subjectId, pin };
  return refusalOf(test.house.profileSwitch.switchSession(session, to, newOrigin()));
}

const failuresOf = async ({ subjectId }: Pick<Member, 'subjectId'>) =>
  (await test.house.stores.households.findPin(subjectId))?.failures;

/** So many wrong ones, each as soon as it may be made. */
async function failTimes(owner: Owner, member: Member, times: number): Promise<void> {
  for (let each = 0; each < times; each++) {
    test.clock.advance(pinWaitSeconds((await failuresOf(member)) ?? 0));
    expect(await tryPin(owner, member, '4711')).toBe('profile-pin-wrong');
  }
}

describe('which PINs are taken (CHECKLIST 3.7)', () => {
  it.each([
    ['not-four-digits', ['', '836', '83655', '٨٣٦٥', '８３６５', '8365\n', ' 8365', '83.5', '-836']],
    ['repeated', ['0000', '7777', '1212', '8383', '1122', '1221', '7770', '0777']],
    ['sequence', ['1234', '4321', '8901', '2468', '0369', '9876']],
    ['year', ['1940', '1987', '2030', '2001']],
    ['common', ['2580', '1004', '5683', '1225', '1397', '0911']],
  ])('calls %s: %j', (fault, pins) => {
    for (const pin of pins) expect({ pin, fault: pinFault(pin) }).toEqual({ pin, fault });
  });

  it('refuses the twenty that people choose most, and leaves more than nine thousand', () => {
    const most =
      '1234 1111 0000 1212 7777 1004 2000 4444 2222 6969 9999 3333 5555 6666 1122 1313 8888 4321 2001 1010';
    expect(most.split(' ').filter((pin) => pinFault(pin) === undefined)).toEqual([]);
    const all = Array.from({ length: 10_000 }, (_, each) => String(each).padStart(4, '0'));
    expect(all.filter((pin) => pinFault(pin) === undefined).length).toBeGreaterThan(9000);
  });

  it.each([
    ['three digits', '836', 'profile-pin-invalid', 'not-four-digits'],
    ['five digits', '83651', 'profile-pin-invalid', 'not-four-digits'],
    ['digits of another alphabet', '８３６５', 'profile-pin-invalid', 'not-four-digits'],
    ['a year', '1987', 'profile-pin-common', 'year'],
  ])('refuses %s with the reason, and changes nothing', async (_, pin, code, publicDetail) => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const { profilePins } = test.house;
    const password = PASSWORD;
    for (const work of [
      () => profilePins.setManagedPin(owner.editor, kim.subjectId, { pin }),
      () => profilePins.changeOwnPin(owner.editor, { pin }),
      () => profilePins.resetOwnPin(owner.session, { pin, password }, newOrigin()),
    ]) {
      await expect(work()).rejects.toMatchObject({ code, publicDetail });
    }
    const { members } = (await test.house.household.findHousehold(kim.subjectId))!;
    expect(members.map(({ isPinRequired }) => isPinRequired)).toEqual([false, false]);
  });
});

describe('setting a PIN (DESIGN 8)', () => {
  it('is kept as a hash with the pepper, for this profile alone', async () => {
    const owner = await test.newOwner();
    const [kim, sam] = [
      await test.addGuarded(owner, PIN),
      await test.addGuarded(owner, PIN, { name: 'Sam' }),
    ];
    const { stores, passwords, inTransaction } = test.house;
    const hashes = await Promise.all([kim, sam].map(({ subjectId }) => stores.households.findPin(subjectId)));
    expect(hashes[0]!.hash).toMatch(/^[\w-]{8}\$argon2id\$/);
    expect((await passwords.verify(hashes[0]!.hash, PIN)).ok).toBe(false);
    // Moved to another profile it opens nothing there.
    const { version } = hashes[1]!;
    await inTransaction(({ households }) =>
      households.replacePin(sam.subjectId, version, hashes[0]!.hash, test.clock.now()),
    );
    expect(await tryPin(owner, sam, PIN)).toBe('profile-pin-wrong');
    expect(await tryPin(owner, kim, PIN)).toBe('nothing refused');
  });

  it('asks for the PIN before, to change or remove one’s own, and for no proof beside it', async () => {
    const owner = await test.newOwner();
    const { profilePins } = test.house;
    await profilePins.changeOwnPin(owner.editor, { pin: PIN });
    test.clock.advance(700);
    const later = await test.editorOf(owner.session);
    expect(later.isFresh).toBe(false);
    expect(await refusalOf(profilePins.changeOwnPin(later, { pin: OTHER }))).toBe('profile-pin-wrong');
    const wrong = profilePins.changeOwnPin(later, { pin: OTHER, current: '4711' });
    expect(await refusalOf(wrong)).toBe('profile-pin-wrong');
    expect(await failuresOf(owner.session)).toBe(1);
    await profilePins.changeOwnPin(later, { pin: OTHER, current: PIN });
    expect(await failuresOf(owner.session)).toBe(0);
    await profilePins.changeOwnPin(later, { pin: undefined, current: OTHER });
    expect(await refusalOf(profilePins.changeOwnPin(later, { pin: PIN }))).toBe('proof-required');
    const told = (await test.mailsTo(owner.person.email)).map(({ notice }) => notice);
    expect(told.filter((notice) => notice === 'profile-pin-changed')).toHaveLength(3);
    expect(await test.eventsOf(owner.person)).toEqual(
      expect.arrayContaining(['profile-pin-set', 'profile-pin-wrong', 'profile-pin-removed']),
    );
  });

  it('lets the owner set and remove a managed member’s without knowing it, and never a full member’s', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const full = await test.addFull(owner);
    const { profilePins } = test.house;
    await profilePins.changeOwnPin(full.editor, { pin: PIN });
    await profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: OTHER });
    expect(await tryPin(owner, kim, PIN)).toBe('profile-pin-wrong');
    await profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: undefined });
    expect(await tryPin(owner, kim)).toBe('nothing refused');
    const { subjectId } = full.session;
    for (const work of [
      profilePins.setManagedPin(owner.editor, subjectId, { pin: OTHER }),
      profilePins.setManagedPin(owner.editor, subjectId, { pin: undefined }),
      profilePins.unlockPin(owner.editor, subjectId),
      profilePins.setManagedPin(owner.editor, owner.session.subjectId, { pin: OTHER }),
    ]) {
      expect(await refusalOf(work)).toBe('member-may-not');
    }
    expect(await tryPin(owner, full.session, PIN)).toBe('nothing refused');
  });

  it('tells the second of two pages that edit one PIN that it was changed, and counts nothing', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const { profilePins, household } = test.house;
    const version = kim.pinVersion;
    await profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: OTHER, version });
    const second = profilePins.setManagedPin(owner.editor, kim.subjectId, { pin: '6193', version });
    expect(await refusalOf(second)).toBe('profile-pin-changed');
    expect(await tryPin(owner, kim, OTHER)).toBe('nothing refused');

    await profilePins.changeOwnPin(owner.editor, { pin: PIN });
    const own = await household.findMember(owner.session.subjectId, owner.session);
    await profilePins.changeOwnPin(owner.editor, { pin: OTHER, current: PIN, version: own.pinVersion });
    const late = profilePins.changeOwnPin(owner.editor, {
      pin: '6193',
      current: PIN,
      version: own.pinVersion,
    });
    expect(await refusalOf(late)).toBe('profile-pin-changed');
    expect(await failuresOf(owner.session)).toBe(0);
  });

  it('takes one of two changes that both had the right PIN, whichever way they meet', async () => {
    const owner = await test.newOwner();
    const { profilePins } = test.house;
    await profilePins.changeOwnPin(owner.editor, { pin: PIN });
    const both = await Promise.all(
      [OTHER, '6193'].map((pin) => refusalOf(profilePins.changeOwnPin(owner.editor, { pin, current: PIN }))),
    );
    expect(both.filter((word) => word === 'nothing refused')).toHaveLength(1);
    expect(['profile-pin-changed', 'profile-pin-wrong']).toContain(
      both.find((word) => word !== 'nothing refused'),
    );
  });

  it('is hashed anew, under the key of today, when it was right; under a key that is gone it opens nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'linchpin-pins-'));
    const databaseFile = join(folder, 'linchpin.sqlite');
    const secretPrevious = 'the secret of yesterday, long enough';
    const first = await openHouseholdHouse({ config: { databaseFile, secret: secretPrevious } });
    const owner = await first.newOwner();
    const [kim, sam] = [
      await first.addGuarded(owner, PIN),
      await first.addGuarded(owner, PIN, { name: 'Sam' }),
    ];
    await first.close();
    const config = { databaseFile, secret: 'the secret of today, which is long enough' };
    const second = await openHouseholdHouse({ config: { ...config, secretPrevious }, clock: first.clock });
    const hashOf = async ({ house }: HouseholdHouse, { subjectId }: Member) =>
      (await house.stores.households.findPin(subjectId))!.hash!;
    const tryAs = async (house: HouseholdHouse, { subjectId }: Member) => {
      const session = await house.sessionOf(owner.person);
      return refusalOf(
        house.house.profileSwitch.switchSession(session, { subjectId, pin: PIN }, newOrigin()),
      );
    };
    const before = await hashOf(second, kim);
    expect(await tryAs(second, kim)).toBe('nothing refused');
    expect((await hashOf(second, kim)).slice(0, 8)).not.toBe(before.slice(0, 8));
    const previous = await hashOf(second, sam);
    expect(previous.slice(0, 8)).toBe(before.slice(0, 8));
    const foreign = `AAAAAAAA${previous.slice(8)}`;
    await second.house.inTransaction(({ households }) =>
      households.rehashPin(sam.subjectId, previous, foreign),
    );
    expect(await tryAs(second, sam)).toBe('profile-pin-wrong');
    await second.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('a forgotten PIN (DESIGN 8)', () => {
  it('is set anew by who has signed in a moment ago and gives the password once more; a lock ends so', async () => {
    const owner = await test.newOwner();
    const full = await test.addFull(owner, { isCareful: true });
    const { profilePins } = test.house;
    await profilePins.changeOwnPin(full.editor, { pin: PIN });
    await failTimes(owner, full.member, MOST_FAILURES);
    expect(await tryPin(owner, full.member, PIN)).toBe('profile-pin-wrong');
    const session = await test.sessionOf(full.person);
    const reset = (asked: { pin?: string; password?: string }, by: Session = session) =>
      refusalOf(profilePins.resetOwnPin(by, { pin: OTHER, password: PASSWORD, ...asked }, newOrigin()));
    expect(await reset({ password: 'not the password at all' })).toBe('credentials-wrong');
    expect(await reset({})).toBe('nothing refused');
    expect(await tryPin(owner, full.member, OTHER)).toBe('nothing refused');
    const told = (await test.mailsTo(full.person.email)).map(({ notice }) => notice);
    expect(told).toEqual(expect.arrayContaining(['profile-pin-locked', 'profile-pin-changed']));
    test.clock.advance(601);
    expect(await reset({})).toBe('proof-required');
    const ended = await test.sessionOf(full.person);
    await test.house.sessions.endAllSessions(full.person.accountId);
    expect(await reset({}, ended)).toBe('sign-in-over');
  });
});

describe('guessing a PIN (CHECKLIST 3.7)', () => {
  it('waits from the fifth wrong one on, thirty seconds and doubling, and the tenth locks', () => {
    expect([0, 4, 5, 6, 7, 8, 9].map(pinWaitSeconds)).toEqual([0, 0, 30, 60, 120, 240, 480]);
  });

  it('is counted for the profile, over ten browsers and tools', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const { profileSwitch, profilePins } = test.house;
    for (let each = 0; each < MOST_FAILURES; each++) {
      test.clock.advance(pinWaitSeconds(each));
      const to = { subjectId: kim.subjectId, pin: `471${each}` };
      const session = await test.sessionOf(owner.person);
      const tried =
        each % 2 === 0
          ? profileSwitch.switchSession(session, to, newOrigin())
          : profileSwitch.switchToken(await test.linkedTool(session), to, newOrigin());
      expect(await refusalOf(tried)).toBe('profile-pin-wrong');
    }
    expect(await profilePins.findLocked(owner.person.accountId)).toEqual([kim.subjectId]);
    test.clock.advance(86_400);
    expect(await tryPin(owner, kim, PIN)).toBe('profile-pin-wrong');
    const told = (await test.mailsTo(owner.person.email)).map(({ notice }) => notice);
    expect(told.filter((notice) => notice === 'profile-pin-locked')).toHaveLength(1);
  });

  it('stays locked, and counted, after the house was closed and opened again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'linchpin-pins-'));
    const config = { databaseFile: join(folder, 'linchpin.sqlite') };
    const first = await openHouseholdHouse({ config });
    const owner = await first.newOwner();
    const kim = await first.addGuarded(owner, PIN);
    const tryIn = async (house: HouseholdHouse, pin: string) => {
      const to = { subjectId: kim.subjectId, pin };
      const session = await house.sessionOf(owner.person);
      return refusalOf(house.house.profileSwitch.switchSession(session, to, newOrigin()));
    };
    const fail = async (house: HouseholdHouse, from: number, to: number) => {
      for (let each = from; each < to; each++) {
        house.clock.advance(pinWaitSeconds(each));
        expect(await tryIn(house, '4711')).toBe('profile-pin-wrong');
      }
    };
    await fail(first, 0, 7);
    await first.close();
    const second = await openHouseholdHouse({ config, clock: first.clock });
    await fail(second, 7, MOST_FAILURES);
    await second.close();
    const third = await openHouseholdHouse({ config, clock: first.clock });
    third.clock.advance(86_400);
    expect(await tryIn(third, PIN)).toBe('profile-pin-wrong');
    expect((await third.house.stores.households.findPin(kim.subjectId))?.failures).toBe(MOST_FAILURES);
    await third.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('goes on waiting, and looks at nothing, while it waits', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    await failTimes(owner, kim, 5);
    test.clock.advance(29);
    expect(await tryPin(owner, kim, PIN)).toBe('profile-pin-wrong');
    expect(await failuresOf(kim)).toBe(5);
    test.clock.advance(1);
    expect(await tryPin(owner, kim, PIN)).toBe('nothing refused');
    expect(await failuresOf(kim)).toBe(0);
  });

  it('ends with the owner, who unlocks whom they manage, and themself', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    await failTimes(owner, kim, MOST_FAILURES);
    const { profilePins } = test.house;
    const editor = await test.editorOf(await test.sessionOf(owner.person));
    await profilePins.unlockPin(editor, kim.subjectId);
    await profilePins.unlockPin(editor, kim.subjectId);
    expect(await tryPin(owner, kim, PIN)).toBe('nothing refused');
    await profilePins.changeOwnPin(editor, { pin: PIN });
    await failTimes(owner, { ...kim, subjectId: owner.session.subjectId }, MOST_FAILURES);
    expect(await tryPin(owner, owner.session, PIN)).toBe('profile-pin-wrong');
    await profilePins.unlockPin(
      await test.editorOf(await test.sessionOf(owner.person)),
      owner.session.subjectId,
    );
    expect(await tryPin(owner, owner.session, PIN)).toBe('nothing refused');
  });

  it('gets no further by trying many at once: each is charged before it is looked at', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const sessions = [];
    for (let each = 0; each < 25; each++) sessions.push(await test.sessionOf(owner.person));
    const { profileSwitch } = test.house;
    const words = await Promise.all(
      sessions.map((session, each) => {
        const to = { subjectId: kim.subjectId, pin: String(4000 + each) };
        return refusalOf(profileSwitch.switchSession(session, to, newOrigin()));
      }),
    );
    expect(new Set(words)).toEqual(new Set(['profile-pin-wrong']));
    expect(await failuresOf(kim)).toBeLessThanOrEqual(5);
  });

  it('costs the same and says the same: wrong, missing, malformed, locked, and no PIN where one is needed', async () => {
    const owner = await test.newOwner();
    const kim = await test.addGuarded(owner, PIN);
    const locked = await test.addGuarded(owner, PIN, { name: 'Sam' });
    const full = await test.addFull(owner);
    await failTimes(owner, locked, MOST_FAILURES);
    const { passwords, profileSwitch, stores } = test.house;
    const asked = [
      { subjectId: kim.subjectId, pin: '4711' },
      { subjectId: kim.subjectId },
      { subjectId: kim.subjectId, pin: '83650' },
      { subjectId: kim.subjectId, pin: '' },
      { subjectId: locked.subjectId, pin: PIN },
      { subjectId: full.session.subjectId, pin: PIN },
      { subjectId: full.session.subjectId },
    ];
    for (const to of asked) {
      const session = await test.sessionOf(owner.person);
      const runs = passwords.runs();
      await expect(profileSwitch.switchSession(session, to, newOrigin())).rejects.toMatchObject({
        ...{ code: 'profile-pin-wrong', publicDetail: undefined, retryAfterSeconds: undefined },
      });
      expect({ to, runs: passwords.runs() - runs }).toEqual({ to, runs: 1 });
    }
    expect((await stores.households.findPin(kim.subjectId))!.failures).toBe(1);
  });
});

// What every store of households must do (domain/household-records.ts): nobody is in two, a change names what it was made for, a
// charge is counted once, and what somebody has as a member ends for them alone.
import type { InvitationRow, NewMember } from '../../../src/domain/household-records.js';
import type { LinkedTool } from '../../../src/domain/tokens.js';
import type { SwitchedSession } from '../../../src/domain/sessions-switched.js';
import type {
  AccountId,
  AuthenticationMethod,
  BrowserTicket,
  HouseholdId,
  LinkedToolId,
  LinkId,
  SessionHash,
  SubjectId,
} from '../../../src/domain/vocabulary.js';
import { createStores, type Stores } from '../../../src/stores/sql/stores.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (seconds: number): Date => new Date(1_700_000_000_000 + seconds * 1000);

let drawn = 0;

const accountRow = (accountId: AccountId, publicNumber: number) => ({
  ...{ accountId, publicNumber, email: `${accountId}@example.org`, emailVerifiedAt: at(0) },
  ...{ username: accountId, displayName: `The ${accountId}`, passwordHash: 'h', passwordLength: 20 },
  ...{ passwordChangedAt: at(0), language: undefined, role: 'person' as const, createdAt: at(0) },
  closedAt: undefined,
});

describeOnBackends('a store of households', ({ open }) => {
  const database = open(createStores);
  const { inTransaction, stores } = database;
  afterAll(() => database.close());
  const act = <Result>(work: (given: Stores) => Promise<Result>) => inTransaction(work);

  const memberRow = (
    householdId: HouseholdId,
    accountId: AccountId,
    more: Partial<NewMember> = {},
  ): NewMember => ({
    ...{ householdId, accountId, subjectId: accountId as string as SubjectId, kind: 'owner' },
    ...{ publicNumber: ++drawn, name: '', colour: 'red', picture: 'letter', restriction: 'none' },
    ...{ joinedAt: at(drawn), ...more },
  });

  /** A household of somebody with an account. */
  async function newHousehold() {
    const ownerId = `owner ${++drawn}` as AccountId;
    const householdId = `house ${drawn}` as HouseholdId;
    await act(async ({ accounts, households }) => {
      await accounts.insert(accountRow(ownerId, ++drawn));
      await households.insertHousehold({ householdId, ownerId }, at(0));
      await households.insertMember(memberRow(householdId, ownerId));
    });
    return { ownerId, householdId, ownSubject: ownerId as string as SubjectId };
  }

  async function addPerson({ householdId, ownerId }: Awaited<ReturnType<typeof newHousehold>>, name = 'Kim') {
    const subjectId = `person ${++drawn}` as SubjectId;
    const row = memberRow(householdId, ownerId, { subjectId, kind: 'managed', name });
    await act(({ households }) => households.insertPerson(row));
    return { accountId: ownerId, subjectId, householdId, publicNumber: row.publicNumber };
  }

  it('makes one for an account, and finds who is in it, in the order in which they came', async () => {
    const house = await newHousehold();
    const { ownerId, ownSubject, householdId } = house;
    const again = { householdId: 'another' as HouseholdId, ownerId };
    expect(await act(({ households }) => households.insertHousehold(again, at(1)))).toBe(false);
    const kim = await addPerson(house);
    const members = await stores.households.findMembers(householdId);
    expect(members.map(({ kind, name }) => [kind, name])).toEqual([
      ['owner', `The ${ownerId}`],
      ['managed', 'Kim'],
    ]);
    expect(await stores.households.findMember(kim.subjectId)).toMatchObject({
      ...{ ...kim, kind: 'managed', username: '', isPinRequired: false, pinVersion: 0 },
    });
    expect(await stores.households.findMember(ownSubject)).toMatchObject({ username: ownerId });
    expect(await stores.households.findStanding(ownSubject)).toEqual({ householdId, memberKind: 'owner' });
    expect(await stores.households.findStanding('nobody' as SubjectId)).toBeUndefined();
    expect(await act(({ households }) => households.hold(householdId, at(2)))).toBe(true);
    expect(await act(({ households }) => households.hold('gone' as HouseholdId, at(2)))).toBe(false);
  });

  it('refuses a number that somebody has, somebody who is a member, and a second owner or guest', async () => {
    const [house, other] = [await newHousehold(), await newHousehold()];
    const kim = await addPerson(house);
    const twin = memberRow(house.householdId, house.ownerId, {
      ...{ subjectId: 'twin' as SubjectId, kind: 'managed', publicNumber: kim.publicNumber },
    });
    expect(await act(({ households }) => households.insertPerson(twin))).toBe(false);
    const elsewhere = memberRow(other.householdId, house.ownerId, { kind: 'full' });
    expect(await act(({ households }) => households.insertMember(elsewhere))).toBe(false);
    const guest = (name: string) =>
      act(({ households }) =>
        households.insertPerson(
          memberRow(house.householdId, house.ownerId, { subjectId: name as SubjectId, kind: 'guest' }),
        ),
      ).catch(() => false);
    expect([await guest('guest 1'), await guest('guest 2')]).toEqual([true, false]);
  });

  it('changes how a member looks, and lets them go, in their own household only', async () => {
    const [house, other] = [await newHousehold(), await newHousehold()];
    const kim = await addPerson(house);
    const foreign = { ...kim, householdId: other.householdId };
    const look = { name: 'Sam', colour: 'blue', picture: 'owl', restriction: 'teen' } as const;
    expect(await act(({ households }) => households.changeLook(foreign, look, at(5)))).toBe(false);
    expect(await act(({ households }) => households.changeLook(kim, look, at(5)))).toBe(true);
    expect(await stores.households.findMember(kim.subjectId)).toMatchObject({ ...look, changedAt: at(5) });
    expect(await act(({ households }) => households.removeMember(foreign))).toBe(false);
    expect(await act(({ households }) => households.removeMember(kim))).toBe(true);
    expect(await act(({ households }) => households.removeMember(kim))).toBe(false);
  });

  it('moves an owner with their PIN, and forgets the household that they leave with all in it', async () => {
    const [from, to] = [await newHousehold(), await newHousehold()];
    await act(({ households }) => households.replacePin(from.ownSubject, 0, 'hash', at(1)));
    const row = memberRow(to.householdId, from.ownerId, { kind: 'full' });
    expect(await act(({ households }) => households.moveMember(row))).toBe(true);
    await act(({ households }) => households.removeHousehold(from.householdId));
    const moved = await stores.households.findMember(from.ownSubject);
    expect(moved).toMatchObject({ kind: 'full', householdId: to.householdId, isPinRequired: true });
    expect(await act(({ households }) => households.hold(from.householdId, at(2)))).toBe(false);
    expect(await act(({ households }) => households.moveMember(row))).toBe(false);
  });

  it('counts a wrong PIN once for the count that it was made for, and takes one or all back', async () => {
    const { subjectId, householdId } = await addPerson(await newHousehold());
    const charge = (seen: number) => act(({ households }) => households.chargePin(subjectId, seen, at(9)));
    expect(await Promise.all([charge(0), charge(0)])).toEqual(expect.arrayContaining([true, false]));
    expect(await charge(1)).toBe(true);
    await act(({ households }) => households.notePinTry(subjectId, at(10)));
    const kept = { hash: undefined, version: 0, failures: 2, failedAt: at(9) };
    expect(await stores.households.findPin(subjectId)).toEqual(kept);
    expect(await stores.households.findWithFailures(householdId, 2)).toEqual([subjectId]);
    expect(await stores.households.findWithFailures(householdId, 3)).toEqual([]);
    await act(({ households }) => households.givePinBack(subjectId));
    expect((await stores.households.findPin(subjectId))?.failures).toBe(1);
    expect(await act(({ households }) => households.forgivePin(subjectId))).toBe(true);
    expect(await act(({ households }) => households.forgivePin(subjectId))).toBe(false);
    await act(({ households }) => households.givePinBack(subjectId));
    expect((await stores.households.findPin(subjectId))?.failures).toBe(0);
    expect(await stores.households.findPin('nobody' as SubjectId)).toBeUndefined();
  });

  it('never counts past the lock', async () => {
    const { subjectId } = await addPerson(await newHousehold());
    for (let seen = 0; seen < 10; seen++)
      await act(({ households }) => households.chargePin(subjectId, seen, at(seen)));
    await expect(act(({ households }) => households.chargePin(subjectId, 10, at(11)))).rejects.toThrow();
    expect((await stores.households.findPin(subjectId))?.failures).toBe(10);
  });

  it('takes one of two PINs that were set for the same version, and clears the count', async () => {
    const { subjectId } = await addPerson(await newHousehold());
    await act(({ households }) => households.chargePin(subjectId, 0, at(1)));
    const put = (version: number, hash: string | undefined) =>
      act(({ households }) => households.replacePin(subjectId, version, hash, at(2)));
    expect(await Promise.all([put(0, 'one'), put(0, 'two')])).toEqual(expect.arrayContaining([true, false]));
    const kept = (await stores.households.findPin(subjectId))!;
    expect(kept).toMatchObject({ version: 1, failures: 0 });
    expect(await act(({ households }) => households.rehashPin(subjectId, kept.hash!, 'newer'))).toBe(true);
    expect(await act(({ households }) => households.rehashPin(subjectId, kept.hash!, 'late'))).toBe(false);
    expect(await put(1, undefined)).toBe(true);
    expect(await stores.households.findPin(subjectId)).toMatchObject({ hash: undefined, version: 2 });
  });

  it('keeps one invitation for an address, until its time, for its own owner', async () => {
    const [house, other] = [await newHousehold(), await newHousehold()];
    const row = (more: Partial<InvitationRow>): InvitationRow => ({
      ...{ invitationId: `i ${++drawn}`, tokenMac: `mac ${drawn}`, householdId: house.householdId },
      ...{ ownerId: house.ownerId, foldedEmail: 'kim@example.org', email: 'Kim@example.org' },
      ...{ createdAt: at(drawn), expiresAt: at(5000), ...more },
    });
    const [first, second, third] = [row({}), row({}), row({ foldedEmail: 'sam@example.org' })];
    for (const each of [first, second, third])
      await act(({ invitations }) => invitations.putInvitation(each));
    expect(await stores.invitations.findInvitation(first.tokenMac, at(0))).toBeUndefined();
    expect(await stores.invitations.findInvitation(second.tokenMac, at(0))).toEqual(second);
    expect(await stores.invitations.findInvitation(second.tokenMac, at(5000))).toBeUndefined();
    expect(await stores.invitations.findInvitations(house.ownerId, at(0))).toEqual([third, second]);
    const remove = (owner: AccountId) =>
      act(({ invitations }) => invitations.removeInvitation(second.invitationId, owner));
    expect([await remove(other.ownerId), await remove(house.ownerId), await remove(house.ownerId)]).toEqual([
      ...[false, true, false],
    ]);
    expect(await act(({ invitations }) => invitations.removeExpiredInvitations(at(4999)))).toBe(0);
    expect(await act(({ invitations }) => invitations.removeExpiredInvitations(at(5000)))).toBe(1);
  });

  const toolOf = (
    {
      accountId,
      subjectId,
      householdId,
    }: { accountId: AccountId; subjectId: SubjectId; householdId: HouseholdId },
    more: Partial<LinkedTool> = {},
  ): LinkedTool => ({
    ...{ linkedToolId: `tool ${++drawn}` as LinkedToolId, linkId: `link ${drawn}` as LinkId, door: 'pin' },
    ...{ accountId, subjectId, clientId: 'pin:tv', name: 'tv', scope: 'profile', audience: 'a' },
    ...{ authenticatedAt: at(0), methods: ['pwd'] as AuthenticationMethod[], keyThumbprint: undefined },
    firstAccess: { jti: `jti ${drawn}`, issuedAt: at(0), expiresAt: at(9999) },
    ...{ linkedAt: at(drawn), linkedFrom: '', lastUsedAt: at(0), lastUsedFrom: '', endedAt: undefined },
    household: { householdId, memberKind: 'managed' },
    ...more,
  });
  const put = async (tool: LinkedTool): Promise<LinkedToolId> => {
    await act(({ tokens }) => tokens.insertLinkedTool(tool));
    return tool.linkedToolId;
  };
  const isEnded = async (id: LinkedToolId) => (await stores.tokens.findLinkedTool(id))?.endedAt !== undefined;

  it('ends a member’s tools, and what they have switched to others, and nobody else’s', async () => {
    const house = await newHousehold();
    const [kim, sam] = [await addPerson(house), await addPerson(house, 'Sam')];
    const parent = await put(toolOf(kim, { household: undefined }));
    const profile = { methods: ['profile'] as AuthenticationMethod[], parentToolId: parent };
    const ids = {
      own: await put(toolOf(kim)),
      before: parent,
      asSam: await put(toolOf(sam, profile)),
      ofSam: await put(toolOf(sam)),
    };
    expect(await stores.memberAccess.findSwitchedTool(parent, sam.subjectId)).toMatchObject({
      linkedToolId: ids.asSam,
    });
    const ended = await act(({ memberAccess }) => memberAccess.endTools(kim, at(7)));
    expect(ended.map(({ linkedToolId }) => linkedToolId).sort()).toEqual([ids.own, ids.asSam].sort());
    expect(await Promise.all(Object.values(ids).map(isEnded))).toEqual([true, false, true, false]);
    expect(await stores.memberAccess.findSwitchedTool(parent, sam.subjectId)).toBeUndefined();
  });

  it('ends tools that were switched to a member, and no other of theirs; and with a tool, its grandchildren', async () => {
    const house = await newHousehold();
    const kim = await addPerson(house);
    const first = await put(toolOf(kim));
    const second = await put(toolOf(kim, { parentToolId: first }));
    const third = await put(toolOf(kim, { parentToolId: second, methods: ['profile'] }));
    const fourth = await put(toolOf(kim, { parentToolId: second, methods: ['profile'] }));
    await act(({ memberAccess }) => memberAccess.endSwitchedTools(kim, at(7)));
    expect(await Promise.all([first, second, third, fourth].map(isEnded))).toEqual([
      ...[false, false],
      ...[true, true],
    ]);
    const fifth = await put(toolOf(kim, { parentToolId: second, methods: ['profile'] }));
    await act(({ tokens }) => tokens.endLinkedTool(first, at(8), 'unlinked'));
    expect(await Promise.all([second, fifth].map(isEnded))).toEqual([true, true]);
    const told = await put(toolOf(kim));
    await act(({ memberAccess }) => memberAccess.forgetHousehold(kim.householdId));
    expect((await stores.tokens.findLinkedTool(told))?.household).toBeUndefined();
  });

  it('keeps switched browsers apart from sessions, and ends them with either account', async () => {
    const house = await newHousehold();
    const kim = await addPerson(house);
    const switched = (more: Partial<SwitchedSession> = {}): SwitchedSession => ({
      ...{ sessionHash: `s ${++drawn}` as SessionHash, ticket: 't' as BrowserTicket, ...kim },
      ...{ begunBy: house.ownerId, userAgent: '', networkAddress: '', isRemembered: false },
      ...{ createdAt: at(0), lastSeenAt: at(0), expiresAt: at(100), ...more },
    });
    const expected = switched();
    const insert = (session: SwitchedSession) =>
      act(({ switchedSessions }) => switchedSessions.insert(session));
    const find = ({ sessionHash }: SwitchedSession) => stores.switchedSessions.find(sessionHash);
    expect([await insert(expected), await insert(expected)]).toEqual([true, false]);
    expect(await find(expected)).toMatchObject({ subjectId: kim.subjectId, begunBy: house.ownerId });
    expect(await stores.sessions.find(expected.sessionHash)).toBeUndefined();
    const { switchedSessions: kept } = stores;
    expect(await kept.findBegunBy(house.ownerId, at(1), at(-1))).toHaveLength(1);
    expect(await kept.findBegunBy(house.ownerId, at(1), at(0))).toHaveLength(0);
    const seen = (before: number) =>
      act(({ switchedSessions }) => switchedSessions.markSeen(expected.sessionHash, at(9), at(before)));
    expect([await seen(0), await seen(1)]).toEqual([false, true]);

    const full = 'full account' as AccountId;
    const [byFull, asFull, other] = [switched({ begunBy: full }), switched({ accountId: full }), switched()];
    for (const each of [byFull, asFull, other]) await insert(each);
    expect(await act(({ sessions }) => sessions.removeByAccount(full, undefined))).toBe(2);
    expect(await find(other)).toBeDefined();
    await act(({ switchedSessions }) => switchedSessions.removeBegunIn(house.ownerId, 'x' as HouseholdId));
    expect(await find(other)).toBeDefined();
    await act(({ switchedSessions }) => switchedSessions.removeBySubject(kim.subjectId));
    expect(await find(other)).toBeUndefined();
    const last = switched();
    await insert(last);
    expect(await act(({ sessions }) => sessions.removeExpired(at(100)))).toBe(1);
    const again = switched();
    await insert(again);
    const gone = () => act(({ switchedSessions }) => switchedSessions.remove(again.sessionHash));
    expect([await gone(), await gone()]).toEqual([true, false]);
  });
});

// The members of a household: how they come, change and go, what a tool may have for them, and what ends with them (DESIGN 8).
import { MOST_MEMBERS } from '../../src/domain/household.js';
import { narrowScope } from '../../src/domain/household-scopes.js';
import { GRACE_DAYS } from '../../src/domain/account-closing.js';
import type { AccountId, SubjectId } from '../../src/domain/vocabulary.js';
import { newOrigin, PASSWORD } from '../support/credentials.js';
import { claimsOf, openHouseholdHouse, refusalOf, type HouseholdHouse } from '../support/household.js';

let test: HouseholdHouse;
beforeAll(async () => void (test = await openHouseholdHouse()));
afterAll(() => test.close());

const membersSeenBy = async (subjectId: SubjectId) =>
  (await test.house.household.findHousehold(subjectId))?.members ?? [];

/** What the owner reads of tools and links that were ended with something else (ASVS 16.3.1). */
async function endingsOf({ person }: { readonly person: { readonly accountId: AccountId } }) {
  const rows = await test.house.stores.audit.findByAccount(person.accountId, 1000);
  return rows
    .filter(({ event }) => event === 'tool-unlinked' || event === 'link-withdrawn')
    .map(({ event, details }) => `${event} ${String(details['why'])}`)
    .sort();
}

describe('the members of a household (DESIGN 8)', () => {
  it('is no household until somebody is in it', async () => {
    const { person, session } = await test.newOwner();
    expect(await test.house.household.findHousehold(session.subjectId)).toBeUndefined();
    expect(claimsOf(await test.linkTool(session))).not.toHaveProperty('household_id');
    expect(await refusalOf(test.house.household.leaveHousehold(session, newOrigin()))).toBe('not-found');
    expect(person.accountId).toBe(session.accountId);
  });

  it('takes in somebody with a name, a picture, a colour and a restriction, and no account', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner, {
      ...{ name: '  Kim \u202E of home ', picture: 'owl', colour: 'teal', restriction: 'teen' },
    });
    expect(kim).toMatchObject({ kind: 'managed', name: 'Kim of home', picture: 'owl', colour: 'teal' });
    expect(kim).toMatchObject({ username: '', restriction: 'teen', isPinRequired: false });
    expect(kim.publicNumber).toBeGreaterThan(0);
    const { members, ownerId } = (await test.house.household.findHousehold(kim.subjectId))!;
    expect(ownerId).toBe(owner.person.accountId);
    expect(members.map(({ kind, name }) => [kind, name])).toEqual([
      ['owner', owner.person.displayName],
      ['managed', 'Kim of home'],
    ]);
    expect(await test.eventsOf(owner.person)).toContain('household-member-added');
  });

  it.each([
    ['nothing', ''],
    ['what cannot be seen', ' \u200B\u202E '],
    ['more than forty characters', 'x'.repeat(41)],
  ])('refuses %s as a name', async (_, name) => {
    const owner = await test.newOwner();
    expect(await refusalOf(test.addMember(owner, { name }))).toBe('member-name-invalid');
    expect(await test.house.household.findHousehold(owner.session.subjectId)).toBeUndefined();
  });

  it('has fifteen beside its owner and the guest, and no sixteenth', async () => {
    const owner = await test.newOwner();
    for (let each = 1; each <= MOST_MEMBERS; each++) await test.addMember(owner, { name: `Member ${each}` });
    expect(await refusalOf(test.addMember(owner, { name: 'One more' }))).toBe('household-full');
    await test.house.household.turnGuest(owner.editor, true);
    const invited = test.house.householdInvitations.inviteToHousehold(owner.editor, 'late@example.com');
    expect(await refusalOf(invited)).toBe('household-full');
    expect(await membersSeenBy(owner.session.subjectId)).toHaveLength(MOST_MEMBERS + 2);
  });

  it('changes what it is told to, and nobody of another household', async () => {
    const [owner, stranger] = [await test.newOwner(), await test.newOwner()];
    const kim = await test.addMember(owner, { name: 'Kim', picture: 'fox' });
    await test.addMember(stranger, { name: 'Alex' });
    const { household } = test.house;
    const changed = await household.editManaged(owner.editor, kim.subjectId, { name: 'Kimberly' });
    expect(changed).toMatchObject({ name: 'Kimberly', picture: 'fox' });
    expect(await refusalOf(household.editManaged(stranger.editor, kim.subjectId, { name: 'Mine' }))).toBe(
      'not-found',
    );
    expect(await refusalOf(household.removeMember(stranger.editor, kim.subjectId))).toBe('not-found');
    expect(await refusalOf(household.removeMember(owner.editor, owner.session.subjectId))).toBe('not-found');
    expect(await membersSeenBy(owner.session.subjectId)).toHaveLength(2);
  });

  it('answers the same for a member that nobody is, and for one of another household (CHECKLIST 3.7)', async () => {
    const [owner, stranger] = [await test.newOwner(), await test.newOwner()];
    const kim = await test.addMember(owner);
    const { household } = test.house;
    const short = kim.subjectId.replaceAll('-', '').slice(0, 16);
    for (const which of [
      { subjectId: kim.subjectId },
      { subjectId: short },
      { publicNumber: kim.publicNumber },
    ]) {
      expect((await household.findMember(owner.session.subjectId, which)).name).toBe('Kim');
      expect(await refusalOf(household.findMember(stranger.session.subjectId, which))).toBe('not-found');
    }
    const nobody = household.findMember(owner.session.subjectId, { subjectId: 'nobody' });
    expect(await refusalOf(nobody)).toBe('not-found');
  });

  it('lets a guest in and turns them off, twice without harm, and another one every time', async () => {
    const owner = await test.newOwner();
    const { household } = test.house;
    await household.turnGuest(owner.editor, true);
    await household.turnGuest(owner.editor, true);
    const first = (await membersSeenBy(owner.session.subjectId)).filter(({ kind }) => kind === 'guest');
    expect(first).toHaveLength(1);
    await household.turnGuest(owner.editor, false);
    await household.turnGuest(owner.editor, false);
    expect(await membersSeenBy(owner.session.subjectId)).toHaveLength(1);
    await household.turnGuest(owner.editor, true);
    const [again] = (await membersSeenBy(owner.session.subjectId)).filter(({ kind }) => kind === 'guest');
    expect(again!.subjectId).not.toBe(first[0]!.subjectId);
  });

  it('refuses every change without a fresh proof: the second factor where there is one (DESIGN 6)', async () => {
    const owner = await test.newOwner({ isCareful: true });
    const kim = await test.addMember(owner);
    test.clock.advance(601);
    const stale = await test.editorOf(owner.session);
    const { household, profilePins, householdInvitations } = test.house;
    const changes = [
      household.addManaged(stale, { name: 'Sam' }),
      household.editManaged(stale, kim.subjectId, { name: 'Sam' }),
      household.removeMember(stale, kim.subjectId),
      household.turnGuest(stale, true),
      profilePins.setManagedPin(stale, kim.subjectId, { pin: '8365' }),
      profilePins.unlockPin(stale, kim.subjectId),
      householdInvitations.inviteToHousehold(stale, 'somebody@example.com'),
      householdInvitations.withdrawInvitation(stale, 'any'),
    ];
    expect(await Promise.all(changes.map(refusalOf))).toEqual(changes.map(() => 'proof-required'));
  });

  it('is changed by nobody but its owner', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const full = await test.addFull(owner);
    const { household, profilePins, householdInvitations } = test.house;
    const changes = [
      household.addManaged(full.editor, { name: 'Sam' }),
      household.editManaged(full.editor, kim.subjectId, { name: 'Sam' }),
      household.removeMember(full.editor, kim.subjectId),
      household.removeMember(full.editor, owner.session.subjectId),
      household.turnGuest(full.editor, true),
      profilePins.setManagedPin(full.editor, kim.subjectId, { pin: '8365' }),
      profilePins.unlockPin(full.editor, kim.subjectId),
      householdInvitations.inviteToHousehold(full.editor, 'somebody@example.com'),
    ];
    expect(await Promise.all(changes.map(refusalOf))).toEqual(changes.map(() => 'member-may-not'));
  });
});

describe('a tool that is linked for a member (DESIGN 8)', () => {
  it('speaks for whom it was approved for: sub, household_id and member_kind', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const { householdId } = kim;
    const own = claimsOf((await test.linkOAuthTool(owner.session)).tokens.accessToken);
    expect(own).toMatchObject({
      sub: owner.session.subjectId,
      household_id: householdId,
      member_kind: 'owner',
    });
    const { tokens } = await test.linkOAuthTool(owner.session, kim.subjectId);
    const theirs = { sub: kim.subjectId, household_id: householdId, member_kind: 'managed' };
    expect(claimsOf(tokens.accessToken)).toMatchObject({ ...theirs, amr: ['pwd'] });
    expect(claimsOf(tokens.idToken!)).toMatchObject(theirs);
    expect(claimsOf(await test.linkTool(owner.session, kim.subjectId))).toMatchObject(theirs);
    const full = await test.addFull(owner);
    expect(claimsOf(await test.linkTool(full.session))).toMatchObject({ member_kind: 'full' });
  });

  it('is told nobody’s e-mail address, at no door', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const { tokens } = await test.linkOAuthTool(owner.session, kim.subjectId);
    expect(tokens.scope).toBe('openid profile');
    const answer = await test.request
      .get('/oauth/userinfo')
      .set('Authorization', `Bearer ${tokens.accessToken}`)
      .expect(200);
    expect(answer.body).toEqual({ sub: kim.subjectId, name: 'Kim' });
    const { tool } = await test.linkedTool(owner.session, kim.subjectId);
    expect(tool.scope).toBe('profile');
    const person = await test.house.household.describePerson(tool);
    expect(person).toMatchObject({ name: 'Kim', username: '', isOwn: false, account: undefined });
  });

  it.each([
    ['managed', 'none', 'openid profile offline_access library'],
    ['managed', 'teen', 'openid profile offline_access library'],
    ['managed', 'older-kid', 'openid profile offline_access'],
    ['managed', 'little-kid', 'openid profile'],
    ['guest', 'none', 'openid profile'],
    ['full', 'none', 'openid profile email offline_access library'],
    ['owner', 'none', 'openid profile email offline_access library'],
  ] as const)('has for a %s member, restriction %s, no more than: %s', (kind, restriction, left) => {
    expect(narrowScope({ kind, restriction }, 'openid profile email offline_access library')).toBe(left);
  });

  it('shows at the review for whom it may be approved, and what it would have then', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner, { name: 'Kim', restriction: 'little-kid' });
    const full = await test.addFull(owner);
    const { client } = await test.house.clients.createByOperator({ name: 'A script', isConfidential: false });
    const review = async (session: typeof owner.session) => {
      const origin = newOrigin();
      const scope = 'openid email';
      const { userCode } = await test.house.linksForTool.startLink({ client, scope, origin });
      const asked = { userCode, session, arrival: 'typed' as const, origin };
      const { linkId } = await test.house.linksForPerson.reserveLink(asked);
      return (await test.house.linksForPerson.findForReview({ linkId, session, origin }))!.forWhom;
    };
    expect(await review(owner.session)).toEqual([
      {
        ...{ subjectId: owner.session.subjectId, kind: 'owner', name: owner.person.displayName },
        ...{ isSelf: true, scopes: ['openid', 'email'] },
      },
      { subjectId: kim.subjectId, kind: 'managed', name: 'Kim', isSelf: false, scopes: ['openid'] },
    ]);
    expect((await review(full.session)).map(({ isSelf }) => isSelf)).toEqual([true]);
  });

  it('is approved for nobody but oneself and whom one manages', async () => {
    const [owner, stranger] = [await test.newOwner(), await test.newOwner()];
    const kim = await test.addMember(owner);
    const full = await test.addFull(owner);
    await test.addMember(stranger);
    for (const [session, subjectId] of [
      [stranger.session, kim.subjectId],
      [full.session, kim.subjectId],
      [full.session, owner.session.subjectId],
      [owner.session, full.session.subjectId],
    ] as const) {
      expect(await refusalOf(test.linkTool(session, subjectId))).toBe('not-found');
    }
  });
});

describe('the end of a member (DESIGN 8)', () => {
  it('ends their tools, tokens and browsers at once, and what was approved and not collected', async () => {
    const owner = await test.newOwner();
    const [kim, sam] = [await test.addMember(owner), await test.addMember(owner, { name: 'Sam' })];
    const { house } = test;
    const oauth = await test.linkOAuthTool(owner.session, kim.subjectId);
    const [ofKim, ofSam, own] = [
      await test.linkTool(owner.session, kim.subjectId),
      await test.linkTool(owner.session, sam.subjectId),
      await test.linkTool(owner.session),
    ];
    const switched = await house.profileSwitch.switchToken(
      await test.standingOf(own),
      { subjectId: kim.subjectId },
      newOrigin(),
    );
    const other = await test.sessionOf(owner.person);
    const browser = await house.profileSwitch.switchSession(other, { subjectId: kim.subjectId }, newOrigin());
    const origin = newOrigin();
    const { client } = oauth;
    const pending = await house.linksForTool.startLink({ client, scope: 'openid', origin });
    await test.approve(owner.session, pending.userCode, kim.subjectId);

    await house.household.removeMember(owner.editor, kim.subjectId);
    expect(await Promise.all([ofKim, switched.token, ofSam, own].map(test.isAlive))).toEqual([
      ...[false, false],
      ...[true, true],
    ]);
    expect(await house.switchedSessions.findSwitched(browser.token)).toBeUndefined();
    expect(await endingsOf(owner)).toEqual([
      'link-withdrawn undefined',
      ...Array.from({ length: 3 }, () => 'tool-unlinked member-removed'),
    ]);
    const { deviceCode } = pending;
    expect(await house.linksForTool.redeemLink({ deviceCode, client, origin })).toEqual({
      outcome: 'denied',
    });
    const presented = oauth.tokens.refreshToken!;
    expect(await refusalOf(house.tokensRefresh.refresh({ presented, client, origin }))).toBe('grant-invalid');
    const used = house.tokensStanding.useAccessToken(oauth.tokens.accessToken, origin);
    expect(await refusalOf(used)).toBe('token-invalid');
    expect(await refusalOf(house.household.removeMember(owner.editor, kim.subjectId))).toBe('not-found');
  });

  it('takes a full member’s place and what was linked in it, and nothing that was theirs before', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const person = await test.newPerson();
    const before = await test.linkTool(await test.sessionOf(person));
    await test.house.householdInvitations.inviteToHousehold(owner.editor, person.email);
    const token = await test.tokenMailedTo(person.email, 'household-invitation');
    const session = await test.sessionOf(person);
    await test.house.householdInvitations.acceptInvitation(session, token, newOrigin());
    const within = await test.linkTool(session);
    const { profileSwitch } = test.house;
    const asKim = await profileSwitch.switchToken(
      await test.standingOf(before),
      { subjectId: kim.subjectId },
      newOrigin(),
    );
    await test.house.household.leaveHousehold(session, newOrigin());
    expect(await Promise.all([before, within, asKim.token].map(test.isAlive))).toEqual([true, false, false]);
    const again = profileSwitch.switchToken(
      await test.standingOf(before),
      { subjectId: kim.subjectId },
      newOrigin(),
    );
    expect(await refusalOf(again)).toBe('not-found');
    const browser = profileSwitch.switchSession(session, { subjectId: kim.subjectId }, newOrigin());
    expect(await refusalOf(browser)).toBe('not-found');
    const told = (await test.mailsTo(owner.person.email)).map(({ notice }) => notice);
    expect(told).toContain('household-left');
  });

  it('tells a full member that the owner has removed them', async () => {
    const owner = await test.newOwner();
    const full = await test.addFull(owner);
    await test.mailsTo(full.person.email);
    await test.house.household.removeMember(owner.editor, full.session.subjectId);
    const told = (await test.mailsTo(full.person.email)).map(({ notice }) => notice);
    expect(told).toContain('household-removed');
    expect(await test.eventsOf(full.person)).toContain('household-member-removed');
  });

  it('ends tools that have more than a tighter restriction allows, and leaves the others', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const wide = await test.linkOAuthTool(owner.session, kim.subjectId, 'openid library');
    const narrow = await test.linkTool(owner.session, kim.subjectId);
    await test.house.household.editManaged(owner.editor, kim.subjectId, { restriction: 'little-kid' });
    const { tokensStanding } = test.house;
    const used = tokensStanding.useAccessToken(wide.tokens.accessToken, newOrigin());
    expect(await refusalOf(used)).toBe('token-invalid');
    expect(await test.isAlive(narrow)).toBe(true);
    expect(await endingsOf(owner)).toEqual(['tool-unlinked member-restricted']);
  });

  it('comes with the closing of the owner’s account, and for good fourteen days later', async () => {
    const owner = await test.newOwner();
    const full = await test.addFull(owner);
    const kim = await test.addMember(owner);
    const { house } = test;
    const ofKim = await test.linkTool(owner.session, kim.subjectId);
    const within = await test.linkTool(full.session);
    const other = await test.sessionOf(full.person);
    const browser = await house.profileSwitch.switchSession(other, { subjectId: kim.subjectId }, newOrigin());
    await house.accountClosing.closeAccount(owner.session, { password: PASSWORD }, newOrigin());
    expect(await test.isAlive(ofKim)).toBe(false);
    expect(await house.switchedSessions.findSwitched(browser.token)).toBeUndefined();
    const again = house.profileSwitch.switchSession(full.session, { subjectId: kim.subjectId }, newOrigin());
    expect(await refusalOf(again)).toBe('not-found');
    expect(await test.isAlive(within)).toBe(true);
    test.clock.advance(GRACE_DAYS * 86_400 + 1);
    await test.mailsTo(full.person.email);
    await house.accountClosing.endClosed();
    expect(await house.household.findHousehold(full.session.subjectId)).toBeUndefined();
    expect(await house.stores.households.findMembers(kim.householdId)).toEqual([]);
    expect(await test.isAlive(within)).toBe(false);
    const told = (await test.mailsTo(full.person.email)).map(({ notice }) => notice);
    expect(told).toContain('household-ended');
  });

  it('ends, with a full member’s account, browsers that act for them and that they have switched', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const full = await test.addFull(owner);
    const { house } = test;
    await house.profilePins.changeOwnPin(full.editor, { pin: '8365' });
    const to = { subjectId: full.session.subjectId, pin: '8365' };
    const asFull = await house.profileSwitch.switchSession(
      await test.sessionOf(owner.person),
      to,
      newOrigin(),
    );
    const tool = await test.linkedTool(owner.session);
    const token = await house.profileSwitch.switchToken(tool, to, newOrigin());
    const mine = await test.sessionOf(full.person);
    const asKim = await house.profileSwitch.switchSession(mine, { subjectId: kim.subjectId }, newOrigin());
    await house.accountClosing.closeAccount(full.session, { password: PASSWORD }, newOrigin());
    expect(await house.switchedSessions.findSwitched(asFull.token)).toBeUndefined();
    expect(await house.switchedSessions.findSwitched(asKim.token)).toBeUndefined();
    expect(await test.isAlive(token.token)).toBe(false);
    test.clock.advance(GRACE_DAYS * 86_400 + 1);
    await house.accountClosing.endClosed();
    expect(await membersSeenBy(owner.session.subjectId)).toHaveLength(2);
  });
});

describe('a tool that changes a household (PIN-API "Decided")', () => {
  it('may for ten minutes, with a token of the account itself, and its owner is told', async () => {
    const owner = await test.newOwner();
    const standing = await test.linkedTool(owner.session);
    const { household } = test.house;
    const editor = household.editorOfToken(standing, newOrigin());
    // Linked by the token of another tool: nobody proved anything for it.
    const child = { ...standing, tool: { ...standing.tool, parentToolId: standing.tool.linkedToolId } };
    expect(() => household.editorOfToken(child, newOrigin())).toThrow('proof-required');
    await household.addManaged(editor, { name: 'Kim' });
    const told = (await test.mailsTo(owner.person.email)).map(({ notice }) => notice);
    expect(told).toContain('household-changed-by-tool');
    test.clock.advance(601);
    expect(() => household.editorOfToken(standing, newOrigin())).toThrow('proof-required');
  });

  it('may not with the token of a member, or one that was switched, and registers no key with that', async () => {
    const owner = await test.newOwner();
    const kim = await test.addMember(owner);
    const { household, profileSwitch, deviceKeys } = test.house;
    const ofKim = await test.linkedTool(owner.session, kim.subjectId);
    expect(() => household.editorOfToken(ofKim, newOrigin())).toThrow('member-may-not');
    await test.house.profilePins.changeOwnPin(owner.editor, { pin: '8365' });
    const own = await test.linkedTool(owner.session);
    const to = { subjectId: owner.session.subjectId, pin: '8365' };
    const { token } = await profileSwitch.switchToken(own, to, newOrigin());
    const switched = await test.standingOf(token);
    expect(() => household.editorOfToken(switched, newOrigin())).toThrow('member-may-not');
    const { publicKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), alg: 'EdDSA', use: 'sig', kid: 'a' };
    const identifier = switched.tool.clientId.slice('pin:'.length);
    const asked = { standing: switched, identifier, jwk, origin: newOrigin() };
    expect(await refusalOf(deviceKeys.register(asked))).toBe('grant-not-allowed');
  });
});

// Invitations to a household: who may join, how often, and what is told of it (DESIGN 8).
import { MOST_MEMBERS } from '../../src/domain/household.js';
import { newOrigin } from '../support/credentials.js';
import { openHouseholdHouse, refusalOf, type HouseholdHouse } from '../support/household.js';

let test: HouseholdHouse;
beforeAll(async () => void (test = await openHouseholdHouse()));
afterAll(() => test.close());

async function invite(email?: string) {
  const owner = await test.newOwner();
  const person = await test.newPerson();
  const to = email ?? person.email;
  await test.house.householdInvitations.inviteToHousehold(owner.editor, to);
  const token = await test.tokenMailedTo(to, 'household-invitation');
  return { owner, person, session: await test.sessionOf(person), token };
}

describe('an invitation (DESIGN 8)', () => {
  it('is accepted once, by whom it was sent to, and the owner is told', async () => {
    const { owner, person, session, token } = await invite();
    const { householdInvitations } = test.house;
    const shown = await householdInvitations.findInvitation(session, token);
    expect(shown.ownerName).toBe(owner.person.displayName);
    const member = await householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(member).toMatchObject({ kind: 'full', subjectId: session.subjectId, name: person.displayName });
    const again = householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(await refusalOf(again)).toBe('invitation-invalid');
    expect((await test.mailsTo(owner.person.email)).map(({ notice }) => notice)).toContain(
      'household-joined',
    );
    expect(await test.eventsOf(owner.person)).toContain('household-joined');
    expect(await test.eventsOf(person)).toContain('household-joined');
  });

  it('lets nobody in who has not accepted', async () => {
    const { owner, session, token } = await invite();
    const { householdInvitations, household } = test.house;
    expect((await household.findHousehold(owner.session.subjectId))?.members).toHaveLength(1);
    await householdInvitations.declineInvitation(session, token, newOrigin());
    expect((await household.findHousehold(owner.session.subjectId))?.members).toHaveLength(1);
    const late = householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(await refusalOf(late)).toBe('invitation-invalid');
    expect(await test.eventsOf(owner.person)).toContain('household-invitation-declined');
  });

  it('opened by another account is a clear refusal, and stays good for its own', async () => {
    const { session, token } = await invite();
    const { householdInvitations } = test.house;
    const other = await test.sessionOf(await test.newPerson());
    for (const work of [
      householdInvitations.findInvitation(other, token),
      householdInvitations.acceptInvitation(other, token, newOrigin()),
      householdInvitations.declineInvitation(other, token, newOrigin()),
    ]) {
      expect(await refusalOf(work)).toBe('invitation-not-yours');
    }
    expect(await test.house.household.findHousehold(other.subjectId)).toBeUndefined();
    await householdInvitations.acceptInvitation(session, token, newOrigin());
  });

  it('is nothing for an account whose address nobody has proved (CHECKLIST 2)', async () => {
    const owner = await test.newOwner();
    const account = await test.house.accounts.createAccount({
      ...{ email: 'unproved@example.com', username: 'unproved', password: 'quartz lantern bicycle 42' },
      ...{ role: 'person', isEmailVerified: false },
    });
    const session = await test.sessionOf({ ...account, secret: '', recoveryCodes: [] });
    await test.house.householdInvitations.inviteToHousehold(owner.editor, 'unproved@example.com');
    const token = await test.tokenMailedTo('unproved@example.com', 'household-invitation');
    const accepted = test.house.householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(await refusalOf(accepted)).toBe('account-not-verified');
  });

  it('is over after seven days, when it is withdrawn, and when another one went to the same address', async () => {
    const { owner, person, session, token } = await invite();
    const { householdInvitations } = test.house;
    const find = (text: string) => refusalOf(householdInvitations.findInvitation(session, text));
    const otherwise = person.email.replace('person', 'PERSON');
    await householdInvitations.inviteToHousehold(owner.editor, otherwise);
    expect(await find(token)).toBe('invitation-invalid');
    const [open, ...others] = await householdInvitations.listInvitations(owner.person.accountId);
    expect(others).toEqual([]);
    const second = await test.tokenMailedTo(otherwise, 'household-invitation');
    expect(await find(second)).toBe('nothing refused');
    const stranger = await test.newOwner();
    await test.addMember(stranger);
    const theirs = householdInvitations.withdrawInvitation(stranger.editor, open!.invitationId);
    expect(await refusalOf(theirs)).toBe('not-found');
    await householdInvitations.withdrawInvitation(owner.editor, open!.invitationId);
    expect(await find(second)).toBe('invitation-invalid');
    const later = await invite();
    test.clock.advance(7 * 86_400);
    const late = householdInvitations.findInvitation(later.session, later.token);
    expect(await refusalOf(late)).toBe('invitation-invalid');
    expect(await householdInvitations.listInvitations(later.owner.person.accountId)).toEqual([]);
  });

  it('answers the same for an address that nobody has', async () => {
    const owner = await test.newOwner();
    const person = await test.newPerson();
    const ask = async (email: string) => {
      const invited = await test.house.householdInvitations.inviteToHousehold(owner.editor, email);
      return { ...invited, invitationId: '', email: '' };
    };
    expect(await ask('nobody-at-all@example.com')).toEqual(await ask(person.email));
    const bad = test.house.householdInvitations.inviteToHousehold(owner.editor, 'no address');
    expect(await refusalOf(bad)).toBe('email-invalid');
  });

  it('finds nobody in two households; whose own is empty leaves it behind, with their PIN', async () => {
    const { owner, person, session, token } = await invite();
    const { householdInvitations, household, profilePins } = test.house;
    await profilePins.changeOwnPin(await test.editorOf(session), { pin: '8365' });
    const own = (await household.findHousehold(session.subjectId))!;
    const member = await householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(member).toMatchObject({ kind: 'full', isPinRequired: true });
    expect(await test.house.stores.households.findMembers(own.householdId)).toEqual([]);
    expect(member.householdId).toBe((await household.findHousehold(owner.session.subjectId))!.householdId);

    const second = await test.newOwner();
    await householdInvitations.inviteToHousehold(second.editor, person.email);
    const elsewhere = await test.tokenMailedTo(person.email, 'household-invitation');
    const twice = householdInvitations.acceptInvitation(session, elsewhere, newOrigin());
    expect(await refusalOf(twice)).toBe('household-already');

    const busy = await test.newOwner();
    await test.addMember(busy);
    await householdInvitations.inviteToHousehold(second.editor, busy.person.email);
    const theirs = await test.tokenMailedTo(busy.person.email, 'household-invitation');
    const moving = () => householdInvitations.acceptInvitation(busy.session, theirs, newOrigin());
    expect(await refusalOf(moving())).toBe('household-already');
    expect(await refusalOf(householdInvitations.findInvitation(busy.session, theirs))).toBe(
      'nothing refused',
    );
  });

  it('lets nobody into a household that filled up meanwhile, or whose owner has gone', async () => {
    const { owner, session, token } = await invite();
    const { householdInvitations } = test.house;
    for (let each = 0; each < MOST_MEMBERS; each++) await test.addMember(owner, { name: `Member ${each}` });
    const full = () => householdInvitations.acceptInvitation(session, token, newOrigin());
    expect(await refusalOf(full())).toBe('household-full');
    const gone = await invite();
    const proof = { password: 'quartz lantern bicycle 42' };
    await test.house.accountClosing.closeAccount(gone.owner.session, proof, newOrigin());
    const late = householdInvitations.acceptInvitation(gone.session, gone.token, newOrigin());
    expect(await refusalOf(late)).toBe('invitation-invalid');
  });

  it('goes out twenty times a day at most', async () => {
    const owner = await test.newOwner();
    const { inviteToHousehold } = test.house.householdInvitations;
    for (let each = 0; each < 20; each++) await inviteToHousehold(owner.editor, `friend${each}@example.com`);
    expect(await refusalOf(inviteToHousehold(owner.editor, 'friend20@example.com'))).toBe('too-many');
  });
});

// Keeps households and who is in them (domain/household-records.ts). The names of members with an account are the account's.
import { statement, type Sql } from './statement.js';
import type { MembersTable } from './tables-household.js';
import type {
  Colour,
  HouseholdStore,
  Member,
  NewMember,
  Picture,
  Restriction,
} from '../../domain/household-records.js';
import type { AccountId, HouseholdId, MemberKind, SubjectId } from '../../domain/vocabulary.js';

type InHousehold = { household_id: string };
type OfMember = InHousehold & { subject_id: string };

const insertHousehold = statement<InHousehold & { account_id: string; at: number }>()((db, p) =>
  db
    .insertInto('households')
    .values({
      household_id: p('household_id'),
      account_id: p('account_id'),
      created_at: p('at'),
      changed_at: p('at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const updateHeld = statement<InHousehold & { at: number }>()((db, p) =>
  db
    .updateTable('households')
    .set({ changed_at: p('at') })
    .where('household_id', '=', p('household_id')),
);

const deleteHousehold = statement<InHousehold>()((db, p) =>
  db.deleteFrom('households').where('household_id', '=', p('household_id')),
);

const deleteMembers = statement<InHousehold>()((db, p) =>
  db.deleteFrom('members').where('household_id', '=', p('household_id')),
);

const deleteInvitations = statement<InHousehold>()((db, p) =>
  db.deleteFrom('household_invitations').where('household_id', '=', p('household_id')),
);

const selectMember = statement<{ subject_id: string }>()((db, p) =>
  db
    .selectFrom('members')
    .innerJoin('subjects', 'subjects.subject_id', 'members.subject_id')
    .leftJoin('accounts', 'accounts.account_id', 'members.subject_id')
    .selectAll('members')
    .select(['subjects.public_number', 'accounts.display_name', 'accounts.username'])
    .where('members.subject_id', '=', p('subject_id')),
);

const selectMembers = statement<InHousehold>()((db, p) =>
  db
    .selectFrom('members')
    .innerJoin('subjects', 'subjects.subject_id', 'members.subject_id')
    .leftJoin('accounts', 'accounts.account_id', 'members.subject_id')
    .selectAll('members')
    .select(['subjects.public_number', 'accounts.display_name', 'accounts.username'])
    .where('members.household_id', '=', p('household_id'))
    .orderBy('members.joined_at')
    .orderBy('members.subject_id'),
);

const selectStanding = statement<{ subject_id: string }>()((db, p) =>
  db.selectFrom('members').select(['household_id', 'kind']).where('subject_id', '=', p('subject_id')),
);

const insertSubject = statement<{
  subject_id: string;
  account_id: string;
  public_number: number;
  kind: string;
  created_at: number;
}>()((db, p) =>
  db
    .insertInto('subjects')
    .values({
      subject_id: p('subject_id'),
      account_id: p('account_id'),
      public_number: p('public_number'),
      kind: p('kind'),
      created_at: p('created_at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

type New = Omit<
  MembersTable,
  'pin_hash' | 'pin_version' | 'pin_failures' | 'pin_failed_at' | 'pin_tried_at' | 'changed_at'
>;

const insertRow = statement<{ [Column in keyof New]: New[Column] }>()((db, p) =>
  db
    .insertInto('members')
    .values({
      subject_id: p('subject_id'),
      household_id: p('household_id'),
      account_id: p('account_id'),
      kind: p('kind'),
      name: p('name'),
      colour: p('colour'),
      picture: p('picture'),
      restriction: p('restriction'),
      pin_hash: null,
      pin_version: 0,
      pin_failures: 0,
      pin_failed_at: 0,
      pin_tried_at: 0,
      joined_at: p('joined_at'),
      changed_at: p('joined_at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

/** From a household of their own, in which nobody else is. */
const updateMoved = statement<OfMember & { kind: string; colour: string; joined_at: number }>()((db, p) =>
  db
    .updateTable('members')
    .set({
      household_id: p('household_id'),
      kind: p('kind'),
      colour: p('colour'),
      joined_at: p('joined_at'),
      changed_at: p('joined_at'),
    })
    .where('subject_id', '=', p('subject_id'))
    .where('kind', '=', 'owner'),
);

const updateLook = statement<
  OfMember & { name: string; colour: string; picture: string; restriction: string; at: number }
>()((db, p) =>
  db
    .updateTable('members')
    .set({
      name: p('name'),
      colour: p('colour'),
      picture: p('picture'),
      restriction: p('restriction'),
      changed_at: p('at'),
    })
    .where('subject_id', '=', p('subject_id'))
    .where('household_id', '=', p('household_id')),
);

const deleteMember = statement<OfMember>()((db, p) =>
  db
    .deleteFrom('members')
    .where('subject_id', '=', p('subject_id'))
    .where('household_id', '=', p('household_id')),
);

export function createHouseholdStore(sql: Sql): HouseholdStore {
  return {
    async insertHousehold({ householdId, ownerId }, at) {
      const row = { household_id: householdId, account_id: ownerId, at: at.getTime() };
      return (await sql.change(insertHousehold, row)) === 1;
    },
    async hold(householdId, at) {
      return (await sql.change(updateHeld, { household_id: householdId, at: at.getTime() })) === 1;
    },
    async findMember(subjectId) {
      const row = await sql.one(selectMember, { subject_id: subjectId });
      return row && toMember(row);
    },
    async findMembers(householdId) {
      return (await sql.all(selectMembers, { household_id: householdId })).map(toMember);
    },
    async findStanding(subjectId) {
      const row = await sql.one(selectStanding, { subject_id: subjectId });
      return row && { householdId: row.household_id as HouseholdId, memberKind: row.kind as MemberKind };
    },
    async insertPerson(member) {
      const isNumberFree = await sql.change(insertSubject, {
        subject_id: member.subjectId,
        account_id: member.accountId,
        public_number: member.publicNumber,
        kind: member.kind,
        created_at: member.joinedAt.getTime(),
      });
      return isNumberFree === 1 && (await sql.change(insertRow, toRow(member))) === 1;
    },
    async insertMember(member) {
      return (await sql.change(insertRow, toRow(member))) === 1;
    },
    async moveMember({ subjectId, householdId, kind, colour, joinedAt }) {
      const moved = { subject_id: subjectId, household_id: householdId, kind, colour };
      return (await sql.change(updateMoved, { ...moved, joined_at: joinedAt.getTime() })) === 1;
    },
    async changeLook({ subjectId, householdId }, look, at) {
      const { name, colour, picture, restriction } = look;
      const values = { name, colour, picture, restriction, at: at.getTime() };
      const of = { subject_id: subjectId, household_id: householdId };
      return (await sql.change(updateLook, { ...of, ...values })) === 1;
    },
    async removeMember({ subjectId, householdId }) {
      const of = { subject_id: subjectId, household_id: householdId };
      return (await sql.change(deleteMember, of)) === 1;
    },
    async removeHousehold(householdId) {
      const of = { household_id: householdId };
      await sql.change(deleteInvitations, of);
      await sql.change(deleteMembers, of);
      await sql.change(deleteHousehold, of);
    },
  };
}

function toRow(member: NewMember): New {
  return {
    subject_id: member.subjectId,
    household_id: member.householdId,
    account_id: member.accountId,
    kind: member.kind,
    name: member.name,
    colour: member.colour,
    picture: member.picture,
    restriction: member.restriction,
    joined_at: member.joinedAt.getTime(),
  };
}

type Named = { public_number: number; display_name: string | null; username: string | null };

function toMember(row: MembersTable & Named): Member {
  return {
    subjectId: row.subject_id as SubjectId,
    householdId: row.household_id as HouseholdId,
    accountId: row.account_id as AccountId,
    kind: row.kind as MemberKind,
    publicNumber: row.public_number,
    name: row.display_name ?? row.name,
    username: row.username ?? '',
    colour: row.colour as Colour,
    picture: row.picture as Picture,
    restriction: row.restriction as Restriction,
    isPinRequired: row.pin_hash !== null,
    pinVersion: row.pin_version,
    joinedAt: new Date(row.joined_at),
    changedAt: new Date(row.changed_at),
  };
}

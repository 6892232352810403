// Ends what somebody has as a member of a household: links, linked tools (domain/household-records.ts). Each statement names
// the account that answers for the member, by which these tables are indexed.
import { statement, type Sql } from './statement.js';
import { toLink } from './links-rows.js';
import { toLinkedTool } from './tokens-rows.js';
import type { MemberAccessStore, MemberOfAccount } from '../../domain/household-records.js';

type OfMember = { account_id: string; subject_id: string; household_id: string };

const updateWithdrawn = statement<OfMember & { now: number }>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'denied', decided_at: p('now') })
    .where('account_id', '=', p('account_id'))
    .where('subject_id', '=', p('subject_id'))
    .where('household_id', '=', p('household_id'))
    .where('state', '=', 'approved')
    .returningAll(),
);

const updateToolsEnded = statement<OfMember & { at: number }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ ended_at: p('at'), ended_why: 'member-removed' })
    .where('account_id', '=', p('account_id'))
    .where('subject_id', '=', p('subject_id'))
    .where('household_id', '=', p('household_id'))
    .where('ended_at', 'is', null)
    .returningAll(),
);

/** Whatever household their own tools were linked in: as a member, they switched these to somebody else in this one. */
const updateSwitchedByEnded = statement<OfMember & { at: number }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ ended_at: p('at'), ended_why: 'member-removed' })
    .where('household_id', '=', p('household_id'))
    .where('methods', '=', 'profile')
    .where('ended_at', 'is', null)
    .where('parent_tool_id', 'in', (tool) =>
      tool
        .selectFrom('linked_tools as own')
        .select('own.linked_tool_id')
        .where('own.account_id', '=', p('account_id'))
        .where('own.subject_id', '=', p('subject_id')),
    )
    .returningAll(),
);

const updateSwitchedToEnded = statement<OfMember & { at: number }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ ended_at: p('at'), ended_why: 'pin-changed' })
    .where('account_id', '=', p('account_id'))
    .where('subject_id', '=', p('subject_id'))
    .where('household_id', '=', p('household_id'))
    .where('methods', '=', 'profile')
    .where('ended_at', 'is', null)
    .returningAll(),
);

const selectSwitched = statement<{ parent_tool_id: string; subject_id: string }>()((db, p) =>
  db
    .selectFrom('linked_tools')
    .selectAll()
    .where('parent_tool_id', '=', p('parent_tool_id'))
    .where('subject_id', '=', p('subject_id'))
    .where('methods', '=', 'profile')
    .where('ended_at', 'is', null)
    .orderBy('linked_at', 'desc')
    .limit(1),
);

const updateForgotten = statement<{ household_id: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ household_id: null, member_kind: null })
    .where('household_id', '=', p('household_id')),
);

const columnsOf = ({ accountId, subjectId, householdId }: MemberOfAccount): OfMember => ({
  account_id: accountId,
  subject_id: subjectId,
  household_id: householdId,
});

export function createMemberAccessStore(sql: Sql): MemberAccessStore {
  return {
    async withdrawLinks(member, now) {
      const rows = await sql.all(updateWithdrawn, { ...columnsOf(member), now: now.getTime() });
      return rows.map(toLink);
    },
    async endTools(member, at) {
      const values = { ...columnsOf(member), at: at.getTime() };
      const switched = await sql.all(updateSwitchedByEnded, values);
      return [...switched, ...(await sql.all(updateToolsEnded, values))].map(toLinkedTool);
    },
    async endSwitchedTools(member, at) {
      const rows = await sql.all(updateSwitchedToEnded, { ...columnsOf(member), at: at.getTime() });
      return rows.map(toLinkedTool);
    },
    async findSwitchedTool(parentToolId, subjectId) {
      const values = { parent_tool_id: parentToolId, subject_id: subjectId };
      const row = await sql.one(selectSwitched, values);
      return row && toLinkedTool(row);
    },
    async forgetHousehold(householdId) {
      await sql.change(updateForgotten, { household_id: householdId });
    },
  };
}

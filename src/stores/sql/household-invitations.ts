// Keeps invitations to households, by the keyed hash of what their address carries (domain/household-records.ts).
import { statement, type Sql } from './statement.js';
import type { HouseholdInvitationsTable } from './tables-household.js';
import type { InvitationRow, InvitationStore } from '../../domain/household-records.js';
import type { AccountId, HouseholdId } from '../../domain/vocabulary.js';

type Row = { [Column in keyof HouseholdInvitationsTable]: HouseholdInvitationsTable[Column] };

const deleteEarlier = statement<{ household_id: string; email: string }>()((db, p) =>
  db
    .deleteFrom('household_invitations')
    .where('household_id', '=', p('household_id'))
    .where('email', '=', p('email')),
);

const insertRow = statement<Row>()((db, p) =>
  db.insertInto('household_invitations').values({
    invitation_id: p('invitation_id'),
    token_mac: p('token_mac'),
    household_id: p('household_id'),
    account_id: p('account_id'),
    email: p('email'),
    shown_email: p('shown_email'),
    created_at: p('created_at'),
    expires_at: p('expires_at'),
  }),
);

const selectByMac = statement<{ token_mac: string; now: number }>()((db, p) =>
  db
    .selectFrom('household_invitations')
    .selectAll()
    .where('token_mac', '=', p('token_mac'))
    .where('expires_at', '>', p('now')),
);

const selectByOwner = statement<{ account_id: string; now: number }>()((db, p) =>
  db
    .selectFrom('household_invitations')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('expires_at', '>', p('now'))
    .orderBy('created_at', 'desc')
    .orderBy('invitation_id'),
);

const deleteRow = statement<{ invitation_id: string; account_id: string }>()((db, p) =>
  db
    .deleteFrom('household_invitations')
    .where('invitation_id', '=', p('invitation_id'))
    .where('account_id', '=', p('account_id')),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('household_invitations').where('expires_at', '<=', p('now')),
);

export function createInvitationStore(sql: Sql): InvitationStore {
  return {
    async putInvitation(invitation) {
      const { householdId, foldedEmail } = invitation;
      await sql.change(deleteEarlier, { household_id: householdId, email: foldedEmail });
      await sql.change(insertRow, toRow(invitation));
    },
    async findInvitation(tokenMac, now) {
      const row = await sql.one(selectByMac, { token_mac: tokenMac, now: now.getTime() });
      return row && toInvitation(row);
    },
    async findInvitations(ownerId, now) {
      const rows = await sql.all(selectByOwner, { account_id: ownerId, now: now.getTime() });
      return rows.map(toInvitation);
    },
    async removeInvitation(invitationId, ownerId) {
      const row = { invitation_id: invitationId, account_id: ownerId };
      return (await sql.change(deleteRow, row)) === 1;
    },
    removeExpiredInvitations: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}

function toRow(invitation: InvitationRow): Row {
  return {
    invitation_id: invitation.invitationId,
    token_mac: invitation.tokenMac,
    household_id: invitation.householdId,
    account_id: invitation.ownerId,
    email: invitation.foldedEmail,
    shown_email: invitation.email,
    created_at: invitation.createdAt.getTime(),
    expires_at: invitation.expiresAt.getTime(),
  };
}

function toInvitation(row: Row): InvitationRow {
  return {
    invitationId: row.invitation_id,
    tokenMac: row.token_mac,
    householdId: row.household_id as HouseholdId,
    ownerId: row.account_id as AccountId,
    foldedEmail: row.email,
    email: row.shown_email,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
  };
}

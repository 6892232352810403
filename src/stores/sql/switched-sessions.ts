// Keeps browsers that act for a member of a household, under the hash of their token (domain/sessions-switched.ts). What has
// ended is removed, not marked; what ends with an account's sessions is sessions.ts's.
import { statement, type Sql } from './statement.js';
import type { SwitchedSessionsTable } from './tables-household.js';
import type { SwitchedSession, SwitchedSessionStore } from '../../domain/sessions-switched.js';
import type {
  AccountId,
  BrowserTicket,
  HouseholdId,
  SessionHash,
  SubjectId,
} from '../../domain/vocabulary.js';

type Row = { [Column in keyof SwitchedSessionsTable]: SwitchedSessionsTable[Column] };

const insertRow = statement<Row>()((db, p) =>
  db
    .insertInto('switched_sessions')
    .values({
      session_hash: p('session_hash'),
      ticket: p('ticket'),
      begun_by: p('begun_by'),
      account_id: p('account_id'),
      subject_id: p('subject_id'),
      household_id: p('household_id'),
      user_agent: p('user_agent'),
      network_address: p('network_address'),
      remembered: p('remembered'),
      created_at: p('created_at'),
      last_seen_at: p('last_seen_at'),
      expires_at: p('expires_at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const selectByHash = statement<{ session_hash: string }>()((db, p) =>
  db.selectFrom('switched_sessions').selectAll().where('session_hash', '=', p('session_hash')),
);

const selectBegunBy = statement<{ begun_by: string; now: number; seen_after: number }>()((db, p) =>
  db
    .selectFrom('switched_sessions')
    .selectAll()
    .where('begun_by', '=', p('begun_by'))
    .where('expires_at', '>', p('now'))
    .where((or) => or.or([or('remembered', '=', 1), or('last_seen_at', '>', p('seen_after'))]))
    .orderBy('last_seen_at', 'desc')
    .orderBy('session_hash'),
);

const updateSeen = statement<{ session_hash: string; at: number; before: number }>()((db, p) =>
  db
    .updateTable('switched_sessions')
    .set({ last_seen_at: p('at') })
    .where('session_hash', '=', p('session_hash'))
    .where('last_seen_at', '<', p('before')),
);

const deleteOne = statement<{ session_hash: string }>()((db, p) =>
  db.deleteFrom('switched_sessions').where('session_hash', '=', p('session_hash')),
);

const deleteBySubject = statement<{ subject_id: string }>()((db, p) =>
  db.deleteFrom('switched_sessions').where('subject_id', '=', p('subject_id')),
);

const deleteBegunIn = statement<{ begun_by: string; household_id: string }>()((db, p) =>
  db
    .deleteFrom('switched_sessions')
    .where('begun_by', '=', p('begun_by'))
    .where('household_id', '=', p('household_id')),
);

export function createSwitchedSessionStore(sql: Sql): SwitchedSessionStore {
  return {
    async insert(session) {
      return (await sql.change(insertRow, toRow(session))) === 1;
    },
    async find(sessionHash) {
      const row = await sql.one(selectByHash, { session_hash: sessionHash });
      return row && toSession(row);
    },
    async findBegunBy(accountId, now, seenAfter) {
      const times = { now: now.getTime(), seen_after: seenAfter.getTime() };
      return (await sql.all(selectBegunBy, { begun_by: accountId, ...times })).map(toSession);
    },
    async markSeen(sessionHash, at, ifSeenBefore) {
      const times = { at: at.getTime(), before: ifSeenBefore.getTime() };
      return (await sql.change(updateSeen, { session_hash: sessionHash, ...times })) === 1;
    },
    async remove(sessionHash) {
      return (await sql.change(deleteOne, { session_hash: sessionHash })) === 1;
    },
    removeBySubject: (subjectId) => sql.change(deleteBySubject, { subject_id: subjectId }),
    removeBegunIn: (accountId, householdId) =>
      sql.change(deleteBegunIn, { begun_by: accountId, household_id: householdId }),
  };
}

function toRow(session: SwitchedSession): Row {
  return {
    session_hash: session.sessionHash,
    ticket: session.ticket,
    begun_by: session.begunBy,
    account_id: session.accountId,
    subject_id: session.subjectId,
    household_id: session.householdId,
    user_agent: session.userAgent,
    network_address: session.networkAddress,
    remembered: session.isRemembered ? 1 : 0,
    created_at: session.createdAt.getTime(),
    last_seen_at: session.lastSeenAt.getTime(),
    expires_at: session.expiresAt.getTime(),
  };
}

function toSession(row: Row): SwitchedSession {
  return {
    sessionHash: row.session_hash as SessionHash,
    ticket: row.ticket as BrowserTicket,
    begunBy: row.begun_by as AccountId,
    accountId: row.account_id as AccountId,
    subjectId: row.subject_id as SubjectId,
    householdId: row.household_id as HouseholdId,
    userAgent: row.user_agent,
    networkAddress: row.network_address,
    isRemembered: row.remembered === 1,
    createdAt: new Date(row.created_at),
    lastSeenAt: new Date(row.last_seen_at),
    expiresAt: new Date(row.expires_at),
  };
}

// Keeps browser sessions (domain/sessions.ts) under the hash of their token. What has ended is removed, not marked. Browsers that
// were switched to a member are switched-sessions.ts's; here they end with what the account has.
import { statement, type Sql } from './statement.js';
import type { SessionsTable } from './tables.js';
import type { Session, SessionStore } from '../../domain/sessions.js';
import type {
  AccountId,
  AuthenticationMethod,
  BrowserTicket,
  SessionHash,
  SubjectId,
} from '../../domain/vocabulary.js';

type Row = { [Column in keyof SessionsTable]: SessionsTable[Column] };

const insertRow = statement<Row>()((db, p) =>
  db
    .insertInto('sessions')
    .values({
      session_hash: p('session_hash'),
      ticket: p('ticket'),
      account_id: p('account_id'),
      subject_id: p('subject_id'),
      methods: p('methods'),
      authenticated_at: p('authenticated_at'),
      proof_methods: p('proof_methods'),
      proved_at: p('proved_at'),
      confirmed_at: p('confirmed_at'),
      recent_until: p('recent_until'),
      remembered: p('remembered'),
      user_agent: p('user_agent'),
      network_address: p('network_address'),
      created_at: p('created_at'),
      last_seen_at: p('last_seen_at'),
      expires_at: p('expires_at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const selectByHash = statement<{ session_hash: string }>()((db, p) =>
  db.selectFrom('sessions').selectAll().where('session_hash', '=', p('session_hash')),
);

const selectByAccount = statement<{ account_id: string; now: number; seen_after: number }>()((db, p) =>
  db
    .selectFrom('sessions')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('expires_at', '>', p('now'))
    .where((or) => or.or([or('remembered', '=', 1), or('last_seen_at', '>', p('seen_after'))]))
    .orderBy('last_seen_at', 'desc')
    .orderBy('session_hash'),
);

const updateSeen = statement<{
  session_hash: string;
  at: number;
  recent_until: number;
  before: number;
}>()((db, p) =>
  db
    .updateTable('sessions')
    .set({ last_seen_at: p('at'), recent_until: p('recent_until') })
    .where('session_hash', '=', p('session_hash'))
    .where('last_seen_at', '<', p('before')),
);

const replaceRow = statement<Row & { old_hash: string }>()((db, p) =>
  db
    .updateTable('sessions')
    .set({
      session_hash: p('session_hash'),
      methods: p('methods'),
      authenticated_at: p('authenticated_at'),
      proof_methods: p('proof_methods'),
      proved_at: p('proved_at'),
      confirmed_at: p('confirmed_at'),
      recent_until: p('recent_until'),
      user_agent: p('user_agent'),
      network_address: p('network_address'),
      last_seen_at: p('last_seen_at'),
    })
    .where('session_hash', '=', p('old_hash'))
    .where('account_id', '=', p('account_id'))
    .where('ticket', '=', p('ticket'))
    .where('expires_at', '>', p('last_seen_at')),
);

const deleteOne = statement<{ session_hash: string; account_id: string }>()((db, p) =>
  db
    .deleteFrom('sessions')
    .where('session_hash', '=', p('session_hash'))
    .where('account_id', '=', p('account_id')),
);

const deleteByAccount = statement<{ account_id: string; except: string }>()((db, p) =>
  db
    .deleteFrom('sessions')
    .where('account_id', '=', p('account_id'))
    .where('session_hash', '<>', p('except')),
);

/** Those that it began, and those in which somebody acts for it or for a member that it answers for. */
const deleteSwitched = statement<{ account_id: string }>()((db, p) =>
  db
    .deleteFrom('switched_sessions')
    .where((session) =>
      session.or([session('begun_by', '=', p('account_id')), session('account_id', '=', p('account_id'))]),
    ),
);

const deleteExpiredSwitched = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('switched_sessions').where('expires_at', '<=', p('now')),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('sessions').where('expires_at', '<=', p('now')),
);

export function createSessionStore(sql: Sql): SessionStore {
  return {
    async insert(session) {
      return (await sql.change(insertRow, toRow(session))) === 1;
    },
    async find(sessionHash) {
      const row = await sql.one(selectByHash, { session_hash: sessionHash });
      return row && toSession(row);
    },
    async findByAccount(accountId, now, seenAfter) {
      const times = { now: now.getTime(), seen_after: seenAfter.getTime() };
      return (await sql.all(selectByAccount, { account_id: accountId, ...times })).map(toSession);
    },
    async markSeen(sessionHash, { at, recentUntil }, ifSeenBefore) {
      const times = {
        at: at.getTime(),
        recent_until: recentUntil.getTime(),
        before: ifSeenBefore.getTime(),
      };
      return (await sql.change(updateSeen, { session_hash: sessionHash, ...times })) === 1;
    },
    async replace(oldHash, session) {
      return (await sql.change(replaceRow, { ...toRow(session), old_hash: oldHash })) === 1;
    },
    async remove(sessionHash, accountId) {
      return (await sql.change(deleteOne, { session_hash: sessionHash, account_id: accountId })) === 1;
    },
    async removeByAccount(accountId, except) {
      // No hash is the empty text, so without an exception nothing is spared.
      const own = await sql.change(deleteByAccount, { account_id: accountId, except: except ?? '' });
      return own + (await sql.change(deleteSwitched, { account_id: accountId }));
    },
    async removeExpired(now) {
      const at = { now: now.getTime() };
      return (await sql.change(deleteExpired, at)) + (await sql.change(deleteExpiredSwitched, at));
    },
  };
}

function toRow(session: Session): Row {
  return {
    session_hash: session.sessionHash,
    ticket: session.ticket,
    account_id: session.accountId,
    subject_id: session.subjectId,
    methods: session.authentication.methods.join(' '),
    authenticated_at: session.authentication.at.getTime(),
    proof_methods: session.proofMethods.join(' '),
    proved_at: session.provedAt.getTime(),
    confirmed_at: session.confirmedAt.getTime(),
    recent_until: session.recentUntil.getTime(),
    remembered: session.isRemembered ? 1 : 0,
    user_agent: session.userAgent,
    network_address: session.networkAddress,
    created_at: session.createdAt.getTime(),
    last_seen_at: session.lastSeenAt.getTime(),
    expires_at: session.expiresAt.getTime(),
  };
}

function toSession(row: Row): Session {
  return {
    sessionHash: row.session_hash as SessionHash,
    ticket: row.ticket as BrowserTicket,
    accountId: row.account_id as AccountId,
    subjectId: row.subject_id as SubjectId,
    authentication: { at: new Date(row.authenticated_at), methods: toMethods(row.methods) },
    provedAt: new Date(row.proved_at),
    proofMethods: toMethods(row.proof_methods),
    confirmedAt: new Date(row.confirmed_at),
    recentUntil: new Date(row.recent_until),
    isRemembered: row.remembered === 1,
    userAgent: row.user_agent,
    networkAddress: row.network_address,
    createdAt: new Date(row.created_at),
    lastSeenAt: new Date(row.last_seen_at),
    expiresAt: new Date(row.expires_at),
  };
}

function toMethods(joined: string): AuthenticationMethod[] {
  return joined.split(' ').filter(Boolean) as AuthenticationMethod[];
}

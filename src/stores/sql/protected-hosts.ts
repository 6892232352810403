// Keeps who is on the way to a host behind a proxy, and who is signed in there (domain/protected-hosts-records.ts). A host's row counts
// only beside the row of the session that it hangs on: one read finds both, so what ends a session needs to know nothing of hosts.
import type { ExpressionBuilder } from 'kysely';
import { statement, type Sql } from './statement.js';
import type { HostEntriesTable, HostSessionsTable } from './tables-protected-hosts.js';
import type { Tables } from './tables.js';
import type { HostSessionStore, ParentSession, Site } from '../../domain/protected-hosts-records.js';
import type { AccountId, BrowserTicket, SessionHash } from '../../domain/vocabulary.js';

type EntryRow = { [Column in keyof HostEntriesTable]: HostEntriesTable[Column] };
type SessionRow = { [Column in keyof HostSessionsTable]: HostSessionsTable[Column] };

const insertEntryRow = statement<EntryRow>()((db, p) =>
  db.insertInto('host_entries').values({
    handle_hash: p('handle_hash'),
    account_id: p('account_id'),
    ticket: p('ticket'),
    site: p('site'),
    visit_hash: p('visit_hash'),
    created_at: p('created_at'),
    expires_at: p('expires_at'),
  }),
);

const takeEntryRow = statement<{ handle_hash: string; now: number }>()((db, p) =>
  db
    .deleteFrom('host_entries')
    .where('handle_hash', '=', p('handle_hash'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const insertSessionRow = statement<SessionRow>()((db, p) =>
  db.insertInto('host_sessions').values({
    token_hash: p('token_hash'),
    account_id: p('account_id'),
    ticket: p('ticket'),
    site: p('site'),
    created_at: p('created_at'),
  }),
);

/** A browser keeps its ticket while its session is rotated; a session that began after the host's row is another one. */
const selectStanding = statement<{ token_hash: string }>()((db, p) =>
  db
    .selectFrom('host_sessions as host')
    .innerJoin('sessions as session', (join) =>
      join
        .onRef('session.account_id', '=', 'host.account_id')
        .onRef('session.ticket', '=', 'host.ticket')
        .onRef('session.created_at', '<=', 'host.created_at'),
    )
    .where('host.token_hash', '=', p('token_hash'))
    .select([
      'host.account_id',
      'host.site',
      'session.session_hash',
      'session.expires_at',
      'session.remembered',
      'session.last_seen_at',
      'session.recent_until',
    ]),
);

const deleteEntries = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('host_entries').where('expires_at', '<=', p('now')),
);

const hasSession = (row: ExpressionBuilder<Tables, 'host_sessions'>) =>
  row.exists(
    row
      .selectFrom('sessions as session')
      .select('session.session_hash')
      .whereRef('session.account_id', '=', 'host_sessions.account_id')
      .whereRef('session.ticket', '=', 'host_sessions.ticket')
      .whereRef('session.created_at', '<=', 'host_sessions.created_at'),
  );

const deleteSessions = statement<Record<never, never>>()((db) =>
  db.deleteFrom('host_sessions').where((row) => row.not(hasSession(row))),
);

const toParent = (row: Pick<EntryRow, 'account_id' | 'ticket'>): ParentSession => ({
  accountId: row.account_id as AccountId,
  ticket: row.ticket as BrowserTicket,
});

export function createHostSessionStore(sql: Sql): HostSessionStore {
  return {
    async insertEntry(entry) {
      await sql.change(insertEntryRow, {
        handle_hash: entry.handleHash,
        account_id: entry.accountId,
        ticket: entry.ticket,
        site: entry.site,
        visit_hash: entry.visitHash,
        created_at: entry.createdAt.getTime(),
        expires_at: entry.expiresAt.getTime(),
      });
    },
    async takeEntry(handleHash, now) {
      const row = await sql.one(takeEntryRow, { handle_hash: handleHash, now: now.getTime() });
      return (
        row && {
          ...toParent(row),
          handleHash: row.handle_hash,
          site: row.site as Site,
          visitHash: row.visit_hash,
          createdAt: new Date(row.created_at),
          expiresAt: new Date(row.expires_at),
        }
      );
    },
    async insert(session) {
      await sql.change(insertSessionRow, {
        token_hash: session.tokenHash,
        account_id: session.accountId,
        ticket: session.ticket,
        site: session.site,
        created_at: session.createdAt.getTime(),
      });
    },
    async findStanding(tokenHash) {
      const row = await sql.one(selectStanding, { token_hash: tokenHash });
      return (
        row && {
          accountId: row.account_id as AccountId,
          site: row.site as Site,
          session: {
            sessionHash: row.session_hash as SessionHash,
            expiresAt: new Date(row.expires_at),
            isRemembered: row.remembered === 1,
            lastSeenAt: new Date(row.last_seen_at),
            recentUntil: new Date(row.recent_until),
          },
        }
      );
    },
    async removeExpired(now) {
      const entries = await sql.change(deleteEntries, { now: now.getTime() });
      return entries + (await sql.change(deleteSessions, {}));
    },
  };
}

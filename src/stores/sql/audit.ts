// Keeps the audit rows (domain/audit.ts says what they mean): inserted and read, and changed only when the person they speak
// of is no more. Their ids sort by time, so
// that a row is written at the end of its index, and old rows are found by id.
import { leastTimeOrderedId, timeOrderedId } from '../../crypto/secrets.js';
import { statement, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import type { AuditTable } from './tables.js';
import type { AuditEvent, AuditRow, AuditStore } from '../../domain/audit.js';
import type { AccountId } from '../../domain/vocabulary.js';

const insertRow = statement<{ [Column in keyof AuditTable]: AuditTable[Column] }>()((db, p) =>
  db.insertInto('audit').values({
    audit_id: p('audit_id'),
    at: p('at'),
    account_id: p('account_id'),
    actor: p('actor'),
    event: p('event'),
    network_address: p('network_address'),
    user_agent: p('user_agent'),
    request_id: p('request_id'),
    details: p('details'),
  }),
);

const selectByAccount = statement<{ account_id: string; limit: number }>()((db, p) =>
  db
    .selectFrom('audit')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .orderBy('at', 'desc')
    .orderBy('audit_id', 'desc')
    .limit(p('limit')),
);

const selectPage = statement<{ account_id: string; before: string; limit: number }>()((db, p) =>
  db
    .selectFrom('audit')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('audit_id', '<', p('before'))
    .orderBy('audit_id', 'desc')
    .limit(p('limit')),
);

/** Greater than any id: they are hexadecimal. */
const AFTER_ALL = 'g';

const deleteBefore = statement<{ least: string }>()((db, p) =>
  db
    .deleteFrom('audit')
    .where(
      'audit_id',
      'in',
      db
        .selectFrom('audit')
        .select('audit_id')
        .where('audit_id', '<', p('least'))
        .orderBy('audit_id')
        .limit(SWEPT_AT_ONCE),
    ),
);

const updateForgotten = statement<{ account_id: string }>()((db, p) =>
  db
    .updateTable('audit')
    .set({ network_address: '', user_agent: '', details: '{}' })
    .where('account_id', '=', p('account_id')),
);

export function createAuditStore(sql: Sql): AuditStore {
  return {
    async insert(row) {
      await sql.change(insertRow, {
        audit_id: timeOrderedId(row.at),
        at: row.at.getTime(),
        account_id: row.accountId ?? null,
        actor: row.actor,
        event: row.event,
        network_address: row.networkAddress,
        user_agent: row.userAgent,
        request_id: row.requestId,
        details: JSON.stringify(row.details),
      });
    },
    async findByAccount(accountId, limit) {
      const rows = await sql.all(selectByAccount, { account_id: accountId, limit });
      return rows.map(toAuditRow);
    },
    async forgetPerson(accountId) {
      await sql.change(updateForgotten, { account_id: accountId });
    },
    async findPage(accountId, before = AFTER_ALL, limit) {
      const rows = await sql.all(selectPage, { account_id: accountId, before, limit });
      return rows.map((row) => ({ ...toAuditRow(row), auditId: row.audit_id }));
    },
    removeBefore: (time) => sql.change(deleteBefore, { least: leastTimeOrderedId(time) }),
  };
}

function toAuditRow(row: AuditTable): AuditRow {
  return {
    event: row.event as AuditEvent,
    accountId: (row.account_id ?? undefined) as AccountId | undefined,
    actor: row.actor,
    details: JSON.parse(row.details) as AuditRow['details'],
    at: new Date(row.at),
    networkAddress: row.network_address,
    userAgent: row.user_agent,
    requestId: row.request_id,
  };
}

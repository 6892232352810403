// Keeps the mails that wait to be sent (domain/notices.ts). What a mail says is sealed; a sender claims it before it sends.
import { statement, type Sql } from './statement.js';
import type { OutboxTable } from './tables.js';
import type { NoticeName, OutboxMail, OutboxStore } from '../../domain/notices.js';

type Row = { [Column in keyof OutboxTable]: OutboxTable[Column] };

const insertMail = statement<Omit<Row, 'attempts' | 'next_attempt_at' | 'sent_at'>>()((db, p) =>
  db.insertInto('outbox').values({
    mail_id: p('mail_id'),
    recipient: p('recipient'),
    notice: p('notice'),
    sealed_details: p('sealed_details'),
    language: p('language'),
    attempts: 0,
    created_at: p('created_at'),
    next_attempt_at: p('created_at'),
    expires_at: p('expires_at'),
    sent_at: null,
  }),
);

const selectDue = statement<{ now: number; limit: number }>()((db, p) =>
  db
    .selectFrom('outbox')
    .selectAll()
    .where('next_attempt_at', '<=', p('now'))
    .where('sent_at', 'is', null)
    .where((or) => or.or([or('expires_at', 'is', null), or('expires_at', '>', p('now'))]))
    .orderBy('created_at')
    .orderBy('mail_id')
    .limit(p('limit')),
);

const claimMail = statement<{ mail_id: string; attempts: number; next_attempt_at: number }>()((db, p) =>
  db
    .updateTable('outbox')
    .set((row) => ({ attempts: row('attempts', '+', 1), next_attempt_at: p('next_attempt_at') }))
    .where('mail_id', '=', p('mail_id'))
    .where('attempts', '=', p('attempts'))
    .where('sent_at', 'is', null),
);

const updateSent = statement<{ mail_id: string; at: number }>()((db, p) =>
  db
    .updateTable('outbox')
    .set({ sent_at: p('at') })
    .where('mail_id', '=', p('mail_id'))
    .where('sent_at', 'is', null),
);

const deleteMail = statement<{ mail_id: string }>()((db, p) =>
  db.deleteFrom('outbox').where('mail_id', '=', p('mail_id')),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('outbox')
    .where((or) => or.or([or('sent_at', 'is not', null), or('expires_at', '<=', p('now'))])),
);

export function createOutboxStore(sql: Sql): OutboxStore {
  return {
    async insert(mail) {
      await sql.change(insertMail, {
        mail_id: mail.mailId,
        recipient: mail.recipient,
        notice: mail.notice,
        sealed_details: mail.sealedDetails,
        language: mail.language,
        created_at: mail.createdAt.getTime(),
        expires_at: mail.expiresAt?.getTime() ?? null,
      });
    },
    async findDue(now, limit) {
      const rows = await sql.all(selectDue, { now: now.getTime(), limit });
      return rows.map(toMail);
    },
    async claim(mailId, attempts, nextAttemptAt) {
      const values = { mail_id: mailId, attempts, next_attempt_at: nextAttemptAt.getTime() };
      return (await sql.change(claimMail, values)) === 1;
    },
    async markSent(mailId, at) {
      await sql.change(updateSent, { mail_id: mailId, at: at.getTime() });
    },
    async remove(mailId) {
      await sql.change(deleteMail, { mail_id: mailId });
    },
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}

function toMail(row: Row): OutboxMail {
  return {
    mailId: row.mail_id,
    recipient: row.recipient,
    notice: row.notice as NoticeName,
    sealedDetails: row.sealed_details,
    language: row.language,
    attempts: row.attempts,
    expiresAt: row.expires_at === null ? undefined : new Date(row.expires_at),
  };
}

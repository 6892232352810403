// Keeps what changes with a credential of an account, and takes a closed one away (domain/account-records-credentials.ts).
import { statement, type Sql } from './statement.js';
import type { Tables } from './tables.js';
import type { CredentialStore } from '../../domain/account-records-credentials.js';
import type { AccountId } from '../../domain/vocabulary.js';

type ById = { account_id: string };

const updateEmail = statement<ById & { email: string; at: number }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ email: p('email'), email_verified_at: p('at') })
    .where('account_id', '=', p('account_id'))
    .where('closed_at', 'is', null),
);

const deleteEmailName = statement<ById & { folded: string }>()((db, p) =>
  db
    .deleteFrom('login_names')
    .where('folded', '=', p('folded'))
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'email'),
);

const updateClosed = statement<ById & { at: number }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ closed_at: p('at') })
    .where('account_id', '=', p('account_id'))
    .where('closed_at', 'is', null),
);

const updateReopened = statement<ById & { closed_after: number }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ closed_at: null })
    .where('account_id', '=', p('account_id'))
    .where('closed_at', '>', p('closed_after')),
);

const selectClosed = statement<{ by: number; limit: number }>()((db, p) =>
  db
    .selectFrom('accounts')
    .select('account_id')
    .where('closed_at', '<=', p('by'))
    .orderBy('closed_at')
    .limit(p('limit')),
);

const deleteClosed = statement<ById & { by: number }>()((db, p) =>
  db.deleteFrom('accounts').where('account_id', '=', p('account_id')).where('closed_at', '<=', p('by')),
);

const deleteRefreshTokens = statement<ById>()((db, p) =>
  db
    .deleteFrom('refresh_tokens')
    .where(
      'linked_tool_id',
      'in',
      db.selectFrom('linked_tools').select('linked_tool_id').where('account_id', '=', p('account_id')),
    ),
);

/** Everything else that is an account's own, each table by the account's id. */
const OWNED = [
  'login_names',
  'mail_tokens',
  'authenticators',
  'recovery_codes',
  'factor_failures',
  'passkeys',
  'passkey_challenges',
  'sign_ins',
  'sessions',
  'device_keys',
  'app_passwords',
  'linked_tools',
  'known_browsers',
  'switched_sessions',
  'identities',
  'round_trips',
] as const satisfies readonly (keyof Tables)[];

const deletions = OWNED.map((table) =>
  statement<ById>()((db, p) => db.deleteFrom(table).where('account_id', '=', p('account_id'))),
);

export function createCredentialStore(sql: Sql): CredentialStore {
  return {
    async replaceEmail(accountId, email, provedAt) {
      return (await sql.change(updateEmail, { account_id: accountId, email, at: provedAt.getTime() })) === 1;
    },
    async releaseEmail(folded, accountId) {
      await sql.change(deleteEmailName, { folded, account_id: accountId });
    },
    async close(accountId, at) {
      return (await sql.change(updateClosed, { account_id: accountId, at: at.getTime() })) === 1;
    },
    async reopen(accountId, closedAfter) {
      const values = { account_id: accountId, closed_after: closedAfter.getTime() };
      return (await sql.change(updateReopened, values)) === 1;
    },
    async findClosed(by, limit) {
      const rows = await sql.all(selectClosed, { by: by.getTime(), limit });
      return rows.map((row) => row.account_id as AccountId);
    },
    async erase(accountId, closedBy) {
      const isGone = await sql.change(deleteClosed, { account_id: accountId, by: closedBy.getTime() });
      if (isGone === 0) return false;
      await sql.change(deleteRefreshTokens, { account_id: accountId });
      for (const deletion of deletions) await sql.change(deletion, { account_id: accountId });
      return true;
    },
  };
}

// Keeps what proves an account: mail tokens by their mac, the counter of wrong passwords, the first-run hash
// (domain/email-verification.ts, password-check.ts, first-run.ts). Each step is one conditional statement.
import { createKnownBrowserStore } from './known-browsers.js';
import { statement, type Sql } from './statement.js';
import type { MailTokensTable } from './tables.js';
import type { EmailStore, MailToken } from '../../domain/email-verification.js';
import type { FirstRunStore } from '../../domain/first-run.js';
import type { KnownBrowserStore } from '../../domain/known-browsers.js';
import type { PasswordStore } from '../../domain/password-check.js';
import type { AccountId } from '../../domain/vocabulary.js';

type TokenRow = { [Column in keyof MailTokensTable]: MailTokensTable[Column] };
type TokenKey = { purpose: string; token_mac: string; now: number };

const deleteTokensOf = statement<{ account_id: string; purpose: string }>()((db, p) =>
  db.deleteFrom('mail_tokens').where('account_id', '=', p('account_id')).where('purpose', '=', p('purpose')),
);

const insertToken = statement<TokenRow>()((db, p) =>
  db.insertInto('mail_tokens').values({
    token_mac: p('token_mac'),
    account_id: p('account_id'),
    purpose: p('purpose'),
    email: p('email'),
    sealed_user_code: p('sealed_user_code'),
    shown_email: p('shown_email'),
    created_at: p('created_at'),
    expires_at: p('expires_at'),
  }),
);

const selectToken = statement<TokenKey>()((db, p) =>
  db
    .selectFrom('mail_tokens')
    .selectAll()
    .where('token_mac', '=', p('token_mac'))
    .where('purpose', '=', p('purpose'))
    .where('expires_at', '>', p('now')),
);

const takeToken = statement<TokenKey>()((db, p) =>
  db
    .deleteFrom('mail_tokens')
    .where('token_mac', '=', p('token_mac'))
    .where('purpose', '=', p('purpose'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const deleteTokensTo = statement<{ email: string }>()((db, p) =>
  db.deleteFrom('mail_tokens').where('email', '=', p('email')),
);

const deleteExpiredTokens = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('mail_tokens').where('expires_at', '<=', p('now')),
);

const proveHeldName = statement<{ folded: string; account_id: string }>()((db, p) =>
  db
    .updateTable('login_names')
    .set({ account_id: p('account_id'), proved: 1 })
    .where('folded', '=', p('folded'))
    .where('kind', '=', 'email')
    .where((or) => or.or([or('proved', '=', 0), or('account_id', '=', p('account_id'))])),
);

const updateVerified = statement<{ account_id: string; at: number }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ email_verified_at: p('at') })
    .where('account_id', '=', p('account_id'))
    .where('closed_at', 'is', null),
);

const clearEmail = statement<{ account_id: string }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ email: '' })
    .where('account_id', '=', p('account_id'))
    .where('email_verified_at', 'is', null),
);

const selectFailures = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('factor_failures')
    .select(['consecutive', 'last_at'])
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'password'),
);

const selectStanding = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('accounts')
    .leftJoin('factor_failures', (join) =>
      join
        .onRef('factor_failures.account_id', '=', 'accounts.account_id')
        .on('factor_failures.kind', '=', 'password'),
    )
    .select(['accounts.closed_at', 'accounts.email_verified_at', 'factor_failures.consecutive'])
    .where('accounts.account_id', '=', p('account_id')),
);

const insertFailure = statement<{ account_id: string; at: number }>()((db, p) =>
  db
    .insertInto('factor_failures')
    .values({
      account_id: p('account_id'),
      kind: 'password',
      consecutive: 1,
      day: 0,
      day_count: 0,
      last_at: p('at'),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'kind'])
        .doUpdateSet({ consecutive: 1, last_at: p('at') })
        .where('factor_failures.consecutive', '=', 0),
    ),
);

const addFailure = statement<{ account_id: string; seen: number; at: number }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set((row) => ({ consecutive: row('consecutive', '+', 1), last_at: p('at') }))
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'password')
    .where('consecutive', '=', p('seen')),
);

const takeFailureBack = statement<{ account_id: string }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set((row) => ({ consecutive: row('consecutive', '-', 1) }))
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'password')
    .where('consecutive', '>', 0),
);

const clearFailures = statement<{ account_id: string }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set({ consecutive: 0 })
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'password'),
);

const updateHash = statement<{ account_id: string; from: string; to: string }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ password_hash: p('to') })
    .where('account_id', '=', p('account_id'))
    .where('password_hash', '=', p('from')),
);

type Renewal = { account_id: string; from: string; to: string; length: number; at: number };

const updatePassword = statement<Renewal>()((db, p) =>
  db
    .updateTable('accounts')
    .set((account) => ({
      password_hash: p('to'),
      password_length: p('length'),
      // It names the password: it rises with each, also where a clock stands still or has been set back.
      password_changed_at: account
        .case()
        .when('password_changed_at', '<', p('at'))
        .then(p('at'))
        .else(account('password_changed_at', '+', 1))
        .end(),
    }))
    .where('account_id', '=', p('account_id'))
    .where('password_hash', '=', p('from')),
);

const FIRST_RUN = 'first-run';

const upsertFirstRun = statement<{ value: string; at: number }>()((db, p) =>
  db
    .insertInto('house')
    .values({ name: FIRST_RUN, value: p('value'), changed_at: p('at') })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ value: p('value'), changed_at: p('at') }),
    ),
);

const selectFirstRun = statement<Record<string, never>>()((db) =>
  db.selectFrom('house').select('value').where('name', '=', FIRST_RUN),
);

const takeFirstRun = statement<{ value: string }>()((db, p) =>
  db.deleteFrom('house').where('name', '=', FIRST_RUN).where('value', '=', p('value')),
);

const deleteFirstRun = statement<Record<string, never>>()((db) =>
  db.deleteFrom('house').where('name', '=', FIRST_RUN),
);

function createEmailStore(sql: Sql): EmailStore {
  return {
    async replaceMailToken(token) {
      await sql.change(deleteTokensOf, { account_id: token.accountId, purpose: token.purpose });
      await sql.change(insertToken, {
        token_mac: token.tokenMac,
        account_id: token.accountId,
        purpose: token.purpose,
        email: token.email,
        sealed_user_code: token.sealedUserCode ?? null,
        shown_email: token.shownEmail ?? null,
        created_at: token.createdAt.getTime(),
        expires_at: token.expiresAt.getTime(),
      });
    },
    async findMailToken(purpose, tokenMac, now) {
      const row = await sql.one(selectToken, { purpose, token_mac: tokenMac, now: now.getTime() });
      return row && toMailToken(row);
    },
    async takeMailToken(purpose, tokenMac, now) {
      const row = await sql.one(takeToken, { purpose, token_mac: tokenMac, now: now.getTime() });
      return row && toMailToken(row);
    },
    async removeMailTokensTo(email) {
      await sql.change(deleteTokensTo, { email });
    },
    removeExpiredMailTokens: (now) => sql.change(deleteExpiredTokens, { now: now.getTime() }),
    async proveName(folded, accountId) {
      return (await sql.change(proveHeldName, { folded, account_id: accountId })) === 1;
    },
    async markEmailVerified(accountId, at) {
      return (await sql.change(updateVerified, { account_id: accountId, at: at.getTime() })) === 1;
    },
    async forgetEmail(accountId) {
      return (await sql.change(clearEmail, { account_id: accountId })) === 1;
    },
  };
}

function createPasswordStore(sql: Sql): PasswordStore {
  return {
    async findStanding(accountId) {
      const row = await sql.one(selectStanding, { account_id: accountId });
      if (!row) return undefined;
      return {
        isClosed: row.closed_at !== null,
        isEmailVerified: row.email_verified_at !== null,
        consecutiveFailures: row.consecutive ?? 0,
      };
    },
    async findFailures(accountId) {
      const row = await sql.one(selectFailures, { account_id: accountId });
      return row && { consecutive: row.consecutive, lastAt: new Date(row.last_at) };
    },
    async chargeFailure(accountId, seen, at) {
      const values = { account_id: accountId, at: at.getTime() };
      const changed =
        seen === 0
          ? await sql.change(insertFailure, values)
          : await sql.change(addFailure, { ...values, seen });
      return changed === 1;
    },
    async giveFailureBack(accountId) {
      await sql.change(takeFailureBack, { account_id: accountId });
    },
    async forgiveFailures(accountId) {
      await sql.change(clearFailures, { account_id: accountId });
    },
    async replacePasswordHash(accountId, from, to) {
      return (await sql.change(updateHash, { account_id: accountId, from, to })) === 1;
    },
    async replacePassword({ accountId, at, ...renewed }) {
      const row = { ...renewed, account_id: accountId, at: at.getTime() };
      return (await sql.change(updatePassword, row)) === 1;
    },
  };
}

function createFirstRunStore(sql: Sql): FirstRunStore {
  return {
    async replaceFirstRun(tokenHash, at) {
      await sql.change(upsertFirstRun, { value: tokenHash, at: at.getTime() });
    },
    async findFirstRun() {
      return (await sql.one(selectFirstRun, {}))?.value;
    },
    async takeFirstRun(tokenHash) {
      return (await sql.change(takeFirstRun, { value: tokenHash })) === 1;
    },
    async removeFirstRun() {
      await sql.change(deleteFirstRun, {});
    },
  };
}

type AccountProofStore = EmailStore & PasswordStore & FirstRunStore & KnownBrowserStore;

/** The stores of the rooms that prove an account, as one. */
export function createAccountProofStore(sql: Sql): AccountProofStore {
  return {
    ...createEmailStore(sql),
    ...createPasswordStore(sql),
    ...createFirstRunStore(sql),
    ...createKnownBrowserStore(sql),
  };
}

function toMailToken(row: TokenRow): MailToken {
  return {
    tokenMac: row.token_mac,
    accountId: row.account_id as AccountId,
    purpose: row.purpose as MailToken['purpose'],
    email: row.email,
    sealedUserCode: row.sealed_user_code ?? undefined,
    shownEmail: row.shown_email ?? undefined,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
  };
}

// Keeps accounts, the names they are known by, and the numbers of their subjects (domain/account-records.ts).
// What else the rooms of an account keep stands beside it: account-proofs.ts.
import { createAccountProofStore } from './account-proofs.js';
import { statement, type Sql } from './statement.js';
import type { AccountsTable } from './tables.js';
import type { AccountRecord, AccountRole, AccountStore } from '../../domain/account-records.js';
import type { AccountsStore } from '../../domain/accounts.js';
import type { AccountId } from '../../domain/vocabulary.js';

type Row = { [Column in Exclude<keyof AccountsTable, Switch>]: AccountsTable[Column] };
type Switch = 'fallback_allowed' | 'link_by_token_allowed' | 'app_passwords_allowed';

const selectById = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('accounts')
    .innerJoin('subjects', 'subjects.subject_id', 'accounts.account_id')
    .selectAll('accounts')
    .select('subjects.public_number')
    .where('accounts.account_id', '=', p('account_id')),
);

const selectByName = statement<{ folded: string }>()((db, p) =>
  db
    .selectFrom('login_names')
    .innerJoin('accounts', 'accounts.account_id', 'login_names.account_id')
    .innerJoin('subjects', 'subjects.subject_id', 'accounts.account_id')
    .selectAll('accounts')
    .select('subjects.public_number')
    .where('login_names.folded', '=', p('folded')),
);

const selectAny = statement<Record<string, never>>()((db) =>
  db.selectFrom('accounts').select('account_id').limit(1),
);

const insertSubject = statement<{ subject_id: string; public_number: number; created_at: number }>()(
  (db, p) =>
    db
      .insertInto('subjects')
      .values({
        subject_id: p('subject_id'),
        account_id: p('subject_id'),
        public_number: p('public_number'),
        kind: 'owner',
        created_at: p('created_at'),
      })
      .onConflict((conflict) => conflict.doNothing()),
);

const insertAccount = statement<Row>()((db, p) =>
  db.insertInto('accounts').values({
    account_id: p('account_id'),
    email: p('email'),
    email_verified_at: p('email_verified_at'),
    username: p('username'),
    display_name: p('display_name'),
    password_hash: p('password_hash'),
    password_length: p('password_length'),
    password_changed_at: p('password_changed_at'),
    language: p('language'),
    role: p('role'),
    created_at: p('created_at'),
    closed_at: p('closed_at'),
    fallback_allowed: 1,
    link_by_token_allowed: 0,
    app_passwords_allowed: 1,
  }),
);

const insertName = statement<{ folded: string; account_id: string; kind: string; proved: number }>()(
  (db, p) =>
    db
      .insertInto('login_names')
      .values({
        folded: p('folded'),
        account_id: p('account_id'),
        kind: p('kind'),
        proved: p('proved'),
      })
      .onConflict((conflict) => conflict.doNothing()),
);

const selectHolder = statement<{ folded: string }>()((db, p) =>
  db.selectFrom('login_names').select(['account_id', 'proved']).where('folded', '=', p('folded')),
);

const updateLanguage = statement<{ account_id: string; language: string }>()((db, p) =>
  db
    .updateTable('accounts')
    .set({ language: p('language') })
    .where('account_id', '=', p('account_id')),
);

function createAccountRecordStore(sql: Sql): AccountStore {
  return {
    async find(accountId) {
      const row = await sql.one(selectById, { account_id: accountId });
      return row && toRecord(row);
    },
    async findByLoginName(folded) {
      const row = await sql.one(selectByName, { folded });
      return row && toRecord(row);
    },
    async hasAny() {
      return (await sql.one(selectAny, {})) !== undefined;
    },
    async insert(account) {
      const createdAt = account.createdAt.getTime();
      const isNumberFree = await sql.change(insertSubject, {
        subject_id: account.accountId,
        public_number: account.publicNumber,
        created_at: createdAt,
      });
      if (isNumberFree === 0) return false;
      await sql.change(insertAccount, {
        account_id: account.accountId,
        email: account.email,
        email_verified_at: account.emailVerifiedAt?.getTime() ?? null,
        username: account.username,
        display_name: account.displayName,
        password_hash: account.passwordHash,
        password_length: account.passwordLength,
        password_changed_at: account.passwordChangedAt.getTime(),
        language: account.language ?? null,
        role: account.role,
        created_at: createdAt,
        closed_at: account.closedAt?.getTime() ?? null,
      });
      return true;
    },
    async claimName({ folded, accountId, kind, isProved }) {
      const proved = isProved ? 1 : 0;
      return (await sql.change(insertName, { folded, account_id: accountId, kind, proved })) === 1;
    },
    async findNameHolder(folded) {
      const row = await sql.one(selectHolder, { folded });
      return row && { accountId: row.account_id as AccountId, isProved: row.proved === 1 };
    },
    async changeLanguage(accountId, language) {
      return (await sql.change(updateLanguage, { account_id: accountId, language })) === 1;
    },
  };
}

export function createAccountStore(sql: Sql): AccountsStore {
  return { ...createAccountRecordStore(sql), ...createAccountProofStore(sql) };
}

function toRecord(row: AccountsTable & { public_number: number }): AccountRecord {
  return {
    accountId: row.account_id as AccountId,
    publicNumber: row.public_number,
    email: row.email,
    emailVerifiedAt: row.email_verified_at === null ? undefined : new Date(row.email_verified_at),
    username: row.username,
    displayName: row.display_name,
    passwordHash: row.password_hash,
    passwordLength: row.password_length,
    passwordChangedAt: new Date(row.password_changed_at),
    language: row.language ?? undefined,
    role: row.role as AccountRole,
    createdAt: new Date(row.created_at),
    closedAt: row.closed_at === null ? undefined : new Date(row.closed_at),
  };
}

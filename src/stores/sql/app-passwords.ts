// Keeps app passwords, by keyed hash (domain/app-password-records.ts). To which tool one belongs is settled by one conditional
// UPDATE, so that of two tools that come at once only the first has it.
import { statement, type Sql } from './statement.js';
import type { AppPasswordsTable } from './tables-app-passwords.js';
import type { AppPassword, AppPasswordId, AppPasswordStore } from '../../domain/app-password-records.js';
import type { AccountId } from '../../domain/vocabulary.js';

type New = Pick<
  AppPasswordsTable,
  'app_password_id' | 'account_id' | 'secret_mac' | 'name' | 'created_at' | 'client_id' | 'tool_name'
> &
  Pick<AppPasswordsTable, 'last_used_at' | 'last_used_from'>;

const insertRow = statement<{ [Column in keyof New]: New[Column] }>()((db, p) =>
  db.insertInto('app_passwords').values({
    app_password_id: p('app_password_id'),
    account_id: p('account_id'),
    secret_mac: p('secret_mac'),
    name: p('name'),
    created_at: p('created_at'),
    client_id: p('client_id'),
    tool_name: p('tool_name'),
    last_used_at: p('last_used_at'),
    last_used_from: p('last_used_from'),
  }),
);

const selectByMac = statement<{ secret_mac: string }>()((db, p) =>
  db.selectFrom('app_passwords').selectAll().where('secret_mac', '=', p('secret_mac')),
);

const selectByAccount = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('app_passwords')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .orderBy('created_at', 'desc')
    .orderBy('app_password_id'),
);

const updateBound = statement<{ app_password_id: string; client_id: string; tool_name: string }>()((db, p) =>
  db
    .updateTable('app_passwords')
    .set({ client_id: p('client_id'), tool_name: p('tool_name') })
    .where('app_password_id', '=', p('app_password_id'))
    .where('client_id', 'is', null),
);

const updateUsed = statement<{
  app_password_id: string;
  client_id: string;
  secret_mac: string;
  at: number;
  from: string;
}>()((db, p) =>
  db
    .updateTable('app_passwords')
    .set({ secret_mac: p('secret_mac'), last_used_at: p('at'), last_used_from: p('from') })
    .where('app_password_id', '=', p('app_password_id'))
    .where('client_id', '=', p('client_id')),
);

const deleteRow = statement<{ app_password_id: string; account_id: string }>()((db, p) =>
  db
    .deleteFrom('app_passwords')
    .where('app_password_id', '=', p('app_password_id'))
    .where('account_id', '=', p('account_id')),
);

function toAppPassword(row: AppPasswordsTable): AppPassword {
  return {
    appPasswordId: row.app_password_id as AppPasswordId,
    accountId: row.account_id as AccountId,
    name: row.name,
    createdAt: new Date(row.created_at),
    boundTo: row.client_id === null ? undefined : { clientId: row.client_id, toolName: row.tool_name ?? '' },
    lastUsed:
      row.last_used_at === null
        ? undefined
        : { at: new Date(row.last_used_at), from: row.last_used_from ?? '' },
  };
}

export function createAppPasswordStore(sql: Sql): AppPasswordStore {
  return {
    async insert({ appPasswordId, accountId, secretMac, name, createdAt, boundTo, lastUsed }) {
      await sql.change(insertRow, {
        app_password_id: appPasswordId,
        account_id: accountId,
        secret_mac: secretMac,
        name,
        created_at: createdAt.getTime(),
        client_id: boundTo?.clientId ?? null,
        tool_name: boundTo?.toolName ?? null,
        last_used_at: lastUsed?.at.getTime() ?? null,
        last_used_from: lastUsed?.from ?? null,
      });
    },
    async findByMac(secretMac) {
      const row = await sql.one(selectByMac, { secret_mac: secretMac });
      return row && toAppPassword(row);
    },
    async findByAccount(accountId) {
      return (await sql.all(selectByAccount, { account_id: accountId })).map(toAppPassword);
    },
    async bind(appPasswordId, { clientId, toolName }) {
      const bound = { app_password_id: appPasswordId, client_id: clientId, tool_name: toolName };
      return (await sql.change(updateBound, bound)) === 1;
    },
    async use(appPasswordId, { clientId, secretMac, at, from }) {
      const used = { client_id: clientId, secret_mac: secretMac, at: at.getTime(), from };
      return (await sql.change(updateUsed, { app_password_id: appPasswordId, ...used })) === 1;
    },
    async remove(appPasswordId, accountId) {
      const row = { app_password_id: appPasswordId, account_id: accountId };
      return (await sql.change(deleteRow, row)) === 1;
    },
  };
}

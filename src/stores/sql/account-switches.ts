// Keeps what the owner of an account has switched on or off (domain/account-switches.ts): a column of the account each.
import { statement, type Sql } from './statement.js';
import type { SwitchName, SwitchStore } from '../../domain/account-switches.js';

const selectSwitches = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('accounts')
    .select(['fallback_allowed', 'link_by_token_allowed', 'app_passwords_allowed'])
    .where('account_id', '=', p('account_id')),
);

type Turn = { account_id: string; allowed: number };

const turnColumn = (column: 'fallback_allowed' | 'link_by_token_allowed' | 'app_passwords_allowed') =>
  statement<Turn>()((db, p) =>
    db
      .updateTable('accounts')
      .set({ [column]: p('allowed') })
      .where('account_id', '=', p('account_id'))
      .where(column, '<>', p('allowed')),
  );

const turns = {
  fallback: turnColumn('fallback_allowed'),
  'link-by-token': turnColumn('link_by_token_allowed'),
  'app-passwords': turnColumn('app_passwords_allowed'),
} satisfies Record<SwitchName, unknown>;

export function createSwitchStore(sql: Sql): SwitchStore {
  return {
    async findSwitches(accountId) {
      const row = await sql.one(selectSwitches, { account_id: accountId });
      return (
        row && {
          fallback: row.fallback_allowed === 1,
          'link-by-token': row.link_by_token_allowed === 1,
          'app-passwords': row.app_passwords_allowed === 1,
        }
      );
    },
    async turnSwitch(accountId, name, isOn) {
      return (await sql.change(turns[name], { account_id: accountId, allowed: isOn ? 1 : 0 })) === 1;
    },
  };
}

// Keeps recovery codes (domain/recovery-codes.ts): each is spent, and each set gives way, by one conditional statement, so
// that a race has one winner.
import { statement, type Sql } from './statement.js';
import type { RecoveryCodesTable } from './tables.js';
import type { RecoveryCodeStore, RecoverySet } from '../../domain/recovery-codes.js';
import type { AccountId } from '../../domain/vocabulary.js';

const selectRecoveryCode = statement<{ account_id: string; selector: string }>()((db, p) =>
  db
    .selectFrom('recovery_codes')
    .select(['selector', 'code_hash'])
    .where('account_id', '=', p('account_id'))
    .where('selector', '=', p('selector'))
    .where('used_at', 'is', null),
);

const deleteRecoveryCodes = statement<{ account_id: string }>()((db, p) =>
  db.deleteFrom('recovery_codes').where('account_id', '=', p('account_id')),
);

const deleteRecoverySet = statement<{ account_id: string; set_id: string }>()((db, p) =>
  db.deleteFrom('recovery_codes').where('account_id', '=', p('account_id')).where('set_id', '=', p('set_id')),
);

const selectRecoverySet = statement<{ account_id: string }>()((db, p) =>
  db.selectFrom('recovery_codes').select('set_id').where('account_id', '=', p('account_id')).limit(1),
);

type NewRecoveryCode = Pick<RecoveryCodesTable, 'account_id' | 'selector' | 'code_hash' | 'set_id'>;

const insertRecoveryCode = statement<NewRecoveryCode>()((db, p) =>
  db.insertInto('recovery_codes').values({
    account_id: p('account_id'),
    selector: p('selector'),
    code_hash: p('code_hash'),
    used_at: null,
    set_id: p('set_id'),
  }),
);

const spendRow = statement<{ account_id: string; selector: string; code_hash: string; at: number }>()(
  (db, p) =>
    db
      .updateTable('recovery_codes')
      .set({ used_at: p('at') })
      .where('account_id', '=', p('account_id'))
      .where('selector', '=', p('selector'))
      .where('code_hash', '=', p('code_hash'))
      .where('used_at', 'is', null),
);

const countUnused = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('recovery_codes')
    .select((eb) => eb.fn.countAll<number | string>().as('unused'))
    .where('account_id', '=', p('account_id'))
    .where('used_at', 'is', null),
);

export function createRecoveryCodeStore(sql: Sql): RecoveryCodeStore {
  async function insertSet(accountId: AccountId, { setId, codes }: RecoverySet): Promise<void> {
    for (const { selector, codeHash } of codes) {
      const row = { account_id: accountId, selector, code_hash: codeHash, set_id: setId };
      await sql.change(insertRecoveryCode, row);
    }
  }
  return {
    async findRecoveryCode(accountId, selector) {
      const row = await sql.one(selectRecoveryCode, { account_id: accountId, selector });
      return row && { selector: row.selector, codeHash: row.code_hash };
    },
    async findRecoverySet(accountId) {
      return (await sql.one(selectRecoverySet, { account_id: accountId }))?.set_id;
    },
    async putRecoverySet(accountId, set) {
      await sql.change(deleteRecoveryCodes, { account_id: accountId });
      await insertSet(accountId, set);
    },
    async replaceRecoverySet(accountId, from, set) {
      if ((await sql.change(deleteRecoverySet, { account_id: accountId, set_id: from })) === 0) return false;
      await insertSet(accountId, set);
      return true;
    },
    async removeRecoverySet(accountId) {
      await sql.change(deleteRecoveryCodes, { account_id: accountId });
    },
    async spendRecoveryCode(accountId, { selector, codeHash }, at) {
      const code = { account_id: accountId, selector, code_hash: codeHash };
      return (await sql.change(spendRow, { ...code, at: at.getTime() })) === 1;
    },
    async countRecoveryCodes(accountId) {
      const row = await sql.one(countUnused, { account_id: accountId });
      return Number(row?.unused ?? 0);
    },
  };
}

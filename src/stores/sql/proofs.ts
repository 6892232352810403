// Keeps second factors (domain/proofs.ts, domain/recovery-codes.ts) and the counters that lock them (domain/factor-locks.ts).
// A step, a recovery code and an attempt are each used up by one conditional statement, so that a race has one winner.
import { statement, type Sql } from './statement.js';
import type { AuthenticatorsTable, FactorFailuresTable } from './tables.js';
import type { Authenticator, ProofStore } from '../../domain/proofs.js';
import type { AccountId } from '../../domain/vocabulary.js';

type AuthenticatorRow = { [Column in keyof AuthenticatorsTable]: AuthenticatorsTable[Column] };

const selectAuthenticator = statement<{ account_id: string; state: string }>()((db, p) =>
  db
    .selectFrom('authenticators')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', 'totp')
    .where('state', '=', p('state')),
);

const putInert = statement<AuthenticatorRow>()((db, p) =>
  db
    .insertInto('authenticators')
    .values({
      authenticator_id: p('authenticator_id'),
      account_id: p('account_id'),
      kind: p('kind'),
      state: p('state'),
      sealed_secret: p('sealed_secret'),
      last_step: p('last_step'),
      set_up_tries: p('set_up_tries'),
      created_at: p('created_at'),
    })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'kind', 'state']).doUpdateSet((row) => ({
        authenticator_id: row.ref('excluded.authenticator_id'),
        sealed_secret: row.ref('excluded.sealed_secret'),
        last_step: row.ref('excluded.last_step'),
        set_up_tries: row.ref('excluded.set_up_tries'),
        created_at: row.ref('excluded.created_at'),
      })),
    ),
);

const chargeInertRow = statement<{ authenticator_id: string; most: number }>()((db, p) =>
  db
    .updateTable('authenticators')
    .set((row) => ({ set_up_tries: row('set_up_tries', '+', 1) }))
    .where('authenticator_id', '=', p('authenticator_id'))
    .where('state', '=', 'inert')
    .where('set_up_tries', '<', p('most')),
);

const activateRow = statement<{
  authenticator_id: string;
  account_id: string;
  step: number;
  made_after: number;
}>()((db, p) =>
  db
    .updateTable('authenticators')
    .set({ state: 'active', last_step: p('step') })
    .where('authenticator_id', '=', p('authenticator_id'))
    .where('state', '=', 'inert')
    .where('created_at', '>', p('made_after'))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('authenticators as other')
            .select('other.state')
            .where('other.account_id', '=', p('account_id'))
            .where('other.state', '=', 'active'),
        ),
      ),
    ),
);

const raiseStep = statement<{ authenticator_id: string; step: number }>()((db, p) =>
  db
    .updateTable('authenticators')
    .set({ last_step: p('step') })
    .where('authenticator_id', '=', p('authenticator_id'))
    .where('state', '=', 'active')
    .where('last_step', '<', p('step')),
);

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

const insertRecoveryCode = statement<{ account_id: string; selector: string; code_hash: string }>()((db, p) =>
  db.insertInto('recovery_codes').values({
    account_id: p('account_id'),
    selector: p('selector'),
    code_hash: p('code_hash'),
    used_at: null,
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

type Charge = Pick<FactorFailuresTable, 'account_id' | 'kind' | 'day' | 'last_at'> & {
  most_consecutive: number;
  most_today: number;
};

const chargeRow = statement<Charge>()((db, p) =>
  db
    .insertInto('factor_failures')
    .values({
      account_id: p('account_id'),
      kind: p('kind'),
      consecutive: 1,
      day: p('day'),
      day_count: 1,
      last_at: p('last_at'),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'kind'])
        .doUpdateSet((row) => ({
          consecutive: row('factor_failures.consecutive', '+', 1),
          day: row
            .case()
            .when('factor_failures.day', '<', row.ref('excluded.day'))
            .then(row.ref('excluded.day'))
            .else(row.ref('factor_failures.day'))
            .end(),
          day_count: row
            .case()
            .when('factor_failures.day', '<', row.ref('excluded.day'))
            .then(row.lit(1))
            .else(row('factor_failures.day_count', '+', 1))
            .end(),
          last_at: row.ref('excluded.last_at'),
        }))
        .where('factor_failures.consecutive', '<', p('most_consecutive'))
        .where((eb) =>
          eb.or([
            eb('factor_failures.day', '<', eb.ref('excluded.day')),
            eb('factor_failures.day_count', '<', p('most_today')),
          ]),
        ),
    )
    .returning(['consecutive', 'day_count']),
);

const forgiveRow = statement<{ account_id: string; kind: string }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set((row) => ({ consecutive: 0, day_count: row('day_count', '-', 1) }))
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', p('kind'))
    .where('day_count', '>', 0),
);

export function createProofStore(sql: Sql): ProofStore {
  return {
    async findAuthenticator(accountId, state) {
      const row = await sql.one(selectAuthenticator, { account_id: accountId, state });
      return row && toAuthenticator(row);
    },
    async putInert(authenticator) {
      await sql.change(putInert, {
        authenticator_id: authenticator.authenticatorId,
        account_id: authenticator.accountId,
        kind: 'totp',
        state: 'inert',
        sealed_secret: authenticator.sealedSecret,
        last_step: authenticator.lastStep,
        set_up_tries: 0,
        created_at: authenticator.createdAt.getTime(),
      });
    },
    async chargeInert(authenticatorId, most) {
      return (await sql.change(chargeInertRow, { authenticator_id: authenticatorId, most })) === 1;
    },
    async activate({ authenticatorId, accountId }, step, madeAfter) {
      const ids = { authenticator_id: authenticatorId, account_id: accountId };
      return (await sql.change(activateRow, { ...ids, step, made_after: madeAfter.getTime() })) === 1;
    },
    async burnStep(authenticatorId, step) {
      return (await sql.change(raiseStep, { authenticator_id: authenticatorId, step })) === 1;
    },
    async findRecoveryCode(accountId, selector) {
      const row = await sql.one(selectRecoveryCode, { account_id: accountId, selector });
      return row && { selector: row.selector, codeHash: row.code_hash };
    },
    async replaceRecoveryCodes(accountId, codes) {
      await sql.change(deleteRecoveryCodes, { account_id: accountId });
      for (const { selector, codeHash } of codes) {
        await sql.change(insertRecoveryCode, { account_id: accountId, selector, code_hash: codeHash });
      }
    },
    async spendRecoveryCode(accountId, { selector, codeHash }, at) {
      const code = { account_id: accountId, selector, code_hash: codeHash };
      return (await sql.change(spendRow, { ...code, at: at.getTime() })) === 1;
    },
    async countRecoveryCodes(accountId) {
      const row = await sql.one(countUnused, { account_id: accountId });
      return Number(row?.unused ?? 0);
    },
    async charge({ accountId, kind, day, at }, most) {
      const row = await sql.one(chargeRow, {
        account_id: accountId,
        kind,
        day,
        last_at: at.getTime(),
        most_consecutive: most.consecutive,
        most_today: most.today,
      });
      return row && { consecutive: row.consecutive, today: row.day_count };
    },
    async forgive(accountId, kind) {
      await sql.change(forgiveRow, { account_id: accountId, kind });
    },
  };
}

function toAuthenticator(row: AuthenticatorRow): Authenticator {
  return {
    authenticatorId: row.authenticator_id,
    accountId: row.account_id as AccountId,
    sealedSecret: row.sealed_secret,
    lastStep: row.last_step,
    createdAt: new Date(row.created_at),
  };
}

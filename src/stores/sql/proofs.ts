// Keeps authenticators (domain/proofs-set-up.ts) and the counters that lock second factors (domain/factor-locks.ts); recovery
// codes are kept beside it. A step and an attempt are each used up by one conditional statement: a race has one winner.
import { createRecoveryCodeStore } from './recovery-codes.js';
import { statement, type Sql } from './statement.js';
import type { AuthenticatorsTable, FactorFailuresTable } from './tables.js';
import type { FactorKind } from '../../domain/factor-locks.js';
import type { Authenticator, AuthenticatorStore, ProofStore } from '../../domain/proofs.js';
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

/** One row where the account has an authenticator that is on, or a passkey. */
const selectSecondFactor = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('authenticators')
    .select('account_id')
    .where('account_id', '=', p('account_id'))
    .where('state', '=', 'active')
    .union(db.selectFrom('passkeys').select('account_id').where('account_id', '=', p('account_id'))),
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

const deleteAuthenticators = statement<{ account_id: string; state: string }>()((db, p) =>
  db.deleteFrom('authenticators').where('account_id', '=', p('account_id')).where('state', '=', p('state')),
);

const raiseStep = statement<{ authenticator_id: string; step: number }>()((db, p) =>
  db
    .updateTable('authenticators')
    .set({ last_step: p('step') })
    .where('authenticator_id', '=', p('authenticator_id'))
    .where('state', '=', 'active')
    .where('last_step', '<', p('step')),
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

const forgiveRow = statement<{ account_id: string; kind: string; back: number }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set((row) => ({ consecutive: 0, day_count: row('day_count', '-', p('back')) }))
    .where('account_id', '=', p('account_id'))
    .where('kind', '=', p('kind'))
    .where('day_count', '>=', p('back')),
);

const clearRows = statement<{ account_id: string; kind: string; in_browsers: string }>()((db, p) =>
  db
    .updateTable('factor_failures')
    .set({ consecutive: 0, day_count: 0 })
    .where('account_id', '=', p('account_id'))
    .where((eb) => eb.or([eb('kind', '=', p('kind')), eb('kind', 'like', p('in_browsers'))]))
    .where((eb) => eb.or([eb('consecutive', '>', 0), eb('day_count', '>', 0)])),
);

/** A known browser's own count is a kind of its own, beside the account's. */
const countedAs = (kind: FactorKind, browserId: string | undefined): string =>
  browserId === undefined ? kind : `${kind} in ${browserId}`;

function createAuthenticatorStore(sql: Sql): AuthenticatorStore {
  const remove = (accountId: AccountId, state: string) =>
    sql.change(deleteAuthenticators, { account_id: accountId, state });
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
    async removeActive(accountId) {
      return (await remove(accountId, 'active')) > 0;
    },
    async removeInert(accountId) {
      await remove(accountId, 'inert');
    },
  };
}

export function createProofStore(sql: Sql): ProofStore {
  return {
    ...createAuthenticatorStore(sql),
    ...createRecoveryCodeStore(sql),
    async hasSecondFactor(accountId) {
      return (await sql.one(selectSecondFactor, { account_id: accountId })) !== undefined;
    },
    async charge({ accountId, kind, browserId, day, at }, most) {
      const row = await sql.one(chargeRow, {
        account_id: accountId,
        kind: countedAs(kind, browserId),
        day,
        last_at: at.getTime(),
        most_consecutive: most.consecutive,
        most_today: most.today,
      });
      return row && { consecutive: row.consecutive, today: row.day_count };
    },
    async forgive(accountId, kind, { browserId, isCharged = true } = {}) {
      const counter = { account_id: accountId, kind: countedAs(kind, browserId) };
      await sql.change(forgiveRow, { ...counter, back: isCharged ? 1 : 0 });
    },
    async clearFailures(accountId, kind) {
      const counters = { account_id: accountId, kind, in_browsers: countedAs(kind, '%') };
      return (await sql.change(clearRows, counters)) > 0;
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

// Keeps half-done sign-ins (domain/sign-in-half-done.ts) under the hash of their token, in a table that no session is ever read from.
import { statement, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import type { SignInsTable } from './tables.js';
import type { HalfDoneSignIn, SignInStore } from '../../domain/sign-in-half-done.js';
import type { AccountId, AuthenticationMethod } from '../../domain/vocabulary.js';

type Row = { [Column in keyof SignInsTable]: SignInsTable[Column] };

const insertRow = statement<Row>()((db, p) =>
  db
    .insertInto('sign_ins')
    .values({
      sign_in_hash: p('sign_in_hash'),
      account_id: p('account_id'),
      methods: p('methods'),
      failures: p('failures'),
      created_at: p('created_at'),
      expires_at: p('expires_at'),
      remembered: p('remembered'),
      known_browser: p('known_browser'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const selectByHash = statement<{ sign_in_hash: string }>()((db, p) =>
  db.selectFrom('sign_ins').selectAll().where('sign_in_hash', '=', p('sign_in_hash')),
);

const chargeRow = statement<{ sign_in_hash: string; now: number; most_failures: number }>()((db, p) =>
  db
    .updateTable('sign_ins')
    .set((row) => ({ failures: row('failures', '+', 1) }))
    .where('sign_in_hash', '=', p('sign_in_hash'))
    .where('expires_at', '>', p('now'))
    .where('failures', '<', p('most_failures'))
    .returningAll(),
);

const giveBackRow = statement<{ sign_in_hash: string }>()((db, p) =>
  db
    .updateTable('sign_ins')
    .set((row) => ({ failures: row('failures', '-', 1) }))
    .where('sign_in_hash', '=', p('sign_in_hash'))
    .where('failures', '>', 0),
);

const takeRow = statement<{ sign_in_hash: string; now: number }>()((db, p) =>
  db
    .deleteFrom('sign_ins')
    .where('sign_in_hash', '=', p('sign_in_hash'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const deleteByAccount = statement<{ account_id: string }>()((db, p) =>
  db.deleteFrom('sign_ins').where('account_id', '=', p('account_id')),
);

const deleteFromStrangers = statement<{ account_id: string }>()((db, p) =>
  db.deleteFrom('sign_ins').where('account_id', '=', p('account_id')).where('known_browser', '=', 0),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('sign_ins')
    .where(
      'sign_in_hash',
      'in',
      db
        .selectFrom('sign_ins')
        .select('sign_in_hash')
        .where('expires_at', '<=', p('now'))
        .limit(SWEPT_AT_ONCE),
    ),
);

export function createSignInStore(sql: Sql): SignInStore {
  return {
    async insert(signIn) {
      const row = {
        sign_in_hash: signIn.signInHash,
        account_id: signIn.accountId,
        methods: signIn.methods.join(' '),
        failures: signIn.failures,
        created_at: signIn.createdAt.getTime(),
        expires_at: signIn.expiresAt.getTime(),
        remembered: signIn.isRemembered ? 1 : 0,
        known_browser: signIn.isInKnownBrowser ? 1 : 0,
      };
      return (await sql.change(insertRow, row)) === 1;
    },
    async find(signInHash) {
      const row = await sql.one(selectByHash, { sign_in_hash: signInHash });
      return row && toSignIn(row);
    },
    async charge(signInHash, now, mostFailures) {
      const limits = { now: now.getTime(), most_failures: mostFailures };
      const row = await sql.one(chargeRow, { sign_in_hash: signInHash, ...limits });
      return row && toSignIn(row);
    },
    async giveBack(signInHash) {
      await sql.change(giveBackRow, { sign_in_hash: signInHash });
    },
    async take(signInHash, now) {
      const row = await sql.one(takeRow, { sign_in_hash: signInHash, now: now.getTime() });
      return row && toSignIn(row);
    },
    removeByAccount: (accountId) => sql.change(deleteByAccount, { account_id: accountId }),
    removeFromStrangers: (accountId) => sql.change(deleteFromStrangers, { account_id: accountId }),
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}

function toSignIn(row: Row): HalfDoneSignIn {
  return {
    signInHash: row.sign_in_hash,
    accountId: row.account_id as AccountId,
    methods: row.methods.split(' ').filter(Boolean) as AuthenticationMethod[],
    failures: row.failures,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    isRemembered: row.remembered === 1,
    isInKnownBrowser: row.known_browser === 1,
  };
}

// Keeps the signing keys (domain/keys.ts). An index lets each algorithm have one active and one next key, never two.
import { statement, type Sql } from './statement.js';
import type { SigningKeysTable } from './tables.js';
import type { KeyStore, SigningKeyRow, SigningKeyState } from '../../domain/keys.js';

/** Which keys: those of the tokens that the JWKS vouches for, or those of tools with a key of their own. */
export type Ring = 'tokens' | 'device-keys';

const selectAll = statement<{ ring: string }>()((db, p) =>
  db
    .selectFrom('signing_keys')
    .selectAll()
    .where('ring', '=', p('ring'))
    .orderBy('changed_at', 'desc')
    .orderBy('kid'),
);

const insertKey = statement<{ [Column in keyof SigningKeysTable]: SigningKeysTable[Column] }>()((db, p) =>
  db
    .insertInto('signing_keys')
    .values({
      kid: p('kid'),
      alg: p('alg'),
      state: p('state'),
      public_jwk: p('public_jwk'),
      sealed_private_jwk: p('sealed_private_jwk'),
      created_at: p('created_at'),
      changed_at: p('changed_at'),
      ring: p('ring'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const updateState = statement<{ ring: string; kid: string; from: string; to: string; at: number }>()(
  (db, p) =>
    db
      .updateTable('signing_keys')
      .set({ state: p('to'), changed_at: p('at') })
      .where('ring', '=', p('ring'))
      .where('kid', '=', p('kid'))
      .where('state', '=', p('from')),
);

/** Long-lived tokens name their key: while one of them counts, its key stays. */
const deleteRetiring = statement<{ ring: string; kid: string; now: number }>()((db, p) =>
  db
    .deleteFrom('signing_keys')
    .where('ring', '=', p('ring'))
    .where('kid', '=', p('kid'))
    .where('state', '=', 'retiring')
    .where((key) =>
      key.not(
        key.exists(
          key
            .selectFrom('linked_tools')
            .select('linked_tool_id')
            .whereRef('linked_tools.access_kid', '=', 'signing_keys.kid')
            .where('ended_at', 'is', null)
            .where('access_expires_at', '>', p('now')),
        ),
      ),
    ),
);

export function createKeyStore(sql: Sql, ring: Ring = 'tokens'): KeyStore {
  return {
    async findAll() {
      const rows = await sql.all(selectAll, { ring });
      return rows.map(toSigningKeyRow);
    },
    async insert(row) {
      const inserted = await sql.change(insertKey, {
        kid: row.kid,
        alg: row.alg,
        state: row.state,
        public_jwk: JSON.stringify(row.publicJwk),
        sealed_private_jwk: row.sealedPrivateJwk,
        created_at: row.createdAt.getTime(),
        changed_at: row.changedAt.getTime(),
        ring,
      });
      return inserted === 1;
    },
    async changeState(kid, from, to, at) {
      return (await sql.change(updateState, { ring, kid, from, to, at: at.getTime() })) === 1;
    },
    async removeRetiring(kid, now) {
      return (await sql.change(deleteRetiring, { ring, kid, now: now.getTime() })) === 1;
    },
  };
}

function toSigningKeyRow(row: SigningKeysTable): SigningKeyRow {
  return {
    kid: row.kid,
    alg: row.alg as SigningKeyRow['alg'],
    state: row.state as SigningKeyState,
    publicJwk: JSON.parse(row.public_jwk) as SigningKeyRow['publicJwk'],
    sealedPrivateJwk: row.sealed_private_jwk,
    createdAt: new Date(row.created_at),
    changedAt: new Date(row.changed_at),
  };
}

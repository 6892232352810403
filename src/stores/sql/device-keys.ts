// Keeps the keys that tools have of their own, public halves only, and the nonces that were used up (domain/device-keys.ts).
import { statement, type Sql } from './statement.js';
import type { DeviceKeysTable } from './tables-device-keys.js';
import type { DeviceKey, DeviceKeyStore } from '../../domain/device-keys.js';
import type { AccountId, LinkedToolId } from '../../domain/vocabulary.js';

const upsertKey = statement<{ [Column in keyof DeviceKeysTable]: DeviceKeysTable[Column] }>()((db, p) =>
  db
    .insertInto('device_keys')
    .values({
      thumbprint: p('thumbprint'),
      client_id: p('client_id'),
      kid: p('kid'),
      alg: p('alg'),
      public_jwk: p('public_jwk'),
      linked_tool_id: p('linked_tool_id'),
      account_id: p('account_id'),
      claims: p('claims'),
      created_at: p('created_at'),
      approved_at: p('approved_at'),
    })
    .onConflict((conflict) =>
      conflict.columns(['thumbprint', 'client_id']).doUpdateSet({
        kid: p('kid'),
        linked_tool_id: p('linked_tool_id'),
        account_id: p('account_id'),
        claims: p('claims'),
        created_at: p('created_at'),
        approved_at: p('approved_at'),
      }),
    ),
);

const selectKey = statement<{ thumbprint: string; client_id: string }>()((db, p) =>
  db
    .selectFrom('device_keys')
    .selectAll()
    .where('thumbprint', '=', p('thumbprint'))
    .where('client_id', '=', p('client_id')),
);

const selectByTool = statement<{ linked_tool_id: string }>()((db, p) =>
  db.selectFrom('device_keys').selectAll().where('linked_tool_id', '=', p('linked_tool_id')),
);

const selectLive = statement<{ client_id: string; kid: string; most: number }>()((db, p) =>
  db
    .selectFrom('device_keys')
    .innerJoin('linked_tools', 'linked_tools.linked_tool_id', 'device_keys.linked_tool_id')
    .selectAll('device_keys')
    .where('device_keys.client_id', '=', p('client_id'))
    .where('device_keys.kid', '=', p('kid'))
    .where('linked_tools.ended_at', 'is', null)
    .orderBy('device_keys.created_at')
    .orderBy('device_keys.thumbprint')
    .limit(p('most')),
);

const insertNonce = statement<{ nonce: string; expires_at: number }>()((db, p) =>
  db
    .insertInto('used_nonces')
    .values({ nonce: p('nonce'), expires_at: p('expires_at') })
    .onConflict((conflict) => conflict.doNothing()),
);

const deleteNonces = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('used_nonces').where('expires_at', '<=', p('now')),
);

export function createDeviceKeyStore(sql: Sql): DeviceKeyStore {
  return {
    async put(key) {
      await sql.change(upsertKey, toRow(key));
    },
    async find(thumbprint, clientId) {
      const row = await sql.one(selectKey, { thumbprint, client_id: clientId });
      return row && toKey(row);
    },
    async findByTool(linkedToolId) {
      const row = await sql.one(selectByTool, { linked_tool_id: linkedToolId });
      return row && toKey(row);
    },
    async findLive(clientId, kid, limit) {
      return (await sql.all(selectLive, { client_id: clientId, kid, most: limit })).map(toKey);
    },
    async useNonce(nonce, expiresAt, now) {
      await sql.change(deleteNonces, { now: now.getTime() });
      return (await sql.change(insertNonce, { nonce, expires_at: expiresAt.getTime() })) === 1;
    },
  };
}

function toRow(key: DeviceKey): DeviceKeysTable {
  return {
    thumbprint: key.thumbprint,
    client_id: key.clientId,
    kid: key.kid,
    alg: key.alg,
    public_jwk: JSON.stringify(key.publicJwk),
    linked_tool_id: key.linkedToolId,
    account_id: key.accountId,
    claims: JSON.stringify(key.claims),
    created_at: key.createdAt.getTime(),
    approved_at: key.approvedAt.getTime(),
  };
}

function toKey(row: DeviceKeysTable): DeviceKey {
  return {
    thumbprint: row.thumbprint,
    clientId: row.client_id,
    kid: row.kid,
    alg: row.alg as DeviceKey['alg'],
    publicJwk: JSON.parse(row.public_jwk) as DeviceKey['publicJwk'],
    linkedToolId: row.linked_tool_id as LinkedToolId,
    accountId: row.account_id as AccountId,
    claims: JSON.parse(row.claims) as DeviceKey['claims'],
    createdAt: new Date(row.created_at),
    approvedAt: new Date(row.approved_at),
  };
}

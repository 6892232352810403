// What a tool does with its link by the device code that it holds: look, bind it to a key, redeem it once (domain/links.ts). Each
// statement names the whole code's hash, and what moves the link, the client that may.
import type { ExpressionBuilder } from 'kysely';
import { statement, type Parameter, type Sql } from './statement.js';
import type { Tables } from './tables.js';
import { APPROVED_COLUMNS, toApprovedLink, toLink } from './links-rows.js';
import type { DeviceCodeKey, Link, LinkRedeemer, LinkStore } from '../../domain/links.js';

type ByDeviceCode = { link_id: string; device_code_hash: string };

const selectByDeviceCode = statement<ByDeviceCode>()((db, p) =>
  db
    .selectFrom('links')
    .leftJoin('link_intervals', 'link_intervals.link_id', 'links.link_id')
    .select(['client_id', 'state', 'expires_at', 'key_thumbprint', 'redeemed_at', 'interval_seconds'])
    .where('links.link_id', '=', p('link_id'))
    .where('device_code_hash', '=', p('device_code_hash')),
);

type Keyed = ByDeviceCode & { client_id: string; now: number; key_thumbprint: string | null };

/** The first proof binds, and so does the one that redeems; without one, nothing that is bound is redeemed. */
const isOfKey = (p: Parameter<Keyed>) => (link: ExpressionBuilder<Tables, 'links'>) =>
  link.or([link('key_thumbprint', 'is', null), link('key_thumbprint', '=', p('key_thumbprint'))]);

/** Approved, in time, asked for by its client with its code and its key. */
const isRedeemable = (p: Parameter<Keyed>) => (link: ExpressionBuilder<Tables, 'links'>) =>
  link.and([
    link('link_id', '=', p('link_id')),
    link('device_code_hash', '=', p('device_code_hash')),
    link('client_id', '=', p('client_id')),
    isOfKey(p)(link),
    link('state', '=', 'approved'),
    link('expires_at', '>', p('now')),
  ]);

const selectRedeemable = statement<Keyed>()((db, p) =>
  db
    .selectFrom('links')
    .select([...APPROVED_COLUMNS])
    .where(isRedeemable(p)),
);

const updateRedeemed = statement<Keyed>()((db, p) =>
  db
    .updateTable('links')
    .set((link) => ({
      state: 'redeemed',
      redeemed_at: p('now'),
      key_thumbprint: link.fn.coalesce(link.val(p('key_thumbprint')), link.ref('key_thumbprint')),
    }))
    .where(isRedeemable(p)),
);

const updateKey = statement<Keyed>()((db, p) =>
  db
    .updateTable('links')
    .set({ key_thumbprint: p('key_thumbprint') })
    .where('link_id', '=', p('link_id'))
    .where('device_code_hash', '=', p('device_code_hash'))
    .where('client_id', '=', p('client_id'))
    .where('state', 'in', ['pending', 'reserved'])
    .where('expires_at', '>', p('now'))
    .where(isOfKey(p)),
);

const updateWithdrawn = statement<ByDeviceCode & { now: number }>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'denied', decided_at: p('now') })
    .where('link_id', '=', p('link_id'))
    .where('device_code_hash', '=', p('device_code_hash'))
    .where('state', '=', 'approved')
    .returningAll(),
);

const toKeyed = (
  { linkId, deviceCodeHash }: DeviceCodeKey,
  { clientId, keyThumbprint, now }: LinkRedeemer,
): Keyed => ({
  link_id: linkId,
  device_code_hash: deviceCodeHash,
  client_id: clientId,
  key_thumbprint: keyThumbprint ?? null,
  now: now.getTime(),
});

export function createDeviceCodeStore(
  sql: Sql,
): Pick<LinkStore, 'findByDeviceCode' | 'bindKey' | 'findRedeemable' | 'redeem' | 'withdraw'> {
  return {
    async findByDeviceCode({ linkId, deviceCodeHash }) {
      const row = await sql.one(selectByDeviceCode, { link_id: linkId, device_code_hash: deviceCodeHash });
      if (!row) return undefined;
      return {
        clientId: row.client_id,
        state: row.state as Link['state'],
        expiresAt: new Date(row.expires_at),
        keyThumbprint: row.key_thumbprint ?? undefined,
        redeemedAt: row.redeemed_at === null ? undefined : new Date(row.redeemed_at),
        raisedInterval: row.interval_seconds ?? undefined,
      };
    },
    async bindKey({ linkId, deviceCodeHash }, clientId, keyThumbprint, now) {
      const key = { link_id: linkId, device_code_hash: deviceCodeHash, key_thumbprint: keyThumbprint };
      return (await sql.change(updateKey, { ...key, client_id: clientId, now: now.getTime() })) === 1;
    },
    async findRedeemable(key, redeemer) {
      const row = await sql.one(selectRedeemable, toKeyed(key, redeemer));
      return row && toApprovedLink(row);
    },
    async redeem(key, redeemer) {
      return (await sql.change(updateRedeemed, toKeyed(key, redeemer))) === 1;
    },
    async withdraw({ linkId, deviceCodeHash }, now) {
      const key = { link_id: linkId, device_code_hash: deviceCodeHash };
      const row = await sql.one(updateWithdrawn, { ...key, now: now.getTime() });
      return row && toLink(row);
    },
  };
}

// Keeps links (domain/links.ts). Every move is one UPDATE that names the state it leaves, the holder and the time, so that of
// two who try, one wins, and neither a decline nor an expiry can be undone.
import type { ExpressionBuilder } from 'kysely';
import { statement, type Parameter, type Sql } from './statement.js';
import type { LinksTable } from './tables-links.js';
import type { Tables } from './tables.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import { createDeviceCodeStore } from './links-device-code.js';
import { toLink, toNewLink, type NewLink } from './links-rows.js';
import type { Holder, Link, LinkStore } from '../../domain/links.js';
import type { LinkId } from '../../domain/vocabulary.js';

const insertLink = statement<{ [Column in keyof NewLink]: NewLink[Column] }>()((db, p) =>
  db
    .insertInto('links')
    .values({
      link_id: p('link_id'),
      door: p('door'),
      state: 'pending',
      client_id: p('client_id'),
      device_code_hash: p('device_code_hash'),
      user_code_mac: p('user_code_mac'),
      scope: p('scope'),
      network_address: p('network_address'),
      network: p('network'),
      web_origin: p('web_origin'),
      user_agent: p('user_agent'),
      key_thumbprint: p('key_thumbprint'),
      releases: 0,
      created_at: p('created_at'),
      expires_at: p('expires_at'),
      resources: p('resources'),
    })
    .onConflict((conflict) => conflict.column('user_code_mac').doNothing()),
);

const selectById = statement<{ link_id: string }>()((db, p) =>
  db.selectFrom('links').selectAll().where('link_id', '=', p('link_id')),
);

const selectByUserCode = statement<{ user_code_mac: string }>()((db, p) =>
  db.selectFrom('links').selectAll().where('user_code_mac', '=', p('user_code_mac')),
);

type Held = { account_id: string; ticket: string; now: number };

const selectReserved = statement<Held>()((db, p) =>
  db
    .selectFrom('links')
    .selectAll()
    .where('state', '=', 'reserved')
    .where('account_id', '=', p('account_id'))
    .where('ticket', '=', p('ticket'))
    .where('expires_at', '>', p('now'))
    .orderBy('reserved_at', 'desc')
    .limit(1),
);

const updateReserved = statement<
  Held & { user_code_mac: string; arrival: string; forward_address: string | null }
>()((db, p) =>
  db
    .updateTable('links')
    .set((link) => ({
      state: 'reserved',
      account_id: p('account_id'),
      ticket: p('ticket'),
      arrival: p('arrival'),
      reserved_at: p('now'),
      forward_address: link.case().when('door', '=', 'pin').then(p('forward_address')).else(null).end(),
    }))
    .where('user_code_mac', '=', p('user_code_mac'))
    .where('expires_at', '>', p('now'))
    .where((link) =>
      link.or([
        link('state', '=', 'pending'),
        link.and([link('state', '=', 'reserved'), link('account_id', '=', p('account_id'))]),
      ]),
    )
    .returningAll(),
);

type HeldLink = Held & { link_id: string };

/** The link is reserved, by this account, in this browser, and has not expired. */
const isHeld = (p: Parameter<HeldLink>) => (link: ExpressionBuilder<Tables, 'links'>) =>
  link.and([
    link('link_id', '=', p('link_id')),
    link('state', '=', 'reserved'),
    link('account_id', '=', p('account_id')),
    link('ticket', '=', p('ticket')),
    link('expires_at', '>', p('now')),
  ]);

const updateReleased = statement<HeldLink & { most: number }>()((db, p) =>
  db
    .updateTable('links')
    .set((link) => ({
      state: 'pending',
      account_id: null,
      ticket: null,
      arrival: null,
      reserved_at: null,
      forward_address: null,
      releases: link('releases', '+', 1),
    }))
    .where(isHeld(p))
    .where('releases', '<', p('most'))
    .returningAll(),
);

const updateDenied = statement<HeldLink>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'denied', decided_at: p('now') })
    .where(isHeld(p))
    .returningAll(),
);

const updateApproved = statement<
  HeldLink & {
    subject_id: string;
    authenticated_at: number;
    methods: string;
    household_id: string | null;
    member_kind: string | null;
    scope: string | null;
    collect_until: number;
  }
>()((db, p) =>
  db
    .updateTable('links')
    .set((link) => ({
      state: 'approved',
      subject_id: p('subject_id'),
      authenticated_at: p('authenticated_at'),
      methods: p('methods'),
      household_id: p('household_id'),
      member_kind: p('member_kind'),
      scope: link.fn.coalesce(link.val(p('scope')), link.ref('scope')),
      decided_at: p('now'),
      expires_at: link
        .case()
        .when(link.and([link('door', '=', 'pin'), link('expires_at', '>', p('collect_until'))]))
        .then(p('collect_until'))
        .else(link.ref('expires_at'))
        .end(),
    }))
    .where(isHeld(p))
    .returningAll(),
);

const updateWithdrawnOfAccount = statement<{ account_id: string; now: number }>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'denied', decided_at: p('now') })
    .where('account_id', '=', p('account_id'))
    .where('state', 'in', ['reserved', 'approved'])
    .returningAll(),
);

const countLive = statement<{ now: number }>()((db, p) =>
  db
    .selectFrom('links')
    .select((link) => link.fn.countAll<number>().as('live'))
    .where('expires_at', '>', p('now')),
);

const raiseInterval = statement<{ link_id: string; interval_seconds: number }>()((db, p) =>
  db
    .insertInto('link_intervals')
    .values({ link_id: p('link_id'), interval_seconds: p('interval_seconds') })
    .onConflict((conflict) =>
      conflict
        .column('link_id')
        .doUpdateSet({ interval_seconds: p('interval_seconds') })
        .where('link_intervals.interval_seconds', '<', p('interval_seconds')),
    ),
);

const selectExpired = statement<{ before: number }>()((db, p) =>
  db
    .selectFrom('links')
    .leftJoin('link_intervals', 'link_intervals.link_id', 'links.link_id')
    .select(['links.link_id', 'link_intervals.interval_seconds'])
    .where('links.expires_at', '<', p('before'))
    .orderBy('links.expires_at')
    .limit(SWEPT_AT_ONCE),
);

/** A statement has one text: where there are fewer links, the other places name none. */
const PLACES = Array.from({ length: SWEPT_AT_ONCE }, (_, place) => `link_${place}`);

const placed = (linkIds: readonly LinkId[]): Record<string, string> =>
  Object.fromEntries(PLACES.map((place, index) => [place, linkIds[index] ?? '']));

const deleteLinks = statement<Record<string, string>>()((db, p) =>
  db.deleteFrom('links').where('link_id', 'in', PLACES.map(p)),
);

const deleteIntervals = statement<Record<string, string>>()((db, p) =>
  db.deleteFrom('link_intervals').where('link_id', 'in', PLACES.map(p)),
);

export function createLinkStore(sql: Sql): LinkStore {
  const held = (linkId: LinkId, { accountId, ticket }: Holder, now: Date) => ({
    link_id: linkId,
    account_id: accountId,
    ticket,
    now: now.getTime(),
  });
  const found = (row: LinksTable | undefined): Link | undefined => row && toLink(row);

  return {
    ...createDeviceCodeStore(sql),
    async insert(link) {
      return (await sql.change(insertLink, toNewLink(link))) === 1;
    },
    async find(linkId) {
      return found(await sql.one(selectById, { link_id: linkId }));
    },
    async findByUserCode(userCodeMac) {
      return found(await sql.one(selectByUserCode, { user_code_mac: userCodeMac }));
    },
    async findReservedBy({ accountId, ticket }, now) {
      return found(await sql.one(selectReserved, { account_id: accountId, ticket, now: now.getTime() }));
    },
    async reserve(userCodeMac, { accountId, ticket }, arrival, now, forwardAddress) {
      const values = {
        user_code_mac: userCodeMac,
        account_id: accountId,
        ticket,
        arrival,
        forward_address: forwardAddress ?? null,
        now: now.getTime(),
      };
      return found(await sql.one(updateReserved, values));
    },
    async release(linkId, holder, most, now) {
      const released = await sql.one(updateReleased, { ...held(linkId, holder, now), most });
      return found(released ?? (await sql.one(updateDenied, held(linkId, holder, now))));
    },
    async approve(linkId, holder, approval, now, collectUntil) {
      const values = {
        ...held(linkId, holder, now),
        subject_id: approval.subjectId,
        authenticated_at: approval.authenticatedAt.getTime(),
        methods: approval.methods.join(' '),
        household_id: approval.household?.householdId ?? null,
        member_kind: approval.household?.memberKind ?? null,
        scope: approval.scope ?? null,
        collect_until: collectUntil.getTime(),
      };
      return found(await sql.one(updateApproved, values));
    },
    async deny(linkId, holder, now) {
      return found(await sql.one(updateDenied, held(linkId, holder, now)));
    },
    async withdrawByAccount(accountId, now) {
      const rows = await sql.all(updateWithdrawnOfAccount, { account_id: accountId, now: now.getTime() });
      return rows.map(toLink);
    },
    async countLive(now) {
      return (await sql.one(countLive, { now: now.getTime() }))!.live;
    },
    async raiseInterval(linkId, intervalSeconds) {
      await sql.change(raiseInterval, { link_id: linkId, interval_seconds: intervalSeconds });
    },
    async findExpired(before) {
      const rows = await sql.all(selectExpired, { before: before.getTime() });
      return {
        linkIds: rows.map(({ link_id }) => link_id as LinkId),
        haveIntervals: rows.some(({ interval_seconds }) => interval_seconds !== null),
      };
    },
    remove: (linkIds) => sql.change(deleteLinks, placed(linkIds)),
    removeIntervals: (linkIds) => sql.change(deleteIntervals, placed(linkIds)),
  };
}

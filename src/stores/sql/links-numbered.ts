// Keeps what only links that are polled by their number have and do (domain/links-numbered.ts); the rest of their moves is
// links.ts. Every statement names the door, so that no other link can be reached by a number.
import { statement, type Sql } from './statement.js';
import type { LinksTable } from './tables-links.js';
import { toLink, type NewLink } from './links-rows.js';
import { toToolValues } from './tool-values.js';
import type { NumberedLinkRequest, NumberedLinkRow, NumberedLinkStore } from '../../domain/links-numbered.js';

type NewNumbered = Omit<NewLink, 'door' | 'device_code_hash' | 'resources'> &
  Pick<LinksTable, 'public_number' | 'user_code_length' | 'tool_values' | 'device_key'>;

const insertLink = statement<{ [Column in keyof NewNumbered]: NewNumbered[Column] }>()((db, p) =>
  db
    .insertInto('links')
    .values({
      link_id: p('link_id'),
      door: 'pin',
      state: 'pending',
      client_id: p('client_id'),
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
      public_number: p('public_number'),
      user_code_length: p('user_code_length'),
      tool_values: p('tool_values'),
      device_key: p('device_key'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const selectByNumber = statement<{ public_number: number }>()((db, p) =>
  db
    .selectFrom('links')
    .selectAll()
    .where('public_number', '=', p('public_number'))
    .where('door', '=', 'pin'),
);

const updateRedeemed = statement<{ public_number: number; client_id: string; now: number }>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'redeemed', redeemed_at: p('now') })
    .where('public_number', '=', p('public_number'))
    .where('door', '=', 'pin')
    .where('client_id', '=', p('client_id'))
    .where('state', '=', 'approved')
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const updateWithdrawn = statement<{ public_number: number; now: number }>()((db, p) =>
  db
    .updateTable('links')
    .set({ state: 'denied', decided_at: p('now') })
    .where('public_number', '=', p('public_number'))
    .where('door', '=', 'pin')
    .where('state', '=', 'approved')
    .returningAll(),
);

type ByToken = {
  user_code_mac: string;
  network: string;
  account_id: string;
  subject_id: string;
  authenticated_at: number;
  methods: string;
  household_id: string | null;
  member_kind: string | null;
  parent_tool_id: string;
  collect_until: number;
  now: number;
};

const updateApprovedByToken = statement<ByToken>()((db, p) =>
  db
    .updateTable('links')
    .set((link) => ({
      state: 'approved',
      account_id: p('account_id'),
      subject_id: p('subject_id'),
      // No browser holds it, so none can look at it or decide it again.
      ticket: '',
      authenticated_at: p('authenticated_at'),
      methods: p('methods'),
      household_id: p('household_id'),
      member_kind: p('member_kind'),
      parent_tool_id: p('parent_tool_id'),
      decided_at: p('now'),
      expires_at: link
        .case()
        .when('expires_at', '>', p('collect_until'))
        .then(p('collect_until'))
        .else(link.ref('expires_at'))
        .end(),
    }))
    .where('user_code_mac', '=', p('user_code_mac'))
    .where('door', '=', 'pin')
    .where('state', '=', 'pending')
    .where('network', '=', p('network'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

export function createNumberedLinkStore(sql: Sql): NumberedLinkStore {
  return {
    async insert(link) {
      return (await sql.change(insertLink, toNewNumbered(link))) === 1;
    },
    async findByNumber(number) {
      return found(await sql.one(selectByNumber, { public_number: number }));
    },
    async redeem(number, clientId, now) {
      const values = { public_number: number, client_id: clientId, now: now.getTime() };
      return found(await sql.one(updateRedeemed, values));
    },
    async withdraw(number, now) {
      const row = await sql.one(updateWithdrawn, { public_number: number, now: now.getTime() });
      return row && toLink(row);
    },
    async approveByToken(userCodeMac, { approval, parentToolId, network, collectUntil }, now) {
      const row = await sql.one(updateApprovedByToken, {
        user_code_mac: userCodeMac,
        network,
        account_id: approval.accountId,
        subject_id: approval.subjectId,
        authenticated_at: approval.authenticatedAt.getTime(),
        methods: approval.methods.join(' '),
        household_id: approval.household?.householdId ?? null,
        member_kind: approval.household?.memberKind ?? null,
        parent_tool_id: parentToolId,
        collect_until: collectUntil.getTime(),
        now: now.getTime(),
      });
      return found(row);
    },
  };
}

/** A row of this door has a number: the statements ask for nothing else. */
const found = (row: LinksTable | undefined): NumberedLinkRow | undefined =>
  row && (toLink(row) as NumberedLinkRow);

/** Column by column: starting links is a hot path. */
function toNewNumbered(link: NumberedLinkRequest): NewNumbered {
  const { number, userCodeLength, tool, deviceKey } = link.numbered;
  return {
    link_id: link.linkId,
    client_id: link.clientId,
    user_code_mac: link.userCodeMac,
    scope: link.scope,
    network_address: link.networkAddress,
    network: link.network,
    web_origin: link.webOrigin ?? null,
    user_agent: link.userAgent,
    key_thumbprint: link.keyThumbprint ?? null,
    created_at: link.createdAt.getTime(),
    expires_at: link.expiresAt.getTime(),
    public_number: number,
    user_code_length: userCodeLength,
    tool_values: toToolValues(tool),
    device_key: deviceKey ? JSON.stringify(deviceKey) : null,
  };
}

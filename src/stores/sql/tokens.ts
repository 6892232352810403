// Keeps linked tools, refresh tokens (as hashes) and revoked access tokens (domain/tokens.ts).
// Spending a refresh token is one conditional UPDATE; a link can leave one linked tool, and the schema holds that.
import { statement, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import { createDeadToolRemoval } from './tokens-dead.js';
import {
  toLinkedTool,
  toRefreshToken,
  toRefreshValues,
  toToolRow,
  type NewRefreshToken,
  type NewTool,
} from './tokens-rows.js';
import type { TokenStore } from '../../domain/tokens.js';

const insertTool = statement<{ [Column in keyof NewTool]: NewTool[Column] }>()((db, p) =>
  db.insertInto('linked_tools').values({
    linked_tool_id: p('linked_tool_id'),
    link_id: p('link_id'),
    door: p('door'),
    account_id: p('account_id'),
    subject_id: p('subject_id'),
    client_id: p('client_id'),
    name: p('name'),
    scope: p('scope'),
    audience: p('audience'),
    authenticated_at: p('authenticated_at'),
    methods: p('methods'),
    key_thumbprint: p('key_thumbprint'),
    access_jti: p('access_jti'),
    access_issued_at: p('access_issued_at'),
    access_expires_at: p('access_expires_at'),
    linked_at: p('linked_at'),
    linked_from: p('linked_from'),
    last_used_at: p('last_used_at'),
    last_used_from: p('last_used_from'),
    ended_at: null,
    ended_why: null,
    access_kid: p('access_kid'),
    tool_values: p('tool_values'),
    parent_tool_id: p('parent_tool_id'),
    born_with: p('born_with'),
    app_password_id: p('app_password_id'),
    owner_told: p('owner_told'),
    household_id: p('household_id'),
    member_kind: p('member_kind'),
    redirect_uri: p('redirect_uri'),
    resources: p('resources'),
  }),
);

const selectUntold = statement<{ limit: number }>()((db, p) =>
  db
    .selectFrom('linked_tools')
    .selectAll()
    // Written out: an index for these alone is used only where the text says so.
    .where((tool) => tool('owner_told', '=', tool.lit(0)))
    .orderBy('linked_at')
    .limit(p('limit')),
);

const updateTold = statement<{ linked_tool_id: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ owner_told: 1 })
    .where('linked_tool_id', '=', p('linked_tool_id'))
    .where('owner_told', '=', 0),
);

const selectTool = statement<{ linked_tool_id: string }>()((db, p) =>
  db.selectFrom('linked_tools').selectAll().where('linked_tool_id', '=', p('linked_tool_id')),
);

const selectTools = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('linked_tools')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('ended_at', 'is', null)
    .orderBy('linked_at', 'desc')
    .orderBy('linked_tool_id'),
);

const updateName = statement<{ linked_tool_id: string; account_id: string; name: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ name: p('name') })
    .where('linked_tool_id', '=', p('linked_tool_id'))
    .where('account_id', '=', p('account_id'))
    .where('ended_at', 'is', null),
);

const updateEnded = statement<{ linked_tool_id: string; at: number; why: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ ended_at: p('at'), ended_why: p('why') })
    .where('linked_tool_id', '=', p('linked_tool_id'))
    .where('ended_at', 'is', null),
);

/** With those that they linked themselves. */
const selectLinkedBy = statement<{ parent_tool_id: string }>()((db, p) =>
  db
    .selectFrom('linked_tools')
    .selectAll()
    .where((tool) => {
      const linkedBy = tool('parent_tool_id', '=', p('parent_tool_id'));
      const children = tool.selectFrom('linked_tools as child').select('child.linked_tool_id');
      const ofChild = children.where('child.parent_tool_id', '=', p('parent_tool_id'));
      return tool.or([linkedBy, tool('parent_tool_id', 'in', ofChild)]);
    })
    .where('ended_at', 'is', null)
    .orderBy('linked_tool_id'),
);

const updateChildrenEnded = statement<{ parent_tool_id: string; at: number }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ ended_at: p('at'), ended_why: 'parent-ended' })
    .where((tool) => {
      const linkedBy = tool('parent_tool_id', '=', p('parent_tool_id'));
      // One that was linked by a token may have been switched to a member: there is no third generation.
      const children = tool.selectFrom('linked_tools as child').select('child.linked_tool_id');
      const ofChild = children.where('child.parent_tool_id', '=', p('parent_tool_id'));
      return tool.or([linkedBy, tool('parent_tool_id', 'in', ofChild)]);
    })
    .where('ended_at', 'is', null),
);

const selectToolOfLink = statement<{ link_id: string }>()((db, p) =>
  db.selectFrom('linked_tools').selectAll().where('link_id', '=', p('link_id')),
);

const updateKey = statement<{ linked_tool_id: string; key_thumbprint: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ key_thumbprint: p('key_thumbprint') })
    .where('linked_tool_id', '=', p('linked_tool_id'))
    .where('key_thumbprint', 'is', null)
    .where('ended_at', 'is', null),
);

const updateLastUsed = statement<{ linked_tool_id: string; at: number; from: string }>()((db, p) =>
  db
    .updateTable('linked_tools')
    .set({ last_used_at: p('at'), last_used_from: p('from') })
    .where('linked_tool_id', '=', p('linked_tool_id')),
);

const insertRefresh = statement<{ [Column in keyof NewRefreshToken]: NewRefreshToken[Column] }>()((db, p) =>
  db.insertInto('refresh_tokens').values({
    token_hash: p('token_hash'),
    linked_tool_id: p('linked_tool_id'),
    client_id: p('client_id'),
    generation: p('generation'),
    key_id: p('key_id'),
    access_jti: p('access_jti'),
    access_issued_at: p('access_issued_at'),
    access_expires_at: p('access_expires_at'),
    scope: p('scope'),
    replays: p('replays'),
    created_at: p('created_at'),
    used_at: null,
    expires_at: p('expires_at'),
    key_thumbprint: p('key_thumbprint'),
    audience: p('audience'),
  }),
);

const selectRefresh = statement<{ token_hash: string }>()((db, p) =>
  db.selectFrom('refresh_tokens').selectAll().where('token_hash', '=', p('token_hash')),
);

const selectGeneration = statement<{ linked_tool_id: string; generation: number }>()((db, p) =>
  db
    .selectFrom('refresh_tokens')
    .selectAll()
    .where('linked_tool_id', '=', p('linked_tool_id'))
    .where('generation', '=', p('generation')),
);

const updateUsed = statement<{ token_hash: string; now: number }>()((db, p) =>
  db
    .updateTable('refresh_tokens')
    .set({ used_at: p('now') })
    .where('token_hash', '=', p('token_hash'))
    .where('used_at', 'is', null)
    .where('expires_at', '>', p('now')),
);

const updateReplays = statement<{ token_hash: string; used_after: number; most: number }>()((db, p) =>
  db
    .updateTable('refresh_tokens')
    .set((row) => ({ replays: row('replays', '+', 1) }))
    .where('token_hash', '=', p('token_hash'))
    .where('used_at', '>=', p('used_after'))
    .where('replays', '<', p('most')),
);

const insertRevoked = statement<{ jti: string; expires_at: number }>()((db, p) =>
  db
    .insertInto('revoked_access_tokens')
    .values({ jti: p('jti'), expires_at: p('expires_at') })
    .onConflict((conflict) => conflict.doNothing()),
);

const selectRevoked = statement<{ jti: string }>()((db, p) =>
  db.selectFrom('revoked_access_tokens').select('jti').where('jti', '=', p('jti')),
);

const deleteExpiredRefresh = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('refresh_tokens')
    .where(
      'token_hash',
      'in',
      db
        .selectFrom('refresh_tokens')
        .select('token_hash')
        .where('expires_at', '<=', p('now'))
        .limit(SWEPT_AT_ONCE),
    ),
);

const deleteExpiredRevoked = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('revoked_access_tokens')
    .where(
      'jti',
      'in',
      db
        .selectFrom('revoked_access_tokens')
        .select('jti')
        .where('expires_at', '<=', p('now'))
        .limit(SWEPT_AT_ONCE),
    ),
);

export function createTokenStore(sql: Sql): TokenStore {
  return {
    ...createDeadToolRemoval(sql),
    async insertLinkedTool(tool) {
      await sql.change(insertTool, toToolRow(tool));
    },
    async findLinkedTool(linkedToolId) {
      const row = await sql.one(selectTool, { linked_tool_id: linkedToolId });
      return row && toLinkedTool(row);
    },
    async findUntold(limit) {
      return (await sql.all(selectUntold, { limit })).map(toLinkedTool);
    },
    async markTold(linkedToolId) {
      return (await sql.change(updateTold, { linked_tool_id: linkedToolId })) === 1;
    },
    async findLinkedTools(accountId) {
      const rows = await sql.all(selectTools, { account_id: accountId });
      return rows.map(toLinkedTool);
    },
    async rename(linkedToolId, accountId, name) {
      return (
        (await sql.change(updateName, { linked_tool_id: linkedToolId, account_id: accountId, name })) === 1
      );
    },
    async findLinkedBy(linkedToolId) {
      return (await sql.all(selectLinkedBy, { parent_tool_id: linkedToolId })).map(toLinkedTool);
    },
    async endLinkedTool(linkedToolId, at, why) {
      const ended = { linked_tool_id: linkedToolId, at: at.getTime(), why };
      if ((await sql.change(updateEnded, ended)) === 0) return false;
      await sql.change(updateChildrenEnded, { parent_tool_id: linkedToolId, at: at.getTime() });
      return true;
    },
    async findToolOfLink(linkId) {
      const row = await sql.one(selectToolOfLink, { link_id: linkId });
      return row && toLinkedTool(row);
    },
    async bindKey(linkedToolId, keyThumbprint) {
      const bound = { linked_tool_id: linkedToolId, key_thumbprint: keyThumbprint };
      return (await sql.change(updateKey, bound)) === 1;
    },
    async markUsed(linkedToolId, at, from) {
      await sql.change(updateLastUsed, { linked_tool_id: linkedToolId, at: at.getTime(), from });
    },
    async insertRefreshToken(token) {
      await sql.change(insertRefresh, toRefreshValues(token));
    },
    async findRefreshToken(tokenHash) {
      const row = await sql.one(selectRefresh, { token_hash: tokenHash });
      return row && toRefreshToken(row);
    },
    async findGeneration(linkedToolId, generation) {
      const row = await sql.one(selectGeneration, { linked_tool_id: linkedToolId, generation });
      return row && toRefreshToken(row);
    },
    async useRefreshToken(tokenHash, at) {
      return (await sql.change(updateUsed, { token_hash: tokenHash, now: at.getTime() })) === 1;
    },
    async replayRefreshToken(tokenHash, usedAfter, most) {
      const values = { token_hash: tokenHash, used_after: usedAfter.getTime(), most };
      return (await sql.change(updateReplays, values)) === 1;
    },
    async insertRevokedAccess(jti, expiresAt) {
      await sql.change(insertRevoked, { jti, expires_at: expiresAt.getTime() });
    },
    async isAccessRevoked(jti) {
      return (await sql.one(selectRevoked, { jti })) !== undefined;
    },
    async removeExpired(now) {
      const at = { now: now.getTime() };
      return (await sql.change(deleteExpiredRefresh, at)) + (await sql.change(deleteExpiredRevoked, at));
    },
  };
}

// Forgets linked tools of which nothing can be alive any more, and their keys (domain/tokens.ts).
import { statement, type Sql } from './statement.js';
import type { TokenStore } from '../../domain/tokens.js';

const deleteDead = statement<{ before: number; since: number }>()((db, p) =>
  db
    .deleteFrom('linked_tools')
    .where((tool) =>
      tool.or([
        tool('ended_at', '<', p('before')),
        tool.and([
          tool('last_used_at', '<', p('before')),
          tool('access_expires_at', '<', p('before')),
          tool.not(
            tool.exists(
              tool
                .selectFrom('refresh_tokens')
                .select('refresh_tokens.token_hash')
                .whereRef('refresh_tokens.linked_tool_id', '=', 'linked_tools.linked_tool_id'),
            ),
          ),
          tool.not(
            tool.exists(
              tool
                .selectFrom('device_keys')
                .select('device_keys.thumbprint')
                .whereRef('device_keys.linked_tool_id', '=', 'linked_tools.linked_tool_id')
                .where('device_keys.approved_at', '>=', p('since')),
            ),
          ),
        ]),
      ]),
    ),
);

/** All but the newest of a tool that somebody was sent here for again and again. */
const deleteSpent = statement<{
  linked_tool_id: string;
  account_id: string;
  subject_id: string;
  client_id: string;
  now: number;
}>()((db, p) =>
  db
    .deleteFrom('linked_tools')
    .where('account_id', '=', p('account_id'))
    .where('subject_id', '=', p('subject_id'))
    .where('client_id', '=', p('client_id'))
    .where('linked_tool_id', '<>', p('linked_tool_id'))
    .where('redirect_uri', 'is not', null)
    .where('ended_at', 'is', null)
    .where('owner_told', '=', 1)
    .where('access_expires_at', '<', p('now'))
    .where((tool) =>
      tool.not(
        tool.exists(
          tool
            .selectFrom('refresh_tokens')
            .select('refresh_tokens.token_hash')
            .whereRef('refresh_tokens.linked_tool_id', '=', 'linked_tools.linked_tool_id')
            .where('refresh_tokens.expires_at', '>', p('now')),
        ),
      ),
    ),
);

const deleteOrphanKeys = statement<Record<string, never>>()((db) =>
  db
    .deleteFrom('device_keys')
    .where((key) =>
      key.not(
        key.exists(
          key
            .selectFrom('linked_tools')
            .select('linked_tools.linked_tool_id')
            .whereRef('linked_tools.linked_tool_id', '=', 'device_keys.linked_tool_id'),
        ),
      ),
    ),
);

export function createDeadToolRemoval(sql: Sql): Pick<TokenStore, 'removeDead' | 'forgetSpent'> {
  return {
    async removeDead(before, keysApprovedSince) {
      const times = { before: before.getTime(), since: keysApprovedSince.getTime() };
      const removed = await sql.change(deleteDead, times);
      if (removed > 0) await sql.change(deleteOrphanKeys, {});
      return removed;
    },
    forgetSpent: ({ linkedToolId, accountId, subjectId, clientId }, now) =>
      sql.change(deleteSpent, {
        linked_tool_id: linkedToolId,
        account_id: accountId,
        subject_id: subjectId,
        client_id: clientId,
        now: now.getTime(),
      }),
  };
}

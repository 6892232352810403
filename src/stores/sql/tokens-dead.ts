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

export function createDeadToolRemoval(sql: Sql): Pick<TokenStore, 'removeDead'> {
  return {
    async removeDead(before, keysApprovedSince) {
      const times = { before: before.getTime(), since: keysApprovedSince.getTime() };
      const removed = await sql.change(deleteDead, times);
      if (removed > 0) await sql.change(deleteOrphanKeys, {});
      return removed;
    },
  };
}

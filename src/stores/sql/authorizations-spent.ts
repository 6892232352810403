// Forgets linked tools that the same person was sent here for again, once nothing of them is alive (domain/authorizations.ts).
import { statement, type Sql } from './statement.js';
import type { AuthorizationStore } from '../../domain/authorizations.js';

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

export function createSpentToolRemoval(sql: Sql): Pick<AuthorizationStore, 'forgetSpent'> {
  return {
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

// Refresh tokens: each is used once and followed by one successor, derived from it, so that a lost answer can be given again
// and a stolen old token shows itself. RFC 6749 §6, RFC 9700 §4.14.2.
import { sha256 } from '../crypto/secrets.js';
import type { Audit } from './audit.js';
import type { Client, Clients } from './clients.js';
import { endToolWithin } from './tokens-ending.js';
import type { Issue, IssuedTokens, LinkedTool, RefreshToken, Tokens, TokenStores } from './tokens.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface TokensRefreshDependencies<Stores extends TokenStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly clients: Pick<Clients, 'grantScopes'>;
  readonly now: Clock;
  /** Whether the account may receive a token at this moment: an upper room knows, asked inside the transaction. */
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
}

/** A tool whose answer was lost may present the same refresh token again, this long and this often. */
const REPLAY_SECONDS = 60;
const MOST_REPLAYS = 3;

type Refreshed = { outcome: 'issued'; issue: Issue } | { outcome: 'refused' } | { outcome: 'reused' };

export type TokensRefresh = ReturnType<typeof createTokensRefresh>;

export function createTokensRefresh<Stores extends TokenStores>(
  dependencies: TokensRefreshDependencies<Stores>,
) {
  const { inTransaction, tokens, audit, clients, now, mayReceiveToken } = dependencies;

  /** RFC 6749 §6: never wider than what was granted. */
  function narrowScope(tool: LinkedTool, client: Client, asked: string | undefined): string {
    if (asked === undefined) return tool.scope;
    const narrower = clients.grantScopes(client, asked);
    const granted = new Set(tool.scope.split(' '));
    if (narrower.split(' ').every((word) => granted.has(word))) return narrower;
    throw new DomainError('scope-invalid');
  }

  /** The presented token is spent and its successor kept, in one transaction. */
  async function rotate(
    stores: Stores,
    presented: string,
    row: RefreshToken,
    issue: Omit<Issue, 'access' | 'refreshToken'>,
  ): Promise<Issue> {
    const access = tokens.stampAccess();
    const generation = row.generation + 1;
    const refreshToken = tokens.deriveRefreshToken(row.keyId, presented, row.linkedToolId, generation);
    await stores.tokens.insertRefreshToken(
      tokens.refreshTokenRow(refreshToken, issue.tool, { generation, access, scope: issue.scope }),
    );
    return { ...issue, access, refreshToken };
  }

  /** The direct predecessor of an unused token, shortly after: the answer was lost, so it is given again, the same. */
  async function replay(
    stores: Stores,
    presented: string,
    row: RefreshToken,
    issue: Omit<Issue, 'access' | 'refreshToken'>,
  ): Promise<Issue | undefined> {
    const successor = await stores.tokens.findGeneration(row.linkedToolId, row.generation + 1);
    if (!successor || successor.usedAt) return undefined;
    const usedAfter = new Date(now().getTime() - REPLAY_SECONDS * 1000);
    const isAllowed = await stores.tokens.replayRefreshToken(row.tokenHash, usedAfter, MOST_REPLAYS);
    if (!isAllowed) return undefined;
    const refreshToken = tokens.deriveRefreshToken(
      row.keyId,
      presented,
      row.linkedToolId,
      row.generation + 1,
    );
    return { ...issue, scope: successor.scope, access: successor.access, refreshToken };
  }

  async function refreshInside(
    stores: Stores,
    asked: { presented: string; client: Client; scope: string | undefined; origin: Origin },
  ): Promise<Refreshed> {
    const { presented, client, origin } = asked;
    const row = await stores.tokens.findRefreshToken(sha256(presented));
    // RFC 6749 §5.2: a token issued to another client is an invalid grant, and presenting it changes nothing.
    if (!row || row.clientId !== client.clientId || row.expiresAt <= now()) return { outcome: 'refused' };
    const tool = await stores.tokens.findLinkedTool(row.linkedToolId);
    if (!tool || tool.endedAt || !(await mayReceiveToken(stores, tool.accountId)))
      return { outcome: 'refused' };
    const about = { tool, client, scope: narrowScope(tool, client, asked.scope) };
    const isFirstUse = await stores.tokens.useRefreshToken(row.tokenHash, now());
    const issue = isFirstUse
      ? await rotate(stores, presented, row, about)
      : await replay(stores, presented, row, about);
    if (issue) {
      await stores.tokens.markUsed(tool.linkedToolId, now(), origin.networkAddress);
      return { outcome: 'issued', issue };
    }
    // RFC 9700 §4.14.2: either the tool or a thief holds an old token; the family ends for both.
    const { linkedToolId } = tool;
    const ended = { linkedToolId, why: 'refresh-reused', actor: client.clientId, origin } as const;
    await endToolWithin(stores, { audit, now }, ended);
    await audit.record(stores, {
      event: 'refresh-token-reused',
      accountId: tool.accountId,
      actor: client.clientId,
      origin,
      details: { linkedTool: tool.linkedToolId, name: tool.name },
    });
    return { outcome: 'reused' };
  }

  return {
    /**
     * Rotates a refresh token (RFC 6749 §6). `scope` narrows the access token. Refuses `grant-invalid` (unknown, expired,
     * ended, another client's, used before), `grant-not-allowed`, and `scope-invalid`, which consumes nothing.
     * Reuse outside the replay window ends the linked tool, for good, before the refusal is answered.
     */
    async refresh(asked: {
      presented: string;
      client: Client;
      scope?: string;
      origin: Origin;
    }): Promise<IssuedTokens> {
      const { presented, client, scope, origin } = asked;
      if (!client.metadata.grantTypes.includes('refresh_token')) throw new DomainError('grant-not-allowed');
      const result = await inTransaction((stores) =>
        refreshInside(stores, { presented, client, scope, origin }),
      );
      if (result.outcome === 'issued') return tokens.signIssue(result.issue);
      throw new DomainError('grant-invalid');
    },
  };
}

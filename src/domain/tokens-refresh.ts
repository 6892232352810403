// Refresh tokens: each is used once and followed by one successor, derived from it, so that a lost answer can be given again
// and a stolen old token shows itself. RFC 6749 §6, RFC 9700 §4.14.2.
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import { spendProofWithin, type Proof } from './dpop.js';
import type { Services, ServiceStore, Target } from './services.js';
import type { UsedProofStore } from './used-proofs.js';
import { refreshTokenKey } from './tokens-derived.js';
import { endToolWithin } from './tokens-ending.js';
import type { Issue, IssuedTokens, LinkedTool, RefreshToken, Tokens, TokenStores } from './tokens.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface RefreshStores extends TokenStores {
  readonly usedProofs: UsedProofStore;
  readonly services: Pick<ServiceStore, 'find'>;
}

export interface TokensRefreshDependencies<Stores extends RefreshStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly services: Pick<Services, 'pickTarget'>;
  readonly now: Clock;
  /** Whether the account may receive a token at this moment: an upper room knows, asked inside the transaction. */
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
}

/** A tool whose answer was lost may present the same refresh token again, this long and this often. */
const REPLAY_SECONDS = 60;
const MOST_REPLAYS = 3;

interface Asked {
  readonly presented: string;
  readonly client: Client;
  /** Narrows the access token. */
  readonly scope?: string | undefined;
  /** Names the service that it is for. */
  readonly resources?: readonly string[] | undefined;
  /** The proof that came with the request. */
  readonly proof?: Proof | undefined;
  readonly origin: Origin;
}

type Refreshed = { outcome: 'issued'; issue: Issue } | { outcome: 'refused' } | { outcome: 'reused' };

export type TokensRefresh = ReturnType<typeof createTokensRefresh>;

export function createTokensRefresh<Stores extends RefreshStores>(
  dependencies: TokensRefreshDependencies<Stores>,
) {
  const { inTransaction, tokens, audit, services, now, mayReceiveToken } = dependencies;

  /** What the next token is for, never wider than what was granted (RFC 6749 §6), nor than its service knows (RFC 8707 §2.2). */
  async function targetOf(stores: Stores, tool: LinkedTool, { scope, resources }: Asked): Promise<Target> {
    const target =
      tool.resources || resources
        ? await services.pickTarget(stores, tool, { asked: resources ?? [], usual: tool.audience })
        : tool;
    if (scope === undefined) return { audience: target.audience, scope: target.scope };
    const words = [...new Set(scope.split(' ').filter(Boolean))];
    const granted = new Set(target.scope.split(' '));
    if (!words.every((word) => granted.has(word))) throw new DomainError('scope-invalid');
    return { audience: target.audience, scope: words.join(' ') };
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
    const createdAt = now();
    const made = { presented, family: row.linkedToolId, generation, at: createdAt };
    const refreshToken = tokens.deriveRefreshToken(row.keyId, made);
    await stores.tokens.insertRefreshToken(
      tokens.refreshTokenRow(refreshToken, issue.tool, { ...issue, generation, access, createdAt }),
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
    // The same token again is bound to the same key: to another it is refused, and harms nobody.
    if (successor.keyThumbprint !== issue.keyThumbprint) throw new DomainError('grant-invalid');
    const usedAfter = new Date(now().getTime() - REPLAY_SECONDS * 1000);
    const isAllowed = await stores.tokens.replayRefreshToken(row.tokenHash, usedAfter, MOST_REPLAYS);
    if (!isAllowed) return undefined;
    const { scope, access, audience, generation, createdAt: at } = successor;
    const made = { presented, family: row.linkedToolId, generation, at };
    const refreshToken = tokens.deriveRefreshToken(row.keyId, made);
    // One that was made when they began with no moment cannot be made again.
    if (refreshTokenKey(refreshToken) !== successor.tokenHash) throw new DomainError('grant-invalid');
    return { ...issue, scope, access, audience, refreshToken };
  }

  async function refreshInside(stores: Stores, asked: Asked): Promise<Refreshed> {
    const { presented, client, origin, proof } = asked;
    const keyThumbprint = proof?.thumbprint;
    const row = await stores.tokens.findRefreshToken(refreshTokenKey(presented));
    // RFC 6749 §5.2: a token issued to another client is an invalid grant, and presenting it changes nothing.
    if (!row || row.clientId !== client.clientId || row.expiresAt <= now()) return { outcome: 'refused' };
    // RFC 9449 §5: only with its key; that of a client which proves who it is, with any. Asking with another changes nothing.
    const isBound = client.kind === 'public' && row.keyThumbprint !== undefined;
    if (isBound && row.keyThumbprint !== keyThumbprint) return { outcome: 'refused' };
    const tool = await stores.tokens.findLinkedTool(row.linkedToolId);
    if (!tool || tool.endedAt || !(await mayReceiveToken(stores, tool.accountId)))
      return { outcome: 'refused' };
    const about = { tool, client, keyThumbprint, ...(await targetOf(stores, tool, asked)) };
    if (proof) await spendProofWithin(stores, proof);
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
     * Rotates a refresh token (RFC 6749 §6). Refuses `grant-invalid` (unknown, expired, ended, another client's, another key's,
     * used before), `grant-not-allowed`, and, consuming nothing, `scope-invalid` and `target-invalid`.
     * Reuse outside the replay window ends the linked tool, for good, before the refusal is answered.
     */
    async refresh(asked: Asked): Promise<IssuedTokens> {
      if (!asked.client.metadata.grantTypes.includes('refresh_token'))
        throw new DomainError('grant-not-allowed');
      const result = await inTransaction((stores) => refreshInside(stores, asked));
      if (result.outcome === 'issued') return tokens.signIssue(result.issue);
      throw new DomainError('grant-invalid');
    },
  };
}

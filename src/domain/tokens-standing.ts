// Whether a token still counts, and how it stops counting: introspection, use at our own endpoints, revocation.
// A signature alone never answers: the linked tool behind the token must be alive and its account in good standing.
// RFC 7662 (introspection), RFC 7009 (revocation), RFC 9068 §4 (checks).
import { CLOCK_TOLERANCE_SECONDS, type Payload } from '../crypto/jwt.js';
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import type { Keys } from './keys.js';
import { refreshTokenKey } from './tokens-derived.js';
import { endToolWithin } from './tokens-ending.js';
import type { LinkedTool, RefreshToken, TokenStore, TokenStores } from './tokens.js';
import {
  DomainError,
  isUnavailable,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkedToolId,
  type Origin,
} from './vocabulary.js';

export interface TokensStandingDependencies<Stores extends TokenStores> {
  readonly store: TokenStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly keys: Keys;
  readonly now: Clock;
  readonly issuer: string;
  /** A token of a tool with a key of its own, which are signed apart; none where there are no such tools. */
  readonly readDeviceToken?: (token: string) => Promise<DeviceTokenRead | undefined>;
  /** Whether the account may use tokens at this moment; an upper room knows. */
  readonly mayUseTokens: (accountId: AccountId) => Promise<boolean>;
}

/** A token that counts, with all that may be said of it to whoever may ask. */
export type Standing =
  | { readonly kind: 'access'; readonly claims: Payload; readonly tool: LinkedTool }
  | { readonly kind: 'refresh'; readonly token: RefreshToken; readonly tool: LinkedTool };

/** What was read from a token of a tool with a key of its own: the signature is right, the time may be over. */
export interface DeviceTokenRead {
  readonly claims: Payload;
  readonly isExpired: boolean;
}

/** The audience of the PIN door's tokens: no service takes them for tokens of its own. */
export const lastingAudience = (issuer: string): string => `${issuer}/api/v2`;

/** The key that a token is bound to (RFC 7800); of a binding that is not understood, one that nobody can prove. */
export function boundKeyOf({ cnf }: Payload): string | undefined {
  if (cnf === undefined) return undefined;
  const jkt = typeof cnf === 'object' && cnf !== null ? (cnf as { jkt?: unknown }).jkt : undefined;
  return typeof jkt === 'string' ? jkt : '';
}

/** `last used` is written at most this often. */
const USE_NOTED_EVERY_MS = 60_000;

export type TokensStanding = ReturnType<typeof createTokensStanding>;

export function createTokensStanding<Stores extends TokenStores>(
  dependencies: TokensStandingDependencies<Stores>,
) {
  const { store, inTransaction, audit, keys, now, issuer, mayUseTokens } = dependencies;
  const { readDeviceToken = async () => undefined } = dependencies;

  async function findLiveTool(linkedToolId: unknown): Promise<LinkedTool | undefined> {
    if (typeof linkedToolId !== 'string') return undefined;
    const tool = await store.findLinkedTool(linkedToolId as LinkedToolId);
    return tool && !tool.endedAt && (await mayUseTokens(tool.accountId)) ? tool : undefined;
  }

  async function findAccess(token: string, audience?: string): Promise<Standing | undefined> {
    const claims = await keys.verify(
      token,
      audience === undefined ? { typ: 'at+jwt' } : { typ: 'at+jwt', audience },
    );
    if (!claims) return undefined;
    const tool = await findLiveTool(claims['linked_tool']);
    if (!tool || (await store.isAccessRevoked(String(claims['jti'])))) return undefined;
    return { kind: 'access', claims, tool };
  }

  /** A tool's shorter token, told as the PIN door's others are: its own claims name neither subject nor client. */
  async function findDeviceToken(token: string): Promise<Standing | undefined> {
    const read = await readDeviceToken(token);
    if (!read || read.isExpired) return undefined;
    const tool = await findLiveTool(read.claims['linked_tool']);
    if (!tool || (await store.isAccessRevoked(String(read.claims['jti'])))) return undefined;
    const told = { aud: tool.audience, sub: tool.subjectId, client_id: tool.clientId };
    return { kind: 'access', claims: { ...read.claims, ...told }, tool };
  }

  /** Writes down when and from where a tool was used, once a minute at most. */
  async function noteUse(tool: LinkedTool, origin: Origin): Promise<void> {
    if (now().getTime() - tool.lastUsedAt.getTime() <= USE_NOTED_EVERY_MS) return;
    // A store that cannot write now only makes the tool look idle: what it may read, it still may.
    await inTransaction((stores) =>
      stores.tokens.markUsed(tool.linkedToolId, now(), origin.networkAddress),
    ).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
  }

  async function findRefresh(token: string): Promise<Standing | undefined> {
    const row = await store.findRefreshToken(refreshTokenKey(token));
    if (!row || row.usedAt || row.expiresAt <= now()) return undefined;
    const tool = await findLiveTool(row.linkedToolId);
    return tool && { kind: 'refresh', token: row, tool };
  }

  /** Only for tokens meant for the asker's audience, or issued to the asker itself (RFC 7662 §4). */
  function isAskersBusiness(standing: Standing, asker: Client): boolean {
    if (standing.tool.clientId === asker.clientId) return true;
    return (
      standing.kind === 'access' && asker.audience !== undefined && standing.claims['aud'] === asker.audience
    );
  }

  async function revokeRefresh(row: RefreshToken, client: Client, origin: Origin): Promise<void> {
    await inTransaction(async (stores) => {
      const { linkedToolId } = row;
      const ended = { linkedToolId, why: 'revoked', actor: client.clientId, origin } as const;
      if (!(await endToolWithin(stores, { audit, now }, ended))) return;
      const tool = await stores.tokens.findLinkedTool(row.linkedToolId);
      await audit.record(stores, {
        event: 'token-revoked',
        ...(tool ? { accountId: tool.accountId } : {}),
        actor: client.clientId,
        origin,
        details: { linkedTool: row.linkedToolId, kind: 'refresh' },
      });
    });
  }

  async function revokeAccess(claims: Payload, client: Client, origin: Origin): Promise<void> {
    const tool = await store.findLinkedTool(String(claims['linked_tool']) as LinkedToolId);
    if (!tool || (await store.isAccessRevoked(String(claims['jti'])))) return;
    // Remembered until no clock can take it for unexpired: forgotten sooner, it would count again.
    const rememberedUntil = new Date((claims.exp + CLOCK_TOLERANCE_SECONDS) * 1000);
    await inTransaction(async (stores) => {
      await stores.tokens.insertRevokedAccess(String(claims['jti']), rememberedUntil);
      await audit.record(stores, {
        event: 'token-revoked',
        accountId: tool.accountId,
        actor: client.clientId,
        origin,
        details: { linkedTool: tool.linkedToolId, kind: 'access' },
      });
    });
  }

  return {
    /** The linked tool that a token names, unless it has ended or its account is not in standing. */
    findLiveTool,
    noteUse,

    /** What an asker may know of a token; undefined says no more than "not active" (RFC 7662 §2.2). */
    async introspect(token: string, asker: Client): Promise<Standing | undefined> {
      const standing =
        (await findAccess(token)) ?? (await findDeviceToken(token)) ?? (await findRefresh(token));
      return standing && isAskersBusiness(standing, asker) ? standing : undefined;
    },

    /**
     * The standing of an access token shown at one of our own endpoints, with the key that was proved beside it, if any. Refuses
     * `token-invalid`: wrong, expired, revoked, unlinked, or meant for another audience (RFC 6750 §3.1); bound to a key and
     * shown without that one's proof, or bound to none and shown as if it were (RFC 9449 §7.1, §7.2).
     */
    async useAccessToken(
      token: string,
      origin: Origin,
      keyThumbprint?: string,
    ): Promise<Extract<Standing, { kind: 'access' }>> {
      const standing = await findAccess(token, issuer);
      if (standing?.kind !== 'access' || boundKeyOf(standing.claims) !== keyThumbprint)
        throw new DomainError('token-invalid');
      await noteUse(standing.tool, origin);
      return standing;
    },

    /**
     * Revokes a token of this client: a refresh token with everything of its linked tool, an access token alone
     * (RFC 7009 §2.1). A token that is unknown, expired or another client's is left as it is, and nothing tells which.
     */
    async revoke(token: string, client: Client, origin: Origin): Promise<void> {
      const row = await store.findRefreshToken(refreshTokenKey(token));
      if (row) {
        if (row.clientId === client.clientId) await revokeRefresh(row, client, origin);
        return;
      }
      const claims = await keys.verify(token, { typ: 'at+jwt' });
      if (claims?.['client_id'] === client.clientId) await revokeAccess(claims, client, origin);
    },
  };
}

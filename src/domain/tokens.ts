// Linked tools and their tokens: what a redeemed link leaves behind. Opening one happens inside the redeeming transaction;
// tokens are signed after the commit, from the claims that were stored, so that no token exists without its row.
// What a token says: `tokens-claims`; rotation: `tokens-refresh`; whether it counts: `tokens-standing`; the list: `linked-tools`.
// RFC 9068 (access tokens), RFC 6749 §6 and RFC 9700 §4.14.2 (refresh).
import type { AppPasswordId } from './app-password-records.js';
import type { AuditStore } from './audit.js';
import type { Client } from './clients.js';
import type { Keys } from './keys.js';
import { createClaims } from './tokens-claims.js';
import { createDerivation, refreshTokenKey, type DerivingKeys } from './tokens-derived.js';
import { createSignIssue } from './tokens-signing.js';
import type {
  AccountId,
  AuthenticationMethod,
  Clock,
  HouseholdStanding,
  LinkedToolId,
  LinkId,
  Origin,
  SubjectId,
} from './vocabulary.js';

export type { IssuedTokens } from './tokens-signing.js';

/** The claims of one access token that must never change: what is signed again is the same token. */
export interface AccessStamp {
  readonly jti: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** What a tool says of itself at the PIN door; every value may be empty. */
export interface ToolDescription {
  readonly product: string;
  readonly version: string;
  readonly platform: string;
  readonly platformVersion: string;
  readonly device: string;
  readonly deviceName: string;
  readonly deviceVendor: string;
  readonly model: string;
}

export interface LinkedTool {
  readonly linkedToolId: LinkedToolId;
  readonly linkId: LinkId;
  readonly door: 'oauth' | 'pin';
  readonly accountId: AccountId;
  readonly subjectId: SubjectId;
  readonly clientId: string;
  readonly name: string;
  readonly scope: string;
  readonly audience: string;
  readonly authenticatedAt: Date;
  readonly methods: readonly AuthenticationMethod[];
  readonly keyThumbprint: string | undefined;
  readonly firstAccess: AccessStamp;
  readonly linkedAt: Date;
  readonly linkedFrom: string;
  readonly lastUsedAt: Date;
  readonly lastUsedFrom: string;
  readonly endedAt: Date | undefined;
  /** The key that signs its lasting token, always the same one. */
  readonly accessKid?: string | undefined;
  readonly description?: ToolDescription | undefined;
  /** The linked tool whose token linked this one, and with which it ends. */
  readonly parentToolId?: LinkedToolId | undefined;
  /** How a tool with a password came in: with password and second factor, with the password alone, or with one of its own. */
  readonly bornWith?: 'code' | 'password' | 'app-password' | undefined;
  /** The app password that it came in with, and with which it ends. */
  readonly appPasswordId?: AppPasswordId | undefined;
  /** Of whom it speaks for, when it was linked. */
  readonly household?: HouseholdStanding | undefined;
  /** Where the person went back to who linked it by a redirect. */
  readonly redirectUri?: string | undefined;
  /** The services that its tokens may be for, one at a time: their audiences (RFC 8707). */
  readonly resources?: readonly string[] | undefined;
}

/**
 * `replaced`: its key was linked anew. `parent-ended`: the tool whose token linked it has ended. `member-removed`: whom it spoke
 * for has left the household. `member-restricted`: they may have less now. `pin-changed`: it was switched to them before.
 */
export type EndedWhy =
  | 'unlinked'
  | 'revoked'
  | 'refresh-reused'
  | 'code-reused'
  | 'account-closed'
  | 'replaced'
  | 'parent-ended'
  | 'member-removed'
  | 'member-restricted'
  | 'pin-changed';

export interface RefreshToken {
  readonly tokenHash: string;
  readonly linkedToolId: LinkedToolId;
  readonly clientId: string;
  readonly generation: number;
  /** Names the key that derives its successor. */
  readonly keyId: string;
  /** The access token that was given with it. */
  readonly access: AccessStamp;
  readonly scope: string;
  readonly replays: number;
  readonly createdAt: Date;
  readonly usedAt: Date | undefined;
  readonly expiresAt: Date;
  /** The key that both are bound to; the refresh token of a client that proves who it is, only its access token. */
  readonly keyThumbprint?: string | undefined;
  /** Whom that access token is for, where it is not the tool's own audience. */
  readonly audience?: string | undefined;
}

export interface TokenStore {
  /** Throws a driver error when the link has left a linked tool already: one approval, one linked tool. */
  insertLinkedTool(tool: LinkedTool): Promise<void>;
  findLinkedTool(linkedToolId: LinkedToolId): Promise<LinkedTool | undefined>;
  /** Those whose owner has not been told of them, the oldest first. */
  findUntold(limit: number): Promise<LinkedTool[]>;
  /** False when the owner had been told before. */
  markTold(linkedToolId: LinkedToolId): Promise<boolean>;
  /** Live ones only, the newest first. */
  findLinkedTools(accountId: AccountId): Promise<LinkedTool[]>;
  rename(linkedToolId: LinkedToolId, accountId: AccountId, name: string): Promise<boolean>;
  /** What the link has left. */
  findToolOfLink(linkId: LinkId): Promise<LinkedTool | undefined>;
  /** Binds a live tool to a key, once: false when it has one, or has ended. */
  bindKey(linkedToolId: LinkedToolId, keyThumbprint: string): Promise<boolean>;
  /** The live tools that its token linked, and those that these linked. */
  findLinkedBy(linkedToolId: LinkedToolId): Promise<LinkedTool[]>;
  /** False when it had ended before. The tools that it linked end with it. */
  endLinkedTool(linkedToolId: LinkedToolId, at: Date, why: EndedWhy): Promise<boolean>;
  markUsed(linkedToolId: LinkedToolId, at: Date, from: string): Promise<void>;
  insertRefreshToken(token: RefreshToken): Promise<void>;
  findRefreshToken(tokenHash: string): Promise<RefreshToken | undefined>;
  findGeneration(linkedToolId: LinkedToolId, generation: number): Promise<RefreshToken | undefined>;
  /** Spends a refresh token once: false when it was used, or has expired. */
  useRefreshToken(tokenHash: string, at: Date): Promise<boolean>;
  /** Allows a used one to be presented again: false when it was used before `usedAfter`, or replayed `most` times. */
  replayRefreshToken(tokenHash: string, usedAfter: Date, most: number): Promise<boolean>;
  /**
   * Removes tools that ended before the time, and those of which nothing can be alive: no refresh token is left, no key that
   * was approved since, and neither the first access token nor the last use is younger.
   */
  removeDead(before: Date, keysApprovedSince: Date): Promise<number>;
  insertRevokedAccess(jti: string, expiresAt: Date): Promise<void>;
  isAccessRevoked(jti: string): Promise<boolean>;
  /** A few of them at a time; none, where none are left. */
  removeExpired(now: Date): Promise<number>;
}

export interface TokenStores {
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
}

export interface TokensDependencies {
  readonly keys: Keys;
  readonly derivingKeys: DerivingKeys;
  readonly now: Clock;
  readonly newId: () => string;
  readonly issuer: string;
}

/** What a linked tool is opened with. */
export type OpeningTool = Pick<
  LinkedTool,
  | 'linkId'
  | 'door'
  | 'accountId'
  | 'subjectId'
  | 'scope'
  | 'authenticatedAt'
  | 'methods'
  | 'keyThumbprint'
  | 'household'
  | 'redirectUri'
  | 'resources'
> & {
  /** Whom its first token is for: this issuer, unless it is named. */
  readonly audience?: string | undefined;
  /** What that token opens, where it is less than what was granted (RFC 9068 §3). */
  readonly tokenScope?: string | undefined;
  readonly client: Client;
  /** The secret that it was opened with, from which its refresh tokens derive. */
  readonly presented: string;
  readonly origin: Origin;
};

/** Everything needed to sign, once the transaction that wrote it has committed. */
export interface Issue {
  readonly tool: LinkedTool;
  readonly client: Client;
  readonly access: AccessStamp;
  readonly scope: string;
  readonly refreshToken: string | undefined;
  /** For the ID token that comes with it. OpenID Connect Core 1.0 §2. */
  readonly nonce?: string | undefined;
  /** Whom the access token is for, where it is not the tool's own audience. */
  readonly audience?: string | undefined;
  /** The key that it is bound to. */
  readonly keyThumbprint: string | undefined;
}

/** A linked tool with its first tokens, before it is kept. */
export interface NewLinkedTool {
  readonly issue: Issue;
  readonly refreshRow: RefreshToken | undefined;
}

export const ACCESS_TOKEN_SECONDS = 15 * 60;
const REFRESH_IDLE_SECONDS = 30 * 24 * 3600;
const REFRESH_ABSOLUTE_SECONDS = 90 * 24 * 3600;

export type Tokens = ReturnType<typeof createTokens>;

export function createTokens({ keys, derivingKeys, now, newId, issuer }: TokensDependencies) {
  const claimsOf = createClaims(issuer);
  const signIssue = createSignIssue({ keys, now, claimsOf });
  const deriveRefreshToken = createDerivation(derivingKeys);
  const inSeconds = (seconds: number, from = now()): Date => new Date(from.getTime() + seconds * 1000);

  function stampAccess(): AccessStamp {
    const issuedAt = new Date(Math.floor(now().getTime() / 1000) * 1000);
    return { jti: newId(), issuedAt, expiresAt: inSeconds(ACCESS_TOKEN_SECONDS, issuedAt) };
  }

  function refreshTokenRow(
    token: string,
    tool: Pick<LinkedTool, 'linkedToolId' | 'clientId' | 'linkedAt'>,
    rest: Pick<RefreshToken, 'generation' | 'access' | 'scope' | 'keyThumbprint' | 'audience' | 'createdAt'>,
  ): RefreshToken {
    const idle = inSeconds(REFRESH_IDLE_SECONDS);
    const absolute = inSeconds(REFRESH_ABSOLUTE_SECONDS, tool.linkedAt);
    return {
      ...rest,
      tokenHash: refreshTokenKey(token),
      linkedToolId: tool.linkedToolId,
      clientId: tool.clientId,
      keyId: derivingKeys.currentId,
      replays: 0,
      usedAt: undefined,
      expiresAt: idle < absolute ? idle : absolute,
    };
  }

  return {
    /**
     * What a linked tool is opened with: the claims of its first access token and, for a client with the refresh grant, its
     * first refresh token, derived from the device code. Nothing counts before it is kept.
     */
    makeLinkedTool(asked: OpeningTool): NewLinkedTool {
      const { client, presented, origin } = asked;
      const access = stampAccess();
      const at = now();
      // Field by field: a rest of the rest would cost more than the row it makes.
      const tool: LinkedTool = {
        linkedToolId: newId() as LinkedToolId,
        linkId: asked.linkId,
        door: asked.door,
        accountId: asked.accountId,
        subjectId: asked.subjectId,
        clientId: client.clientId,
        name: client.name,
        scope: asked.scope,
        audience: asked.audience ?? issuer,
        authenticatedAt: asked.authenticatedAt,
        methods: asked.methods,
        keyThumbprint: asked.keyThumbprint,
        firstAccess: access,
        linkedAt: at,
        linkedFrom: origin.networkAddress,
        lastUsedAt: at,
        lastUsedFrom: origin.networkAddress,
        endedAt: undefined,
        household: asked.household,
        redirectUri: asked.redirectUri,
        resources: asked.resources,
      };
      const scope = asked.tokenScope ?? tool.scope;
      const { keyThumbprint } = tool;
      if (!client.metadata.grantTypes.includes('refresh_token')) {
        const issue = { tool, client, access, scope, refreshToken: undefined, keyThumbprint };
        return { issue, refreshRow: undefined };
      }
      const first = { presented, family: tool.linkedToolId, generation: 0, at };
      const refreshToken = deriveRefreshToken(derivingKeys.currentId, first);
      const row = { generation: 0, access, scope, keyThumbprint, createdAt: at };
      const issue = { tool, client, access, scope, refreshToken, keyThumbprint };
      return { issue, refreshRow: refreshTokenRow(refreshToken, tool, row) };
    },

    /** What keeps it, where what it was opened with is spent: a batch asks for all at once, a transaction for one after the other. */
    writesOf({ issue, refreshRow }: NewLinkedTool): ((stores: TokenStores) => Promise<void>)[] {
      return [
        ({ tokens }) => tokens.insertLinkedTool(issue.tool),
        ...(refreshRow ? [({ tokens }: TokenStores) => tokens.insertRefreshToken(refreshRow)] : []),
      ];
    },

    signIssue,
    claimsOf,
    stampAccess,
    deriveRefreshToken,
    refreshTokenRow,
  };
}

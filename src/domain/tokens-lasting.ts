// Lasting tokens: what the PIN and the fallback door hand out to tools that cannot renew anything. A signed token with an
// audience of its own, the same bytes however often it is signed, and valid only as far as its linked tool is alive. Tools
// with a key of their own show shorter ones here, which are made in `device-keys`.
// DESIGN 3, 7; RFC 9068.
import { kidOf } from '../crypto/key-proof.js';
import { CLOCK_TOLERANCE_SECONDS, type Payload } from '../crypto/jwt.js';
import { sha256 } from '../crypto/secrets.js';
import type { AppPassword } from './app-password-records.js';
import type { Audit } from './audit.js';
import { cleanClientName } from './clients.js';
import type { Keys } from './keys.js';
import type { LinkedTool, Tokens, TokenStore, TokenStores, ToolDescription } from './tokens.js';
import { endToolWithin } from './tokens-ending.js';
import { boundKeyOf, lastingAudience, type DeviceTokenRead, type TokensStanding } from './tokens-standing.js';
import {
  DomainError,
  type AccountId,
  type Clock,
  type HouseholdStanding,
  type InTransaction,
  type LinkedToolId,
  type LinkId,
  type Origin,
  type SubjectId,
} from './vocabulary.js';

/** A token that counts, and what it counts for. */
export interface LastingStanding {
  readonly tool: LinkedTool;
  readonly token: string;
  /** `device-key`: of a tool with a key of its own. */
  readonly kind: 'lasting' | 'device-key';
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** The key without whose proof it counts for nothing (RFC 7800). None of this door's own has one. */
  readonly boundTo: string | undefined;
}

/** What a tool is opened with; the rest follows. */
export type LastingTool = Pick<
  LinkedTool,
  | 'linkId'
  | 'accountId'
  | 'subjectId'
  | 'clientId'
  | 'scope'
  | 'authenticatedAt'
  | 'methods'
  | 'keyThumbprint'
> &
  Pick<LinkedTool, 'parentToolId' | 'bornWith' | 'appPasswordId' | 'household'> & {
    readonly description: ToolDescription;
    /** What it is called where it says nothing of itself. */
    readonly nameless?: string;
    /** How long its token counts. */
    readonly seconds: number;
    /** When it ends at the latest. */
    readonly endsAt?: Date;
    /** The key that signs its token. */
    readonly kid: string;
    readonly origin: Origin;
  };

export interface TokensLastingDependencies<Stores extends TokenStores> {
  readonly store: TokenStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly keys: Keys;
  readonly tokens: Pick<Tokens, 'claimsOf'>;
  readonly standing: Pick<TokensStanding, 'findLiveTool' | 'noteUse'>;
  readonly readDeviceToken: (token: string) => Promise<DeviceTokenRead | undefined>;
  readonly now: Clock;
  readonly newId: () => string;
  readonly issuer: string;
  /** PIN_TOKEN_TTL_DAYS. */
  readonly ttlDays: number;
}

const DAY_SECONDS = 24 * 3600;
const FALLBACK_SECONDS = 14 * DAY_SECONDS;
const NAMELESS = 'A tool without a name';
const NAMELESS_AT_FALLBACK = 'A tool with your password';
/** What every token of this door opens, and the review page shows: the person's name and address, read at the door itself. */
export const LASTING_SCOPE = 'profile email';

/** Tools of this door call themselves by any text they like: it has a space of its own, apart from registered clients. */
const LONGEST_IDENTIFIER = 255;

/** The client id of a tool's identifier. Refuses `client-metadata-invalid` for none, a too long one, or control characters. */
export function clientIdOf(identifier: string): string {
  if (identifier === '' || identifier.length > LONGEST_IDENTIFIER || /\p{Cc}/u.test(identifier))
    throw new DomainError('client-metadata-invalid', { publicDetail: 'the client identifier is unusable' });
  return `pin:${identifier}`;
}

export const identifierOf = (clientId: string): string => clientId.slice('pin:'.length);

/** How a tool with a password came in. */
function bornOf(came: {
  readonly isWithCode: boolean;
  readonly appPassword: Pick<AppPassword, 'appPasswordId'> | undefined;
}): Pick<LinkedTool, 'bornWith' | 'appPasswordId'> {
  if (came.appPassword) return { bornWith: 'app-password', appPasswordId: came.appPassword.appPasswordId };
  return { bornWith: came.isWithCode ? 'code' : 'password' };
}

const MOST_REMEMBERED = 1000;
const REMEMBERED_MS = 3_600_000;

/**
 * Remembers which tokens had a right signature, under their hashes, for an hour at most: the same token comes with every
 * request. Never whether a token counts: its time, its key and its tool are looked at anew.
 */
function createVerified({ keys, now, audience }: { keys: Keys; now: Clock; audience: string }) {
  const remembered = new Map<
    string,
    { readonly claims: Payload; readonly kid: string; readonly at: number }
  >();
  return async (token: string): Promise<Payload | undefined> => {
    const at = now().getTime();
    const hash = sha256(token);
    const known = remembered.get(hash);
    if (known && at >= known.at && at - known.at < REMEMBERED_MS) {
      const isInForce = keys.published().some(({ kid }) => kid === known.kid);
      const isInTime = at / 1000 < known.claims.exp + CLOCK_TOLERANCE_SECONDS;
      return isInForce && isInTime ? known.claims : undefined;
    }
    const claims = await keys.verify(token, { typ: 'at+jwt', audience });
    remembered.delete(hash);
    if (claims) {
      if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);
      remembered.set(hash, { claims, kid: kidOf(token)!, at });
    }
    return claims;
  };
}

export type TokensLasting = ReturnType<typeof createTokensLasting>;

export function createTokensLasting<Stores extends TokenStores>(
  dependencies: TokensLastingDependencies<Stores>,
) {
  const { store, inTransaction, audit, keys, tokens, standing, readDeviceToken } = dependencies;
  const { now, newId, issuer, ttlDays } = dependencies;
  const audience = lastingAudience(issuer);
  const verified = createVerified({ keys, now, audience });

  /** The key that signs new tokens: Ed25519, whose signatures are the same every time. */
  function signingKid(): string {
    const kid = keys.kidFor('EdDSA');
    if (kid === undefined)
      throw new DomainError('store-unavailable', { publicDetail: 'no signing key is loaded yet' });
    return kid;
  }

  async function openLasting(stores: Pick<TokenStores, 'tokens'>, asked: LastingTool): Promise<LinkedTool> {
    const { description, nameless = NAMELESS, seconds, endsAt, kid, origin, ...rest } = asked;
    const at = now();
    const issuedAt = new Date(Math.floor(at.getTime() / 1000) * 1000);
    const expiresAt = new Date(issuedAt.getTime() + seconds * 1000);
    const tool: LinkedTool = {
      ...rest,
      linkedToolId: newId() as LinkedToolId,
      door: 'pin',
      name: cleanClientName(description.product || description.deviceName) || nameless,
      audience,
      firstAccess: {
        jti: newId(),
        issuedAt,
        expiresAt: endsAt && endsAt < expiresAt ? endsAt : expiresAt,
      },
      linkedAt: at,
      linkedFrom: origin.networkAddress,
      lastUsedAt: at,
      lastUsedFrom: origin.networkAddress,
      endedAt: undefined,
      accessKid: kid,
      description,
    };
    await stores.tokens.insertLinkedTool(tool);
    return tool;
  }

  /** The live tool of a token's claims, unless this token of it was revoked. */
  async function findTool(claims: Payload): Promise<LinkedTool | undefined> {
    const tool = await standing.findLiveTool(claims['linked_tool']);
    if (!tool || tool.door !== 'pin' || (await store.isAccessRevoked(String(claims['jti']))))
      return undefined;
    return tool;
  }

  const asStanding = (
    kind: LastingStanding['kind'],
    token: string,
    tool: LinkedTool,
    claims: Payload,
  ): LastingStanding => ({
    tool,
    token,
    kind,
    issuedAt: new Date(Number(claims['iat']) * 1000),
    expiresAt: new Date(claims.exp * 1000),
    boundTo: boundKeyOf(claims),
  });

  async function findLasting(token: string): Promise<LastingStanding | undefined> {
    const claims = await verified(token);
    const tool = claims && (await findTool(claims));
    // A tool has one such token, and none any more once it has a key of its own.
    const isItsToken = tool?.keyThumbprint === undefined && tool?.firstAccess.jti === claims?.['jti'];
    return claims && tool && isItsToken ? asStanding('lasting', token, tool, claims) : undefined;
  }

  async function findDeviceToken(token: string): Promise<LastingStanding | undefined> {
    const read = await readDeviceToken(token);
    const tool = read && (await findTool(read.claims));
    if (!tool || tool.keyThumbprint === undefined) return undefined;
    if (read.isExpired) throw new DomainError('token-expired');
    return asStanding('device-key', token, tool, read.claims);
  }

  return {
    /** How long a token from an approved link counts. */
    lastingSeconds: ttlDays * DAY_SECONDS,

    signingKid,

    /** Opens a linked tool inside the caller's transaction, with the claims of its one token. Sign it after the commit. */
    openLasting,

    /**
     * The same for a tool that signed in with a password, for 14 days. `isWithCode`: with a second factor as well.
     * `appPassword`: with one of its own, which is one factor and no more. Refuses `client-metadata-invalid` for an unusable identifier.
     */
    openForFallback(
      stores: Pick<TokenStores, 'tokens'>,
      asked: {
        readonly account: { readonly accountId: AccountId; readonly subjectId: SubjectId };
        readonly identifier: string;
        readonly tool: ToolDescription;
        readonly isWithCode: boolean;
        readonly appPassword?: Pick<AppPassword, 'appPasswordId' | 'name'>;
        readonly household?: HouseholdStanding | undefined;
        readonly origin: Origin;
      },
    ): Promise<LinkedTool> {
      const { account, identifier, tool: description, isWithCode, appPassword, origin } = asked;
      return openLasting(stores, {
        // There was no link: this names none.
        linkId: newId() as LinkId,
        accountId: account.accountId,
        subjectId: account.subjectId,
        clientId: clientIdOf(identifier),
        scope: LASTING_SCOPE,
        authenticatedAt: now(),
        methods: isWithCode ? ['pwd', 'otp'] : ['pwd'],
        keyThumbprint: undefined,
        ...bornOf({ isWithCode, appPassword }),
        household: asked.household,
        description,
        nameless: appPassword?.name ?? NAMELESS_AT_FALLBACK,
        seconds: FALLBACK_SECONDS,
        kid: signingKid(),
        origin,
      });
    },

    /**
     * The token of a tool, after the commit that opened it: the same bytes every time. Refuses `token-invalid` once the key
     * that signed it is gone.
     */
    async signLasting(tool: LinkedTool): Promise<string> {
      const claims = tokens.claimsOf({ tool, access: tool.firstAccess, scope: tool.scope });
      const token =
        tool.accessKid === undefined
          ? undefined
          : await keys.signWith(tool.accessKid, { typ: 'at+jwt' }, claims);
      if (token === undefined) throw new DomainError('token-invalid');
      return token;
    },

    /**
     * The standing of a token shown at this door, whatever client identifier came with it. Refuses `token-invalid`: wrong,
     * expired, revoked, unlinked, its account not in standing, or meant for another audience; and `token-expired` for one
     * that its tool can renew with its key.
     */
    async useLastingToken(token: string, origin: Origin, keyThumbprint?: string): Promise<LastingStanding> {
      const found = (await findLasting(token)) ?? (await findDeviceToken(token));
      // RFC 9449 §7.2: one that is bound to a key is worth nothing without its proof, at any door.
      if (!found || found.boundTo !== keyThumbprint) throw new DomainError('token-invalid');
      await standing.noteUse(found.tool, origin);
      return found;
    },

    /** Signs a tool out, itself or `by` the one that linked it: it ends with all that it holds and has linked. Twice is fine. */
    async endLastingToken(
      { tool, by = tool }: Pick<LastingStanding, 'tool'> & { readonly by?: LinkedTool },
      origin: Origin,
    ): Promise<void> {
      await inTransaction(async (stores) => {
        const ended = {
          linkedToolId: tool.linkedToolId,
          why: 'revoked',
          actor: by.clientId,
          origin,
        } as const;
        if (!(await endToolWithin(stores, { audit, now }, ended))) return;
        await audit.record(stores, {
          event: 'token-revoked',
          accountId: tool.accountId,
          actor: by.clientId,
          origin,
          details: { linkedTool: tool.linkedToolId, kind: 'lasting' },
        });
      });
    },
  };
}

// Keys that tools have of their own: who may have one, and what it gets for a proof of it. A key belongs to one linked tool, and
// ends with it. What a proof is, is in `device-keys-proof`; what is signed for it, in `device-keys-tokens`.
// PIN-API 5 and "Decided".
import { claimsOfUnchecked, kidOf } from '../crypto/key-proof.js';
import { CLOCK_TOLERANCE_SECONDS } from '../crypto/jwt.js';
import type { Audit } from './audit.js';
import { readDeviceKey, readProof, type DeviceKeyMaterial, type ProofClaims } from './device-keys-proof.js';
import { createNonces } from './device-keys-nonces.js';
import { DEVICE_TOKEN_SECONDS, type DeviceTokens } from './device-keys-tokens.js';
import { isSwitched } from './tokens-claims.js';
import { clientIdOf, type LastingStanding } from './tokens-lasting.js';
import { endToolWithin } from './tokens-ending.js';
import type { LinkedTool, TokenStores } from './tokens.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkedToolId,
  type Origin,
} from './vocabulary.js';

/** A tool's key as it is kept. */
export interface DeviceKey extends DeviceKeyMaterial {
  readonly clientId: string;
  readonly linkedToolId: LinkedToolId;
  readonly accountId: AccountId;
  /** What its first token tells. */
  readonly claims: ProofClaims;
  readonly createdAt: Date;
  /** Renewals end 90 days after it. */
  readonly approvedAt: Date;
}

export interface DeviceKeyStore {
  /** Keeps a key, in the place of the same key of the same client. */
  put(key: DeviceKey): Promise<void>;
  find(thumbprint: string, clientId: string): Promise<DeviceKey | undefined>;
  findByTool(linkedToolId: LinkedToolId): Promise<DeviceKey | undefined>;
  /** Keys of live tools under that name, the oldest first. */
  findLive(clientId: string, kid: string, limit: number): Promise<DeviceKey[]>;
  /** False when it was used before. Nonces that have expired are forgotten. */
  useNonce(nonce: string, expiresAt: Date, now: Date): Promise<boolean>;
}

export interface DeviceKeyStores extends TokenStores {
  readonly deviceKeys: DeviceKeyStore;
}

export interface DeviceKeysDependencies<Stores extends DeviceKeyStores> {
  readonly store: DeviceKeyStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly deviceTokens: DeviceTokens;
  readonly now: Clock;
  readonly newId: () => string;
  /** A keyed hash with every key at hand, the current one first. */
  readonly nonceMacs: (...parts: string[]) => string[];
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  /** Tells the owner, in the same transaction, that a tool has a key from now on. */
  readonly tellOwner: (stores: Stores, tool: LinkedTool, origin: Origin) => Promise<void>;
  /** PIN_AUDIENCE: for whom a proof must have been signed. */
  readonly audience: string;
}

const RENEWED_FOR_SECONDS = 90 * 24 * 3600;
/** Names of keys need not be unique: so many that share one are tried. */
const MOST_CANDIDATES = 20;

export type DeviceKeys = ReturnType<typeof createDeviceKeys>;

export function createDeviceKeys<Stores extends DeviceKeyStores>(
  dependencies: DeviceKeysDependencies<Stores>,
) {
  const { store, inTransaction, audit, deviceTokens, now, newId, mayReceiveToken, tellOwner, audience } =
    dependencies;
  const nonces = createNonces(dependencies);
  const after = (from: Date, seconds: number): Date => new Date(from.getTime() + seconds * 1000);
  const wrongProof = (publicDetail?: string): DomainError =>
    new DomainError('key-proof-wrong', publicDetail === undefined ? {} : { publicDetail });

  /** What a proof of this key says; undefined for none. A nonce in it is not looked at: it is used up by `exchange` only. */
  function checkProof(jwt: string, key: DeviceKeyMaterial, identifier: string): ProofClaims | undefined {
    return readProof(jwt, key, { identifier, audience, now: now() });
  }

  /** The key that signed the proof, among those of live tools that the proof may mean. */
  async function findProved(jwt: string, identifier: string | undefined) {
    const kid = kidOf(jwt);
    const issuer = claimsOfUnchecked(jwt)?.['iss'];
    if (kid === undefined || typeof issuer !== 'string') return undefined;
    if (identifier !== undefined && identifier !== issuer) return undefined;
    for (const key of await store.findLive(clientIdFor(issuer), kid, MOST_CANDIDATES)) {
      const claims = checkProof(jwt, key, issuer);
      if (claims) return { key, claims, identifier: issuer };
    }
    return undefined;
  }

  /** An unusable identifier has no keys. */
  function clientIdFor(identifier: string): string {
    try {
      return clientIdOf(identifier);
    } catch (error) {
      if (isRefusal(error)) throw wrongProof();
      throw error;
    }
  }

  async function isAlive(stores: Stores, linkedToolId: LinkedToolId): Promise<boolean> {
    const tool = await stores.tokens.findLinkedTool(linkedToolId);
    return tool !== undefined && !tool.endedAt;
  }

  /**
   * From when the 90 days count in which a key may renew: from the approval, and never so that its tokens would outlive the
   * one that it was registered with, or that has linked its tool.
   */
  function approvedAtOf({ linkedAt }: LinkedTool, endsAt: Date): Date {
    const latest = after(endsAt, -(RENEWED_FOR_SECONDS + DEVICE_TOKEN_SECONDS));
    return linkedAt < latest ? linkedAt : latest;
  }

  async function registerInside(
    stores: Stores,
    tool: LinkedTool,
    key: DeviceKeyMaterial,
    origin: Origin,
  ): Promise<void> {
    const { linkedToolId, accountId, clientId, firstAccess } = tool;
    const taken = await stores.deviceKeys.find(key.thumbprint, clientId);
    // Nothing is proved here: with somebody else's public key, its holder would renew into the account that brought it.
    const isTaken = taken && (taken.accountId !== accountId || (await isAlive(stores, taken.linkedToolId)));
    if (isTaken) throw new DomainError('key-taken');
    if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('token-invalid');
    if (!(await stores.tokens.bindKey(linkedToolId, key.thumbprint))) throw new DomainError('key-taken');
    const claims = { nonce: undefined, scopes: [] };
    const approvedAt = approvedAtOf(tool, firstAccess.expiresAt);
    await stores.deviceKeys.put({
      ...key,
      clientId,
      linkedToolId,
      accountId,
      claims,
      createdAt: now(),
      approvedAt,
    });
    // The token without a key ends here, wherever it may be.
    const rememberedUntil = after(firstAccess.expiresAt, CLOCK_TOLERANCE_SECONDS);
    await stores.tokens.insertRevokedAccess(firstAccess.jti, rememberedUntil);
    const details = { linkedTool: linkedToolId, name: tool.name };
    await audit.record(stores, { event: 'device-key-added', accountId, actor: clientId, origin, details });
    await tellOwner(stores, tool, origin);
  }

  return {
    newNonce: nonces.make,
    checkProof,

    /** The public keys of these tokens, published at one address of the door and nowhere else. */
    publishedKeys: deviceTokens.published,
    signingKid: deviceTokens.signingKid,

    /**
     * Gives a tool its key inside the transaction that redeems its link. The same key of the same client had another linked
     * tool before: whoever holds the key has linked anew, and the older tool ends. No token of the key outlives `endsAt`.
     */
    async bindLinked(
      stores: Stores,
      bound: {
        tool: LinkedTool;
        key: DeviceKeyMaterial;
        claims: ProofClaims;
        endsAt: Date | undefined;
        origin: Origin;
      },
    ): Promise<void> {
      const { tool, key, claims, endsAt, origin } = bound;
      const { linkedToolId, accountId, clientId, linkedAt } = tool;
      const former = await stores.deviceKeys.find(key.thumbprint, clientId);
      const by = { why: 'replaced', actor: clientId, origin } as const;
      if (former && (await endToolWithin(stores, { audit, now }, { ...former, ...by }))) {
        const details = { linkedTool: former.linkedToolId, why: 'its key was linked anew' };
        const entry = { event: 'tool-unlinked', accountId: former.accountId, actor: clientId } as const;
        await audit.record(stores, { ...entry, origin, details });
      }
      const times = { createdAt: now(), approvedAt: endsAt ? approvedAtOf(tool, endsAt) : linkedAt };
      await stores.deviceKeys.put({ ...key, ...times, clientId, linkedToolId, accountId, claims });
    },

    /** The first token of a tool that was linked with a key: the same at every reading. Refuses `token-invalid`. */
    async signFirst(tool: LinkedTool): Promise<string> {
      const key = await store.findByTool(tool.linkedToolId);
      const { accessKid: kid, firstAccess: stamp } = tool;
      const token =
        key && kid !== undefined
          ? await deviceTokens.sign({ tool, stamp, kid, keyName: key.kid, claims: key.claims })
          : undefined;
      if (token === undefined) throw new DomainError('token-invalid');
      return token;
    },

    /**
     * Registers a key with a token, once for a linked tool: the token dies, and from now on the tool gets its tokens by
     * `exchange`. Refuses `key-invalid`, `key-taken` (this tool has a key, or another live one has this key, or another
     * account had it), `token-invalid` (the token is of another tool than the identifier says, or of one with a key), and
     * `grant-not-allowed` where the last approval is too long ago for a key to renew anything, or the tool was switched.
     */
    async register(asked: {
      standing: LastingStanding;
      identifier: string;
      jwk: unknown;
      origin: Origin;
    }): Promise<void> {
      const { standing, identifier, jwk, origin } = asked;
      const key = readDeviceKey(jwk);
      const { tool } = standing;
      if (tool.clientId !== clientIdOf(identifier)) throw new DomainError('token-invalid');
      if (standing.kind !== 'lasting') throw new DomainError('key-taken');
      const renewsUntil = after(approvedAtOf(tool, tool.firstAccess.expiresAt), RENEWED_FOR_SECONDS);
      if (isSwitched(tool) || renewsUntil <= now()) throw new DomainError('grant-not-allowed');
      await inTransaction((stores) => registerInside(stores, tool, key, origin));
    },

    /**
     * A new token for a proof of a registered key, also after the old one has expired; the nonce in it is used up.
     * Refuses `key-proof-wrong`, whatever is wrong with it, and when 90 days have passed since the approval.
     */
    async exchange(asked: { jwt: string; identifier?: string; origin: Origin }): Promise<string> {
      const proved = await findProved(asked.jwt, asked.identifier);
      if (!proved) throw wrongProof();
      const { key, claims, identifier } = proved;
      const nonce = claims.nonce;
      const nonceEnd = nonce === undefined ? undefined : nonces.endOf(nonce, identifier);
      if (nonce === undefined || nonceEnd === undefined) throw wrongProof('the nonce is unknown or expired');
      if (after(key.approvedAt, RENEWED_FOR_SECONDS) <= now()) throw wrongProof('link the tool again');
      const kid = deviceTokens.signingKid();
      const tool = await inTransaction(async (stores) => {
        if (!(await stores.deviceKeys.useNonce(nonce, nonceEnd, now()))) return undefined;
        const found = await stores.tokens.findLinkedTool(key.linkedToolId);
        const isItsKey = found?.keyThumbprint === key.thumbprint && !found.endedAt;
        if (!isItsKey || !(await mayReceiveToken(stores, found.accountId))) return undefined;
        await stores.tokens.markUsed(found.linkedToolId, now(), asked.origin.networkAddress);
        return found;
      });
      const issuedAt = new Date(Math.floor(now().getTime() / 1000) * 1000);
      const stamp = { jti: newId(), issuedAt, expiresAt: after(issuedAt, DEVICE_TOKEN_SECONDS) };
      const token = tool && (await deviceTokens.sign({ tool, stamp, kid, keyName: key.kid, claims }));
      if (token === undefined) throw wrongProof();
      return token;
    },
  };
}

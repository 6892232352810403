// Tools and services: how they come to be known, how they prove who they are, what they may ask for.
// Public clients register themselves (RFC 7591) and are unverified; confidential ones are made by the operator.
// What a person links is not here but in `tokens`.
import { equal, sha256 } from '../crypto/secrets.js';
import type { SigningAlg } from '../crypto/jwt.js';
import type { Audit, AuditStore } from './audit.js';
import { readRedirectUris } from './clients-redirects.js';
import type { Throttle } from './throttle.js';
import { DomainError, type ClientId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export type GrantType =
  'urn:ietf:params:oauth:grant-type:device_code' | 'authorization_code' | 'refresh_token';
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code' satisfies GrantType;

/** The scopes that every tool may ask for; the operator can give a client others. */
export const STANDARD_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const;

export interface ClientMetadata {
  readonly grantTypes: readonly GrantType[];
  readonly scopes: readonly string[];
  readonly accessTokenAlg?: SigningAlg;
  readonly idTokenAlg?: SigningAlg;
  /** Where its people may be sent back to: compared as text. RFC 6749 §3.1.2. */
  readonly redirectUris?: readonly string[];
  /** Where they may be sent after they have signed out. OpenID Connect RP-Initiated Logout 1.0 §3.1. */
  readonly postLogoutRedirectUris?: readonly string[];
  /** Whether it takes requests only that the client has pushed. RFC 9126 §6. */
  readonly mustPush?: boolean;
  readonly clientUri?: string;
  readonly softwareId?: string;
  readonly softwareVersion?: string;
}

export interface Client {
  readonly clientId: ClientId;
  readonly kind: 'public' | 'confidential';
  /** What the tool calls itself; unverified unless the operator made it. */
  readonly name: string;
  readonly secretHash: string | undefined;
  /** The audience whose tokens a service may introspect. */
  readonly audience: string | undefined;
  readonly metadata: ClientMetadata;
  readonly registeredBy: 'operator' | 'itself';
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
}

export interface ClientStore {
  find(clientId: ClientId): Promise<Client | undefined>;
  findAll(): Promise<Client[]>;
  insert(client: Client): Promise<void>;
  markUsed(clientId: ClientId, at: Date): Promise<void>;
  remove(clientId: ClientId): Promise<boolean>;
  /** Removes self-registered clients that were made before the time and never started a link. */
  removeUnused(before: Date): Promise<number>;
}

interface ClientStores {
  readonly clients: ClientStore;
  readonly audit: AuditStore;
}

export interface ClientsDependencies {
  readonly store: ClientStore;
  readonly inTransaction: InTransaction<ClientStores>;
  readonly throttle: Throttle;
  readonly audit: Audit;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
  /** What a service may introspect unless the operator says otherwise: PUBLIC_URL. */
  readonly issuer: string;
}

const UNUSED_AFTER_SECONDS = 7 * 24 * 3600;
const LONGEST_NAME = 80;
/** Words of plain characters with one space between: nothing in it is to be cleaned. */
const PLAIN_NAME = /^(?:[!-~]+(?: [!-~]+)*)?$/;

export type Clients = ReturnType<typeof createClients>;

/** Somebody else's text, fit to be shown: one line, no control or direction-changing characters, at most 80 of them. */
export function cleanClientName(name: string): string {
  if (name.length <= LONGEST_NAME && PLAIN_NAME.test(name)) return name;
  const line = name.normalize('NFC').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ');
  return [...line.replace(/\s+/gu, ' ').trim()].slice(0, LONGEST_NAME).join('');
}

/** How late a change that another process made to a client may be noticed here. */
const REMEMBERED_MS = 1000;
const MOST_REMEMBERED = 1000;

/** Clients as they were read a moment ago: a tool that asks is mostly one that has just asked. Nobody unknown is remembered. */
function createClientMemory({ store, now }: Pick<ClientsDependencies, 'store' | 'now'>) {
  const remembered = new Map<string, { readonly client: Client; readonly until: number }>();
  return {
    async find(clientId: string): Promise<Client | undefined> {
      const at = now().getTime();
      const known = remembered.get(clientId);
      if (known && at < known.until && at >= known.until - REMEMBERED_MS) return known.client;
      const client = await store.find(clientId as ClientId);
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      if (client) remembered.set(clientId, { client, until: at + REMEMBERED_MS });
      return client;
    },
    forget: (clientId: string): void => void remembered.delete(clientId),
  };
}

export function createClients(dependencies: ClientsDependencies) {
  const { store, inTransaction, throttle, audit, now, newId, newSecret, issuer } = dependencies;
  const memory = createClientMemory(dependencies);

  return {
    /** Another process's change is noticed within a second. */
    findClient: (clientId: string): Promise<Client | undefined> => memory.find(clientId),

    /**
     * The client that a request speaks for. A public one has no secret to show (an empty one counts as none); a
     * confidential one must show its own. Refuses `client-unknown` and `client-authentication-failed`, and consumes
     * nothing. RFC 6749 §2.3, §3.2.1.
     */
    async authenticateClient(
      credentials: { clientId: string; secret?: string },
      origin: Origin,
    ): Promise<Client> {
      const { clientId, secret = '' } = credentials;
      const client = await memory.find(clientId);
      if (!client) throw new DomainError('client-unknown');
      if (client.secretHash === undefined) {
        if (secret !== '') throw new DomainError('client-authentication-failed');
        return client;
      }
      if (secret !== '' && equal(sha256(secret), client.secretHash)) return client;
      await throttle.spend('client-secret-by-network', origin.network);
      throw new DomainError('client-authentication-failed');
    },

    /**
     * A tool registers itself, without a secret. Refuses `too-many` by network and everywhere, and `client-metadata-invalid`.
     * RFC 7591 §3, §5: everything it says about itself is unverified, and no address that it names is ever fetched.
     */
    async registerClient(asked: { name: string; metadata: ClientMetadata }, origin: Origin): Promise<Client> {
      await throttle.spend('registration-by-network', origin.network);
      await throttle.spend('registration-everywhere', 'everywhere');
      const client: Client = {
        clientId: newId() as ClientId,
        kind: 'public',
        name: cleanClientName(asked.name) || 'A tool without a name',
        secretHash: undefined,
        audience: undefined,
        metadata: asked.metadata,
        registeredBy: 'itself',
        createdAt: now(),
        lastUsedAt: undefined,
      };
      await inTransaction(async (stores) => {
        await stores.clients.insert(client);
        await audit.record(stores, {
          event: 'client-registered',
          actor: client.clientId,
          origin,
          details: { name: client.name },
        });
      });
      return client;
    },

    /** The operator makes a client. The secret of a confidential one is returned once and kept as a hash. */
    async createByOperator(asked: {
      name: string;
      isConfidential: boolean;
      audience?: string;
      scopes?: readonly string[];
      /** With any, it may send its people here. Refuses `redirect-uri-invalid`. */
      redirectUris?: readonly string[];
      postLogoutRedirectUris?: readonly string[];
    }): Promise<{ client: Client; secret?: string }> {
      const name = cleanClientName(asked.name);
      if (name === '')
        throw new DomainError('client-metadata-invalid', { publicDetail: 'a client needs a name' });
      const redirectUris = readRedirectUris(asked.redirectUris ?? []);
      const postLogoutRedirectUris = readRedirectUris(asked.postLogoutRedirectUris ?? []);
      const secret = asked.isConfidential ? newSecret() : undefined;
      const client: Client = {
        clientId: newId() as ClientId,
        kind: asked.isConfidential ? 'confidential' : 'public',
        name,
        secretHash: secret === undefined ? undefined : sha256(secret),
        audience: asked.isConfidential ? (asked.audience ?? issuer) : undefined,
        metadata: {
          grantTypes: [
            DEVICE_CODE_GRANT,
            ...(redirectUris.length > 0 ? (['authorization_code'] as const) : []),
            'refresh_token',
          ],
          ...(redirectUris.length > 0 ? { redirectUris } : {}),
          ...(postLogoutRedirectUris.length > 0 ? { postLogoutRedirectUris } : {}),
          scopes: [...STANDARD_SCOPES, ...(asked.scopes ?? [])],
        },
        registeredBy: 'operator',
        createdAt: now(),
        lastUsedAt: undefined,
      };
      await inTransaction(async (stores) => {
        await stores.clients.insert(client);
        await audit.record(stores, {
          event: 'client-created',
          actor: 'operator',
          details: { name, clientId: client.clientId },
        });
      });
      return secret === undefined ? { client } : { client, secret };
    },

    listClients: (): Promise<Client[]> => store.findAll(),

    /** Refuses `not-found`. Its linked tools stay listed, but can get no further token. */
    async removeClient(clientId: string): Promise<void> {
      await inTransaction(async (stores) => {
        if (!(await stores.clients.remove(clientId as ClientId))) throw new DomainError('not-found');
        await audit.record(stores, { event: 'client-removed', actor: 'operator', details: { clientId } });
      });
      memory.forget(clientId);
    },

    /** Forgets tools that registered a week ago and never started a link. Resolves to how many. */
    removeUnused: (): Promise<number> =>
      inTransaction(({ clients }) =>
        clients.removeUnused(new Date(now().getTime() - UNUSED_AFTER_SECONDS * 1000)),
      ),

    /** The scopes granted for what was asked, in the order asked. Refuses `scope-invalid` for any the client may not have. */
    grantScopes(client: Client, asked: string | undefined): string {
      const words = [...new Set((asked ?? '').split(' ').filter(Boolean))];
      if (words.every((word) => client.metadata.scopes.includes(word))) return words.join(' ');
      throw new DomainError('scope-invalid');
    },
  };
}

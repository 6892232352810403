// Tools and services: how they come to be known, how they prove who they are, what they may ask for.
// Public clients register themselves (RFC 7591) and are unverified; confidential ones are made by the operator.
// What a person links is not here but in `tokens`.
import { equal, sha256 } from '../crypto/secrets.js';
import { readAssertion, readClientKeys, type ClientKey } from './clients-assertion.js';
import type { SigningAlg } from '../crypto/jwt.js';
import type { Audit, AuditStore } from './audit.js';
import { readRedirectUris } from './clients-redirects.js';
import type { Throttle } from './throttle.js';
import type { UsedProofStore } from './used-proofs.js';
import { DomainError, type ClientId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export type GrantType =
  'urn:ietf:params:oauth:grant-type:device_code' | 'authorization_code' | 'refresh_token';
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code' satisfies GrantType;

/** The scopes that every tool may ask for; the operator can give a client others. */
export const STANDARD_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const;

/** RFC 7591 §2, without `none`, which is what a public client is. */
export type AuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

export interface ClientMetadata {
  readonly grantTypes: readonly GrantType[];
  readonly scopes: readonly string[];
  /** How it proves who it is; where a secret is all that is said, in either way that secrets are shown. */
  readonly authMethod?: AuthMethod;
  /** The keys that sign its assertions. */
  readonly keys?: readonly ClientKey[];
  /** Whether it gets no token but one that is bound to a key (RFC 9449 §5.2). */
  readonly isDpopBound?: boolean;
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
  /** Notes when it was used, once an hour at most. */
  markUsed(clientId: ClientId, at: Date): Promise<void>;
  remove(clientId: ClientId): Promise<boolean>;
  /** Removes self-registered clients that were made before the time and never started a link. */
  removeUnused(before: Date): Promise<number>;
}

interface ClientStores {
  readonly clients: ClientStore;
  readonly audit: AuditStore;
  readonly usedProofs: UsedProofStore;
}

/** What a request shows of the client that it speaks for. */
export interface Credentials {
  readonly clientId: string;
  readonly secret?: string;
  /** How the secret came. */
  readonly method?: Exclude<AuthMethod, 'private_key_jwt'>;
  /** RFC 7523 §2.2. */
  readonly assertion?: string;
  /** What an assertion may be made for: names of this provider. */
  readonly audiences?: readonly string[];
}

/** What the operator says of a client. */
export interface OperatorsClient {
  readonly name: string;
  readonly isConfidential: boolean;
  readonly audience?: string;
  readonly scopes?: readonly string[];
  readonly grantTypes?: readonly GrantType[];
  /** With any, it may send its people here. */
  readonly redirectUris?: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  readonly authMethod?: AuthMethod;
  /** A JWK set, as it came: the keys of `private_key_jwt`. */
  readonly jwks?: unknown;
  readonly metadata?: Pick<ClientMetadata, 'accessTokenAlg' | 'idTokenAlg' | 'isDpopBound'>;
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

  /** RFC 7591 §2: in the way that was registered, and in no other. */
  function isSecretRight({ metadata, secretHash }: Client, { secret = '', method }: Credentials): boolean {
    const { authMethod = method } = metadata;
    if (secret === '' || secretHash === undefined || authMethod !== method) return false;
    return equal(sha256(secret), secretHash);
  }

  async function isAssertionRight({ clientId, metadata }: Client, shown: Credentials): Promise<boolean> {
    if (metadata.authMethod !== 'private_key_jwt' || shown.assertion === undefined) return false;
    const { assertion, audiences = [] } = shown;
    const asked = { clientId, keys: metadata.keys ?? [], audiences, now: now() };
    const read = readAssertion(assertion, asked);
    return read !== undefined && inTransaction(({ usedProofs }) => usedProofs.use(read.hash, read.staleAt));
  }

  /** A client of the operator's, not kept yet. Refuses `client-metadata-invalid` and `redirect-uri-invalid`. */
  function prepareByOperator(asked: OperatorsClient): { client: Client; secret?: string } {
    const name = cleanClientName(asked.name);
    if (name === '')
      throw new DomainError('client-metadata-invalid', { publicDetail: 'a client needs a name' });
    const { isConfidential, authMethod, metadata = {} } = asked;
    const redirectUris = readRedirectUris(asked.redirectUris ?? []);
    const postLogoutRedirectUris = readRedirectUris(asked.postLogoutRedirectUris ?? []);
    const redirects = redirectUris.length > 0 ? (['authorization_code'] as const) : [];
    const hasKey = authMethod === 'private_key_jwt';
    const secret = isConfidential ? newSecret() : undefined;
    const client: Client = {
      clientId: newId() as ClientId,
      kind: isConfidential ? 'confidential' : 'public',
      name,
      // Of a client with a key too, and then nobody is told it.
      secretHash: secret === undefined ? undefined : sha256(secret),
      audience: isConfidential ? (asked.audience ?? issuer) : undefined,
      metadata: {
        grantTypes: asked.grantTypes ?? [DEVICE_CODE_GRANT, ...redirects, 'refresh_token'],
        ...(redirectUris.length > 0 ? { redirectUris } : {}),
        ...(postLogoutRedirectUris.length > 0 ? { postLogoutRedirectUris } : {}),
        scopes: [...STANDARD_SCOPES, ...(asked.scopes ?? [])],
        ...(authMethod === undefined ? {} : { authMethod }),
        ...(hasKey ? { keys: readClientKeys(asked.jwks) } : {}),
        ...metadata,
      },
      registeredBy: 'operator',
      createdAt: now(),
      lastUsedAt: undefined,
    };
    return secret === undefined || hasKey ? { client } : { client, secret };
  }

  return {
    /** Another process's change is noticed within a second. */
    findClient: (clientId: string): Promise<Client | undefined> => memory.find(clientId),

    /**
     * The client that a request speaks for. A public one has no secret to show (an empty one counts as none); a confidential one
     * proves itself in the way that it was made for. Refuses `client-unknown` and `client-authentication-failed`, and consumes
     * nothing but a right assertion, which counts once. RFC 6749 §2.3, §3.2.1, RFC 7523 §3.
     */
    async authenticateClient(credentials: Credentials, origin: Origin): Promise<Client> {
      const { clientId, secret = '', assertion } = credentials;
      const client = await memory.find(clientId);
      if (!client) throw new DomainError('client-unknown');
      if (client.kind === 'public') {
        if (secret !== '' || assertion !== undefined) throw new DomainError('client-authentication-failed');
        return client;
      }
      if (isSecretRight(client, credentials) || (await isAssertionRight(client, credentials))) return client;
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
    async createByOperator(asked: OperatorsClient): Promise<{ client: Client; secret?: string }> {
      const made = prepareByOperator(asked);
      const { client } = made;
      await inTransaction(async (stores) => {
        await stores.clients.insert(client);
        await audit.record(stores, {
          event: 'client-created',
          actor: 'operator',
          details: { name: client.name, clientId: client.clientId },
        });
      });
      return made;
    },

    prepareByOperator,
    /** This process forgets what it remembers of a client that was removed elsewhere. */
    forgetClient: (clientId: string): void => memory.forget(clientId),

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

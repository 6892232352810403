// Services: what tokens are for besides this provider itself. The operator names each by the audience that it looks for in a
// token, and by the scopes that it knows. Here: which of them a tool may ask for, and which one a token is then for; a token
// is for one of them. How a service proves who it is when it asks about tokens is in `clients`. RFC 8707, RFC 9068 §3.
import type { Audit, AuditStore } from './audit.js';
import { cleanClientName, STANDARD_SCOPES, type Client, type Clients, type ClientStore } from './clients.js';
import { DomainError, type ClientId, type Clock, type InTransaction } from './vocabulary.js';

export interface Service {
  /** What stands in `aud` of its tokens, and what tools name it by: an absolute address. */
  readonly audience: string;
  /** The client with which it asks about tokens. */
  readonly clientId: ClientId;
  readonly name: string;
  /** The scopes that it knows. No other has them in a token for it, but the standard ones. */
  readonly scopes: readonly string[];
  /** Whether only tools that the operator made may have tokens for it. */
  readonly isRestricted: boolean;
  readonly createdAt: Date;
}

export interface ServiceStore {
  find(audience: string): Promise<Service | undefined>;
  findAll(): Promise<Service[]>;
  /** False where another has that audience. */
  insert(service: Service): Promise<boolean>;
  /** What was removed. */
  remove(audience: string): Promise<Service | undefined>;
}

interface ServiceStores {
  readonly services: ServiceStore;
  readonly clients: ClientStore;
  readonly audit: AuditStore;
}

export interface ServicesDependencies {
  readonly store: ServiceStore;
  readonly inTransaction: InTransaction<ServiceStores>;
  readonly clients: Pick<Clients, 'grantScopes' | 'prepareByOperator' | 'forgetClient'>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly issuer: string;
  /** Audiences of tokens that live for longer than a service's may, or that are this provider's own. */
  readonly reserved: readonly string[];
}

/** What a person agrees to: words of scope, and the services that they may be for. */
export interface Granted {
  readonly scope: string;
  readonly resources?: readonly string[] | undefined;
}

/** What one token is: for whom, and how far. */
export interface Target {
  readonly audience: string;
  readonly scope: string;
}

const MOST_RESOURCES = 8;
const LONGEST_AUDIENCE = 500;
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

const wordsOf = (scope: string | undefined): string[] => [
  ...new Set((scope ?? '').split(' ').filter(Boolean)),
];
const isStandard = (word: string): boolean => (STANDARD_SCOPES as readonly string[]).includes(word);

const targetRefused = (publicDetail: string): DomainError =>
  new DomainError('target-invalid', { publicDetail });

/** RFC 8707 §2: absolute, without a fragment; and in a list of words it stands between spaces. */
function isAudience(text: string): boolean {
  return (
    text.length <= LONGEST_AUDIENCE &&
    /^[\x21-\x7e]+$/.test(text) &&
    !text.includes('#') &&
    URL.canParse(text)
  );
}

export type Services = ReturnType<typeof createServices>;

export function createServices(dependencies: ServicesDependencies) {
  const { store, inTransaction, clients, audit, now, issuer, reserved } = dependencies;

  async function findNamed(client: Client, audience: string): Promise<Service> {
    const service = await store.find(audience);
    if (!service)
      throw targetRefused('There is no such service here: a resource is named as its operator did.');
    if (service.isRestricted && client.registeredBy !== 'operator')
      throw targetRefused('This service is for tools that the operator made.');
    return service;
  }

  return {
    /**
     * What a tool may ask a person for: the services it names, and words of scope that are standard or one of these services
     * knows; without a service, words that the client itself may have. Refuses `target-invalid` and `scope-invalid`.
     */
    async grant(
      client: Client,
      asked: { readonly scope: string | undefined; readonly resources: readonly string[] },
    ): Promise<Granted> {
      const resources = [...new Set(asked.resources)].filter((audience) => audience !== issuer);
      if (resources.length === 0) return { scope: clients.grantScopes(client, asked.scope) };
      if (resources.length > MOST_RESOURCES) throw targetRefused(`Name ${MOST_RESOURCES} services at most.`);
      const named = await Promise.all(resources.map((audience) => findNamed(client, audience)));
      const words = wordsOf(asked.scope);
      const standard = words.filter(isStandard);
      const isKnown = (word: string): boolean => named.some(({ scopes }) => scopes.includes(word));
      clients.grantScopes(client, standard.join(' '));
      if (!words.every((word) => isStandard(word) || isKnown(word))) throw new DomainError('scope-invalid');
      return { scope: words.join(' '), resources };
    },

    /**
     * Whom one token is for, of what was granted: the service that is asked for, else the usual one, and of the scope what that
     * one knows. Refuses `target-invalid` for one that was not granted, or is no more, and for several at once.
     */
    async pickTarget(
      stores: { readonly services: Pick<ServiceStore, 'find'> },
      { scope, resources = [] }: Granted,
      { asked = [], usual = resources[0] ?? issuer }: { asked?: readonly string[]; usual?: string } = {},
    ): Promise<Target> {
      if (new Set(asked).size > 1) throw targetRefused('A token is for one service: name one at a time.');
      const audience = asked[0] ?? usual;
      if (audience !== issuer && !resources.includes(audience))
        throw targetRefused('The tool was not linked for this resource.');
      if (resources.length === 0) return { audience, scope };
      const service = audience === issuer ? undefined : await stores.services.find(audience);
      if (audience !== issuer && !service) throw targetRefused('This service is no more.');
      // RFC 9068 §3: no word may mean one thing to one service and another to the next.
      const words = wordsOf(scope).filter((word) => isStandard(word) || service?.scopes.includes(word));
      return { audience, scope: words.join(' ') };
    },

    /** The services of these audiences that there are, for those who are asked to let a tool use them. */
    async describe(audiences: readonly string[] = []): Promise<Service[]> {
      const found = await Promise.all(audiences.map((audience) => store.find(audience)));
      return found.filter((service) => service !== undefined);
    },

    /**
     * The operator makes a service, and the client with which it asks about tokens; that one's secret is returned once. Refuses
     * `target-invalid` for an audience that is no absolute address, is taken, or is one of ours, and `scope-invalid`.
     */
    async createService(asked: {
      readonly name: string;
      readonly audience: string;
      readonly scopes: readonly string[];
      readonly isRestricted: boolean;
      readonly jwks?: unknown;
    }): Promise<{ service: Service; client: Client; secret?: string }> {
      const { name, audience, isRestricted, jwks } = asked;
      if (!isAudience(audience))
        throw targetRefused('An audience is an absolute address without a fragment (RFC 8707).');
      // Tokens that live for a year, or a week, carry these: whoever took them for its own would take those too.
      if (reserved.includes(audience)) throw targetRefused('This audience is the provider’s own.');
      const scopes = [...new Set(asked.scopes)];
      if (!scopes.every((word) => SCOPE.test(word) && !isStandard(word)))
        throw new DomainError('scope-invalid', {
          publicDetail: 'A scope is a word of its own, and no standard one.',
        });
      const method = jwks === undefined ? {} : { authMethod: 'private_key_jwt' as const, jwks };
      const made = clients.prepareByOperator({
        name,
        isConfidential: true,
        audience,
        grantTypes: [],
        ...method,
      });
      const { client, secret } = made;
      const service: Service = {
        audience,
        clientId: client.clientId,
        name: cleanClientName(name),
        scopes,
        isRestricted,
        createdAt: now(),
      };
      await inTransaction(async (stores) => {
        await stores.clients.insert(client);
        if (!(await stores.services.insert(service)))
          throw targetRefused('A service has this audience already.');
        const details = { name: service.name, clientId: client.clientId, audience };
        await audit.record(stores, { event: 'service-created', actor: 'operator', details });
      });
      return secret === undefined ? { service, client } : { service, client, secret };
    },

    listServices: (): Promise<Service[]> => store.findAll(),

    /** Refuses `not-found`. Tools that were linked for it get no further token for it; those that they have run out. */
    async removeService(audience: string): Promise<Service> {
      const service = await inTransaction(async (stores) => {
        const removed = await stores.services.remove(audience);
        if (!removed) throw new DomainError('not-found');
        await stores.clients.remove(removed.clientId);
        const details = { name: removed.name, clientId: removed.clientId, audience };
        await audit.record(stores, { event: 'service-removed', actor: 'operator', details });
        return removed;
      });
      clients.forgetClient(service.clientId);
      return service;
    },
  };
}

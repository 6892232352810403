// What the operator's command line does with tools and services: clients, how they prove who they are, and the services that tokens
// are for. What each comes to is decided in domain/clients.ts and domain/services.ts.
import {
  all,
  flag,
  list,
  readJsonInput,
  required,
  text,
  UsageFault,
  type Command,
  type Values,
} from './admin-arguments.js';
import type { AuthMethod, Client, OperatorsClient } from './domain/clients.js';
import type { Service } from './domain/services.js';

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
const ALGS = ['EdDSA', 'ES256', 'RS256'] as const;

function readScopes(values: Values): string[] {
  const words = all(values, 'scope')
    .flatMap((some) => some.split(' '))
    .filter(Boolean);
  if (words.every((word) => SCOPE.test(word))) return words;
  throw new UsageFault('--scope has a character that no scope may have');
}

function oneOf<Word extends string>(values: Values, name: string, words: readonly Word[]): Word | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value);
  if (!found) throw new UsageFault(`--${name} takes ${words.join(', ')}`);
  return found;
}

function readAudience(values: Values): string | undefined {
  const { audience } = values;
  if (audience === undefined) return undefined;
  if (typeof audience === 'string' && URL.canParse(audience)) return audience;
  throw new UsageFault('--audience must be an absolute address (RFC 8707 §2)');
}

function readAuthMethod(values: Values, isConfidential: boolean): AuthMethod | undefined {
  const method = oneOf(values, 'auth-method', AUTH_METHODS);
  if (method !== undefined && !isConfidential) throw new UsageFault('--auth-method goes with --confidential');
  if ((method === 'private_key_jwt') !== (values['jwks-stdin'] === true))
    throw new UsageFault('--auth-method private_key_jwt and --jwks-stdin go together');
  return method;
}

function readMetadata(values: Values): NonNullable<OperatorsClient['metadata']> {
  const accessTokenAlg = oneOf(values, 'access-token-alg', ALGS);
  const idTokenAlg = oneOf(values, 'id-token-alg', ALGS);
  return {
    ...(accessTokenAlg && { accessTokenAlg }),
    ...(idTokenAlg && { idTokenAlg }),
    ...(values['dpop'] === true && { isDpopBound: true }),
    ...(values['par'] === true && { mustPush: true }),
  };
}

function presentClient(client: Client) {
  const { metadata, audience, lastUsedAt } = client;
  const secretMethod = client.kind === 'public' ? 'none' : 'client_secret_basic or client_secret_post';
  return {
    client_id: client.clientId,
    name: client.name,
    kind: client.kind,
    ...(audience !== undefined && { audience }),
    scope: metadata.scopes.join(' '),
    grant_types: metadata.grantTypes,
    ...(metadata.redirectUris && { redirect_uris: metadata.redirectUris }),
    ...(metadata.postLogoutRedirectUris && { post_logout_redirect_uris: metadata.postLogoutRedirectUris }),
    ...(metadata.mustPush && { require_pushed_authorization_requests: true }),
    token_endpoint_auth_method: metadata.authMethod ?? secretMethod,
    ...(metadata.accessTokenAlg && { access_token_signed_response_alg: metadata.accessTokenAlg }),
    ...(metadata.idTokenAlg && { id_token_signed_response_alg: metadata.idTokenAlg }),
    ...(metadata.isDpopBound && { dpop_bound_access_tokens: true }),
    registered_by: client.registeredBy,
    created_at: client.createdAt,
    ...(lastUsedAt && { last_used_at: lastUsedAt }),
  };
}

const presentService = (service: Service) => ({
  audience: service.audience,
  name: service.name,
  scope: service.scopes.join(' '),
  restricted: service.isRestricted,
  client_id: service.clientId,
  created_at: service.createdAt,
});

export const toolCommands: Readonly<Record<string, Command>> = {
  'client create': {
    usage:
      '--name N [--confidential [--audience A] [--auth-method M [--jwks-stdin]]] [--scope S …] [--redirect-uri U …] ' +
      '[--post-logout-redirect-uri U …] [--par] [--access-token-alg A] [--id-token-alg A] [--dpop]',
    about:
      'Makes a client, and with --confidential its secret, shown this once; or none, where it proves itself with a key of the JWK ' +
      'set on standard input. --dpop: it gets no token that is not bound to a key. --redirect-uri: it may send people here, who are ' +
      'sent back there and nowhere else; --par: only by a request that it has pushed.',
    options: {
      ...{
        name: text,
        confidential: flag,
        audience: text,
        scope: list,
        'auth-method': text,
        'jwks-stdin': flag,
      },
      ...{ 'redirect-uri': list, 'post-logout-redirect-uri': list, par: flag },
      ...{ 'access-token-alg': text, 'id-token-alg': text, dpop: flag },
    },
    async prepare(values, _rest, { stdin }) {
      const name = required(values, 'name');
      const isConfidential = values['confidential'] === true;
      if (values['audience'] !== undefined && !isConfidential)
        throw new UsageFault('--audience goes with --confidential');
      const audience = readAudience(values);
      const authMethod = readAuthMethod(values, isConfidential);
      const asked: OperatorsClient = {
        ...{ name, isConfidential, scopes: readScopes(values), metadata: readMetadata(values) },
        redirectUris: all(values, 'redirect-uri'),
        postLogoutRedirectUris: all(values, 'post-logout-redirect-uri'),
        ...(audience !== undefined && { audience }),
        ...(authMethod && { authMethod }),
        ...(authMethod === 'private_key_jwt' && { jwks: await readJsonInput(stdin) }),
      };
      return async ({ clients, keys }) => {
        const { accessTokenAlg, idTokenAlg } = asked.metadata ?? {};
        for (const alg of [accessTokenAlg, idTokenAlg])
          if (alg && !keys.algs.includes(alg)) throw new UsageFault(`${alg} is not one of SIGNING_ALGS`);
        const { client, secret } = await clients.createByOperator(asked);
        return { ...presentClient(client), ...(secret !== undefined && { client_secret: secret }) };
      };
    },
  },
  'client list': {
    usage: '',
    about: 'Lists the clients, those included that registered themselves.',
    options: {},
    prepare: () => async (house) => (await house.clients.listClients()).map(presentClient),
  },
  'client remove': {
    usage: 'ID',
    about: 'Removes a client: it can start and refresh nothing any more.',
    options: {},
    prepare(_values, [id, ...rest]) {
      if (id === undefined || rest.length > 0) throw new UsageFault('name one client by its id');
      return async ({ clients }) => {
        await clients.removeClient(id);
        return { removed: id };
      };
    },
  },
  'service create': {
    usage: '--name N --audience A [--scope S …] [--restricted] [--jwks-stdin]',
    about:
      'Makes a service that tools may ask tokens for, and the secret with which it asks about them, shown this once; or none, where ' +
      'it proves itself with a key of the JWK set on standard input. --restricted: only clients made here may have its tokens.',
    options: { name: text, audience: text, scope: list, restricted: flag, 'jwks-stdin': flag },
    async prepare(values, _rest, { stdin }) {
      const asked = {
        name: required(values, 'name'),
        audience: required(values, 'audience'),
        scopes: readScopes(values),
        isRestricted: values['restricted'] === true,
        ...(values['jwks-stdin'] === true && { jwks: await readJsonInput(stdin) }),
      };
      return async ({ services }) => {
        const { service, secret } = await services.createService(asked);
        return { ...presentService(service), ...(secret !== undefined && { client_secret: secret }) };
      };
    },
  },
  'service list': {
    usage: '',
    about: 'Lists the services that tokens may be for.',
    options: {},
    prepare: () => async (house) => (await house.services.listServices()).map(presentService),
  },
  'service remove': {
    usage: '--audience A',
    about: 'Removes a service: no tool gets a further token for it, and it learns nothing more about tokens.',
    options: { audience: text },
    prepare(values) {
      const audience = required(values, 'audience');
      return async ({ services }) => {
        const { clientId } = await services.removeService(audience);
        return { removed: audience, client_id: clientId };
      };
    },
  },
};

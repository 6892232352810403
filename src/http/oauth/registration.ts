// The registration endpoint: a tool introduces itself and gets a client_id, without a secret. RFC 7591.
// All that it says of itself is unverified; no address in it is ever fetched (§5). Budgets and keeping are in `clients`.
import { z } from 'zod';
import type { RequestContext } from '../guards.js';
import { originOf, readJson } from '../request.js';
import { metadataRefused, OAuthRefusal } from './errors.js';
import { DEVICE_CODE_GRANT, STANDARD_SCOPES } from '../../domain/clients.js';
import { readRedirectUris } from '../../domain/clients-redirects.js';
import type { Client, ClientMetadata, Clients, GrantType } from '../../domain/clients.js';
import type { Keys } from '../../domain/keys.js';

export interface RegistrationDependencies {
  readonly clients: Pick<Clients, 'registerClient'>;
  readonly keys: Pick<Keys, 'algs'>;
}

const GRANT_TYPES: readonly GrantType[] = ['authorization_code', DEVICE_CODE_GRANT, 'refresh_token'];
const text = z.string().max(500);
const words = z.array(z.string().max(200)).max(20);

/** The metadata that we understand; all else is ignored (RFC 7591 §2). */
const asked = z.object({
  client_name: text.nullish(),
  client_uri: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .nullish(),
  software_id: text.nullish(),
  software_version: text.nullish(),
  token_endpoint_auth_method: text.nullish(),
  grant_types: words.nullish(),
  response_types: words.nullish(),
  scope: z.string().max(1000).nullish(),
  id_token_signed_response_alg: text.nullish(),
  access_token_signed_response_alg: text.nullish(),
  dpop_bound_access_tokens: z.boolean().nullish(),
  redirect_uris: z.unknown().optional(),
  post_logout_redirect_uris: z.unknown().optional(),
  require_pushed_authorization_requests: z.boolean().nullish(),
});
type Asked = z.infer<typeof asked>;

export function createRegistration({ clients, keys }: RegistrationDependencies) {
  const algOf = (member: string, value: string | null | undefined) => {
    if (value === null || value === undefined) return undefined;
    const found = keys.algs.find((alg) => alg === value);
    return found ?? refuse(`${member} must be one of ${keys.algs.join(', ')}.`);
  };

  function readMetadata(body: Record<string, unknown>): { name: string; metadata: ClientMetadata } {
    const read = asked.safeParse(body);
    if (!read.success) return refuse(`${String(read.error.issues[0]?.path[0])} is not well formed.`);
    const redirectUris = urisOf('redirect_uris', read.data.redirect_uris);
    const postLogoutRedirectUris = urisOf('post_logout_redirect_uris', read.data.post_logout_redirect_uris);
    const grantTypes = grantTypesOf(read.data, redirectUris);
    // RFC 7591 §2 lets the server replace this one only by saying so; a tool that counts on a secret must not be misled.
    if ((read.data.token_endpoint_auth_method ?? 'none') !== 'none') {
      refuse('token_endpoint_auth_method must be none: clients with a secret are made by the operator.');
    }
    const accessTokenAlg = algOf(
      'access_token_signed_response_alg',
      read.data.access_token_signed_response_alg,
    );
    const idTokenAlg = algOf('id_token_signed_response_alg', read.data.id_token_signed_response_alg);
    const { client_uri: clientUri, software_id: softwareId, software_version: softwareVersion } = read.data;
    return {
      name: read.data.client_name ?? '',
      metadata: {
        grantTypes,
        scopes: scopesOf(read.data),
        ...(accessTokenAlg ? { accessTokenAlg } : {}),
        ...(idTokenAlg ? { idTokenAlg } : {}),
        // RFC 7591 §2: addresses to go back to belong to a grant that redirects.
        ...(grantTypes.includes('authorization_code') ? { redirectUris } : {}),
        ...(postLogoutRedirectUris.length > 0 ? { postLogoutRedirectUris } : {}),
        ...(read.data.require_pushed_authorization_requests ? { mustPush: true } : {}),
        ...(read.data.dpop_bound_access_tokens ? { isDpopBound: true } : {}),
        ...(clientUri ? { clientUri } : {}),
        ...(softwareId ? { softwareId } : {}),
        ...(softwareVersion ? { softwareVersion } : {}),
      },
    };
  }

  return async (ctx: RequestContext): Promise<void> => {
    const introduced = readMetadata(await readJson(ctx));
    const client = await clients.registerClient(introduced, originOf(ctx));
    ctx.status = 201;
    ctx.body = presentRegistration(client, keys.algs[0]!);
  };
}

function refuse(description: string): never {
  throw new OAuthRefusal(metadataRefused(description));
}

/** RFC 7591 §3.2.2: one that is wrong is said to be, whether or not anybody would be sent there. */
function urisOf(member: string, uris: unknown): readonly string[] {
  if (uris === null || uris === undefined) return [];
  if (Array.isArray(uris) && uris.every((uri) => typeof uri === 'string')) return readRedirectUris(uris);
  return refuseRedirects(`${member} must be a list of absolute addresses.`);
}

/**
 * RFC 7591 §2: those that we have, of those asked for. Who names none is taken for what the rest says: with addresses to go back
 * to, for a tool that sends its people here; without, for one that has no browser.
 */
function grantTypesOf(
  { grant_types: types, response_types: responses, scope }: Asked,
  redirectUris: readonly string[],
): GrantType[] {
  const mayRefresh: GrantType[] = scope?.split(' ').includes('offline_access') ? ['refresh_token'] : [];
  const first: GrantType = redirectUris.length > 0 ? 'authorization_code' : DEVICE_CODE_GRANT;
  const granted = types ? GRANT_TYPES.filter((type) => types.includes(type)) : [first, ...mayRefresh];
  if (!granted.some((type) => type !== 'refresh_token'))
    return refuse(`grant_types must hold authorization_code or ${DEVICE_CODE_GRANT}.`);
  const isForCodes = granted.includes('authorization_code');
  if (isForCodes && redirectUris.length === 0) refuseRedirects('authorization_code asks for redirect_uris.');
  // RFC 7591 §2.1: the two fit each other. Left out, they do.
  const isFitting = isForCodes ? responses?.includes('code') !== false : !responses?.length;
  if (!isFitting || responses?.some((type) => type !== 'code'))
    refuse(
      isForCodes
        ? 'response_types must be code.'
        : 'response_types must be empty without authorization_code.',
    );
  return granted;
}

function refuseRedirects(description: string): never {
  throw new OAuthRefusal({ status: 400, error: 'invalid_redirect_uri', description });
}

function scopesOf({ scope }: Asked): string[] {
  const wanted = (scope ?? '').split(' ').filter(Boolean);
  if (wanted.length === 0) return [...STANDARD_SCOPES];
  const scopes = STANDARD_SCOPES.filter((word) => wanted.includes(word));
  return scopes.length > 0 ? scopes : refuse(`scope must hold some of ${STANDARD_SCOPES.join(' ')}.`);
}

/** All that was registered, with our replacements (RFC 7591 §3.2.1). What is not named here was not registered. */
function presentRegistration({ clientId, createdAt, name, metadata }: Client, defaultAlg: string) {
  const { clientUri, softwareId, softwareVersion } = metadata;
  return {
    client_id: clientId,
    client_id_issued_at: Math.floor(createdAt.getTime() / 1000),
    client_name: name,
    ...(clientUri === undefined ? {} : { client_uri: clientUri }),
    ...(softwareId === undefined ? {} : { software_id: softwareId }),
    ...(softwareVersion === undefined ? {} : { software_version: softwareVersion }),
    token_endpoint_auth_method: 'none',
    grant_types: metadata.grantTypes,
    response_types: metadata.grantTypes.includes('authorization_code') ? ['code'] : [],
    ...(metadata.redirectUris ? { redirect_uris: metadata.redirectUris } : {}),
    ...(metadata.postLogoutRedirectUris
      ? { post_logout_redirect_uris: metadata.postLogoutRedirectUris }
      : {}),
    ...(metadata.mustPush ? { require_pushed_authorization_requests: true } : {}),
    scope: metadata.scopes.join(' '),
    id_token_signed_response_alg: metadata.idTokenAlg ?? 'RS256',
    access_token_signed_response_alg: metadata.accessTokenAlg ?? defaultAlg,
    dpop_bound_access_tokens: metadata.isDpopBound ?? false,
  };
}

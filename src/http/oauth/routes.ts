// The OAuth door: which endpoint answers where, to which methods, and whether scripts of other sites may call it.
// It stands before all that pages need: no cookie and no session is read here. Every answer is JSON, and none is kept by a
// cache unless its endpoint says so.
import { onlyMethods, openToScripts, NO_STORE, type Guard, type RequestContext } from '../guards.js';
import { noteUnavailable } from '../observe.js';
import { createAddresses } from './addresses.js';
import { createRequestReader, type RequestReaderDependencies } from './authorization-request.js';
import { createAuthorize, type AuthorizeDependencies } from './authorize.js';
import {
  createClientAuthentication,
  type ClientAuthenticationDependencies,
} from './client-authentication.js';
import { createDeviceAuthorization, type DeviceAuthorizationDependencies } from './device-authorization.js';
import { answerOf, OAuthRefusal, requestRefused, writeError } from './errors.js';
import {
  createAuthorizationCodeGrant,
  type AuthorizationCodeGrantDependencies,
} from './grant-authorization-code.js';
import { createDeviceCodeGrant, type DeviceCodeGrantDependencies } from './grant-device-code.js';
import { createRefreshTokenGrant, type RefreshTokenGrantDependencies } from './grant-refresh-token.js';
import { createIntrospection, type IntrospectionDependencies } from './introspection.js';
import { createJwks, type JwksDependencies } from './jwks.js';
import { createLogout, type LogoutDependencies } from './logout.js';
import { createMetadata, type MetadataDependencies } from './metadata.js';
import { createPushedAuthorization, type PushedAuthorizationDependencies } from './pushed-authorization.js';
import { createProofs, type ProofsDependencies } from './proof.js';
import { createRegistration, type RegistrationDependencies } from './registration.js';
import { createRevocation, type RevocationDependencies } from './revocation.js';
import { createToken } from './token.js';
import { createUserinfo, type UserinfoDependencies } from './userinfo.js';
import { DEVICE_CODE_GRANT } from '../../domain/clients.js';

/** The rooms below, as far as this door asks them. */
export type OAuthDoorDependencies = Omit<
  ClientAuthenticationDependencies &
    DeviceAuthorizationDependencies &
    DeviceCodeGrantDependencies &
    AuthorizeDependencies &
    PushedAuthorizationDependencies &
    AuthorizationCodeGrantDependencies &
    LogoutDependencies &
    RefreshTokenGrantDependencies &
    IntrospectionDependencies &
    RevocationDependencies &
    UserinfoDependencies &
    RegistrationDependencies &
    MetadataDependencies &
    JwksDependencies &
    ProofsDependencies &
    Pick<RequestReaderDependencies, 'clients'>,
  'addresses' | 'clientAuthentication' | 'proofs' | 'requestReader'
> & {
  /** Logs a fault of ours with its cause, under the request's id. */
  readonly reportFault: (ctx: RequestContext, error: unknown) => void;
};

const HALF_A_YEAR_SECONDS = 15_552_000;

type Endpoint = (ctx: RequestContext) => Promise<void>;

/** Makes the door. Its middleware answers its own paths and leaves every other to the next. */
export function createOAuthDoor(dependencies: OAuthDoorDependencies): {
  middleware: Guard;
  /** Whether an address is one of the door's, or stands in its folder. */
  owns: (path: string) => boolean;
  /** What every answer of the door carries, also those that the poll lane gives in its place. */
  headers: Readonly<Record<string, string>>;
} {
  const addresses = createAddresses(dependencies.issuer);
  const clientAuthentication = createClientAuthentication({ ...dependencies, addresses });
  const proofs = createProofs({ ...dependencies, addresses });
  const requestReader = createRequestReader(dependencies);
  const parts = { ...dependencies, addresses, clientAuthentication, proofs, requestReader };
  const grants = {
    [DEVICE_CODE_GRANT]: createDeviceCodeGrant(parts),
    authorization_code: createAuthorizationCodeGrant(parts),
    refresh_token: createRefreshTokenGrant(parts),
  };
  const metadata = createMetadata(parts);

  const POST = ['POST'];
  const GET = ['GET'];
  const OPEN = { isOpenToScripts: true };
  const CLOSED = { isOpenToScripts: false };
  const table: readonly (readonly [string, readonly string[], { isOpenToScripts: boolean }, Endpoint])[] = [
    [addresses.deviceAuthorization, POST, OPEN, createDeviceAuthorization(parts)],
    // Where people are sent, by whatever page: no script reads what is answered there (RFC 9700 §2.6).
    [addresses.authorization, ['GET', 'POST'], CLOSED, createAuthorize(parts)],
    [addresses.endSession, ['GET', 'POST'], CLOSED, createLogout(parts)],
    [addresses.pushedAuthorization, POST, OPEN, createPushedAuthorization(parts)],
    [addresses.token, POST, OPEN, createToken({ ...parts, grants })],
    [addresses.revocation, POST, OPEN, createRevocation(parts)],
    // For services alone: no page of another site has a secret to show here.
    [addresses.introspection, POST, CLOSED, createIntrospection(parts)],
    [addresses.userinfo, ['GET', 'POST'], OPEN, createUserinfo(parts)],
    [addresses.registration, POST, OPEN, createRegistration(parts)],
    [addresses.oauthMetadata, GET, OPEN, metadata],
    [addresses.openidMetadata, GET, OPEN, metadata],
    [addresses.jwks, GET, OPEN, createJwks(parts)],
  ];

  const answering = (endpoint: Endpoint): Endpoint =>
    async function answer(ctx) {
      try {
        await endpoint(ctx);
      } catch (error) {
        if (!answerOf(error)) dependencies.reportFault(ctx, error);
        noteUnavailable(ctx, error);
        writeError(ctx, error);
      }
    };

  const routes = new Map(
    table.map(([address, methods, { isOpenToScripts }, endpoint]) => [
      new URL(address).pathname,
      guarded(methods, isOpenToScripts, answering(endpoint)),
    ]),
  );

  const lost: Endpoint = answering(async () => {
    const answer = requestRefused(
      `There is no such endpoint; those there are stand in ${addresses.oauthMetadata}.`,
    );
    throw new OAuthRefusal({ ...answer, status: 404 });
  });

  const headers = headersOf(dependencies.issuer);
  const endpointOf = (path: string): Endpoint | undefined =>
    routes.get(path) ?? (path.startsWith(addresses.folder) ? lost : undefined);

  return {
    headers,
    owns: (path) => endpointOf(path) !== undefined,
    middleware(ctx, next) {
      const endpoint = endpointOf(ctx.path);
      if (!endpoint) return next();
      ctx.set(headers);
      return endpoint(ctx);
    },
  };
}

function guarded(methods: readonly string[], isOpenToScripts: boolean, endpoint: Endpoint): Endpoint {
  const known = isOpenToScripts ? [...methods, 'OPTIONS'] : methods;
  const ofMethod = onlyMethods(known, (ctx) =>
    writeError(ctx, new OAuthRefusal(requestRefused(`This endpoint takes ${methods.join(' and ')} only.`))),
  );
  const byMethod: Endpoint = (ctx) => ofMethod(ctx, () => endpoint(ctx)) as Promise<void>;
  if (!isOpenToScripts) return byMethod;
  const open = openToScripts(methods);
  return (ctx) => open(ctx, () => byMethod(ctx)) as Promise<void>;
}

/** What every answer of the door carries. */
function headersOf(issuer: string): Readonly<Record<string, string>> {
  return {
    ...NO_STORE,
    'X-Content-Type-Options': 'nosniff',
    // RFC 6797: once here over TLS, never again without.
    ...(issuer.startsWith('https:') ? { 'Strict-Transport-Security': `max-age=${HALF_A_YEAR_SECONDS}` } : {}),
  };
}

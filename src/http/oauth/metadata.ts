// What this server says of itself: exactly what works, and nothing else. One text for OAuth and OpenID clients.
// RFC 8414, OpenID Connect Discovery 1.0 §3, RFC 9126 §5, RFC 9207 §3, OpenID Connect RP-Initiated Logout 1.0 §2.1.
import type { RequestContext } from '../guards.js';
import type { Addresses } from './addresses.js';
import { PROMPTS, RESPONSE_MODES } from './authorization-request.js';
import { LONGEST_WAIT_SECONDS } from '../request-wait.js';
import { DEVICE_CODE_GRANT, STANDARD_SCOPES } from '../../domain/clients.js';
import { ASSERTION_ALGS } from '../../domain/clients-assertion.js';
import { DPOP_ALGS } from '../../domain/dpop.js';
import type { Keys } from '../../domain/keys.js';

export interface MetadataDependencies {
  readonly addresses: Addresses;
  readonly keys: Pick<Keys, 'algs'>;
}

/** How long metadata and keys may be kept: far less than the day that a key is published before it signs. */
export const KEPT_FOR_SECONDS = 900;

export function createMetadata({ addresses, keys }: MetadataDependencies) {
  const metadata = presentMetadata(addresses, keys.algs);

  return async (ctx: RequestContext): Promise<void> => {
    ctx.remove('Pragma');
    ctx.set('Cache-Control', `public, max-age=${KEPT_FOR_SECONDS}`);
    ctx.body = metadata;
  };
}

function presentMetadata(addresses: Addresses, algs: Keys['algs']) {
  const proving = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
  return {
    issuer: addresses.issuer,
    authorization_endpoint: addresses.authorization,
    authorization_response_iss_parameter_supported: true,
    response_types_supported: ['code'],
    response_modes_supported: RESPONSE_MODES,
    code_challenge_methods_supported: ['S256'],
    prompt_values_supported: PROMPTS,
    acr_values_supported: ['aal1', 'aal2'],
    pushed_authorization_request_endpoint: addresses.pushedAuthorization,
    require_pushed_authorization_requests: false,
    end_session_endpoint: addresses.endSession,
    device_authorization_endpoint: addresses.deviceAuthorization,
    token_endpoint: addresses.token,
    token_endpoint_auth_methods_supported: ['none', ...proving],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGS,
    grant_types_supported: ['authorization_code', DEVICE_CODE_GRANT, 'refresh_token'],
    revocation_endpoint: addresses.revocation,
    revocation_endpoint_auth_methods_supported: ['none', ...proving],
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGS,
    introspection_endpoint: addresses.introspection,
    introspection_endpoint_auth_methods_supported: proving,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGS,
    userinfo_endpoint: addresses.userinfo,
    registration_endpoint: addresses.registration,
    jwks_uri: addresses.jwks,
    scopes_supported: STANDARD_SCOPES,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algs,
    // RFC 9449 §5.1.
    dpop_signing_alg_values_supported: DPOP_ALGS,
    claims_supported: [
      ...['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'auth_time', 'amr', 'acr'],
      ...['name', 'preferred_username', 'email', 'email_verified'],
    ],
    claims_parameter_supported: false,
    request_parameter_supported: false,
    // OpenID Connect Discovery §3: left out, it would mean true. What a push is answered with is no request object.
    request_uri_parameter_supported: false,
    // Our own: how long the token endpoint holds a poll that asks for it (RFC 7240 §4.3).
    prefer_wait_seconds_supported: LONGEST_WAIT_SECONDS,
  };
}

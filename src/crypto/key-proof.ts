// Owns the keys that tools of the PIN door have: which of them are taken, and what such a tool signed. In memory only.
// Reading keys in general is in public-keys.ts; what a proof must say, and whether it counts, is in domain/device-keys-proof.ts.
// Specification: RFC 7517 (JWK), RFC 7515 (JWS), RFC 8037 (Ed25519), RFC 7518 §3.3 (RS256), RFC 8725 §3.

import type { JsonWebKey } from 'node:crypto';
import {
  claimsOfUnchecked,
  headerOf,
  importPublicKey,
  isAlgOf,
  isSignedBy,
  readPublicKey,
} from './public-keys.js';

export { claimsOfUnchecked } from './public-keys.js';

/** The algorithms that a tool's own key may have at that door. */
export type ProofAlg = 'EdDSA' | 'RS256';

/** A public key of somebody else, with nothing in it but the key itself. */
export interface ForeignKey {
  readonly alg: ProofAlg;
  /** RFC 7638. */
  readonly thumbprint: string;
  readonly publicJwk: JsonWebKey;
}

/**
 * The public key in a JWK, Ed25519, or RSA of 2048 to 4096 bits with the usual exponent. Undefined for anything else, and
 * for a key that came with its private half (it is nobody's secret any more).
 */
export function readForeignKey(jwk: unknown): ForeignKey | undefined {
  const read = readPublicKey(jwk);
  if (!read || read.alg === 'ES256') return undefined;
  return { alg: read.alg, publicJwk: read.publicJwk, thumbprint: read.thumbprint };
}

/** The `kid` of a JWT's header; undefined where it has none, or is no JWT. Nothing is believed yet. */
export function kidOf(jwt: string): string | undefined {
  const kid = headerOf(jwt)?.['kid'];
  return typeof kid === 'string' ? kid : undefined;
}

/** The claims of a JWT that this key has signed under this id; undefined for anything else (RFC 8725 §3.1, §3.10). */
export function readSignedBy(
  jwt: string,
  { alg, publicJwk }: Pick<ForeignKey, 'alg' | 'publicJwk'>,
  kid: string,
): Readonly<Record<string, unknown>> | undefined {
  // A key in the header is not refused, only never looked at.
  const header = headerOf(jwt);
  if (!header || !isAlgOf(header['alg'], alg) || header['kid'] !== kid) return undefined;
  const key = importPublicKey({ alg, publicJwk });
  return key && isSignedBy(jwt, { alg, key }) ? claimsOfUnchecked(jwt) : undefined;
}

// Owns keys that are not ours: reading the public key of a tool, and checking what that tool signed with it. In memory only.
// Our own keys and tokens are in jwt.ts; what a proof must say, and whether it counts, is in domain/device-keys-proof.ts.
// Specification: RFC 7517 (JWK), RFC 7515 (JWS), RFC 8037 (Ed25519), RFC 7518 §3.3 (RS256), RFC 8725 §3.

import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { isCompact, readClaims, thumbprint } from './jwt.js';

/** The algorithms that a tool's own key may have. */
export type ProofAlg = 'EdDSA' | 'RS256';

/** A public key of somebody else, with nothing in it but the key itself. */
export interface ForeignKey {
  readonly alg: ProofAlg;
  /** RFC 7638. */
  readonly thumbprint: string;
  readonly publicJwk: JsonWebKey;
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** RFC 7515 §4.1.11, RFC 7797, RFC 7516. A key in the header is not refused, only never looked at. */
const NOT_UNDERSTOOD = ['crit', 'b64', 'enc', 'zip'];
const LEAST_RSA_BITS = 2048;
/** A longer key would only make us work. */
const MOST_RSA_BITS = 4096;
const RSA_EXPONENT = 'AQAB';

/** The members of the one kind of key that an algorithm uses; undefined for any other kind. */
function bareKey(jwk: Record<string, unknown>): { alg: ProofAlg; publicJwk: JsonWebKey } | undefined {
  const { kty, crv, x, n, e, alg } = jwk;
  if (kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string')
    return alg === 'RS256' ? undefined : { alg: 'EdDSA', publicJwk: { kty, crv, x } };
  if (kty === 'RSA' && typeof n === 'string' && e === RSA_EXPONENT && n.length <= MOST_RSA_BITS / 4)
    return { alg: 'RS256', publicJwk: { kty, n, e } };
  return undefined;
}

function importKey({ alg, publicJwk }: Pick<ForeignKey, 'alg' | 'publicJwk'>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: publicJwk, format: 'jwk' });
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    const suits =
      alg === 'EdDSA'
        ? key.asymmetricKeyType === 'ed25519'
        : key.asymmetricKeyType === 'rsa' &&
          modulusLength >= LEAST_RSA_BITS &&
          modulusLength <= MOST_RSA_BITS;
    // One key has one spelling: otherwise it could have several thumbprints.
    const spelt = suits ? key.export({ format: 'jwk' }) : undefined;
    const isSpeltSo = spelt && thumbprint(spelt) === thumbprint(publicJwk);
    return isSpeltSo ? key : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The public key in a JWK, Ed25519, or RSA of 2048 to 4096 bits with the usual exponent. Undefined for anything else, and
 * for a key that came with its private half (it is nobody's secret any more).
 */
export function readForeignKey(jwk: unknown): ForeignKey | undefined {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return undefined;
  const members = jwk as Record<string, unknown>;
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(members, name))) return undefined;
  const { alg, use } = members;
  if (use !== undefined && use !== 'sig') return undefined;
  if (alg !== undefined && alg !== 'EdDSA' && alg !== 'Ed25519' && alg !== 'RS256') return undefined;
  const bare = bareKey(members);
  if (!bare || (alg !== undefined && (alg === 'RS256') !== (bare.alg === 'RS256'))) return undefined;
  return importKey(bare) && { ...bare, thumbprint: thumbprint(bare.publicJwk) };
}

/** The `kid` of a JWT's header; undefined where it has none, or is no JWT. Nothing is believed yet. */
export function kidOf(jwt: string): string | undefined {
  if (!isCompact(jwt)) return undefined;
  try {
    const { kid } = decodeProtectedHeader(jwt);
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** The claims of a JWT, its signature unchecked: to know whose key to ask for. Undefined for what is no JWT. */
export function claimsOfUnchecked(jwt: string): Readonly<Record<string, unknown>> | undefined {
  if (!isCompact(jwt)) return undefined;
  try {
    return readClaims(Buffer.from(jwt.split('.')[1]!, 'base64url'));
  } catch {
    return undefined;
  }
}

/** The claims of a JWT that this key has signed under this id; undefined for anything else (RFC 8725 §3.1, §3.10). */
export function readSignedBy(
  jwt: string,
  { alg, publicJwk }: Pick<ForeignKey, 'alg' | 'publicJwk'>,
  kid: string,
): Readonly<Record<string, unknown>> | undefined {
  if (!isCompact(jwt)) return undefined;
  try {
    const header = decodeProtectedHeader(jwt);
    const isOfKey = header.alg === alg || (alg === 'EdDSA' && header.alg === 'Ed25519');
    if (!isOfKey || header.kid !== kid) return undefined;
    if (NOT_UNDERSTOOD.some((name) => Object.hasOwn(header, name))) return undefined;
    const key = importKey({ alg, publicJwk });
    const input = jwt.slice(0, jwt.lastIndexOf('.'));
    const signature = Buffer.from(jwt.slice(input.length + 1), 'base64url');
    const digest = alg === 'EdDSA' ? null : 'sha256';
    if (!key || !verify(digest, Buffer.from(input, 'utf8'), key, signature)) return undefined;
    return readClaims(Buffer.from(input.slice(input.indexOf('.') + 1), 'base64url'));
  } catch {
    return undefined;
  }
}

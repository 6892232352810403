// Owns public keys that are not ours: reading one from a JWK, and checking what its other half signed. In memory only.
// What a signed message must say is in dpop.ts, key-proof.ts and client-assertion.ts; our own keys are in jwt.ts.
// Specification: RFC 7517 (JWK), RFC 7515 (JWS), RFC 7518 §3, RFC 8037 (Ed25519), RFC 8725 §3.

import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { isCompact, readClaims, thumbprint, type SigningAlg } from './jwt.js';

/** What a foreign signature may be made with, by its names on the wire; RFC 9864 gives EdDSA with this curve one of its own. */
export const FOREIGN_ALGS = ['ES256', 'EdDSA', 'Ed25519', 'RS256'] as const;

/** A public key of somebody else, with nothing in it but the key itself. */
export interface PublicKey {
  readonly alg: SigningAlg;
  /** RFC 7638. */
  readonly thumbprint: string;
  readonly publicJwk: JsonWebKey;
  readonly key: KeyObject;
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** RFC 7515 §4.1.11, RFC 7797, RFC 7516: what a header may not demand. */
const NOT_UNDERSTOOD = ['crit', 'b64', 'enc', 'zip'];
const LEAST_RSA_BITS = 2048;
/** A longer key would only make us work. */
const MOST_RSA_BITS = 4096;
const RSA_EXPONENT = 'AQAB';

type Members = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a JWK brings its private half along, which is nobody's secret any more (RFC 9449 §4.2). */
export const isPrivate = (jwk: unknown): boolean =>
  isRecord(jwk) && PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name));

/** The members of the one kind of key that an algorithm uses; undefined for any other kind. */
function bareKey({ kty, crv, x, y, n, e }: Members): Pick<PublicKey, 'alg' | 'publicJwk'> | undefined {
  if (kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string')
    return { alg: 'EdDSA', publicJwk: { kty, crv, x } };
  if (kty === 'EC' && crv === 'P-256' && typeof x === 'string' && typeof y === 'string')
    return { alg: 'ES256', publicJwk: { kty, crv, x, y } };
  if (kty === 'RSA' && typeof n === 'string' && e === RSA_EXPONENT && n.length <= MOST_RSA_BITS / 4)
    return { alg: 'RS256', publicJwk: { kty, n, e } };
  return undefined;
}

/** Whether a name on the wire is that of the one algorithm that a key is used with (RFC 8725 §3.1). */
export const isAlgOf = (name: unknown, alg: SigningAlg): boolean =>
  name === alg || (alg === 'EdDSA' && name === 'Ed25519');

/** The key itself; undefined where it is of another kind or size, or spelt in another way than its one right one. */
export function importPublicKey({
  alg,
  publicJwk,
}: Pick<PublicKey, 'alg' | 'publicJwk'>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: publicJwk, format: 'jwk' });
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (alg === 'RS256' && (modulusLength < LEAST_RSA_BITS || modulusLength > MOST_RSA_BITS))
      return undefined;
    // Otherwise one key could have several thumbprints.
    return thumbprint(key.export({ format: 'jwk' })) === thumbprint(publicJwk) ? key : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The public key in a JWK: Ed25519, P-256, or RSA of 2048 to 4096 bits with the usual exponent. Undefined for anything else,
 * for one that is marked for another algorithm or use, and for one that came with its private half.
 */
export function readPublicKey(jwk: unknown): PublicKey | undefined {
  if (!isRecord(jwk) || isPrivate(jwk)) return undefined;
  const bare = bareKey(jwk);
  const { alg, use } = jwk;
  if (!bare || (use !== undefined && use !== 'sig')) return undefined;
  if (alg !== undefined && !isAlgOf(alg, bare.alg)) return undefined;
  const key = importPublicKey(bare);
  return key && { ...bare, thumbprint: thumbprint(bare.publicJwk), key };
}

/** NUL, as JSON writes it: no text that is kept can hold it, and PostgreSQL refuses to be asked for one. */
const NUL = /(?<!\\)(?:\\\\)*\\u0000/;

const bytesOf = (part: string): Buffer => Buffer.from(part, 'base64url');
const holdsNul = (json: Buffer): boolean => json.includes('\\u0000') && NUL.test(json.toString('latin1'));

/** The header of a JWT, unless it is none, holds NUL, or demands what is not understood. Nothing is believed yet. */
export function headerOf(jwt: string): Members | undefined {
  if (!isCompact(jwt) || holdsNul(bytesOf(jwt.slice(0, jwt.indexOf('.'))))) return undefined;
  try {
    const header = decodeProtectedHeader(jwt) as Members;
    return NOT_UNDERSTOOD.some((name) => Object.hasOwn(header, name)) ? undefined : header;
  } catch {
    return undefined;
  }
}

/** The claims of a JWT, unread and unchecked; undefined for what holds none, or holds NUL. */
export function claimsOfUnchecked(jwt: string): Members | undefined {
  if (!isCompact(jwt)) return undefined;
  try {
    const claims = bytesOf(jwt.slice(jwt.indexOf('.') + 1, jwt.lastIndexOf('.')));
    return holdsNul(claims) ? undefined : readClaims(claims);
  } catch {
    return undefined;
  }
}

/** Whether the signature of a JWT is this key's. Its form was looked at (`headerOf`). */
export function isSignedBy(jwt: string, { alg, key }: Pick<PublicKey, 'alg' | 'key'>): boolean {
  const end = jwt.lastIndexOf('.');
  const input = Buffer.from(jwt.slice(0, end), 'utf8');
  const signature = Buffer.from(jwt.slice(end + 1), 'base64url');
  // In this thread: from the pool, it would wait behind every password that is being hashed.
  return verify(alg === 'EdDSA' ? null : 'sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

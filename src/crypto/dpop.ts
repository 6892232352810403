// Owns the form of a DPoP proof: one signed JWT that brings its own public key along. In memory only.
// What it was made for, when, and whether it was shown before, is for domain/dpop.ts.
// Specification: RFC 9449 §4.2, §4.3 (2) to (7), RFC 7515, RFC 8725.

import { isCompact } from './jwt.js';
import { sha256 } from './secrets.js';
import {
  claimsOfUnchecked,
  FOREIGN_ALGS,
  headerOf,
  isAlgOf,
  isPrivate,
  isSignedBy,
  readPublicKey,
  type PublicKey,
} from './public-keys.js';

export const DPOP_ALGS = FOREIGN_ALGS;

/** The claims of a proof, read and not yet judged. */
export interface DpopClaims {
  readonly jti: string;
  readonly method: string;
  readonly address: string;
  /** Seconds since 1970, by the tool's clock. */
  readonly issuedAt: number;
  readonly nonce: string | undefined;
  readonly tokenHash: string | undefined;
}

/** Why a text is no proof, each by its check of RFC 9449 §4.3. */
export type DpopFault = 'form' | 'type' | 'algorithm' | 'private-key' | 'key' | 'signature' | 'claims';

export type ReadDpop =
  | { readonly thumbprint: string; readonly claims: DpopClaims; readonly fault?: undefined }
  | { readonly fault: DpopFault };

/** Long enough for any random identifier; a longer one would only fill the store (RFC 9449 §11.1). */
const LONGEST_JTI = 256;
const LONGEST_ADDRESS = 2048;
const LONGEST_NONCE = 256;

/**
 * Headers that were read before: a tool signs every proof under the same one, and reading a key costs as much as a signature.
 * What is remembered is public, and only ever the same for the same bytes.
 */
const MOST_REMEMBERED = 1000;
const remembered = new Map<string, PublicKey>();

function readKey(jwt: string): PublicKey | DpopFault {
  const written = jwt.slice(0, Math.max(jwt.indexOf('.'), 0));
  const known = remembered.get(written);
  if (known) return known;
  const header = headerOf(jwt);
  if (!header) return 'form';
  const { typ, alg, jwk } = header;
  if (typeof typ !== 'string' || typ.toLowerCase() !== 'dpop+jwt') return 'type';
  // Neither `none` nor a keyed hash stands in the list (RFC 8725 §3.1).
  if (!(DPOP_ALGS as readonly unknown[]).includes(alg)) return 'algorithm';
  if (isPrivate(jwk)) return 'private-key';
  const key = readPublicKey(jwk);
  if (!key) return 'key';
  if (!isAlgOf(alg, key.alg)) return 'algorithm';
  if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);
  remembered.set(written, key);
  return key;
}

const isText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longest;

const isTextOrAbsent = (value: unknown, longest: number): value is string | undefined =>
  value === undefined || isText(value, longest);

function claimsOf(jwt: string): DpopClaims | undefined {
  const { jti, htm, htu, iat, nonce, ath } = claimsOfUnchecked(jwt) ?? {};
  if (!isText(jti, LONGEST_JTI) || !isText(htm, 20) || !isText(htu, LONGEST_ADDRESS)) return undefined;
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return undefined;
  if (!isTextOrAbsent(nonce, LONGEST_NONCE) || !isTextOrAbsent(ath, LONGEST_NONCE)) return undefined;
  return { jti, method: htm, address: htu, issuedAt: iat, nonce, tokenHash: ath };
}

/** Reads a proof and checks its signature with the key that it brings; what is wrong with it otherwise. */
export function readDpop(jwt: string): ReadDpop {
  const key = readKey(jwt);
  if (typeof key === 'string') return { fault: key };
  // A header that is known says nothing of what follows it.
  if (!isCompact(jwt)) return { fault: 'form' };
  if (!isSignedBy(jwt, key)) return { fault: 'signature' };
  const claims = claimsOf(jwt);
  return claims ? { thumbprint: key.thumbprint, claims } : { fault: 'claims' };
}

/** What a proof calls the token that it goes with: `ath` (RFC 9449 §4.2). */
export const tokenHash = (accessToken: string): string => sha256(accessToken);

// Owns signed tokens: making signing keys, signing with one, and verifying what comes back. All in memory.
// Which key signs and when it rotates is in domain/keys.ts; what a token says and whether it still counts, in domain/tokens.ts.
// Specification: RFC 7515 (JWS), RFC 7519 (JWT), RFC 7638 (thumbprints), RFC 8037 (EdDSA), RFC 8725, RFC 9068 §4.

import { createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose';
import type { ProtectedHeaderParameters } from 'jose';

export type SigningAlg = 'EdDSA' | 'ES256' | 'RS256';

/** A public key as the JWKS publishes it (RFC 7517), for one algorithm only. */
export type PublicJwk = JsonWebKey & { kid: string; alg: SigningAlg; use: 'sig' };

/** `privateJwk` is the private key as JSON text, to be sealed at once. */
export type SigningKey = { kid: string; alg: SigningAlg; publicJwk: PublicJwk; privateJwk: string };

/** A verified token's claims. `iss` was compared, `exp` is a number; the rest is as the issuer wrote it. */
export type Payload = { [claim: string]: unknown; iss: string; exp: number };

const THUMBPRINT_MEMBERS: Record<string, readonly string[]> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
};

/**
 * The SHA-256 thumbprint of a public or private JWK, base64url (RFC 7638 §3, RFC 8037 §2).
 * Throws TypeError for a key type other than EC, OKP and RSA, or one with a member missing.
 */
export function thumbprint(jwk: JsonWebKey): string {
  const members = THUMBPRINT_MEMBERS[jwk.kty ?? ''];
  if (!members) throw new TypeError('a thumbprint needs an EC, OKP or RSA key');
  const entries = members.map((name) => [name, jwk[name]] as const);
  if (entries.some(([, value]) => typeof value !== 'string')) throw new TypeError('the key lacks a member');
  return hash('sha256', JSON.stringify(Object.fromEntries(entries)), 'base64url');
}

/** A new key pair: Ed25519, P-256 or RSA with 2048 bits. Its id is its thumbprint. */
export async function generateSigningKey(alg: SigningAlg): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  const bare = await exportJWK(pair.publicKey);
  const kid = thumbprint(bare);
  const publicJwk = { ...(bare as JsonWebKey), kid, alg, use: 'sig' as const };
  const privateJwk = JSON.stringify({ ...(await exportJWK(pair.privateKey)), kid, alg, use: 'sig' });
  return { kid, alg, publicJwk, privateJwk };
}

/** Whether the key is of the one kind that the algorithm may use: an RSA key under ES256 is a mistake or an attack. */
function suits(key: KeyObject, alg: SigningAlg): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (alg === 'EdDSA') return key.asymmetricKeyType === 'ed25519';
  if (alg === 'ES256') return key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
  return key.asymmetricKeyType === 'rsa' && modulusLength >= 2048;
}

/** ECDSA's R and S side by side, not DER (RFC 7518 §3.4); the other algorithms have one form only. */
const ENCODING = { dsaEncoding: 'ieee-p1363' } as const;

const digestOf = (alg: SigningAlg): 'sha256' | null => (alg === 'EdDSA' ? null : 'sha256');

/**
 * Signs a JWS signing input (`header.payload`, RFC 7515 §5.1) and resolves to the signature in base64url.
 * Throws TypeError at once if the key does not suit the algorithm.
 * With RSA a signature takes most of a millisecond, for which nobody else should wait: it is made in node's pool of threads, where
 * passwords leave it room (crypto/passwords.ts). The others are made at once, since the way there and back costs more than they do.
 */
export function createJwsSignature(from: {
  alg: SigningAlg;
  privateJwk: string;
}): (input: string) => Promise<string> {
  const key = createPrivateKey({ key: JSON.parse(from.privateJwk) as JsonWebKey, format: 'jwk' });
  if (!suits(key, from.alg)) throw new TypeError(`the key does not suit ${from.alg}`);
  const digest = digestOf(from.alg);
  const signing = { key, ...ENCODING };
  if (from.alg !== 'RS256')
    return async (input) => sign(digest, Buffer.from(input, 'utf8'), signing).toString('base64url');
  return (input) =>
    new Promise((resolve, reject) => {
      sign(digest, Buffer.from(input, 'utf8'), signing, (fault, signature) =>
        fault ? reject(fault) : resolve(signature.toString('base64url')),
      );
    });
}

export type Signer = (header: { typ: string }, payload: object) => Promise<string>;

/**
 * Makes the signer of one key: it takes the token's type and its claims and resolves to the compact JWT. The same
 * claims give the same bytes with EdDSA and RS256. Assembled by hand, since this is the hot path of redeeming.
 */
export function createSigner({
  kid,
  alg,
  privateJwk,
}: Pick<SigningKey, 'kid' | 'alg' | 'privateJwk'>): Signer {
  const signature = createJwsSignature({ alg, privateJwk });
  const headers = new Map<string, string>();
  const base64url = (value: object): string =>
    Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
  return async ({ typ }, payload) => {
    let header = headers.get(typ);
    if (header === undefined) {
      header = base64url({ alg, typ, kid });
      headers.set(typ, header);
    }
    const input = `${header}.${base64url(payload)}`;
    return `${input}.${await signature(input)}`;
  };
}

export type VerifyOptions = {
  /** The one media type accepted, as `at+jwt` or `JWT`. */
  typ: string;
  /** Must be the token's audience or one of them. Without it any audience passes: name it, unless you look up the token. */
  audience?: string;
  /** For revocation and hints only, where an expired token is still a name for something. */
  ignoreExpiry?: boolean;
};

export type Verifier = (token: string, options: VerifyOptions) => Promise<Payload | undefined>;

/** How far the clocks of signers and of this verifier may be apart: a token counts for so long after its end. */
export const CLOCK_TOLERANCE_SECONDS = 30;
const MOST_TOKEN_CHARACTERS = 8192;
const MOST_CACHED_KEYS = 64;
/** Headers by which a token would bring its own key, or demand what is not understood (RFC 8725 §3.10, RFC 7515 §4.1.11). */
const REFUSED_HEADERS = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'enc', 'zip'];

/** Three base64url parts, the last one in its only spelling: otherwise one signature could be written in several ways. */
export function isCompact(token: string): boolean {
  if (token.length > MOST_TOKEN_CHARACTERS || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return false;
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** A media type for comparison: RFC 7515 §4.1.9 lets `application/` be left out, and case does not count. */
const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, '');

/** Whether the header may be trusted to name this key: RFC 8725 §3.1 and §3.11, RFC 9068 §4. */
function headerSuits(header: ProtectedHeaderParameters, jwk: PublicJwk, typ: string): boolean {
  if (REFUSED_HEADERS.some((name) => Object.hasOwn(header, name))) return false;
  if (typeof header.typ !== 'string' || mediaType(header.typ) !== mediaType(typ)) return false;
  // The key decides the algorithm, never the token; RFC 9864 gives EdDSA with this curve a name of its own.
  return header.alg === jwk.alg || (jwk.alg === 'EdDSA' && header.alg === 'Ed25519');
}

type Claims = { [claim: string]: unknown };

/** The claims of a payload, which must be an object; throws for bytes that are no JSON in UTF-8. */
export function readClaims(bytes: Uint8Array): Claims | undefined {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
}

function hasAudience(aud: unknown, audience: string): boolean {
  return aud === audience || (Array.isArray(aud) && aud.includes(audience));
}

/** RFC 7519 §4.1: times are numbers of seconds; a token whose time is written otherwise has none to check. */
function isInTime(claims: Claims, nowSeconds: number, tolerance: number, ignoreExpiry: boolean): boolean {
  const { exp, nbf, iat } = claims;
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return false;
  if (iat !== undefined && typeof iat !== 'number') return false;
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= nowSeconds + tolerance)) return false;
  return ignoreExpiry || nowSeconds < exp + tolerance;
}

/** Finds a key by id among those in force, so that a withdrawn key stops counting at once; imports each only once. */
function createKeyFinder() {
  const imported = new Map<string, KeyObject>();
  return (inForce: readonly PublicJwk[], kid: unknown): { jwk: PublicJwk; key: KeyObject } | undefined => {
    const jwk = inForce.find((candidate) => candidate.kid === kid);
    if (!jwk) return undefined;
    const material = `${jwk.alg} ${thumbprint(jwk)}`;
    let key = imported.get(material);
    if (!key) {
      key = createPublicKey({ key: jwk, format: 'jwk' });
      if (!suits(key, jwk.alg)) return undefined;
      if (imported.size >= MOST_CACHED_KEYS) imported.clear();
      imported.set(material, key);
    }
    return { jwk, key };
  };
}

/**
 * Makes the verifier for one issuer and its keys. It answers the claims, or undefined for anything wrong: form, size
 * (8 KiB), header, key, algorithm, signature, type, issuer, audience, time. It never throws for what a token contains.
 * Whether the token was revoked, and whether its `cnf` was proved, is for the caller.
 */
export function createVerifier({
  keys,
  issuer,
  clockToleranceSeconds = CLOCK_TOLERANCE_SECONDS,
  now,
}: {
  keys: () => readonly PublicJwk[];
  issuer: string;
  clockToleranceSeconds?: number;
  now: () => Date;
}): Verifier {
  const findKey = createKeyFinder();

  /** The claims, once the header names a key in force and the signature is that key's. */
  function signedClaims(token: string, typ: string): Claims | undefined {
    const inForce = keys();
    try {
      const header = decodeProtectedHeader(token);
      const found = findKey(inForce, header.kid);
      if (!found || !headerSuits(header, found.jwk, typ)) return undefined;
      const input = token.slice(0, token.lastIndexOf('.'));
      const signature = Buffer.from(token.slice(input.length + 1), 'base64url');
      const key = { key: found.key, ...ENCODING };
      // In this thread: from the pool, a token would wait behind every password that is being hashed.
      if (!verify(digestOf(found.jwk.alg), Buffer.from(input, 'utf8'), key, signature)) return undefined;
      return readClaims(Buffer.from(input.slice(input.indexOf('.') + 1), 'base64url'));
    } catch {
      return undefined;
    }
  }

  return async (token, { typ, audience, ignoreExpiry = false }) => {
    if (typeof token !== 'string' || !isCompact(token)) return undefined;
    const claims = signedClaims(token, typ);
    if (!claims || claims.iss !== issuer) return undefined;
    if (audience !== undefined && !hasAudience(claims.aud, audience)) return undefined;
    const nowSeconds = now().getTime() / 1000;
    if (!isInTime(claims, nowSeconds, clockToleranceSeconds, ignoreExpiry)) return undefined;
    return claims as Payload;
  };
}

/**
 * The left half of a token's hash, base64url: `at_hash` and `c_hash` (OpenID Connect Core §3.1.3.6). SHA-256, or SHA-512
 * where the ID token is signed with EdDSA, since that is the hash inside Ed25519.
 */
export function halfHash(token: string, alg: SigningAlg): string {
  const digest = hash(alg === 'EdDSA' ? 'sha512' : 'sha256', token, 'buffer');
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

// Clients that prove who they are with a key: the public keys that the operator registers for one, and the assertion that it
// signs for each request. No address of keys is ever fetched. RFC 7523 §2.2, §3; OpenID Connect Core 1.0 §9.
import {
  claimsOfUnchecked,
  FOREIGN_ALGS,
  headerOf,
  isAlgOf,
  isSignedBy,
  readPublicKey,
  type PublicKey,
} from '../crypto/public-keys.js';
import type { SigningAlg } from '../crypto/jwt.js';
import { sha256 } from '../crypto/secrets.js';
import { DomainError } from './vocabulary.js';

/** A public key of a client, with nothing in it but the key and its name. */
export interface ClientKey {
  readonly kid: string | undefined;
  readonly alg: SigningAlg;
  readonly publicJwk: PublicKey['publicJwk'];
}

/** What an assertion may be signed with, by its names on the wire. */
export const ASSERTION_ALGS = FOREIGN_ALGS;

const MOST_KEYS = 8;
/** An assertion is made for one request: one that counts for longer is a password. */
export const ASSERTION_SECONDS = 300;
const CLOCK_SKEW_SECONDS = 30;
const LONGEST_JTI = 256;

const refused = (publicDetail: string): DomainError =>
  new DomainError('client-metadata-invalid', { publicDetail });

/** The keys of a JWK set. Refuses `client-metadata-invalid`: no set, no key, more than eight, one that is private or of no use. */
export function readClientKeys(jwks: unknown): ClientKey[] {
  const keys = typeof jwks === 'object' && jwks !== null ? (jwks as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS)
    throw refused(`the keys must be a JWK set of 1 to ${MOST_KEYS} keys (RFC 7517)`);
  return keys.map((jwk: unknown) => {
    const read = readPublicKey(jwk);
    if (!read) throw refused('each key must be a public one: Ed25519, P-256, or RSA of 2048 to 4096 bits');
    const { kid } = jwk as { kid?: unknown };
    return { kid: typeof kid === 'string' ? kid : undefined, alg: read.alg, publicJwk: read.publicJwk };
  });
}

/** Whom an assertion says that it speaks for; nothing is believed yet. */
export function subjectOf(assertion: string): string | undefined {
  const sub = claimsOfUnchecked(assertion)?.['sub'];
  return typeof sub === 'string' ? sub : undefined;
}

/** Each name is one of ours: what was made for another server too could be that one's to show here. */
function isForUs(aud: unknown, audiences: readonly string[]): boolean {
  const named: unknown[] = [aud].flat();
  return named.length > 0 && named.every((name) => typeof name === 'string' && audiences.includes(name));
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

function isInTime({ exp, iat, nbf }: Readonly<Record<string, unknown>>, nowSeconds: number): boolean {
  if (!isTime(exp) || exp <= nowSeconds - CLOCK_SKEW_SECONDS) return false;
  if (exp > nowSeconds + ASSERTION_SECONDS + CLOCK_SKEW_SECONDS) return false;
  const isPast = (time: unknown): boolean =>
    time === undefined || (isTime(time) && time <= nowSeconds + CLOCK_SKEW_SECONDS);
  return isPast(iat) && isPast(nbf);
}

/** One of the client's keys has signed it, under the name that the key has, if it is named at all. */
function isSignedByOne(jwt: string, keys: readonly ClientKey[]): boolean {
  const header = headerOf(jwt);
  if (!header) return false;
  const { alg, kid } = header;
  return keys
    .filter((key) => isAlgOf(alg, key.alg) && (kid === undefined || key.kid === undefined || kid === key.kid))
    .some((known) => {
      const read = readPublicKey(known.publicJwk);
      return read !== undefined && isSignedBy(jwt, read);
    });
}

/**
 * A right assertion of a client: the hash that names it, and until when it could be shown; it counts once. Undefined for
 * anything wrong. RFC 7523 §3.
 */
export function readAssertion(
  jwt: string,
  expected: {
    readonly clientId: string;
    readonly keys: readonly ClientKey[];
    readonly audiences: readonly string[];
    readonly now: Date;
  },
): { readonly hash: string; readonly staleAt: Date } | undefined {
  const { clientId, keys, audiences, now } = expected;
  const claims = claimsOfUnchecked(jwt);
  if (!claims || claims['iss'] !== clientId || claims['sub'] !== clientId) return undefined;
  const { aud, exp, jti } = claims;
  if (!isForUs(aud, audiences) || !isInTime(claims, now.getTime() / 1000)) return undefined;
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) return undefined;
  if (!isSignedByOne(jwt, keys)) return undefined;
  const staleAt = new Date((Number(exp) + 2 * CLOCK_SKEW_SECONDS) * 1000);
  return { hash: sha256(`assertion ${clientId} ${jti}`), staleAt };
}

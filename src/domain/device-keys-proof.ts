// What a tool's own key is, and what it proves: the public key as a tool sends it, and the JWT that a tool signs with it to
// show that it holds the other half. Who may have a key, and what it gets for a proof, is in `device-keys`.
// PIN-API 5; RFC 7517, RFC 7519, RFC 7638.
import { readForeignKey, readSignedBy, type ForeignKey } from '../crypto/key-proof.js';
import { DomainError } from './vocabulary.js';

/** A tool's own public key, under the id that the tool gave it. */
export interface DeviceKeyMaterial extends ForeignKey {
  /** The tool's own word for its key, kept and given back verbatim. It need not be unique. */
  readonly kid: string;
}

/** The facts about a person that a token of a tool with a key may tell. */
export const PERSON_SCOPES = [
  'username',
  'email',
  'friendly_name',
  'restricted',
  'anonymous',
  'joinedAt',
] as const;
export type PersonScope = (typeof PERSON_SCOPES)[number];

/** What a proof asks for: it is copied into the token that it gets. */
export interface ProofClaims {
  readonly nonce: string | undefined;
  /** Words of PIN-API 5 (`username`, `email`, …): what the token shall tell of the person. */
  readonly scopes: readonly PersonScope[];
}

/** Clients sign once and send the same proof for minutes, with clocks of their own. */
const LOOSE_SECONDS = 24 * 3600;
const LONGEST_NONCE = 200;

/** Reads a JWK as a tool sent it. Refuses `key-invalid`: no Ed25519 or RSA key, one with its private half, no usable id. */
export function readDeviceKey(jwk: unknown): DeviceKeyMaterial {
  const key = readForeignKey(jwk);
  const kid: unknown = key && (jwk as { kid?: unknown }).kid;
  if (!key || typeof kid !== 'string' || !/^[\x20-\x7e]{1,128}$/.test(kid)) {
    const publicDetail = 'a key must be a public Ed25519 or RSA key (2048 to 4096 bits) as a JWK with a kid';
    throw new DomainError('key-invalid', { publicDetail });
  }
  return { ...key, kid };
}

const isNumberOrAbsent = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value));

/** Times may be missing; where there are any, a day more or less does not matter. */
function isInTime({ exp, iat }: Readonly<Record<string, unknown>>, nowSeconds: number): boolean {
  if (!isNumberOrAbsent(exp) || !isNumberOrAbsent(iat)) return false;
  const isExpired = exp !== undefined && exp + LOOSE_SECONDS <= nowSeconds;
  const isForeignTime = iat !== undefined && Math.abs(nowSeconds - iat) > LOOSE_SECONDS;
  return !isExpired && !isForeignTime;
}

/**
 * What a JWT says that this key has signed: for this audience, issued by the tool itself, under the key's own id.
 * Undefined for anything else. A nonce is only read here: whether it is ours and unused is for the caller.
 */
export function readProof(
  jwt: string,
  key: DeviceKeyMaterial,
  expected: { readonly identifier: string; readonly audience: string; readonly now: Date },
): ProofClaims | undefined {
  const claims = readSignedBy(jwt, key, key.kid);
  if (!claims || claims['iss'] !== expected.identifier) return undefined;
  const audience = [claims['aud']].flat();
  if (!audience.includes(expected.audience) || !isInTime(claims, expected.now.getTime() / 1000))
    return undefined;
  const { nonce, scope } = claims;
  const asked = typeof scope === 'string' ? scope.split(/[\s,]+/) : [];
  return {
    nonce: typeof nonce === 'string' && nonce.length <= LONGEST_NONCE ? nonce : undefined,
    scopes: PERSON_SCOPES.filter((word) => asked.includes(word)),
  };
}

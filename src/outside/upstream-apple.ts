// Apple's two ways of its own: a client secret that we sign ourselves, and a name that comes once, beside the answer and
// unsigned. Specification: Apple, "Creating a client secret" (ES256, at most six months; RFC 7518 §3.4 for the signature).
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';

const AUDIENCE = 'https://appleid.apple.com';
/** Each is made for one call. */
const LIFE_SECONDS = 300;

export interface AppleKey {
  readonly clientId: string;
  readonly teamId: string;
  readonly keyId: string;
  /** PKCS #8 in PEM, of the curve P-256. */
  readonly privateKey: string;
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Makes the function that signs a new client secret, good for five minutes. `now` gives milliseconds since 1970. */
export function createAppleSecret(
  { clientId, teamId, keyId, privateKey }: AppleKey,
  now: () => number = Date.now,
): () => string {
  const key: KeyObject = createPrivateKey(privateKey);
  return () => {
    const issuedAt = Math.floor(now() / 1000);
    const claims = {
      iss: teamId,
      iat: issuedAt,
      exp: issuedAt + LIFE_SECONDS,
      aud: AUDIENCE,
      sub: clientId,
    };
    const signed = `${part({ alg: 'ES256', kid: keyId })}.${part(claims)}`;
    // RFC 7518 §3.4: the two numbers side by side, and not in DER.
    const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  };
}

/** The name in the field `user`, which comes with a person's first answer and never again; nobody signed it. */
export function readAppleName(field: string | undefined): string {
  try {
    const user: unknown = JSON.parse(field ?? '');
    const { name } = user as { name?: { firstName?: unknown; lastName?: unknown } };
    return [name?.firstName, name?.lastName].filter((each) => typeof each === 'string').join(' ');
  } catch {
    return '';
  }
}

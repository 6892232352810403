// A key as a tool has one, and what it signs with it: proofs of possession (RFC 9449) and client assertions (RFC 7523), right by
// default and wrong wherever a test says so. Written from the specifications, with nothing of src.
import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';

export type ProofKeyAlg = 'ES256' | 'EdDSA' | 'RS256';
type Members = Record<string, unknown>;

export type ProofKey = ReturnType<typeof createProofKey>;

const MADE: Record<ProofKeyAlg, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

const encoded = (part: Members): string => Buffer.from(JSON.stringify(part)).toString('base64url');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

function thumbprintOf({ kty, crv, x, y, e, n }: Members): string {
  if (kty === 'EC') return sha256(JSON.stringify({ crv, kty, x, y }));
  return sha256(JSON.stringify(kty === 'OKP' ? { crv, kty, x } : { e, kty, n }));
}

export function createProofKey(alg: ProofKeyAlg = 'ES256') {
  const { publicKey, privateKey } = MADE[alg]();
  const jwk = publicKey.export({ format: 'jwk' }) as Members;
  const privateJwk = privateKey.export({ format: 'jwk' }) as Members;

  function signed(header: Members, claims: Members): string {
    const input = `${encoded(header)}.${encoded(claims)}`;
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
    return `${input}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key).toString('base64url')}`;
  }

  return {
    alg,
    jwk,
    privateJwk,
    thumbprint: thumbprintOf(jwk),
    signed,

    /** A proof for one request; `header` and `claims` say what is to be different, `undefined` what is to be missing. */
    proof(
      request: { htm?: string; htu: string; iat: number; nonce?: string; accessToken?: string },
      { header = {}, claims = {} }: { header?: Members; claims?: Members } = {},
    ): string {
      const { htm = 'POST', accessToken, ...rest } = request;
      const ath = accessToken === undefined ? {} : { ath: sha256(accessToken) };
      return signed(
        { typ: 'dpop+jwt', alg, jwk, ...header },
        { jti: randomUUID(), htm, ...rest, ...ath, ...claims },
      );
    },

    /** An assertion of a client, good for a minute. */
    assertion(
      about: { clientId: string; audience: string | string[]; iat: number },
      { header = {}, claims = {} }: { header?: Members; claims?: Members } = {},
    ): string {
      const { clientId, audience: aud, iat } = about;
      const named = { iss: clientId, sub: clientId, aud, jti: randomUUID(), iat, exp: iat + 60 };
      return signed({ alg, ...header }, { ...named, ...claims });
    },
  };
}

// An authenticator in software, for tests of passkeys: it makes real keys, counts, and answers as a browser would hand it on
// (WebAuthn Level 3 §6.1, §6.5.4), and can be made to do each thing wrong. CBOR is written here for the few shapes it takes.
import {
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

type Cbor = number | string | Buffer | readonly (readonly [Cbor, Cbor])[];

function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  if (value < 256) return Buffer.from([(major << 5) | 24, value]);
  return Buffer.from([(major << 5) | 25, value >> 8, value & 255]);
}

/** RFC 8949, for whole numbers, texts, bytes and maps. */
export function encodeCbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([head(3, text.length), text]);
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const entries = value.flatMap(([key, each]) => [encodeCbor(key), encodeCbor(each)]);
  return Buffer.concat([head(5, value.length), ...entries]);
}

export type Algorithm = 'ES256' | 'EdDSA' | 'RS256';

const bytesOf = (text: string | undefined) => Buffer.from(text ?? '', 'base64url');

/** RFC 9053 §7: the public key as authenticators write it. */
function coseKey(algorithm: Algorithm, { x, y, n, e }: JsonWebKey): Buffer {
  if (algorithm === 'ES256') {
    return encodeCbor([
      ...([[1, 2], [3, -7], [-1, 1]] as const), // prettier-ignore
      [-2, bytesOf(x)],
      [-3, bytesOf(y)],
    ]);
  }
  if (algorithm === 'EdDSA') {
    return encodeCbor([...([[1, 1], [3, -8], [-1, 6]] as const), [-2, bytesOf(x)]]); // prettier-ignore
  }
  return encodeCbor([...([[1, 3], [3, -257]] as const), [-1, bytesOf(n)], [-2, bytesOf(e)]]); // prettier-ignore
}

function newKeys(algorithm: Algorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();

/** What one ceremony does otherwise than it should. */
export interface Otherwise {
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly challenge?: string;
  readonly crossOrigin?: boolean;
  readonly isPresent?: boolean;
  readonly isVerified?: boolean;
  readonly isBackupEligible?: boolean;
  readonly isBackedUp?: boolean;
  readonly signCount?: number;
  readonly userHandle?: string | undefined;
  /** Signed by another key. */
  readonly isForged?: boolean;
  readonly algorithmNumber?: number;
}

export interface AuthenticatorOptions {
  readonly origin: string;
  readonly rpId?: string;
  readonly algorithm?: Algorithm;
  readonly isVerifying?: boolean;
  readonly isSynced?: boolean;
  /** Whether it counts; many do not. */
  readonly isCounting?: boolean;
}

interface Asked {
  readonly challenge?: unknown;
  readonly user?: unknown;
}

export type SoftAuthenticator = ReturnType<typeof createAuthenticator>;

/** An authenticator with one passkey: `make` makes it, `answer` signs with it. Both take the options that a page was given. */
export function createAuthenticator({
  origin,
  rpId = new URL(origin).hostname,
  algorithm = 'ES256',
  isVerifying = true,
  isSynced = false,
  isCounting = !isSynced,
}: AuthenticatorOptions) {
  const keys = newKeys(algorithm);
  const credentialId = randomBytes(16);
  const id = credentialId.toString('base64url');
  let signCount = 0;
  let userHandle: string | undefined;

  const clientData = (type: string, { challenge }: Asked, otherwise: Otherwise): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: otherwise.type ?? type,
        challenge: otherwise.challenge ?? challenge,
        origin: otherwise.origin ?? origin,
        crossOrigin: otherwise.crossOrigin ?? false,
      }),
    );

  function authenticatorData(otherwise: Otherwise, attested = Buffer.alloc(0)): Buffer {
    const flags =
      ((otherwise.isPresent ?? true) ? 1 : 0) |
      ((otherwise.isVerified ?? isVerifying) ? 4 : 0) |
      ((otherwise.isBackupEligible ?? isSynced) ? 8 : 0) |
      ((otherwise.isBackedUp ?? isSynced) ? 16 : 0) |
      (attested.length > 0 ? 64 : 0);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(otherwise.signCount ?? signCount);
    return Buffer.concat([sha256(otherwise.rpId ?? rpId), Buffer.from([flags]), count, attested]);
  }

  return {
    id,

    /** What the browser hands on after `navigator.credentials.create`, as JSON. */
    make(options: Asked, otherwise: Otherwise = {}): string {
      userHandle = (options.user as { id?: string } | undefined)?.id;
      if (isCounting) signCount += 1;
      let key = coseKey(algorithm, keys.publicKey.export({ format: 'jwk' }));
      if (otherwise.algorithmNumber !== undefined)
        key = encodeCbor([[1, 2], [3, otherwise.algorithmNumber], [-1, 1], [-2, Buffer.alloc(32)]]); // prettier-ignore
      const length = Buffer.from([credentialId.length >> 8, credentialId.length & 255]);
      const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, key]);
      const attestationObject = encodeCbor([
        ['fmt', 'none'],
        ['attStmt', []],
        ['authData', authenticatorData(otherwise, attested)],
      ]);
      return JSON.stringify({
        ...{ id, rawId: id, type: 'public-key' },
        clientExtensionResults: { credProps: { rk: true } },
        response: {
          clientDataJSON: clientData('webauthn.create', options, otherwise).toString('base64url'),
          attestationObject: attestationObject.toString('base64url'),
          transports: ['internal', 'hybrid', 'made-up'],
        },
      });
    },

    /** The same after `navigator.credentials.get`. */
    answer(options: Asked, otherwise: Otherwise = {}): string {
      if (isCounting) signCount += 1;
      const client = clientData('webauthn.get', options, otherwise);
      const data = authenticatorData(otherwise);
      const { privateKey } = otherwise.isForged ? newKeys(algorithm) : keys;
      const signed = Buffer.concat([data, sha256(client)]);
      const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', signed, privateKey);
      const handle = 'userHandle' in otherwise ? otherwise.userHandle : userHandle;
      return JSON.stringify({
        ...{ id, rawId: id, type: 'public-key', clientExtensionResults: {} },
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(handle === undefined ? {} : { userHandle: handle }),
        },
      });
    },
  };
}

// Owns randomness, hashes, constant-time comparison, and the keyring that every sealed or keyed value is made with.
// Passwords are in passwords.ts, one-time codes in totp.ts, signed tokens in jwt.ts. It keeps nothing and reads no settings.
// Specification: RFC 2104 (HMAC), RFC 5869 (HKDF), NIST SP 800-38D (AES-GCM), RFC 4648 §5 (base64url).

import * as nodeCrypto from 'node:crypto';

const POOL_BYTES = 4096;
const pool = Buffer.alloc(POOL_BYTES);
let poolUsed = POOL_BYTES;

/** Calls `use` with `bytes` fresh random bytes, which are wiped when it returns and never handed out again. */
function withRandomBytes<T>(bytes: number, use: (fresh: Buffer) => T): T {
  if (bytes > POOL_BYTES) return use(nodeCrypto.randomBytes(bytes));
  if (poolUsed + bytes > POOL_BYTES) {
    nodeCrypto.randomFillSync(pool);
    poolUsed = 0;
  }
  const fresh = pool.subarray(poolUsed, poolUsed + bytes);
  poolUsed += bytes;
  try {
    return use(fresh);
  } finally {
    fresh.fill(0);
  }
}

/**
 * A new secret of `bytes` (default 32) bytes from the system's generator, as base64url without padding.
 * Throws RangeError for less than 8 bytes: 64 bits is the least that may stand even behind a throttle.
 */
export function randomSecret(bytes = 32): string {
  if (!Number.isInteger(bytes) || bytes < 8) throw new RangeError('a secret needs at least 8 bytes');
  return withRandomBytes(bytes, (fresh) => fresh.toString('base64url'));
}

/** A random whole number from 1 to `highest`, each equally likely. */
export const randomNumber = (highest: number): number => nodeCrypto.randomInt(1, highest + 1);

/** A UUID's text from its two halves, as hexadecimal. */
function asUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * A UUID of version 7: ids made later sort later, so that an index grows at its end (RFC 9562 §5.7). 74 bits are random:
 * it cannot be guessed, but it tells when it was made. For rows, not for people.
 */
export function timeOrderedId(at: Date): string {
  return withRandomBytes(16, (fresh) => {
    fresh.writeUIntBE(at.getTime(), 0, 6);
    fresh[6] = (fresh[6]! & 0x0f) | 0x70;
    fresh[8] = (fresh[8]! & 0x3f) | 0x80;
    return asUuid(fresh.toString('hex'));
  });
}

/** No id that was made at that moment or later sorts before it. */
export function leastTimeOrderedId(at: Date): string {
  return asUuid(`${at.getTime().toString(16).padStart(12, '0')}70008000000000000000`);
}

/** SHA-256 of the text's UTF-8 bytes, as base64url without padding (43 characters). */
export function sha256(text: string): string {
  return nodeCrypto.hash('sha256', text, 'base64url');
}

/** SHA-256 of the text's UTF-8 bytes, as 32 bytes. */
export function sha256Bytes(text: string): Buffer {
  return nodeCrypto.hash('sha256', text, 'buffer');
}

export type MacPart = string | Buffer | number;

/** One part as bytes: a tag for its kind, its length (32 bits, big-endian), itself. Two part lists never encode alike. */
function framed(part: MacPart): Buffer {
  if (typeof part === 'number' && !Number.isFinite(part))
    throw new RangeError('a part must be a finite number');
  const kind = typeof part === 'string' ? 's' : typeof part === 'number' ? 'n' : 'b';
  const body = typeof part === 'number' ? String(part) : part;
  const length = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(5 + length);
  frame.writeUInt8(kind.charCodeAt(0), 0);
  frame.writeUInt32BE(length, 1);
  if (typeof body === 'string') frame.write(body, 5, 'utf8');
  else body.copy(frame, 5);
  return frame;
}

/** HMAC-SHA-256 (RFC 2104) over the framed parts, 32 bytes. `'ab','c'` and `'a','bc'` differ, and so do `1` and `'1'`. */
export function hmac(key: Buffer, ...parts: MacPart[]): Buffer {
  const mac = nodeCrypto.createHmac('sha256', key);
  for (const part of parts) mac.update(framed(part));
  return mac.digest();
}

/** Whether two texts are the same, in a time that depends on neither's content, nor on where they differ. */
export function equal(a: string, b: string): boolean {
  return nodeCrypto.timingSafeEqual(sha256Bytes(a), sha256Bytes(b));
}

/**
 * A random code of `length` characters, each equally likely: bytes past the last whole multiple of the alphabet are
 * drawn again, so there is no modulo bias (RFC 8628 §6.1). The alphabet has 2 to 256 different one-unit characters.
 */
export function drawCode(alphabet: string, length: number): string {
  refuseUnusable(alphabet);
  if (!Number.isInteger(length) || length < 1) throw new RangeError('a code has at least one character');
  let code = '';
  while (code.length < length)
    code += withRandomBytes(16, (fresh) => lettersOf(alphabet, fresh, length - code.length));
  return code;
}

/** The few alphabets there are, once they have been looked at. */
const usable = new Set<string>();

function refuseUnusable(alphabet: string): void {
  if (usable.has(alphabet)) return;
  const size = alphabet.length;
  if (size < 2 || size > 256 || new Set(alphabet).size !== size) {
    throw new RangeError('an alphabet has 2 to 256 different characters');
  }
  usable.add(alphabet);
}

/** The first letters that bytes stand for, `most` of them; those past the last whole multiple of the alphabet stand for none. */
function lettersOf(alphabet: string, bytes: Buffer, most: number): string {
  const size = alphabet.length;
  const limit = 256 - (256 % size);
  let letters = '';
  for (let at = 0; at < bytes.length && letters.length < most; at++)
    if (bytes[at]! < limit) letters += alphabet.charAt(bytes[at]! % size);
  return letters;
}

/** What a key is for. A value made for one purpose means nothing for another. */
export type Purpose =
  | 'totp'
  | 'signing-key'
  | 'user-code'
  | 'drawn-code'
  | 'recovery-code'
  | 'pepper'
  | 'refresh'
  | 'csrf'
  | 'cookie'
  | 'pending-code'
  | 'review-page'
  | 'authorization-code'
  | 'handover'
  | 'outbox'
  | 'mail-token'
  | 'nonce'
  | 'dpop-nonce'
  | 'app-password'
  | 'network'
  | 'upstream';

/** A sealed value that no key here opens: made with a forgotten secret, for another use, or changed since. */
export class SecretUnreadable extends Error {
  constructor() {
    super('the sealed value cannot be read with the secrets at hand');
    this.name = 'SecretUnreadable';
  }
}

/** Keys for every purpose, from the current root secret and, while one is being replaced, the previous. */
export type Keyring = {
  /** Names the current root secret without telling anything of it. Eight base64url characters. */
  readonly currentId: string;
  /** Encrypts for one purpose and one context (say, the row it is kept in): `<keyId>.<base64url of iv|ciphertext|tag>`. */
  seal(purpose: Purpose, plaintext: string, context: string): string;
  /** The plaintext of a sealed value. Throws SecretUnreadable for another purpose, context or secret, and for any change. */
  open(purpose: Purpose, sealed: string, context: string): string;
  /** The key id that a sealed value, or a mac, was made with: compare with `currentId` to know what to seal again. */
  sealedWith(sealed: string): string;
  /** A keyed hash to keep or to look up by: `<keyId>.<base64url>`, with the current key. */
  mac(purpose: Purpose, ...parts: MacPart[]): string;
  /** The same with every key, the current one first, so that look-ups find what the previous secret made. */
  macs(purpose: Purpose, ...parts: MacPart[]): string[];
  /** The same with the key of that id; undefined if it is not at hand. */
  macWith(keyId: string, purpose: Purpose, ...parts: MacPart[]): string | undefined;
  /**
   * A code that looks drawn, and is the same each time for the same context: whoever has the key need not keep it. With the
   * key of that id; undefined if it is not at hand.
   */
  codeWith(
    keyId: string,
    purpose: Purpose,
    shape: { alphabet: string; length: number },
    context: string,
  ): string | undefined;
  /** The current 32-byte key of a purpose. */
  key(purpose: Purpose): Buffer;
  /** The 32-byte key of a purpose under the root secret of that id; undefined if it is not at hand. */
  keyOf(keyId: string, purpose: Purpose): Buffer | undefined;
};

const IV_BYTES = 12;
const TAG_BYTES = 16;
const LEAST_SECRET_CHARACTERS = 32;

type Root = { readonly id: string; derive(label: string): Buffer };

/** One root secret: its id, and a 32-byte HKDF-SHA-256 key per label (RFC 5869), derived once. */
function createRoot(secret: string): Root {
  if (secret.length < LEAST_SECRET_CHARACTERS) {
    throw new RangeError(`a root secret needs at least ${LEAST_SECRET_CHARACTERS} characters`);
  }
  const derived = new Map<string, Buffer>();
  const derive = (label: string): Buffer => {
    let key = derived.get(label);
    if (key === undefined) {
      key = Buffer.from(nodeCrypto.hkdfSync('sha256', secret, 'linchpin', `linchpin/1/${label}`, 32));
      derived.set(label, key);
    }
    return key;
  };
  const id = nodeCrypto.createHash('sha256').update(derive('key-id')).digest('base64url').slice(0, 8);
  return { id, derive };
}

/** Binds a ciphertext to what it is for: without it, a row's sealed value could be moved into another row. */
function boundTo(purpose: Purpose, context: string): Buffer {
  return Buffer.concat([framed(purpose), framed(context)]);
}

function sealWith(key: Buffer, bound: Buffer, plaintext: string): string {
  return withRandomBytes(IV_BYTES, (iv) => {
    const cipher = nodeCrypto.createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(bound);
    const sealed = [iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString('base64url');
  });
}

/** The plaintext, or undefined for a value that is not exactly what `sealWith` made. */
function openWith(key: Buffer, bound: Buffer, text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // The decoder skips foreign characters and spare bits; one value must have one spelling.
  if (bytes.toString('base64url') !== text || bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = nodeCrypto.createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bound);
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    const opened = decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/**
 * Makes the keyring from the root secret and, during a change, the one before it. Throws RangeError if either has less
 * than 32 characters. What is made uses `secret`; what was made with `previous` can still be opened and looked up.
 */
export function createKeyring({ secret, previous }: { secret: string; previous?: string }): Keyring {
  const current = createRoot(secret);
  const roots = previous === undefined || previous === secret ? [current] : [current, createRoot(previous)];
  const rootOf = (keyId: string): Root | undefined => roots.find((root) => root.id === keyId);
  const macFrom = (root: Root, purpose: Purpose, parts: MacPart[]): string =>
    `${root.id}.${hmac(root.derive(`mac/${purpose}`), ...parts).toString('base64url')}`;

  return {
    currentId: current.id,
    seal: (purpose, plaintext, context) =>
      `${current.id}.${sealWith(current.derive(`seal/${purpose}`), boundTo(purpose, context), plaintext)}`,
    open(purpose, sealed, context) {
      const dot = sealed.indexOf('.');
      const root = rootOf(sealed.slice(0, Math.max(dot, 0)));
      const bound = boundTo(purpose, context);
      const opened = root && openWith(root.derive(`seal/${purpose}`), bound, sealed.slice(dot + 1));
      if (opened === undefined) throw new SecretUnreadable();
      return opened;
    },
    sealedWith: (sealed) => sealed.slice(0, Math.max(sealed.indexOf('.'), 0)),
    mac: (purpose, ...parts) => macFrom(current, purpose, parts),
    macs: (purpose, ...parts) => roots.map((root) => macFrom(root, purpose, parts)),
    macWith(keyId, purpose, ...parts) {
      const root = rootOf(keyId);
      return root && macFrom(root, purpose, parts);
    },
    codeWith(keyId, purpose, { alphabet, length }, context) {
      const key = rootOf(keyId)?.derive(`mac/${purpose}`);
      if (!key) return undefined;
      let code = '';
      for (let block = 0; code.length < length; block++)
        code += lettersOf(alphabet, hmac(key, context, block), length - code.length);
      return code;
    },
    key: (purpose) => current.derive(`key/${purpose}`),
    keyOf: (keyId, purpose) => rootOf(keyId)?.derive(`key/${purpose}`),
  };
}

// HMAC-SHA-256 over parts that cannot be taken for one another. Keys, and what each is for, are in secrets.ts.
// It is put together from two plain hashes: node makes an object for each HMAC, which costs more than hashing what is short.
// Specification: RFC 2104 (HMAC), FIPS 180-4 (SHA-256).
import * as nodeCrypto from 'node:crypto';

export type MacPart = string | Buffer | number;

const FRAME_BYTES = 5;
/** What SHA-256 takes at a time, and what it gives (RFC 2104 §2, B and L). */
const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
/** Longer messages are rare, and left to node. */
const LONGEST_HERE = 1024;

/** The key changed by ipad, then the message; the key changed by opad, then the hash of that. Wiped after each use. */
const inner = Buffer.alloc(BLOCK_BYTES + LONGEST_HERE);
const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES);

const kindOf = (part: MacPart): string =>
  typeof part === 'string' ? 's' : typeof part === 'number' ? 'n' : 'b';

function bodyOf(part: MacPart): string | Buffer {
  if (typeof part !== 'number') return part;
  if (!Number.isFinite(part)) throw new RangeError('a part must be a finite number');
  return String(part);
}

const frameLength = (part: MacPart): number => FRAME_BYTES + Buffer.byteLength(bodyOf(part));

/** Writes one frame where there is room for it, and returns where it ends. */
function writeFrame(part: MacPart, target: Buffer, at: number): number {
  const body = bodyOf(part);
  const start = at + FRAME_BYTES;
  const length = typeof body === 'string' ? target.write(body, start, 'utf8') : body.copy(target, start);
  target.writeUInt8(kindOf(part).charCodeAt(0), at);
  target.writeUInt32BE(length, at + 1);
  return start + length;
}

/** One part as bytes: a tag for its kind, its length (32 bits, big-endian), itself. Two part lists never encode alike. */
export function framed(part: MacPart): Buffer {
  const frame = Buffer.allocUnsafe(frameLength(part));
  writeFrame(part, frame, 0);
  return frame;
}

/** RFC 2104 §2, steps 1, 2 and 5: a short key is filled up with zeros, a long one hashed first. */
function writeKey(key: Buffer): void {
  const used = key.length > BLOCK_BYTES ? nodeCrypto.hash('sha256', key, 'buffer') : key;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at < used.length ? used[at]! : 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
}

/** The same as `hmac` gives, as text; `binary` is a character for each byte. */
export function hmacText(key: Buffer, parts: readonly MacPart[], encoding: 'base64url' | 'binary'): string {
  let length = 0;
  for (const part of parts) length += frameLength(part);
  if (length > LONGEST_HERE) {
    const mac = nodeCrypto.createHmac('sha256', key);
    for (const part of parts) mac.update(framed(part));
    return mac.digest(encoding);
  }
  writeKey(key);
  let end = BLOCK_BYTES;
  for (const part of parts) end = writeFrame(part, inner, end);
  outer.write(nodeCrypto.hash('sha256', inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'latin1');
  const mac = nodeCrypto.hash('sha256', outer, encoding);
  inner.fill(0, 0, end);
  outer.fill(0);
  return mac;
}

/** HMAC-SHA-256 (RFC 2104) over the framed parts, 32 bytes. `'ab','c'` and `'a','bc'` differ, and so do `1` and `'1'`. */
export const hmac = (key: Buffer, ...parts: MacPart[]): Buffer =>
  Buffer.from(hmacText(key, parts, 'binary'), 'latin1');

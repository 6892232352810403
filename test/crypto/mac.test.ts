// The HMAC that is put together here is the one that node has, and no two lists of parts have the same.
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { hmac, hmacText, type MacPart } from '../../src/crypto/mac.js';

/** Frames as the tables of a house that runs were made with: any other encoding would find nothing in them again. */
function framed(part: MacPart): Buffer {
  const body = Buffer.from(typeof part === 'number' ? String(part) : part);
  const head = Buffer.alloc(5);
  head.write(Buffer.isBuffer(part) ? 'b' : typeof part === 'number' ? 'n' : 's');
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

const expected = (key: Buffer, parts: readonly MacPart[]) =>
  createHmac('sha256', key).update(Buffer.concat(parts.map(framed)));

const bytesUpTo = (maxLength: number) =>
  fc.uint8Array({ maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));
const anyPart = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80, size: 'max' }),
  // Halves of surrogate pairs too, which become U+FFFD.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer(),
  bytesUpTo(80),
);

it('is HMAC-SHA-256 over the framed parts, whatever the key and the parts (RFC 2104 §2)', () => {
  fc.assert(
    fc.property(bytesUpTo(200), fc.array(anyPart, { maxLength: 6 }), (key, parts) => {
      expect(hmac(key, ...parts)).toEqual(expected(key, parts).digest());
      expect(hmacText(key, parts, 'base64url')).toBe(expected(key, parts).digest('base64url'));
    }),
    { numRuns: 500 },
  );
});

it('is the same at every length around those where it is made in another way', () => {
  const lengths = [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129];
  for (const keyLength of lengths) {
    const key = Buffer.alloc(keyLength, 0xa5);
    for (const length of [...lengths, 1017, 1018, 1019, 1020, 1024, 5000]) {
      for (const part of [Buffer.alloc(length, 0x5a), 'x'.repeat(length), 'é'.repeat(length)])
        expect(hmac(key, part)).toEqual(expected(key, [part]).digest());
    }
  }
});

it('is the published one where there is no part, and so no frame (RFC 2104, the empty message under the empty key)', () => {
  expect(hmac(Buffer.alloc(0)).toString('hex')).toBe(
    'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad',
  );
});

it('tells every two lists of parts apart', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.integer({ min: -9, max: 99 }),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  );
  const parts = fc.array(part, { maxLength: 4 });
  const name = (list: readonly MacPart[]): string =>
    list
      .map((p) => `${typeof p}:${Buffer.isBuffer(p) ? p.toString('hex') : encodeURIComponent(p)}`)
      .join('|') + `/${list.length}`;
  const key = Buffer.alloc(32, 1);
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(hmac(key, ...a).equals(hmac(key, ...b))).toBe(name(a) === name(b));
    }),
  );
  const macs = [hmac(key, 'ab', 'c'), hmac(key, 'a', 'bc'), hmac(key, 'abc'), hmac(key, 'abc', '')];
  const kinds = [hmac(key, 1), hmac(key, '1'), hmac(key, Buffer.from('1'))];
  expect(new Set([...macs, ...kinds].map((mac) => mac.toString('hex'))).size).toBe(7);
});

it('refuses a number that is none, and is right again after that', () => {
  const key = Buffer.alloc(32);
  expect(() => hmac(key, 'before', Number.NaN)).toThrow(RangeError);
  expect(hmac(key, 'after')).toEqual(expected(key, ['after']).digest());
});

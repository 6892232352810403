// What the crypto floor promises of randomness, hashes and sealing, with the published vectors where there are any.
import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import {
  createKeyring,
  drawCode,
  equal,
  hmac,
  leastTimeOrderedId,
  randomSecret,
  SecretUnreadable,
  sha256,
  sha256Bytes,
  timeOrderedId,
} from '../../src/crypto/secrets.js';
import type { MacPart } from '../../src/crypto/secrets.js';

const secret = 'a root secret of at least thirty-two characters';
const other = 'another root secret, just as long as the first one';
const keyring = createKeyring({ secret });

/** Pearson's statistic of how far the counts are from all being equally likely. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** Five standard deviations above the mean of a chi-square distribution, by the Wilson-Hilferty approximation. */
function fiveSigma(degrees: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + 5 * Math.sqrt(spread)) ** 3;
}

describe('random secrets', () => {
  it('are base64url of the wanted length (RFC 4648 §5)', () => {
    expect(randomSecret()).toMatch(/^[\w-]{43}$/);
    expect(randomSecret(20)).toMatch(/^[\w-]{27}$/);
    expect(Buffer.from(randomSecret(5000), 'base64url')).toHaveLength(5000);
  });

  it('never repeat, across refills of the pool', () => {
    const drawn = Array.from({ length: 2000 }, () => randomSecret());
    expect(new Set(drawn).size).toBe(drawn.length);
  });

  it('are never the wiped bytes of an earlier one', () => {
    for (const bytes of [4096, 4095, 4096, 32, 4090, 32]) {
      const zeros = Buffer.from(randomSecret(bytes), 'base64url').filter((byte) => byte === 0).length;
      expect(zeros).toBeLessThan(bytes / 3);
    }
  });

  it('are refused where they would be too short to be secret', () => {
    expect(() => randomSecret(7)).toThrow(RangeError);
    expect(() => randomSecret(8.5)).toThrow(RangeError);
  });
});

describe('hashes', () => {
  it('are SHA-256 (FIPS 180-4, example "abc")', () => {
    const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256Bytes('abc').toString('hex')).toBe(known);
    expect(sha256('abc')).toBe(Buffer.from(known, 'hex').toString('base64url'));
  });

  it('take text as UTF-8', () => {
    expect(sha256('é ✓')).toBe(createHash('sha256').update('é ✓', 'utf8').digest('base64url'));
  });

  it('are HMAC-SHA-256 over the framed parts (RFC 2104 §2)', () => {
    const key = Buffer.alloc(20, 0x0b);
    const framed = Buffer.concat([Buffer.from('s\0\0\0\x08', 'latin1'), Buffer.from('Hi There')]);
    expect(hmac(key, 'Hi There')).toEqual(createHmac('sha256', key).update(framed).digest());
    // With no part there is no frame, so a published value holds: the empty message under the empty key.
    expect(hmac(Buffer.alloc(0)).toString('hex')).toBe(
      'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad',
    );
  });

  it('tell every two lists of parts apart', () => {
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

  it('refuse a number that is none', () => {
    expect(() => hmac(Buffer.alloc(32), Number.NaN)).toThrow(RangeError);
  });
});

describe('comparison', () => {
  it('is true for the same text and false for any other, whatever the lengths', () => {
    expect(equal('', '')).toBe(true);
    expect(equal('same', 'same')).toBe(true);
    for (const [a, b] of [
      ['same', 'samf'],
      ['same', 'sam'],
      ['', 'a'],
      ['é', 'e\u0301'],
    ] as const) {
      expect(equal(a, b)).toBe(false);
    }
  });
});

describe('drawn codes', () => {
  const alphabet = 'BCDFGHJKLMNPQRSTVWXZ';

  it.each([
    ['20 letters', alphabet],
    ['10 digits', '0123456789'],
    // The worst case for a modulo: with 200 of 256, the first 56 characters would come up twice as often.
    ['200 characters', String.fromCodePoint(...Array.from({ length: 200 }, (_, index) => 256 + index))],
  ])('are uniform over %s in every place (RFC 8628 §6.1)', (_name, characters) => {
    const places = 8;
    const counts = Array.from({ length: places }, () => new Array<number>(characters.length).fill(0));
    for (let drawn = 0; drawn < 10_000; drawn += 1) {
      const code = drawCode(characters, places);
      if (code.length !== places) throw new Error(`${code} has not ${places} characters`);
      counts.forEach((count, place) => (count[characters.indexOf(code.charAt(place))]! += 1));
    }
    for (const count of counts) expect(chiSquare(count)).toBeLessThan(fiveSigma(characters.length - 1));
    const sums = characters
      .split('')
      .map((_, index) => counts.reduce((sum, count) => sum + count[index]!, 0));
    expect(chiSquare(sums)).toBeLessThan(fiveSigma(characters.length - 1));
  });

  it('would show a modulo: the bound is tight enough to catch it', () => {
    const biased = Array.from({ length: 200 }, (_, index) => (index < 56 ? 800 : 400));
    expect(chiSquare(biased)).toBeGreaterThan(fiveSigma(199));
  });

  it('refuse an alphabet that repeats a character, or is too small or large', () => {
    expect(() => drawCode('AAB', 8)).toThrow(RangeError);
    expect(() => drawCode('A', 8)).toThrow(RangeError);
    expect(() =>
      drawCode(String.fromCodePoint(...Array.from({ length: 257 }, (_, i) => 256 + i)), 8),
    ).toThrow(RangeError);
    expect(() => drawCode(alphabet, 0)).toThrow(RangeError);
  });
});

describe('the keyring', () => {
  it('refuses a root secret of less than 32 characters', () => {
    expect(() => createKeyring({ secret: 'x'.repeat(31) })).toThrow(RangeError);
    expect(() => createKeyring({ secret, previous: 'x'.repeat(31) })).toThrow(RangeError);
  });

  it('has the same keys after a restart, and other keys for another secret', () => {
    const again = createKeyring({ secret });
    expect(again.currentId).toBe(keyring.currentId);
    expect(again.key('csrf').equals(keyring.key('csrf'))).toBe(true);
    const changed = createKeyring({ secret: other });
    expect(changed.currentId).not.toBe(keyring.currentId);
    expect(changed.key('csrf').equals(keyring.key('csrf'))).toBe(false);
  });

  it('derives keys with HKDF-SHA-256, as RFC 5869 §2 builds it from HMAC', () => {
    const pseudorandom = createHmac('sha256', 'linchpin').update(secret).digest();
    const expected = createHmac('sha256', pseudorandom)
      .update('linchpin/1/key/pepper\x01', 'latin1')
      .digest();
    expect(keyring.key('pepper').equals(expected)).toBe(true);
  });

  it('gives each purpose and each use a key of its own', () => {
    expect(keyring.key('csrf').equals(keyring.key('cookie'))).toBe(false);
    const macKeyed = hmac(keyring.key('csrf'), 'a').toString('base64url');
    expect(keyring.mac('csrf', 'a')).not.toContain(macKeyed);
    expect(keyring.mac('csrf', 'a')).not.toBe(keyring.mac('cookie', 'a'));
  });

  it('names a secret by an id that does not contain it', () => {
    expect(keyring.currentId).toMatch(/^[\w-]{8}$/);
    expect(sha256(secret)).not.toContain(keyring.currentId);
  });

  it('opens what it sealed, for any text and context', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(text, text, (plaintext, context) => {
        const sealed = keyring.seal('totp', plaintext, context);
        expect(keyring.open('totp', sealed, context)).toBe(plaintext);
        expect(keyring.sealedWith(sealed)).toBe(keyring.currentId);
      }),
    );
  });

  it('never seals one text twice alike', () => {
    const sealed = Array.from({ length: 500 }, () => keyring.seal('totp', 'seed', 'row 1'));
    expect(new Set(sealed.map((value) => value.slice(9, 9 + 16))).size).toBe(500);
  });

  it('refuses a sealed value with any one bit flipped (SP 800-38D §7.2)', () => {
    const [id, text] = keyring.seal('totp', 'a seed to protect', 'row 1').split('.') as [string, string];
    const bytes = Buffer.from(text, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const sealed = `${id}.${changed.toString('base64url')}`;
      expect(() => keyring.open('totp', sealed, 'row 1')).toThrow(SecretUnreadable);
    }
  });

  it('refuses a sealed value in any other spelling, cut short or drawn out', () => {
    const sealed = keyring.seal('totp', 'seed', 'row 1');
    const at = (index: number, character: string): string =>
      sealed.slice(0, index) + character + sealed.slice(index + 1);
    for (let index = 0; index < sealed.length; index += 1) {
      const character = sealed.charAt(index) === 'A' ? 'B' : 'A';
      expect(() => keyring.open('totp', at(index, character), 'row 1')).toThrow(SecretUnreadable);
      expect(() => keyring.open('totp', sealed.slice(0, index), 'row 1')).toThrow(SecretUnreadable);
    }
    for (const changed of [
      `${sealed}=`,
      `${sealed} `,
      `${sealed}A`,
      ` ${sealed}`,
      '',
      '.',
      'x',
      `${sealed}.`,
    ]) {
      expect(() => keyring.open('totp', changed, 'row 1')).toThrow(SecretUnreadable);
    }
  });

  it('refuses a sealed value moved to another row or purpose', () => {
    const sealed = keyring.seal('totp', 'seed', 'row 1');
    expect(() => keyring.open('totp', sealed, 'row 2')).toThrow(SecretUnreadable);
    expect(() => keyring.open('signing-key', sealed, 'row 1')).toThrow(SecretUnreadable);
  });

  it('says nothing of the value in the error', () => {
    const sealed = keyring.seal('totp', 'seed', 'row 1');
    expect(() => keyring.open('totp', sealed, 'row 2')).toThrow(
      'the sealed value cannot be read with the secrets at hand',
    );
  });
});

describe('codes that are drawn again', () => {
  const shape = { alphabet: 'BCDFGHJKLMNPQRSTVWXZ', length: 8 };

  it('are the same for the same context, and others for another key, purpose, context or secret', () => {
    const keyring = createKeyring({ secret });
    const stranger = createKeyring({ secret: other });
    const code = keyring.codeWith(keyring.currentId, 'drawn-code', shape, 'link 1');
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
    expect(keyring.codeWith(keyring.currentId, 'drawn-code', shape, 'link 1')).toBe(code);
    expect(keyring.codeWith(keyring.currentId, 'drawn-code', shape, 'link 2')).not.toBe(code);
    expect(keyring.codeWith(keyring.currentId, 'user-code', shape, 'link 1')).not.toBe(code);
    expect(stranger.codeWith(stranger.currentId, 'drawn-code', shape, 'link 1')).not.toBe(code);
    expect(stranger.codeWith(keyring.currentId, 'drawn-code', shape, 'link 1')).toBeUndefined();
  });

  it('begin with the shorter one of the same context', () => {
    const keyring = createKeyring({ secret });
    const codeOf = (length: number, context: string) =>
      keyring.codeWith(keyring.currentId, 'drawn-code', { ...shape, length }, context)!;
    const length = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(fc.string(), length, (context, short) => {
        expect(codeOf(short, context)).toBe(codeOf(100, context).slice(0, short));
      }),
    );
    // Links that were started by an earlier version show the codes that they were given.
    expect(codeOf(25, 'link 1')).toBe('WBPDBGGMHLBZHTQKXBBRLXLMV');
  });

  it('are found with the previous secret while it is at hand', () => {
    const before = createKeyring({ secret });
    const after = createKeyring({ secret: other, previous: secret });
    expect(after.codeWith(before.currentId, 'drawn-code', shape, 'link 1')).toBe(
      before.codeWith(before.currentId, 'drawn-code', shape, 'link 1'),
    );
  });

  it('have every letter about as often, and any length', () => {
    const keyring = createKeyring({ secret });
    const counts = new Map<string, number>();
    for (let link = 0; link < 400; link++) {
      const long = { ...shape, length: 50 };
      for (const letter of keyring.codeWith(keyring.currentId, 'drawn-code', long, `link ${link}`)!)
        counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    expect(counts.size).toBe(20);
    // 20,000 letters, 1,000 of each, give or take six times the deviation of 31.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(190);
  });
});

describe('changing the root secret', () => {
  const changed = createKeyring({ secret: other, previous: secret });

  it('still opens and looks up what the previous secret made, and names its key', () => {
    const sealed = keyring.seal('signing-key', 'private', 'kid');
    expect(changed.open('signing-key', sealed, 'kid')).toBe('private');
    expect(changed.sealedWith(sealed)).toBe(keyring.currentId);
    expect(changed.macs('user-code', 'BCDF')).toEqual([
      changed.mac('user-code', 'BCDF'),
      keyring.mac('user-code', 'BCDF'),
    ]);
    expect(changed.macWith(keyring.currentId, 'user-code', 'BCDF')).toBe(keyring.mac('user-code', 'BCDF'));
    expect(changed.keyOf(keyring.currentId, 'pepper')?.equals(keyring.key('pepper'))).toBe(true);
  });

  it('makes everything new with the current secret', () => {
    expect(changed.sealedWith(changed.seal('totp', 'seed', 'row 1'))).toBe(changed.currentId);
    expect(changed.mac('csrf', 'a').startsWith(`${changed.currentId}.`)).toBe(true);
    expect(changed.currentId).toBe(createKeyring({ secret: other }).currentId);
  });

  it('forgets a secret that is no longer given', () => {
    const sealed = keyring.seal('totp', 'seed', 'row 1');
    const after = createKeyring({ secret: other });
    expect(() => after.open('totp', sealed, 'row 1')).toThrow(SecretUnreadable);
    expect(after.macWith(keyring.currentId, 'csrf', 'a')).toBeUndefined();
    expect(after.keyOf(keyring.currentId, 'pepper')).toBeUndefined();
    expect(after.macs('csrf', 'a')).toHaveLength(1);
  });

  it('counts the same secret given twice as one', () => {
    expect(createKeyring({ secret, previous: secret }).macs('csrf', 'a')).toHaveLength(1);
  });
});

describe('time-ordered ids', () => {
  it('are UUIDs of version 7 that sort by the time they were made (RFC 9562 §5.7)', () => {
    const times = [0, 1, 255, 1_767_225_600_000, 1_767_225_600_001, 4_102_444_800_000];
    const ids = times.map((time) => timeOrderedId(new Date(time)));
    for (const id of ids)
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(parseInt(ids[3]!.replace(/-/g, '').slice(0, 12), 16)).toBe(1_767_225_600_000);
  });

  it('never sort before the least id of their moment, and are never the same', () => {
    const at = new Date('2026-01-01T00:00:00Z');
    const ids = Array.from({ length: 5000 }, () => timeOrderedId(at));
    expect(new Set(ids).size).toBe(5000);
    for (const id of ids) expect(id >= leastTimeOrderedId(at)).toBe(true);
    expect(timeOrderedId(new Date(at.getTime() - 1)) < leastTimeOrderedId(at)).toBe(true);
  });
});

// Password hashing: the pepper, one price for every answer, and a gate that does not burst. Small memory keeps it quick.
import { createPasswords, PasswordsBusy } from '../../src/crypto/passwords.js';
import { createKeyring } from '../../src/crypto/secrets.js';

const secret = 'a root secret of at least thirty-two characters';
const other = 'another root secret, just as long as the first one';
const keyring = createKeyring({ secret });
const cheap = { memoryKib: 64, passes: 1, concurrency: 2 };
const passwords = createPasswords({ keyring, ...cheap });
const refused = { ok: false, needsRehash: false };

describe('a hash', () => {
  it('is argon2id under the pepper that it names, salted anew each time (RFC 9106 §3.1)', async () => {
    const [one, two] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')];
    expect(one).not.toBe(two);
    expect(one.startsWith(`${keyring.currentId}$argon2id$v=19$m=64,`)).toBe(true);
    expect(await passwords.verify(one, 'correct horse')).toEqual({ ok: true, needsRehash: false });
    expect(await passwords.verify(two, 'correct horse!')).toEqual(refused);
  });

  it('has the agreed cost when none is given: 19 MiB, two passes, one lane', async () => {
    const [, , , parameters] = (await createPasswords({ keyring }).hash('correct horse')).split('$');
    expect(parameters?.split(',').sort()).toEqual(['m=19456', 'p=1', 't=2']);
  });

  it('is worthless without its pepper: a stolen database cannot be guessed at', async () => {
    const stored = await passwords.hash('correct horse');
    const changed = createKeyring({ secret: other });
    const elsewhere = createPasswords({ keyring: changed, ...cheap });
    expect(await elsewhere.verify(stored, 'correct horse')).toEqual(refused);
    const renamed = changed.currentId + stored.slice(8);
    expect(await elsewhere.verify(renamed, 'correct horse')).toEqual(refused);
  });

  it('asks to be made again after the root secret or the cost has changed, but only for the right password', async () => {
    const stored = await passwords.hash('correct horse');
    const changed = createPasswords({
      keyring: createKeyring({ secret: other, previous: secret }),
      ...cheap,
    });
    expect(await changed.verify(stored, 'correct horse')).toEqual({ ok: true, needsRehash: true });
    expect(await changed.verify(stored, 'wrong')).toEqual(refused);
    const dearer = createPasswords({ keyring, ...cheap, passes: 2 });
    expect(await dearer.verify(stored, 'correct horse')).toEqual({ ok: true, needsRehash: true });
  });

  it('is the same password however the keyboard composed it (NIST SP 800-63B §3.1.1.2, NFC)', async () => {
    const stored = await passwords.hash('caf\u00e9 \u1e69 \uac00');
    expect((await passwords.verify(stored, 'cafe\u0301 s\u0323\u0307 \u1100\u1161')).ok).toBe(true);
    expect((await passwords.verify(stored, 'cafe \u1e69 \uac00')).ok).toBe(false);
  });

  it('counts every character: nothing is trimmed, folded or cut', async () => {
    const long = `${'é'.repeat(255)}x`;
    const stored = await passwords.hash(long);
    expect((await passwords.verify(stored, long)).ok).toBe(true);
    for (const near of [`${'é'.repeat(255)}y`, 'é'.repeat(255), `${long.slice(1)} `, long.toUpperCase()]) {
      expect((await passwords.verify(stored, near)).ok).toBe(false);
    }
  });

  it.each([
    ['empty', ''],
    ['over 256 code points', 'x'.repeat(257)],
    ['over 1024 bytes', '😀'.repeat(257)],
    ['far too long', 'e\u0301'.repeat(1_000_000)],
    ['with NUL', 'correct\0horse'],
    ['with half a surrogate pair', 'correct \ud800 horse'],
  ])('is not made of a password that is %s, and none matches it', async (_name, password) => {
    await expect(passwords.hash(password)).rejects.toThrow(RangeError);
    const stored = await passwords.hash('correct horse');
    const before = passwords.runs();
    expect(await passwords.verify(stored, password)).toEqual(refused);
    expect(passwords.runs()).toBe(before + 1);
  });

  it('may be made of 256 code points that fill 1024 bytes', async () => {
    const stored = await passwords.hash('😀'.repeat(256));
    expect((await passwords.verify(stored, '😀'.repeat(256))).ok).toBe(true);
  });
});

describe('one price for every answer', () => {
  it('runs argon2id exactly once for a right, wrong, unknown, empty or unreadable attempt', async () => {
    const stored = await passwords.hash('correct horse');
    const foreign = `AAAAAAAA${stored.slice(8)}`;
    const attempts: [string | undefined, string][] = [
      [stored, 'correct horse'],
      [stored, 'wrong'],
      [stored, ''],
      [undefined, 'correct horse'],
      [undefined, ''],
      ['', 'correct horse'],
      ['no hash at all', 'correct horse'],
      [stored.slice(8), 'correct horse'],
      [stored.replace('argon2id', 'argon2i'), 'correct horse'],
      [foreign, 'correct horse'],
    ];
    for (const [index, [hash, password]] of attempts.entries()) {
      const before = passwords.runs();
      expect((await passwords.verify(hash, password)).ok).toBe(index === 0);
      expect(passwords.runs()).toBe(before + 1);
    }
  });
});

describe('the gate', () => {
  it('lets the queue fill, refuses the next with a time to come back, and recovers', async () => {
    const gated = createPasswords({ keyring, ...cheap, concurrency: 1, queueLimit: 2 });
    const stored = await gated.hash('correct horse');
    const admitted = [1, 2, 3].map(() => gated.verify(stored, 'correct horse'));
    expect(gated.waiting()).toBe(2);
    const before = gated.runs();
    const busy = await gated.verify(stored, 'correct horse').catch((error: unknown) => error);
    expect(busy).toBeInstanceOf(PasswordsBusy);
    expect((busy as PasswordsBusy).retryAfterSeconds).toBeGreaterThanOrEqual(1);
    await expect(gated.hash('correct horse')).rejects.toBeInstanceOf(PasswordsBusy);
    expect(gated.runs() - before).toBeLessThanOrEqual(2);
    for (const verdict of await Promise.all(admitted)) expect(verdict.ok).toBe(true);
    expect(gated.waiting()).toBe(0);
    expect((await gated.verify(stored, 'correct horse')).ok).toBe(true);
  });

  it('starts no more at once than it may', async () => {
    const gated = createPasswords({ keyring, ...cheap, concurrency: 2, queueLimit: 10 });
    // The second wave shows that places handed on through the queue were not counted as free as well.
    for (let wave = 0; wave < 2; wave += 1) {
      const before = gated.runs();
      const all = Array.from({ length: 8 }, () => gated.verify(undefined, 'x'));
      expect(gated.runs() - before).toBe(2);
      expect(gated.waiting()).toBe(6);
      await Promise.all(all);
      expect(gated.runs() - before).toBe(8);
      expect(gated.waiting()).toBe(0);
    }
  });

  it('frees the place of a call that failed', async () => {
    // Less memory than argon2 can work with makes every run fail.
    const failing = createPasswords({ keyring, memoryKib: 1, passes: 1, concurrency: 1, queueLimit: 1 });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(failing.hash('correct horse')).rejects.not.toBeInstanceOf(PasswordsBusy);
    }
    expect(failing.waiting()).toBe(0);
  });

  it('needs at least one place', () => {
    expect(() => createPasswords({ keyring, concurrency: 0 })).toThrow(RangeError);
  });
});

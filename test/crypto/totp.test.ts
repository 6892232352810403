// One-time codes: the published vectors, the window, and that a refusal takes the same work.
import { checkTotp, cleanTotpCode, newTotpSecret, totpAddress, totpCode } from '../../src/crypto/totp.js';

/** The ASCII secret of RFC 6238 appendix B, "12345678901234567890", in base32. */
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

/** The table for SHA-1; the last six of its eight digits are the six-digit code (RFC 4226 §5.3: modulo 10^digits). */
const VECTORS = [
  [59, '94287082'],
  [1111111109, '07081804'],
  [1111111111, '14050471'],
  [1234567890, '89005924'],
  [2000000000, '69279037'],
  [20000000000, '65353130'],
] as const;

const atSecond = (seconds: number): Date => new Date(seconds * 1000);
const step = 40_000_000;
const at = atSecond(step * 30 + 7);
const codeAt = (steps: number): Promise<string> => totpCode(secret, atSecond((step + steps) * 30));

describe('codes', () => {
  it.each(VECTORS)('match RFC 6238 appendix B at %d s', async (seconds, eightDigits) => {
    expect(await totpCode(secret, atSecond(seconds))).toBe(eightDigits.slice(2));
    const attempt = { secret, code: eightDigits.slice(2), at: atSecond(seconds), afterStep: undefined };
    expect(await checkTotp(attempt)).toBe(Math.floor(seconds / 30));
  });

  it('come from secrets of 160 bits, no two alike (RFC 4226 §4)', () => {
    const made = Array.from({ length: 50 }, newTotpSecret);
    for (const one of made) expect(one).toMatch(/^[A-Z2-7]{32}$/);
    expect(new Set(made).size).toBe(50);
  });

  it('are set up by an otpauth address that names issuer and account', () => {
    const address = new URL(totpAddress({ issuer: 'My Linchpin', account: 'ann+tv@example.com', secret }));
    expect(address.protocol).toBe('otpauth:');
    expect(address.host).toBe('totp');
    expect(decodeURIComponent(address.pathname)).toBe('/My Linchpin:ann+tv@example.com');
    expect(address.searchParams.get('secret')).toBe(secret);
    expect(address.searchParams.get('issuer')).toBe('My Linchpin');
    expect(address.searchParams.get('algorithm') ?? 'SHA1').toBe('SHA1');
    expect(address.searchParams.get('digits') ?? '6').toBe('6');
    expect(address.searchParams.get('period') ?? '30').toBe('30');
  });

  it('keep a colon or an ampersand in a name from changing the address', () => {
    const address = new URL(totpAddress({ issuer: 'localhost:8484', account: 'a:b&secret=AAAA', secret }));
    expect(decodeURIComponent(address.pathname)).toBe('/localhost-8484:a-b&secret=AAAA');
    expect(address.searchParams.getAll('secret')).toEqual([secret]);
  });
});

describe('checking a code', () => {
  it('accepts this step and the one before, and names the step (RFC 6238 §5.2)', async () => {
    expect(await checkTotp({ secret, code: await codeAt(0), at, afterStep: undefined })).toBe(step);
    expect(await checkTotp({ secret, code: await codeAt(-1), at, afterStep: undefined })).toBe(step - 1);
  });

  it('refuses the next step and the one before last', async () => {
    expect(await checkTotp({ secret, code: await codeAt(1), at, afterStep: undefined })).toBeUndefined();
    expect(await checkTotp({ secret, code: await codeAt(-2), at, afterStep: undefined })).toBeUndefined();
  });

  it('accepts a code to the last millisecond of the step after its own', async () => {
    const code = await codeAt(0);
    const end = (step + 2) * 30_000;
    expect(await checkTotp({ secret, code, at: new Date(end - 1), afterStep: undefined })).toBe(step);
    expect(await checkTotp({ secret, code, at: new Date(end), afterStep: undefined })).toBeUndefined();
  });

  it('refuses a step that was used, and every earlier one (RFC 6238 §5.2)', async () => {
    expect(await checkTotp({ secret, code: await codeAt(0), at, afterStep: step })).toBeUndefined();
    expect(await checkTotp({ secret, code: await codeAt(-1), at, afterStep: step })).toBeUndefined();
    expect(await checkTotp({ secret, code: await codeAt(-1), at, afterStep: step - 1 })).toBeUndefined();
    expect(await checkTotp({ secret, code: await codeAt(0), at, afterStep: step - 1 })).toBe(step);
  });

  it('refuses every other code', async () => {
    const right = [await codeAt(0), await codeAt(-1)];
    for (let number = 0; number < 1_000_000; number += 4999) {
      const code = String(number).padStart(6, '0');
      const matched = await checkTotp({ secret, code, at, afterStep: undefined });
      expect(matched !== undefined).toBe(right.includes(code));
    }
  });

  it('refuses what is not six ASCII digits', async () => {
    const code = await codeAt(0);
    const fullWidth = code.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
    for (const wrong of [
      '',
      code.slice(1),
      `${code}0`,
      ` ${code}`,
      `${code}\n`,
      `+${code.slice(1)}`,
      fullWidth,
      'abcdef',
    ]) {
      expect(await checkTotp({ secret, code: wrong, at, afterStep: undefined })).toBeUndefined();
    }
  });

  it('has no right code where there is no authenticator, 000000 and malformed ones included', async () => {
    for (const code of ['000000', '123456', 'abc', '']) {
      expect(await checkTotp({ secret: undefined, code, at, afterStep: undefined })).toBeUndefined();
    }
  });

  it('does not take a malformed code for 000000 when that is the right one', async () => {
    const zero = 349_495;
    const zeroAt = atSecond(zero * 30);
    expect(await checkTotp({ secret, code: '000000', at: zeroAt, afterStep: undefined })).toBe(zero);
    expect(await checkTotp({ secret, code: '', at: zeroAt, afterStep: undefined })).toBeUndefined();
  });
});

describe('a typed code', () => {
  it.each([
    ['123 456', '123456'],
    ['123-456', '123456'],
    ['\u00a0123\u2009456\u200b', '123456'],
    ['１２３４５６', '123456'],
    ['12–34—56', '123456'],
    ['12a456', '12a456'],
    ['', ''],
    [`123456${' '.repeat(100)}`, ''],
  ])('%j is read as %j', (typed, code) => {
    expect(cleanTotpCode(typed)).toBe(code);
  });
});

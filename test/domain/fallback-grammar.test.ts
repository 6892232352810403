// The grammar of the fallback door: one reading for every input (CHECKLIST 3.8, points 1, 3, 4, 5 and 9).
import fc from 'fast-check';
import { endsInSixDigits, readCredentials, type ReadCredentials } from '../../src/domain/fallback-grammar.js';

const careful = { hasAuthenticator: true };
const plain = { hasAuthenticator: false };

/** Any text, control characters and marks among it. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 });
const anyCode = fc.integer({ min: 0, max: 999_999 }).map((number) => String(number).padStart(6, '0'));

describe('a password box, read for an account with an authenticator', () => {
  it.each<[what: string, typed: string, read: ReadCredentials]>([
    [
      'six digits at the end are the code',
      'hunter2654321',
      { password: 'hunter2', code: '654321', codeCame: 'appended' },
    ],
    [
      'of more digits, only the last six',
      'hunter2123456654321',
      { password: 'hunter2123456', code: '654321', codeCame: 'appended' },
    ],
    [
      'a password that ends in six digits, alone, is cut all the same',
      'hunter2123456',
      { password: 'hunter2', code: '123456', codeCame: 'appended' },
    ],
    [
      'six digits alone leave an empty password',
      '123456',
      { password: '', code: '123456', codeCame: 'appended' },
    ],
    [
      'five digits are no code',
      'hunter 12345',
      { password: 'hunter 12345', code: '', codeCame: 'not-at-all' },
    ],
    ['nothing at all is no code', '', { password: '', code: '', codeCame: 'not-at-all' }],
    [
      'a space behind the digits stays',
      'x123456 ',
      { password: 'x123456 ', code: '', codeCame: 'not-at-all' },
    ],
    [
      'a line end behind the digits stays',
      'x123456\n',
      { password: 'x123456\n', code: '', codeCame: 'not-at-all' },
    ],
    [
      'a space before the digits stays with the password',
      ' x 123456',
      { password: ' x ', code: '123456', codeCame: 'appended' },
    ],
    [
      'full-width digits are none',
      'x１２３４５６',
      { password: 'x１２３４５６', code: '', codeCame: 'not-at-all' },
    ],
    ['other digits are none', 'x١٢٣٤٥٦', { password: 'x١٢٣٤٥٦', code: '', codeCame: 'not-at-all' }],
    [
      'a mark on the last digit is no digit',
      'x12345６\u0301',
      { password: 'x12345６\u0301', code: '', codeCame: 'not-at-all' },
    ],
    ['digits in groups are none', 'x123 456', { password: 'x123 456', code: '', codeCame: 'not-at-all' }],
    ['NFC comes first', 'e\u0301123456', { password: '\u00e9', code: '123456', codeCame: 'appended' }],
  ])('%s', (_, password, read) => {
    expect(readCredentials(careful, { password })).toEqual(read);
  });

  it('splits any password and code where they were joined, and nowhere else', () => {
    fc.assert(
      fc.property(anyText, anyCode, (password, code) => {
        expect(readCredentials(careful, { password: password + code })).toEqual({
          password: password.normalize('NFC'),
          code,
          codeCame: 'appended',
        });
      }),
    );
  });

  it('reads each text in one way: its parts are the whole, and only the last six code points are a code', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { password, code, codeCame } = readCredentials(careful, { password: text });
        const whole = text.normalize('NFC');
        const end = Array.from(whole).slice(-6);
        const isCode = end.length === 6 && end.every((character) => /^[0-9]$/.test(character));
        expect(password + code).toBe(whole);
        expect({ codeCame, length: code.length }).toEqual(
          isCode ? { codeCame: 'appended', length: 6 } : { codeCame: 'not-at-all', length: 0 },
        );
        expect(endsInSixDigits(text)).toBe(isCode);
      }),
    );
  });

  it('takes the whole text for the password where the code came beside it', () => {
    fc.assert(
      fc.property(anyText, anyCode, (password, verificationCode) => {
        expect(readCredentials(careful, { password, verificationCode })).toEqual({
          password: password.normalize('NFC'),
          code: verificationCode,
          codeCame: 'beside',
        });
      }),
    );
  });

  it.each([
    ['12 34 56', '123456'],
    ['123-456', '123456'],
    ['１２３４５６', '123456'],
    ['12345678', '12345678'],
    ['x'.repeat(65), ''],
  ])('cleans a code of its own box as every code box does: %j', (verificationCode, code) => {
    expect(readCredentials(careful, { password: 'x', verificationCode }).code).toBe(code);
  });

  it('takes an empty parameter for none', () => {
    expect(readCredentials(careful, { password: 'x', verificationCode: '' }).codeCame).toBe('not-at-all');
  });

  it('spends no work on a text that nobody has for a password', () => {
    const typed = `${'e\u0301'.repeat(8000)}123456`;
    const { password, code } = readCredentials(careful, { password: typed });
    expect(password + code).toBe(typed);
  });
});

describe('a password box, read for an account without an authenticator', () => {
  it('is the password, whatever it ends in, and whatever came beside it', () => {
    fc.assert(
      fc.property(anyText, anyCode, (password, verificationCode) => {
        const read = {
          password: (password + verificationCode).normalize('NFC'),
          code: '',
          codeCame: 'not-at-all',
        };
        expect(readCredentials(plain, { password: password + verificationCode })).toEqual(read);
        expect(readCredentials(plain, { password: password + verificationCode, verificationCode })).toEqual(
          read,
        );
      }),
    );
  });
});

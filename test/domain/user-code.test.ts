// The short code that a person types (domain/user-code.ts): how it is shown, what spellings of it are read, and whether its
// length keeps up with the number of live links. RFC 8628 §5.1, §6.1.
import fc from 'fast-check';
import {
  presentUserCode,
  readUserCode,
  STRONG_CODE_ALPHABET,
  STRONG_CODE_LENGTH,
  USER_CODE_ALPHABET,
  userCodeLength,
} from '../../src/domain/user-code.js';

const codes = fc
  .integer({ min: 8, max: 12 })
  .chain((length) =>
    fc.string({ unit: fc.constantFrom(...USER_CODE_ALPHABET), minLength: length, maxLength: length }),
  );

/** Every dash of Unicode that a keyboard or a word processor may put in, and the Japanese long-vowel marks. */
const DASHES = [...'-‐‑‒–—―−⁻₋﹘﹣－〜〰・ーｰ'];
const BETWEEN = [...DASHES, ' ', '\u00a0', '\u3000', '\u200b', '\t', '.', ',', '_', '/', '"', '’', '', ''];
const wide = (letter: string): string => String.fromCodePoint(letter.codePointAt(0)! + 0xfee0);

describe('a user code', () => {
  it('has the twenty letters that RFC 8628 §6.1 proposes: no vowel, no digit, none twice', () => {
    expect(USER_CODE_ALPHABET).toBe('BCDFGHJKLMNPQRSTVWXZ');
    expect(new Set(USER_CODE_ALPHABET).size).toBe(20);
  });

  it.each([
    ['WDJBMJHT', 'WDJB-MJHT'],
    ['WDJBMJHTB', 'WDJ-BMJ-HTB'],
    ['WDJBMJHTBC', 'WDJB-MJHT-BC'],
    ['WDJBMJHTBCD', 'WDJB-MJHT-BCD'],
    ['WDJBMJHTBCDF', 'WDJB-MJHT-BCDF'],
  ])('is shown in groups that the eye can hold: %s as %s', (code, shown) => {
    expect(presentUserCode(code)).toBe(shown);
  });

  it.each([
    'WDJB-MJHT',
    'wdjb mjht',
    'wdjb–mjht',
    ' w d j b m j h t ',
    '"WDJBMJHT".',
    'ＷＤＪＢ－ＭＪＨＴ',
    'WDJBーMJHT',
  ])('is read from %s (RFC 8628 §6.1)', (typed) => {
    expect(readUserCode(typed)).toBe('WDJBMJHT');
  });

  it.each(DASHES)('is read with %s for its dash', (dash) => {
    expect(readUserCode(`WDJB${dash}MJHT`)).toBe('WDJBMJHT');
  });

  it('is the same for every spelling, so that budgets count one guess (CHECKLIST 8628-6.1)', () => {
    const spelling = fc.array(
      fc.record({ form: fc.constantFrom('upper', 'lower', 'wide'), after: fc.constantFrom(...BETWEEN) }),
      { minLength: 12, maxLength: 12 },
    );
    fc.assert(
      fc.property(codes, spelling, (code, forms) => {
        const typed = [...code].map((letter, index) => {
          const { form, after } = forms[index]!;
          const written = form === 'lower' ? letter.toLowerCase() : form === 'wide' ? wide(letter) : letter;
          return written + after;
        });
        expect(readUserCode(typed.join(''))).toBe(code);
      }),
    );
  });

  it('reads back as it was shown', () => {
    fc.assert(fc.property(codes, (code) => expect(readUserCode(presentUserCode(code))).toBe(code)));
  });

  it.each([
    ['nothing', ''],
    ['only dashes', '----'],
    ['seven letters', 'WDJBMJH'],
    ['thirteen letters', 'WDJBMJHTBCDFG'],
    ['a vowel', 'WDJB-MJHA'],
    ['a digit', 'WDJB-MJH1'],
    ['a digit of another script', 'WDJB-MJH٣'],
    ['a look-alike of another script', 'WDJB-МJHT'],
    ['an ideograph', 'WDJBMJH漢'],
  ])('is not read from %s', (_what, typed) => {
    expect(readUserCode(typed)).toBeUndefined();
  });

  it('is not read from a long text, whatever stands at its beginning', () => {
    expect(readUserCode(`WDJB-MJHT${' '.repeat(55)}`)).toBe('WDJBMJHT');
    expect(readUserCode(`WDJB-MJHT${' '.repeat(56)}`)).toBeUndefined();
    expect(readUserCode(`${'-'.repeat(100_000)}WDJB-MJHT`)).toBeUndefined();
    expect(readUserCode('ﷺ'.repeat(64))).toBeUndefined();
  });

  it('answers any text at all with a code or undefined', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (typed) => {
        expect(readUserCode(typed) ?? 'BBBBBBBB').toMatch(/^([BCDFGHJKLMNPQRSTVWXZ]{8,12}|[0-9a-z]{25})$/);
      }),
    );
  });
});

describe('a strong code', () => {
  const strong = '8lzjqnq8lye02n52jq3fqxf8e';

  it('has 128 bits and more, so that no budget need guard it (RFC 6749 §10.10)', () => {
    expect(new Set(STRONG_CODE_ALPHABET).size).toBe(36);
    expect(STRONG_CODE_LENGTH * Math.log2(36)).toBeGreaterThan(128);
  });

  it.each([strong, strong.toUpperCase(), ` ${strong}\n`, `8lzjq-nq8ly-e02n5-2jq3f-qxf8e`])(
    'is read from %j, in lower case (PIN-API 3.1)',
    (typed) => {
      expect(readUserCode(typed)).toBe(strong);
    },
  );

  it.each([strong.slice(1), `${strong}0`, `${strong.slice(1)}é`, `${strong.slice(1)}٣`])(
    'is not read from %s',
    (typed) => {
      expect(readUserCode(typed)).toBeUndefined();
    },
  );
});

describe('the length of a new code', () => {
  const hitsAYear = (live: number, length: number): number => (live * 300 * 52_560) / 20 ** length;

  it.each([
    [1_600, 8],
    [32_000, 9],
    [640_000, 10],
    [12_000_000, 11],
  ])('lets all guessers hit less than one of %i live links in a year (RFC 8628 §5.1)', (live, length) => {
    expect(userCodeLength(live)).toBe(length);
    expect(hitsAYear(live, length)).toBeLessThanOrEqual(1);
    expect(hitsAYear(live, length - 1)).toBeGreaterThan(1);
  });

  it('grows with the first link that would make a hit a year likely, and never shrinks under more links', () => {
    for (const length of [8, 9, 10, 11]) {
      const most = Math.floor(20 ** length / (300 * 52_560));
      expect([userCodeLength(most), userCodeLength(most + 1)]).toEqual([length, length + 1]);
    }
  });

  it.each([0, 1])('is eight with %i live links', (live) => {
    expect(userCodeLength(live)).toBe(8);
  });

  it('is twelve at most, which still reads', () => {
    expect(userCodeLength(Number.MAX_SAFE_INTEGER)).toBe(12);
    expect(readUserCode('B'.repeat(12))).toBe('B'.repeat(12));
  });
});

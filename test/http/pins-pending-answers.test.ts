// The answers that are kept for polls of pending links: whatever a tool calls itself, they say what any other answer about that
// link says, but for its token, and only so many are kept (PIN-API 3.1, 3.2).
import fc from 'fast-check';
import { createPendingAnswers } from '../../src/http/pins/pending-answers.js';
import { presentLink } from '../../src/http/pins/present-link.js';
import { writeBody, type Format } from '../../src/http/pins/answers.js';
import type { NumberedLink } from '../../src/domain/links-by-number.js';

const publicUrl = 'https://example.com/house';
const STARTED = Date.parse('2026-03-01T12:00:00.400Z');

function linkOf({ number = 1, userCode = 'BCDFGHJK', text = 'Bench', seconds = 900 } = {}): NumberedLink {
  return {
    number,
    userCode,
    isStrong: false,
    identifier: text,
    tool: {
      product: text,
      version: '',
      platform: '',
      platformVersion: '',
      device: '',
      deviceName: '',
      deviceVendor: '',
      model: '',
    },
    networkAddress: '192.0.2.1',
    createdAt: new Date(STARTED),
    expiresAt: new Date(STARTED + seconds * 1000),
    isKeyed: false,
  };
}

/** What an approved link's answer would be with no token in it. */
function undecided(format: Format, link: NumberedLink, secondsLeft: number): string {
  const issued = { token: 'the-token', isNewAccount: true };
  const text = writeBody(format, presentLink({ link, issued, secondsLeft }, publicUrl));
  return format === 'json'
    ? text.replace(
        '"authToken":"the-token","newRegistration":true',
        '"authToken":null,"newRegistration":null',
      )
    : text.replace(' authToken="the-token" newRegistration="1"', ' authToken="" newRegistration=""');
}

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('"expiresIn":0', ' expiresIn="0"', '{"location":null}', '</pin>', 'Bücher \ud83c\udfac'),
);

it.each(['json', 'xml'] as const)(
  'says of any pending link what an answer with a token says, in %s (PIN-API 3.1, 3.2)',
  (format) => {
    fc.assert(
      fc.property(
        words,
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.integer({ min: 0, max: 1_799_000 }),
        (text, number, elapsed) => {
          let at = STARTED;
          const answers = createPendingAnswers({ publicUrl, now: () => new Date(at) });
          const link = linkOf({ number, text, seconds: 1800 });
          const check = (answer: { body: string; bytes: number } | undefined): void => {
            expect(answer?.body).toBe(undecided(format, link, Math.ceil(1800 - (at - STARTED) / 1000)));
            expect(answer?.bytes).toBe(Buffer.byteLength(answer?.body ?? ''));
          };
          check(answers.present(link, format));
          at += elapsed;
          check(answers.find(number, format));
          check(answers.present(link, format));
        },
      ),
    );
  },
);

it('keeps the latest answers of each format, whatever left before them', () => {
  const answers = createPendingAnswers({ publicUrl, now: () => new Date(STARTED), most: 3 });
  const found = (format: Format) =>
    Array.from({ length: 21 }, (_, number) => number).filter((number) => answers.find(number, format));
  for (let number = 1; number <= 20; number++) {
    answers.present(linkOf({ number }), 'json');
    expect(found('json')).toEqual([number - 2, number - 1, number].filter((kept) => kept > 0));
    if (number === 7 || number === 19) answers.present(linkOf({ number }), 'xml');
  }
  expect(found('xml')).toEqual([7, 19]);
});

it('answers for the link that has the number now', () => {
  const answers = createPendingAnswers({ publicUrl, now: () => new Date(STARTED), most: 3 });
  answers.present(linkOf({ number: 1 }), 'json');
  answers.present(linkOf({ number: 2 }), 'json');
  const next = linkOf({ number: 1, userCode: 'XZXZXZXZ', seconds: 1800 });
  expect(answers.present(next, 'json').body).toBe(undecided('json', next, 1800));
  expect(answers.find(1, 'json')?.body).toBe(undecided('json', next, 1800));
});

// What the PIN door writes is well-formed XML whatever stands in it, read back by a strict parser.
import fc from 'fast-check';
import { parseXml, type XmlElement as ReadElement } from '../support/xml.js';
import { writeXml, type XmlElement } from '../../src/http/pins/xml.js';

/** Any text: all of Unicode, control characters, halves of surrogate pairs, and markup more often than chance would give. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 40,
  }),
  fc.string({
    unit: fc.constantFrom('<', '>', '&', '"', "'", ']]>', '<!--', '<?', '\r', '\n', '\t', '\0', 'é'),
    maxLength: 20,
  }),
);

/** What XML 1.0 §2.2 cannot hold, by its own list of what it can. */
const readable = (text: string): string =>
  [...text]
    .map((character) => {
      const point = character.codePointAt(0)!;
      const isChar =
        [0x9, 0xa, 0xd].includes(point) ||
        (point >= 0x20 && point <= 0xd7ff) ||
        (point >= 0xe000 && point <= 0xfffd) ||
        point >= 0x10000;
      return isChar ? character : '\ufffd';
    })
    .join('');

const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.record(
    {
      name: fc.constantFrom('user', 'pin', 'MediaContainer', 'auth_token', 'client-identifier'),
      attributes: fc.dictionary(fc.constantFrom('id', 'title', 'product'), anyText),
      children: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('tree'), { maxLength: 3 })),
      text: anyText,
    },
    { requiredKeys: ['name'] },
  ),
}));

/** The same tree, as a parser should see it. */
function expected({ name, attributes = {}, children = [], text = '' }: XmlElement): ReadElement {
  const read = Object.entries(attributes).map(([key, value]) => [key, readable(String(value))] as const);
  return {
    name,
    attributes: Object.fromEntries(read),
    children: (children as readonly XmlElement[]).map(expected),
    text: children.length > 0 ? '' : readable(text),
  };
}

it('is well-formed for arbitrary Unicode, and says what was to be said (XML 1.0 §2.2, §2.4)', () => {
  fc.assert(
    fc.property(tree, (element) => {
      expect(parseXml(writeXml(element))).toEqual(expected(element));
    }),
    { numRuns: 500 },
  );
});

it('writes booleans as 0 and 1, null as nothing, and leaves out what is undefined (PIN-API 1.6)', () => {
  const attributes = { yes: true, no: false, none: null, absent: undefined, count: 3 };
  expect(writeXml({ name: 'user', attributes })).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n<user yes="1" no="0" none="" count="3"/>',
  );
});

it('keeps line breaks and tabs of an attribute (XML 1.0 §3.3.3)', () => {
  const { attributes } = parseXml(writeXml({ name: 'pin', attributes: { product: 'a\tb\nc\rd' } }));
  expect(attributes).toEqual({ product: 'a\tb\nc\rd' });
});

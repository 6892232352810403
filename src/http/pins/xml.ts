// Writes XML that is well-formed whatever stands in it: a plain tree in, text out. Names are our own words and are not
// checked; values may be any text. What an answer says is its presenter's. XML 1.0 (fifth edition) §2.2, §2.4, §3.3.3.

/** Booleans are written 0 and 1, null as empty text; undefined leaves the attribute out (PIN-API 1.6). */
export type XmlValue = string | number | boolean | null | undefined;

export interface XmlElement {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, XmlValue>>;
  /** More of them, as `writeAttributes` has written them. */
  readonly writtenAttributes?: string;
  /** An element holds others or text, never both. */
  readonly children?: readonly (XmlElement | WrittenElement)[];
  readonly text?: string;
}

/** An element that is always the same, written once. */
export interface WrittenElement {
  readonly written: string;
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Characters that are written as references, and those that XML cannot hold at all, half a surrogate pair among them. */
const SPECIAL = /[&<>"\t\n\r]|[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;

const REFERENCES = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  // As they are, an attribute's reader would take them for spaces (§3.3.3).
  ['\t', '&#9;'],
  ['\n', '&#10;'],
  ['\r', '&#13;'],
]);

/** Most text has no such character: this tells in a fraction of the time. */
const PLAIN = /^[ !#-%'-;=?-~\xa0-\ud7ff]*$/;

/** Text as it may stand in an attribute or an element; what XML cannot hold becomes U+FFFD. */
export const escapeXml = (text: string): string =>
  PLAIN.test(text) ? text : text.replace(SPECIAL, (character) => REFERENCES.get(character) ?? '\ufffd');

function valueOf(value: Exclude<XmlValue, undefined>): string {
  if (typeof value === 'string') return escapeXml(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return value === null ? '' : String(value);
}

/** Attributes as they stand in an element, a space before each. */
export function writeAttributes(attributes: Readonly<Record<string, XmlValue>>): string {
  let text = '';
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) text += ` ${key}="${valueOf(value)}"`;
  }
  return text;
}

function write(element: XmlElement | WrittenElement): string {
  if ('written' in element) return element.written;
  const { name, attributes = {}, writtenAttributes = '', children, text } = element;
  const start = `<${name}${writeAttributes(attributes)}${writtenAttributes}`;
  const inside = children?.length ? children.map(write).join('') : text ? escapeXml(text) : '';
  return inside === '' ? `${start}/>` : `${start}>${inside}</${name}>`;
}

/** Writes an element that many documents will hold as it is. */
export const writeOnce = (element: XmlElement): WrittenElement => ({ written: write(element) });

/** A whole document. */
export const writeXml = (root: XmlElement): string => XML_DECLARATION + write(root);

// Reads a mail as a mail program does: headers (RFC 5322, RFC 2047) and the parts of a multipart/alternative (RFC 2046 §5.1.4).

export interface MailMessage {
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** In their order, decoded. */
  readonly parts: readonly { readonly contentType: string; readonly content: string }[];
}

/** Refuses what names a header twice, and what is not multipart/alternative. */
export function readMailMessage(source: string): MailMessage {
  const { headers, body } = split(source);
  const boundary = /^multipart\/alternative;.*boundary="([^"]+)"/s.exec(
    headers.get('content-type') ?? '',
  )?.[1];
  if (!boundary) throw new Error('it is not multipart/alternative');
  const pieces = body.split(new RegExp(`^--${boundary}(?:--)?\\r?\\n?`, 'm'));
  if (pieces.at(-1)?.trim() !== '') throw new Error('its last part is not closed');
  const parts = pieces.slice(1, -1).map((piece) => {
    const part = split(piece);
    const encoding = part.headers.get('content-transfer-encoding') ?? '7bit';
    return { contentType: part.headers.get('content-type') ?? '', content: decode(part.body, encoding) };
  });
  return { headers, parts };
}

function split(source: string): { headers: Map<string, string>; body: string } {
  const end = /\r?\n\r?\n/.exec(source);
  if (!end) throw new Error('its headers have no end');
  const headers = new Map<string, string>();
  for (const line of source.slice(0, end.index).split(/\r?\n(?![ \t])/)) {
    const [, name = '', value = ''] = /^([A-Za-z-]+): *(.*)$/s.exec(line) ?? [];
    if (!name || headers.has(name.toLowerCase()))
      throw new Error(`a header is wrong or twice there: ${line}`);
    headers.set(name.toLowerCase(), decodeWords(value.replace(/\r?\n[ \t]+/g, ' ')));
  }
  return { headers, body: source.slice(end.index + end[0].length) };
}

const decodeWords = (value: string): string =>
  value
    .replace(/\?= +=\?/g, '?==?')
    .replace(/=\?utf-8\?([QB])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(text, 'base64').toString()
        : fromQuoted(text.replaceAll('_', ' ')),
    );

function decode(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  return encoding === 'quoted-printable' ? fromQuoted(body.replace(/=\r?\n/g, '')) : body;
}

/** Bytes are written as `=C3=A4`; what is not is ASCII already. */
const fromQuoted = (text: string): string =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString();

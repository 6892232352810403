// The address by which a person goes back to a tool: the tool's own, as it was registered, with the answer behind it.
// RFC 6749 §3.1.2, §4.1.2; RFC 9207 §2.

/** Where a tool's answer goes, once the address is known for its own, and how. */
export interface WayBack {
  readonly redirectUri: string;
  readonly answersBy: 'query' | 'form_post';
}

/** What the tool is sent; what is undefined is left out. */
export type SentBack = Readonly<Record<string, string | undefined>>;

/** The same without what is undefined, and with who gives it: no tool shall take another server's answer for ours (RFC 9207 §2). */
export function answerFields(sent: SentBack, issuer: string): Record<string, string> {
  const fields = Object.entries({ ...sent, iss: issuer });
  return Object.fromEntries(fields.filter((field): field is [string, string] => field[1] !== undefined));
}

/** The address with these fields in its query; what stands there already is kept as it is (RFC 6749 §3.1.2). */
export function addressWith(uri: string, fields: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(fields).toString();
  if (query === '') return uri;
  const joint = !uri.includes('?') ? '?' : /[?&]$/.test(uri) ? '' : '&';
  return `${uri}${joint}${query}`;
}

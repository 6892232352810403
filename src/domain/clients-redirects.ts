// Where a tool's people may be sent back to: which addresses may be registered, and which of those that a request names are
// registered. Addresses are compared as text, never as what they may mean (RFC 9700 §2.1, §4.1.3); but a native app takes the
// port on the loopback address that it gets (RFC 8252 §7.3).
import { DomainError } from './vocabulary.js';

const MOST = 20;
const LONGEST = 1000;

/** RFC 3986: what stands in an address as it is. White space, quotes and backslashes do not, nor what is not ASCII. */
const PLAIN = /^[A-Za-z][\w+.-]*:[!$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]+$/;
/** A host as it is written and no other way, so that it says the same to people, to browsers, and in a page's policy. */
const WRITTEN_OUT = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:[/?]|$)/i;
/** RFC 8252 §7.1: a name that its owner has, in reverse; so `javascript:` and its like are none. */
const PRIVATE_USE = /^[a-z][a-z\d+-]*(?:\.[a-z\d+-]+)+:$/;
const LOOPBACK_ADDRESS = /^http:\/\/(?:127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?=[/?]|$)/;
/** RFC 8252 §8.3: a name, which others may answer to; so only with the port that was registered. */
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** What is wrong with an address that a tool wants to register, as a sentence; undefined for nothing. */
function faultIn(uri: string): string | undefined {
  if (uri.length > LONGEST || !PLAIN.test(uri) || !URL.canParse(uri))
    return 'A redirect address must be absolute, in ASCII, at most 1000 characters, without a fragment.';
  const { protocol, hostname, username, password } = new URL(uri);
  if (username !== '' || password !== '' || /^[^/]*:\/*[^/?]*@/.test(uri))
    return 'A redirect address must hold no user name and no password.';
  if (/^https?:$/.test(protocol) && !WRITTEN_OUT.test(uri))
    return 'A redirect address must hold its host after two slashes, in plain letters, digits, dots and dashes.';
  if (protocol === 'https:') return undefined;
  if (protocol === 'http:') {
    return LOOPBACK_HOSTS.has(hostname)
      ? undefined
      : 'A redirect address over http must be on this computer: 127.0.0.1, [::1] or localhost.';
  }
  return PRIVATE_USE.test(protocol)
    ? undefined
    : 'A scheme of your own must be a domain name in reverse, such as com.example.app (RFC 8252).';
}

/** The addresses, each once. Refuses `redirect-uri-invalid` with what is wrong with one of them. */
export function readRedirectUris(uris: readonly string[]): readonly string[] {
  const fault = uris.map(faultIn).find((found) => found !== undefined);
  const detail = uris.length > MOST ? `At most ${MOST} addresses can be registered.` : fault;
  if (detail !== undefined) throw new DomainError('redirect-uri-invalid', { publicDetail: detail });
  return [...new Set(uris)];
}

/** The address without its port, where that is free. */
const withoutLoopbackPort = (uri: string): string | undefined => {
  const start = LOOPBACK_ADDRESS.exec(uri)?.[0];
  return start && start.replace(/:\d{1,5}$/, '') + uri.slice(start.length);
};

/** Whether one of the registered addresses is this one: the same text, but for the port of a loopback address. */
export function isRegistered(registered: readonly string[] = [], uri: string): boolean {
  if (registered.includes(uri)) return true;
  const portless = withoutLoopbackPort(uri);
  return (
    portless !== undefined &&
    faultIn(uri) === undefined &&
    registered.some((known) => withoutLoopbackPort(known) === portless)
  );
}

/**
 * Whether nobody here knows who has this address: then none of our addresses may pass for it, as one would that leads there
 * without a word (RFC 9700 §4.11.2). What stays on the device leads nobody to another site.
 */
export const isStrange = (
  { registeredBy }: { readonly registeredBy: 'operator' | 'itself' },
  redirectUri: string,
): boolean => registeredBy === 'itself' && redirectUri.startsWith('https:');

/**
 * Whether the tool is surely the one that it says it is, when a person is sent back to this address: it has a secret to show, or
 * nobody else answers there. Any program on a device can take a scheme or a port (RFC 8252 §8.6).
 */
export const isAssured = (
  { kind }: { readonly kind: 'public' | 'confidential' },
  redirectUri: string,
): boolean => kind === 'confidential' || redirectUri.startsWith('https:');

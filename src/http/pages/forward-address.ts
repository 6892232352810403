// Where a person goes back to after their decision: the address that a tool put behind `/auth`. It is anybody's text, so
// this is the one place that says which of them a page of ours may ever lead to (RFC 9700 §4.11, open redirectors).
// No token travels with it: the tool asks for its own.
import { BlockList, isIP } from 'node:net';

const LONGEST = 2048;

/** White space, controls and backslashes: browsers drop or turn them, so two readers could see two addresses. */
const AMBIGUOUS = /[\s\p{Cc}\p{Cf}\\]/u;

/**
 * Names that no public DNS answers for: RFC 6761, RFC 6762, RFC 8375, `internal`; a name without a dot is as local. With one
 * at its end it is a top-level domain, and some of those have a host of their own.
 */
const LOCAL_NAME = /^(?:[^.]+|localhost\.|.+\.(?:localhost|local|internal|lan|home\.arpa)\.?)$/;

/** Loopback, private and link-local networks: RFC 1122, RFC 1918, RFC 3927, RFC 4193, RFC 4291. */
const localNetworks = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  localNetworks.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  localNetworks.addSubnet(network, prefix, 'ipv6');
}

function isLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  const version = isIP(host);
  if (version !== 0) return localNetworks.check(host, version === 6 ? 'ipv6' : 'ipv4');
  return LOCAL_NAME.test(host);
}

/**
 * The address as a page may lead to it, in ASCII, at most 2048 characters; undefined for one that must not be followed.
 * https, or http to this computer and private networks, without user information (PIN-API.md, "Decided").
 */
export function readForwardAddress(text: string): string | undefined {
  if (text.length > LONGEST || AMBIGUOUS.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, username, password, href } = new URL(text);
  const isFenced = protocol === 'https:' || (protocol === 'http:' && isLocal(hostname));
  // `https://bank.example@evil.example/` names one host and goes to the other.
  const hasUser = username !== '' || password !== '' || /^[^/]*:\/*[^/?#]*@/.test(text);
  return isFenced && !hasUser && href.length <= LONGEST ? href : undefined;
}

/** The host that people are shown: in ASCII, so that letters which only look alike show as what they are. */
export function hostOf(forwardAddress: string): string {
  return new URL(forwardAddress).host;
}

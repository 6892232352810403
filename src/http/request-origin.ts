// Works out where a request came from: the nearest hop that is not a trusted proxy, in one spelling, and its network.
// What a network may do is counted in domain/throttle.ts. `Host` and the other X-Forwarded headers are not read here.
// CHECKLIST 3.2 (canonical addresses, IPv6 by /64, rightmost untrusted hop), RFC 5952 (how IPv6 is written), RFC 6454 (Origin).
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isIPv4, isIPv6 } from 'node:net';
import type { Origin } from '../domain/vocabulary.js';

const MOST_HOPS = 32;
const LONGEST_HOP = 64;
const LONGEST_USER_AGENT = 300;

/** An address as eight groups of 16 bits; IPv4 as `::ffff:a.b.c.d`, so that one address has one form. */
type Groups = readonly number[];

const V4_PREFIX = [0, 0, 0, 0, 0, 0xffff] as const;

function groupsOfV4(text: string): Groups {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [...V4_PREFIX, a * 256 + b, c * 256 + d];
}

function groupsOfV6(text: string): Groups {
  const half = (part: string): number[] =>
    part === ''
      ? []
      : part
          .split(':')
          .flatMap((group) => (group.includes('.') ? groupsOfV4(group).slice(6) : parseInt(group, 16)));
  const [head = '', tail] = text.split('::');
  const left = half(head);
  if (tail === undefined) return left;
  const right = half(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOf(text: string): Groups | undefined {
  if (isIPv4(text)) return groupsOfV4(text);
  const zone = text.indexOf('%');
  const bare = zone === -1 ? text : text.slice(0, zone);
  return isIPv6(bare) ? groupsOfV6(bare) : undefined;
}

const isV4 = (groups: Groups): boolean => V4_PREFIX.every((group, index) => groups[index] === group);

/** Writes eight groups as RFC 5952 says: lower case, the longest run of zeros (two or more, the first of equals) as `::`. */
function writeV6(groups: Groups): string {
  let [best, length] = [-1, 1];
  for (let start = 0; start < 8; start += 1) {
    let end = start;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - start > length) [best, length] = [start, end - start];
  }
  const hex = (part: Groups): string => part.map((group) => group.toString(16)).join(':');
  return best === -1 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`;
}

function write(groups: Groups): string {
  if (!isV4(groups)) return writeV6(groups);
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** What budgets count by: an IPv4 address, or the /64 that one IPv6 customer has at least. */
function networkOf(groups: Groups): string {
  return isV4(groups) ? write(groups) : `${writeV6([...groups.slice(0, 4), 0, 0, 0, 0])}/64`;
}

interface Block {
  readonly groups: Groups;
  readonly bits: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address; undefined for anything else. */
function blockOf(text: string): Block | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const groups = groupsOf(address);
  if (groups === undefined || rest.length > 0) return undefined;
  const offset = isIPv4(address) ? 96 : 0;
  if (length === undefined) return { groups, bits: 128 };
  const bits = offset + Number(length);
  return /^\d{1,3}$/.test(length) && bits <= 128 ? { groups, bits } : undefined;
}

function contains({ groups, bits }: Block, address: Groups): boolean {
  return groups.every((group, index) => {
    const free = 16 - Math.min(16, Math.max(0, bits - index * 16));
    return group >> free === address[index]! >> free;
  });
}

function blocksOf(trustedProxies: readonly string[]): readonly Block[] {
  return trustedProxies.map((text) => {
    const block = blockOf(text);
    if (block === undefined) throw new RangeError(`not an address or CIDR block: ${text}`);
    return block;
  });
}

/** Makes the test of whether a request was handed to us by one of these proxies itself: then it may speak of another one. */
export function createProxyTrust({ trustedProxies }: { trustedProxies: readonly string[] }) {
  const blocks = blocksOf(trustedProxies);
  return ({ socket }: IncomingMessage): boolean => {
    const peer = groupsOf(socket.remoteAddress ?? '');
    return peer !== undefined && blocks.some((block) => contains(block, peer));
  };
}

/** One entry of X-Forwarded-For, which may carry a port: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function hopOf(text: string): Groups | undefined {
  if (text.length > LONGEST_HOP) return undefined;
  const hop = text.trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop);
  return groupsOf(bracketed?.[1] ?? hop.replace(/^([\d.]+):\d{1,5}$/, '$1'));
}

/** Walks from our own peer outwards for as long as the hop that speaks is trusted (rightmost untrusted). */
function farthestKnown(peer: Groups, forwarded: string, isTrusted: (address: Groups) => boolean): Groups {
  let known = peer;
  let end = forwarded.length;
  for (let hops = 0; hops < MOST_HOPS && end > 0 && isTrusted(known); hops += 1) {
    const comma = forwarded.lastIndexOf(',', end - 1);
    const hop = hopOf(forwarded.slice(comma + 1, end));
    // What cannot be read cannot be believed: the last hop that we know of counts.
    if (hop === undefined) break;
    known = hop;
    end = comma;
  }
  return known;
}

/** An `Origin` header worth showing: `scheme://host[:port]`. A browser that hides it sends `null`, which says nothing. */
function webOriginOf(header: string | undefined): string | undefined {
  return header !== undefined && /^[a-z][a-z\d+.-]{0,31}:\/\/[\w.:[\]-]{1,255}$/i.test(header)
    ? header
    : undefined;
}

function userAgentOf(header: string | undefined): string | undefined {
  return header?.slice(0, LONGEST_USER_AGENT).replace(/[\u0000-\u001f\u007f-\u009f]/g, '') || undefined;
}

type Where = Pick<Origin, 'networkAddress' | 'network'>;
interface Peer {
  readonly groups: Groups | undefined;
  readonly where: Where;
}

const whereOf = (groups: Groups | undefined): Where => ({
  networkAddress: groups ? write(groups) : 'unknown',
  network: groups ? networkOf(groups) : 'unknown',
});

export type OriginReader = (req: IncomingMessage, requestId: string) => Origin;

/**
 * Makes the reader of origins. `trustedProxies` are addresses or CIDR blocks; X-Forwarded-For counts only as far as one
 * of them vouches for it. Throws RangeError for an entry that is neither. Without a readable peer the address is `unknown`.
 */
export function createOriginReader({ trustedProxies }: { trustedProxies: readonly string[] }): OriginReader {
  const blocks = blocksOf(trustedProxies);
  const isTrusted = (address: Groups): boolean => blocks.some((block) => contains(block, address));

  /** A connection keeps its peer, and tools keep their connections. */
  const peers = new WeakMap<Socket, Peer>();
  function peerOf(socket: Socket): Peer {
    const known = peers.get(socket);
    if (known) return known;
    const groups = groupsOf(socket.remoteAddress ?? '');
    const peer = { groups, where: whereOf(groups) };
    peers.set(socket, peer);
    return peer;
  }

  return ({ socket, headers }, requestId) => {
    const { groups, where } = peerOf(socket);
    const forwarded = headers['x-forwarded-for'];
    const isForwarded = groups && blocks.length > 0 && forwarded !== undefined;
    const { networkAddress, network } = isForwarded
      ? whereOf(farthestKnown(groups, String(forwarded), isTrusted))
      : where;
    const userAgent = userAgentOf(headers['user-agent']);
    const webOrigin = webOriginOf(headers.origin);
    return {
      networkAddress,
      network,
      requestId,
      ...(userAgent === undefined ? {} : { userAgent }),
      ...(webOrigin === undefined ? {} : { webOrigin }),
    };
  };
}

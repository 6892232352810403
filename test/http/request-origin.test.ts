// Addresses in one spelling, networks, and how far a forwarded header is believed.
import type { IncomingMessage } from 'node:http';
import { createOriginReader } from '../../src/http/request-origin.js';

function read(
  remoteAddress: string | undefined,
  headers: Record<string, string> = {},
  trustedProxies: readonly string[] = [],
) {
  return createOriginReader({ trustedProxies })(
    { socket: { remoteAddress }, headers } as IncomingMessage,
    'r-1',
  );
}

const forwardedFrom = (peer: string, forwarded: string, trusted: readonly string[]) =>
  read(peer, { 'x-forwarded-for': forwarded }, trusted).networkAddress;

describe('the network address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:1:0:0:0:9', '2001:db8:0:1::9', '2001:db8:0:1::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '2001:0:0:1::/64'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '2001:db8::/64'],
    ['2001:0:1:0:1:0:1:0', '2001:0:1:0:1:0:1:0', '2001:0:1::/64'],
    ['fe80::1%eth0', 'fe80::1', 'fe80::/64'],
    ['::1', '::1', '::/64'],
  ])('%s is written %s, of the network %s (RFC 5952 §4; CHECKLIST 3.2)', (peer, address, network) => {
    expect(read(peer)).toMatchObject({ networkAddress: address, network });
  });

  it('is unknown without a peer', () => {
    expect(read(undefined)).toMatchObject({ networkAddress: 'unknown', network: 'unknown' });
  });
});

describe('X-Forwarded-For', () => {
  it('counts for nothing from anyone who is not a trusted proxy', () => {
    expect(forwardedFrom('192.0.2.7', '198.51.100.1', [])).toBe('192.0.2.7');
    expect(forwardedFrom('192.0.2.7', '198.51.100.1', ['10.0.0.0/8'])).toBe('192.0.2.7');
  });

  it('gives the rightmost address that is not a trusted proxy', () => {
    const trusted = ['10.0.0.0/8', 'fd00::/8'];
    expect(forwardedFrom('10.0.0.1', '203.0.113.9, 198.51.100.1', trusted)).toBe('198.51.100.1');
    expect(forwardedFrom('10.0.0.1', '203.0.113.9,198.51.100.1 , 10.2.3.4', trusted)).toBe('198.51.100.1');
    expect(forwardedFrom('::ffff:10.0.0.1', '2001:DB8::1, fd00::5', trusted)).toBe('2001:db8::1');
    expect(forwardedFrom('10.0.0.1', '10.0.0.3, 10.0.0.2', trusted)).toBe('10.0.0.3');
  });

  it('reads hops with a port', () => {
    expect(forwardedFrom('127.0.0.1', '198.51.100.1:4711', ['127.0.0.1'])).toBe('198.51.100.1');
    expect(forwardedFrom('127.0.0.1', '[2001:db8::1]:4711', ['127.0.0.1'])).toBe('2001:db8::1');
  });

  it.each([
    'unknown',
    '',
    ',',
    '198.51.100.1,',
    '198.51.100.300',
    '_hidden',
    '1.2.3',
    '0x7f.1',
    '[::1',
    '::ffff:1.2.3.4.5',
  ])('stops at %p, which is no address, and keeps the last hop it knows', (forwarded) =>
    expect(forwardedFrom('127.0.0.1', forwarded, ['127.0.0.0/8'])).toBe('127.0.0.1'),
  );

  it('matches blocks bit by bit', () => {
    const isTrusted = (peer: string, block: string) =>
      forwardedFrom(peer, '198.51.100.1', [block]) === '198.51.100.1';
    expect(isTrusted('172.16.0.1', '172.16.0.0/12')).toBe(true);
    expect(isTrusted('172.31.255.255', '172.16.0.0/12')).toBe(true);
    expect(isTrusted('172.32.0.0', '172.16.0.0/12')).toBe(false);
    expect(isTrusted('192.0.2.6', '192.0.2.7/31')).toBe(true);
    expect(isTrusted('192.0.2.8', '192.0.2.7/31')).toBe(false);
    expect(isTrusted('2001:db8:0:8000::1', '2001:db8::/49')).toBe(false);
    expect(isTrusted('2001:db8:0:7fff::1', '2001:db8::/49')).toBe(true);
    expect(isTrusted('::1', '127.0.0.0/8')).toBe(false);
  });

  it('costs nothing when it is 64 KB of spaces, commas or hops (Koa CVE-2025-25200)', () => {
    const trusted = ['127.0.0.1', '10.0.0.0/8'];
    for (const piece of [' ', ',', '\t', '10.0.0.1,', '1.1.1.1 ', '[:', '1:']) {
      const forwarded = piece.repeat(Math.ceil(65_536 / piece.length));
      // Reading it in more than linear time would outlast the test.
      for (let turn = 0; turn < 100; turn += 1) forwardedFrom('127.0.0.1', forwarded, trusted);
      expect(forwardedFrom('127.0.0.1', forwarded, trusted)).toMatch(/^(127\.0\.0\.1|10\.0\.0\.1)$/);
    }
  });

  it.each(['10.0.0.0/33', 'fd00::/129', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1', 'proxy', '', '*'])(
    'cannot be trusted from %p, which is neither an address nor a block',
    (block) => expect(() => createOriginReader({ trustedProxies: [block] })).toThrow(RangeError),
  );
});

describe('what else an origin holds', () => {
  it('the request id, the user agent and the web origin', () => {
    expect(read('192.0.2.7', { 'user-agent': 'TV/1.0', origin: 'https://tv.example' })).toEqual({
      networkAddress: '192.0.2.7',
      network: '192.0.2.7',
      requestId: 'r-1',
      userAgent: 'TV/1.0',
      webOrigin: 'https://tv.example',
    });
  });

  it('a user agent without control characters, 300 characters at most', () => {
    expect(read('::1', { 'user-agent': 'a\u0007b\u0085c' }).userAgent).toBe('abc');
    expect(read('::1', { 'user-agent': 'x'.repeat(999) }).userAgent).toHaveLength(300);
    expect(read('::1', { 'user-agent': '' })).not.toHaveProperty('userAgent');
  });

  it.each([
    'null',
    '',
    'https://tv.example/path',
    'https://a b',
    'javascript:alert(1)',
    'https://tv.example <b>',
    'https://',
  ])('no web origin from %p (RFC 6454 §7)', (origin) =>
    expect(read('::1', { origin })).not.toHaveProperty('webOrigin'),
  );
});

// Keys that are not ours: which are taken, and what counts as signed by one.
import { createToolKey } from '../support/numbered-rooms.js';
import { generateKeyPairSync } from 'node:crypto';
import { claimsOfUnchecked, kidOf, readForeignKey, readSignedBy } from '../../src/crypto/key-proof.js';
import { thumbprint } from '../../src/crypto/jwt.js';

const key = createToolKey();
const rsa = createToolKey('an RSA key', 'RS256');

describe('a foreign key', () => {
  it('is known by its thumbprint, without anything that came along (RFC 7638, RFC 8037)', () => {
    const read = readForeignKey({ ...key.jwk, use: 'sig', extra: 'x' });
    const { kty, crv, x } = key.jwk as Record<string, string>;
    expect(read).toEqual({ alg: 'EdDSA', publicJwk: { kty, crv, x }, thumbprint: thumbprint(key.jwk) });
    expect(readForeignKey(rsa.jwk)).toMatchObject({ alg: 'RS256', thumbprint: thumbprint(rsa.jwk) });
  });

  it('is taken under the newer name of its algorithm, and under none (RFC 9864)', () => {
    expect(readForeignKey({ ...key.jwk, alg: 'Ed25519' })?.alg).toBe('EdDSA');
    const { alg: _, ...bare } = key.jwk;
    expect([readForeignKey(bare)?.alg, _]).toEqual(['EdDSA', 'EdDSA']);
  });

  it.each([
    ['no object', 'x'],
    ['nothing', null],
    ['a list', [key.jwk]],
    ['its private half', { ...key.jwk, ...key.privateJwk }],
    ['an RSA private half', { ...rsa.jwk, ...rsa.privateJwk }],
    ['a secret key', { kty: 'oct', k: 'AAAA' }],
    ['another curve', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })],
    ['another Edwards curve', generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' })],
    ['the wrong algorithm', { ...key.jwk, alg: 'RS256' }],
    ['the wrong algorithm for RSA', { ...rsa.jwk, alg: 'EdDSA' }],
    ['no signature algorithm', { ...key.jwk, alg: 'none' }],
    ['another use', { ...key.jwk, use: 'enc' }],
    ['a short coordinate', { ...key.jwk, x: 'AAAA' }],
    ['a number for its coordinate', { ...key.jwk, x: 7 }],
    ['another spelling of the same key', { ...key.jwk, x: `${(key.jwk as { x: string }).x}=` }],
    ['a short modulus', createToolKey('k', 'RS256', 1024).jwk],
    ['a huge modulus', { ...rsa.jwk, n: 'A'.repeat(3000) }],
    ['an exponent of 3', { ...rsa.jwk, e: 'Aw' }],
  ])('is not read from %s (RFC 8725 §3.2)', (_, jwk) => {
    expect(readForeignKey(jwk)).toBeUndefined();
  });
});

describe('a signature of a foreign key', () => {
  const read = readForeignKey(key.jwk)!;
  const claims = { iss: 'tool', n: 1 };

  it.each([
    ['Ed25519', key],
    ['RSA', rsa],
  ])('counts for its own claims: %s', (_, { jwk, signed }) => {
    expect(readSignedBy(signed(claims), readForeignKey(jwk)!, jwk.kid)).toEqual(claims);
  });

  it('needs neither a time nor a type: they are for the caller', () => {
    expect(readSignedBy(key.signed({}), read, key.jwk.kid)).toEqual({});
  });

  const signed = key.signed(claims);
  const [head, body, signature] = signed.split('.') as [string, string, string];
  const none = Buffer.from(JSON.stringify({ alg: 'none', kid: key.jwk.kid })).toString('base64url');
  it.each([
    ['no JWT', 'x'],
    ['nothing', ''],
    ['another signature', `${head}.${body}.${'A'.repeat(86)}`],
    ['other claims', `${head}.${Buffer.from('{"iss":"x"}').toString('base64url')}.${signature}`],
    ['no algorithm', `${none}.${body}.`],
    ['none at all', `${none}.${body}.${signature}`],
    ['a symmetric algorithm', key.signed(claims, { alg: 'HS256' })],
    ['the algorithm of the other kind of key', key.signed(claims, { alg: 'RS256' })],
    ['another id of the key', key.signed(claims, { kid: 'another' })],
    ['no id', key.signed(claims, { kid: undefined })],
    ['an extension that must be understood', key.signed(claims, { crit: ['exp'] })],
    ['compression', key.signed(claims, { zip: 'DEF' })],
    ['another key', createToolKey(key.jwk.kid).signed(claims)],
    ['claims that are a list', key.signed([])],
    ['a fourth part', `${signed}.x`],
    ['another spelling of the signature', `${signed}=`],
    ['eight kilobytes', key.signed({ x: 'x'.repeat(8192) })],
  ])('does not count with %s (RFC 8725 §3.1)', (_, jwt) => {
    expect(readSignedBy(jwt, read, key.jwk.kid)).toBeUndefined();
  });

  it('never lets a key in the header speak for itself (RFC 8725 §3.10)', () => {
    const thief = createToolKey(key.jwk.kid);
    expect(readSignedBy(thief.signed(claims, { jwk: thief.jwk }), read, key.jwk.kid)).toBeUndefined();
  });

  it('is none where its header or its claims hold NUL, which no database could be asked for (CHECKLIST 4)', () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const written = (text: string): string => `${part({ kid: text })}.${part({ iss: text })}.AAAA`;
    for (const text of ['\0', 'a\0b', '\\\0', '\\\\\0']) {
      expect(kidOf(written(text))).toBeUndefined();
      expect(claimsOfUnchecked(written(text))).toBeUndefined();
    }
    for (const text of ['\\u0000', '\\\\u0000', 'u0000']) {
      expect(kidOf(written(text))).toBe(text);
      expect(claimsOfUnchecked(written(text))).toEqual({ iss: text });
    }
  });

  it('tells whose key to ask for before it counts, and nothing of what is no JWT', () => {
    expect([kidOf(signed), claimsOfUnchecked(signed)]).toEqual([key.jwk.kid, claims]);
    for (const text of ['', 'x', 'a.b.c', `${signed}.x`, key.signed({}, { kid: 7 })])
      expect(kidOf(text)).toBeUndefined();
    for (const text of ['', 'x', 'a.b.c', `${head}.W10.${signature}`])
      expect(claimsOfUnchecked(text)).toBeUndefined();
  });
});

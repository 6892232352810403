// Proofs of possession: the examples of RFC 9449, which keys sign them, and what is no proof. The rest of §4.3 is in
// test/http/oauth-dpop.test.ts.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readDpop, tokenHash } from '../../src/crypto/dpop.js';
import { claimsOfUnchecked, headerOf, isPrivate, readPublicKey } from '../../src/crypto/public-keys.js';
import { createProofKey } from '../support/proofs.js';

/** RFC 9449 §4.1, figure 1, and §7.1, figure 12; §6.1 has the thumbprint of their key. */
const HEADER =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZld' +
  'WQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19';
const AT_TOKEN =
  `${HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0I` +
  'joxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';
const AT_RESOURCE =
  `${HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXN` +
  'vdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E' +
  'y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA';
const THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
const ACCESS_TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';

describe('a proof', () => {
  it('for the token endpoint reads as in the example (RFC 9449 §4.1, §6.1)', () => {
    expect(readDpop(AT_TOKEN)).toEqual({
      thumbprint: THUMBPRINT,
      claims: {
        jti: '-BwC3ESc6acc2lTc',
        method: 'POST',
        address: 'https://server.example.com/token',
        issuedAt: 1562262616,
        nonce: undefined,
        tokenHash: undefined,
      },
    });
  });

  it('for a resource names its token as in the example (RFC 9449 §7.1)', () => {
    const read = readDpop(AT_RESOURCE);
    expect(read).toMatchObject({
      thumbprint: THUMBPRINT,
      claims: { method: 'GET', jti: 'e1j3V_bKic8-LAEB' },
    });
    expect(read.fault === undefined && read.claims.tokenHash).toBe(tokenHash(ACCESS_TOKEN));
    expect(tokenHash(ACCESS_TOKEN)).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo');
  });

  it('with the signature of the other example is none, however well its header is known (RFC 9449 §4.3 (6))', () => {
    const [header, claims] = AT_TOKEN.split('.');
    const signature = AT_RESOURCE.split('.')[2]!;
    expect(readDpop(AT_TOKEN)).toHaveProperty('claims');
    expect(readDpop(`${header}.${claims}.${signature}`)).toEqual({ fault: 'signature' });
    expect(readDpop(`${header}.${claims}`)).toEqual({ fault: 'form' });
    expect(readDpop(`${header}.${claims}.${signature}.x`)).toEqual({ fault: 'form' });
    expect(readDpop(`${header}.${claims}.=`)).toEqual({ fault: 'form' });
  });

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'is signed with %s, under the thumbprint of its key',
    (alg) => {
      const key = createProofKey(alg);
      const read = readDpop(key.proof({ htu: 'https://a.example/', iat: 1 }));
      expect(read).toMatchObject({ thumbprint: key.thumbprint });
    },
  );

  it('is none above eight kilobytes (RFC 9449 §11.1)', () => {
    const key = createProofKey('EdDSA');
    const long = key.proof({ htu: 'https://a.example/', iat: 1 }, { claims: { extra: 'x'.repeat(8192) } });
    expect(readDpop(long)).toEqual({ fault: 'form' });
  });

  it('never throws, whatever a header holds', () => {
    for (const text of ['', '.', '..', '...', '\0', 'a.b.c', `${HEADER}..`, 'e30.e30.e30', 'bnVsbA.e30.AAAA'])
      expect(readDpop(text)).toHaveProperty('fault');
  });
});

describe('a public key', () => {
  const key = createProofKey('ES256');

  it('is read without what came along, and with the one algorithm it is for (RFC 7638, RFC 7518 §3.4)', () => {
    const { kty, crv, x, y } = key.jwk;
    const read = readPublicKey({ ...key.jwk, use: 'sig', kid: 'k', extra: 1 });
    expect(read).toMatchObject({ alg: 'ES256', thumbprint: key.thumbprint, publicJwk: { kty, crv, x, y } });
    expect(Object.keys(read!.publicJwk)).toHaveLength(4);
  });

  it.each([
    [
      'another curve',
      () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }),
    ],
    ['a point that is on no curve', () => ({ ...key.jwk, x: key.jwk['y'], y: key.jwk['x'] })],
    ['one coordinate', () => ({ ...key.jwk, y: undefined })],
    ['the algorithm of another kind', () => ({ ...key.jwk, alg: 'EdDSA' })],
    ['a longer spelling of a coordinate', () => ({ ...key.jwk, x: `AA${String(key.jwk['x'])}` })],
    ['its private half', () => ({ ...key.jwk, ...key.privateJwk })],
  ])('is not read from %s (RFC 8725 §3.2)', (_, jwk) => {
    expect(readPublicKey(jwk())).toBeUndefined();
  });

  it('is told from one with its private half, whatever the kind (RFC 9449 §4.3 (7))', () => {
    for (const alg of ['ES256', 'EdDSA', 'RS256'] as const) {
      const { jwk, privateJwk } = createProofKey(alg);
      expect([isPrivate(jwk), isPrivate(privateJwk)]).toEqual([false, true]);
    }
    expect(isPrivate({ kty: 'oct', k: 'AA' })).toBe(true);
    expect(isPrivate('text')).toBe(false);
  });

  it('is one that node itself reads the same way', () => {
    const { publicJwk } = readPublicKey(key.jwk)!;
    expect(createPublicKey({ key: publicJwk, format: 'jwk' }).asymmetricKeyType).toBe('ec');
  });
});

it('a JWT with a critical header is not understood, and what is none has neither header nor claims (RFC 7515 §4.1.11)', () => {
  const key = createProofKey('EdDSA');
  expect(headerOf(key.signed({ alg: 'EdDSA', crit: ['x'] }, {}))).toBeUndefined();
  expect(headerOf('x')).toBeUndefined();
  expect(claimsOfUnchecked('x')).toBeUndefined();
  expect(claimsOfUnchecked(key.signed({ alg: 'EdDSA' }, { a: 1 }))).toEqual({ a: 1 });
});

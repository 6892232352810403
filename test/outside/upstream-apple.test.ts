// Apple's client secret against a key made here, and the name that comes once.
import { generateKeyPairSync, verify } from 'node:crypto';
import { createAppleSecret, readAppleName } from '../../src/outside/upstream-apple.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const NOW = new Date('2026-01-15T12:00:00Z').getTime();

const newSecret = (at = NOW) =>
  createAppleSecret(
    {
      clientId: 'org.example.login',
      teamId: 'TEAM123456',
      keyId: 'KEY1234567',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
    () => at,
  );

const read = (part = ''): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

describe('the client secret for Apple', () => {
  it('says who signs, for whom and how long, as Apple wants it', () => {
    const [header, claims] = newSecret()().split('.');
    expect(read(header)).toEqual({ alg: 'ES256', kid: 'KEY1234567' });
    const iat = NOW / 1000;
    expect(read(claims)).toEqual({
      iss: 'TEAM123456',
      iat,
      exp: iat + 300,
      aud: 'https://appleid.apple.com',
      sub: 'org.example.login',
    });
  });

  it('is signed with ES256, the two numbers side by side (RFC 7518 §3.4)', () => {
    const [header, claims, signature = ''] = newSecret()().split('.');
    const bytes = Buffer.from(signature, 'base64url');
    expect(bytes).toHaveLength(64);
    const signed = Buffer.from(`${header}.${claims}`);
    expect(verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(true);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(verify('sha256', signed, { key: other, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(false);
  });

  it('is another one for each call, and never lives for more than five minutes', () => {
    const make = newSecret();
    expect(make()).not.toBe(make());
    const [, claims] = newSecret(NOW + 86_400_000)().split('.');
    expect(read(claims)).toMatchObject({ exp: (NOW + 86_400_000) / 1000 + 300 });
  });
});

describe('the name that Apple sends once', () => {
  it.each([
    ['{"name":{"firstName":"Anna","lastName":"Lind"},"email":"a@example.com"}', 'Anna Lind'],
    ['{"name":{"firstName":"Anna"}}', 'Anna'],
    ['{"name":{"firstName":{"a":1},"lastName":7}}', ''],
    ['{"name":null}', ''],
    ['null', ''],
    ['[]', ''],
    ['not json', ''],
    ['', ''],
    [undefined, ''],
  ])('is read from %p as %p', (field, name) => {
    expect(readAppleName(field)).toBe(name);
  });
});

// Signed tokens: the published vectors, then every way in which a token can be wrong, each by name.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose';
import {
  createJwsSignature,
  createSigner,
  createVerifier,
  generateSigningKey,
  halfHash,
  thumbprint,
} from '../../src/crypto/jwt.js';
import type { PublicJwk, SigningAlg, SigningKey, VerifyOptions } from '../../src/crypto/jwt.js';

const ALGS: readonly SigningAlg[] = ['EdDSA', 'ES256', 'RS256'];
const issuer = 'https://pin.example';
const audience = 'https://pin.example';
const nowSeconds = 1_800_000_000;

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

let keys: Record<SigningAlg, SigningKey>;
let inForce: PublicJwk[];
let nowAt: number;

beforeAll(async () => {
  const made = await Promise.all(ALGS.map(generateSigningKey));
  keys = Object.fromEntries(made.map((key) => [key.alg, key])) as Record<SigningAlg, SigningKey>;
});

beforeEach(() => {
  inForce = ALGS.map((alg) => keys[alg].publicJwk);
  nowAt = nowSeconds;
});

const verifier = createVerifier({ keys: () => inForce, issuer, now: () => new Date(nowAt * 1000) });
const claims = {
  iss: issuer,
  aud: audience,
  sub: 'subject',
  client_id: 'tool',
  iat: nowSeconds,
  exp: nowSeconds + 900,
  jti: 'one',
};
const options: VerifyOptions = { typ: 'at+jwt', audience };

/** The signature of our own Ed25519 key under whatever an attacker could wish for. */
function signed(input: string): string {
  const key = createPrivateKey({ key: JSON.parse(keys.EdDSA.privateJwk) as JsonWebKey, format: 'jwk' });
  return sign(null, Buffer.from(input, 'utf8'), key).toString('base64url');
}

/** A token signed by our own Ed25519 key, with whatever header and claims an attacker could wish for. */
function forge(header: object, payload: unknown = claims): string {
  const input = `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid: keys.EdDSA.kid, ...header })}.${encode(payload)}`;
  return `${input}.${signed(input)}`;
}

const withClaims = (change: object): string => forge({}, { ...claims, ...change });

describe('published vectors', () => {
  const ed25519 = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  };

  it('signs as in RFC 8037 appendix A.4', async () => {
    const signature = createJwsSignature({ alg: 'EdDSA', privateJwk: JSON.stringify(ed25519) });
    expect(await signature('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc')).toBe(
      'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    );
  });

  it('names an Ed25519 key as in RFC 8037 appendix A.3, private part or not', () => {
    expect(thumbprint(ed25519)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
    expect(thumbprint({ kty: 'OKP', crv: 'Ed25519', x: ed25519.x, kid: 'x' })).toBe(
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    );
  });

  it('names an RSA key as in RFC 7638 §3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok' +
      'njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu' +
      '6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8aw' +
      'apJzKnqDKgw';
    const example = { kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' };
    expect(thumbprint(example)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('halves SHA-256 for an RS256 token (OpenID Connect Core §3.1.3.6), and SHA-512 for Ed25519', () => {
    const token = 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y';
    expect(halfHash(token, 'RS256')).toBe('77QmUPtjPfzWtF2AnpK9RQ');
    expect(halfHash(token, 'ES256')).toBe('77QmUPtjPfzWtF2AnpK9RQ');
    const long = createHash('sha512').update(token).digest().subarray(0, 32);
    expect(halfHash(token, 'EdDSA')).toBe(long.toString('base64url'));
  });
});

describe.each(ALGS)('an %s key', (alg) => {
  it('is named by its thumbprint and keeps its private part to itself', async () => {
    const { kid, publicJwk, privateJwk } = keys[alg];
    expect(kid).toBe(await calculateJwkThumbprint(publicJwk as Parameters<typeof calculateJwkThumbprint>[0]));
    expect(publicJwk).toMatchObject({ kid, alg, use: 'sig' });
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi']) expect(publicJwk).not.toHaveProperty(secret);
    expect(JSON.parse(privateJwk)).toMatchObject({ kid, alg, d: expect.any(String) as string });
    if (alg === 'RS256')
      expect(createPublicKey({ key: publicJwk, format: 'jwk' }).asymmetricKeyDetails?.modulusLength).toBe(
        2048,
      );
  });

  it('signs tokens that any JOSE library accepts, and this verifier too', async () => {
    const token = await createSigner(keys[alg])({ typ: 'at+jwt' }, claims);
    const theirs = await jwtVerify(
      token,
      await importJWK(keys[alg].publicJwk as Parameters<typeof importJWK>[0]),
      {
        issuer,
        audience,
        typ: 'at+jwt',
        algorithms: [alg],
        currentDate: new Date(nowSeconds * 1000),
      },
    );
    expect(theirs.payload).toEqual(claims);
    expect(theirs.protectedHeader).toEqual({ alg, typ: 'at+jwt', kid: keys[alg].kid });
    expect(await verifier(token, options)).toEqual(claims);
  });

  it('signs the same claims to the same bytes, unless the algorithm is randomised', async () => {
    const signer = createSigner(keys[alg]);
    const [one, two] = [await signer({ typ: 'at+jwt' }, claims), await signer({ typ: 'at+jwt' }, claims)];
    expect(one === two).toBe(alg !== 'ES256');
    expect((await signer({ typ: 'JWT' }, claims)).split('.')[0]).not.toBe(one.split('.')[0]);
  });

  it('does not sign under another algorithm', () => {
    for (const wrong of ALGS.filter((candidate) => candidate !== alg)) {
      expect(() => createSigner({ ...keys[alg], alg: wrong })).toThrow(TypeError);
    }
  });

  it('refuses a token with any one byte of it changed', async () => {
    const token = await createSigner(keys[alg])({ typ: 'at+jwt' }, claims);
    for (let index = 0; index < token.length; index += alg === 'RS256' ? 7 : 1) {
      const character = token.charAt(index) === 'A' ? 'B' : 'A';
      const changed = token.slice(0, index) + character + token.slice(index + 1);
      expect(await verifier(changed, options)).toBeUndefined();
    }
  });
});

describe('a token is refused (RFC 9068 §4, RFC 8725)', () => {
  it('when its type is another or missing: an ID token is no access token, and the reverse', async () => {
    const idToken = forge({ typ: 'JWT' });
    expect(await verifier(idToken, options)).toBeUndefined();
    expect(await verifier(idToken, { typ: 'JWT', audience })).toEqual(claims);
    expect(await verifier(forge({}), { typ: 'JWT', audience })).toBeUndefined();
    for (const typ of [undefined, '', 'at', 'at+jwt2', 'text/at+jwt', 7, null, ['at+jwt']]) {
      expect(await verifier(forge({ typ }), options)).toBeUndefined();
    }
  });

  it('but not when its type has the application/ prefix or other case (RFC 9068 §4, RFC 7515 §4.1.9)', async () => {
    for (const typ of ['application/at+jwt', 'AT+JWT', 'Application/At+Jwt']) {
      expect(await verifier(forge({ typ }), options)).toEqual(claims);
    }
    expect(await verifier(forge({}), { typ: 'application/at+jwt', audience })).toEqual(claims);
  });

  it('when its issuer is not exactly ours', async () => {
    for (const iss of [`${issuer}/`, 'https://PIN.example', 'http://pin.example', '', undefined, [issuer]]) {
      expect(await verifier(withClaims({ iss }), options)).toBeUndefined();
    }
  });

  it('when its audience does not contain the one asked for', async () => {
    for (const aud of [
      'https://other.example',
      [],
      ['https://other.example'],
      `${audience}/`,
      undefined,
      { 0: audience },
    ]) {
      expect(await verifier(withClaims({ aud }), options)).toBeUndefined();
    }
    const several = withClaims({ aud: ['https://other.example', audience] });
    expect(await verifier(several, options)).toMatchObject({ jti: 'one' });
    expect(await verifier(withClaims({ aud: 'https://other.example' }), { typ: 'at+jwt' })).toMatchObject({
      jti: 'one',
    });
  });

  it('when it is unsigned (alg none)', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      const input = `${encode({ alg, typ: 'at+jwt', kid: keys.EdDSA.kid })}.${encode(claims)}`;
      const [, , signature] = forge({}).split('.');
      expect(await verifier(`${input}.`, options)).toBeUndefined();
      expect(await verifier(`${input}.${signature}`, options)).toBeUndefined();
    }
  });

  it('when it is an HMAC made with the public key', async () => {
    const pem = createPublicKey({ key: keys.RS256.publicJwk, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    for (const secret of [pem, JSON.stringify(keys.RS256.publicJwk), keys.RS256.publicJwk.n as string]) {
      const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: keys.RS256.kid })}.${encode(claims)}`;
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await verifier(`${input}.${mac}`, options)).toBeUndefined();
    }
  });

  it('when its algorithm is not the one of the key it names (RFC 8725 §3.1)', async () => {
    for (const alg of ['RS256', 'ES256', 'PS256', 'RS512', 'Ed448', undefined]) {
      expect(await verifier(forge({ alg }), options)).toBeUndefined();
    }
    const key = createPrivateKey({ key: JSON.parse(keys.RS256.privateJwk) as JsonWebKey, format: 'jwk' });
    const input = `${encode({ alg: 'RS512', typ: 'at+jwt', kid: keys.RS256.kid })}.${encode(claims)}`;
    const signature = sign('sha512', Buffer.from(input), key).toString('base64url');
    expect(await verifier(`${input}.${signature}`, options)).toBeUndefined();
  });

  it('but not when it calls Ed25519 by its own name (RFC 9864 §2.2)', async () => {
    expect(await verifier(forge({ alg: 'Ed25519' }), options)).toEqual(claims);
  });

  it('when it names an unknown key, another key, or none', async () => {
    for (const kid of ['unknown', keys.RS256.kid, '', undefined, null, 7, '__proto__']) {
      expect(await verifier(forge({ kid }), options)).toBeUndefined();
    }
  });

  it('when a stranger signed it under the id of our key', async () => {
    const stranger = await generateSigningKey('EdDSA');
    const token = await createSigner({ ...stranger, kid: keys.EdDSA.kid })({ typ: 'at+jwt' }, claims);
    expect(await verifier(token, options)).toBeUndefined();
  });

  it('when its key is no longer in force, even if it was used before', async () => {
    const token = forge({});
    expect(await verifier(token, options)).toEqual(claims);
    inForce = inForce.filter((jwk) => jwk.kid !== keys.EdDSA.kid);
    expect(await verifier(token, options)).toBeUndefined();
  });

  it('when the key in force is of another kind than its algorithm, or too short', async () => {
    inForce = [{ ...keys.EdDSA.publicJwk, alg: 'ES256' }];
    expect(await verifier(forge({ alg: 'ES256' }), options)).toBeUndefined();
    inForce = [{ kid: keys.EdDSA.kid, alg: 'EdDSA', use: 'sig', kty: 'OKP', crv: 'Ed25519' }];
    expect(await verifier(forge({}), options)).toBeUndefined();
  });

  it.each(['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'zip', 'enc'])(
    'when its header has %s (RFC 8725 §3.10)',
    async (name) => {
      const values = { jwk: keys.EdDSA.publicJwk, crit: ['exp'], b64: true, x5c: ['MIIB'] };
      const value = (values as Record<string, unknown>)[name] ?? 'https://evil.example/keys';
      expect(await verifier(forge({ [name]: value }), options)).toBeUndefined();
    },
  );

  it('when it has expired, with half a minute for clocks that differ (RFC 7519 §4.1.4)', async () => {
    nowAt = claims.exp + 29;
    expect(await verifier(forge({}), options)).toEqual(claims);
    nowAt = claims.exp + 30;
    expect(await verifier(forge({}), options)).toBeUndefined();
    expect(await verifier(forge({}), { ...options, ignoreExpiry: true })).toEqual(claims);
  });

  it('when it has no expiry, or one that is no number, even where expiry is ignored', async () => {
    for (const exp of [undefined, null, '1900000000', [], {}]) {
      expect(await verifier(withClaims({ exp }), options)).toBeUndefined();
      expect(await verifier(withClaims({ exp }), { ...options, ignoreExpiry: true })).toBeUndefined();
    }
    const infinite = JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999');
    expect(await verifier(forge({}, infinite), options)).toBeUndefined();
  });

  it('when it is not valid yet (RFC 7519 §4.1.5)', async () => {
    expect(await verifier(withClaims({ nbf: nowSeconds + 30 }), options)).toBeDefined();
    for (const nbf of [nowSeconds + 31, 'soon', null]) {
      expect(await verifier(withClaims({ nbf }), options)).toBeUndefined();
    }
    expect(await verifier(withClaims({ iat: 'today' }), options)).toBeUndefined();
  });

  it('when it is over 8 KiB', async () => {
    const length = (padding: number): string => withClaims({ padding: 'x'.repeat(padding) });
    const most = Array.from({ length: 8 }, (_, index) => length(5840 + index)).findLast(
      (token) => token.length <= 8192,
    );
    expect(await verifier(most ?? '', options)).toBeDefined();
    expect(await verifier(length(6100), options)).toBeUndefined();
  });

  it('when it is not three base64url parts in their only spelling (RFC 7515 §3.1)', async () => {
    const token = forge({});
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const twin =
      signature.slice(0, -1) + String.fromCodePoint(signature.codePointAt(signature.length - 1)! + 1);
    expect(Buffer.from(twin, 'base64url').equals(Buffer.from(signature, 'base64url'))).toBe(true);
    const wrong = [
      '',
      '.',
      '..',
      '...',
      header,
      `${header}.${payload}`,
      `${token}.`,
      `${token}.x.y`,
      `${token}=`,
      ` ${token}`,
    ];
    const spelled = [
      `${token}\n`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${twin}`,
    ];
    for (const malformed of [
      ...wrong,
      ...spelled,
      token.replace('.', ' .'),
      `${encode('{')}.${payload}.${signature}`,
    ]) {
      expect(await verifier(malformed, options)).toBeUndefined();
    }
  });

  it('when its content is not an object of claims (RFC 7519 §7.2)', async () => {
    for (const content of ['not json', 'null', '[]', '"text"', '7', '']) {
      expect(await verifier(forge({}, content), options)).toBeUndefined();
    }
  });

  it('when its header is not an object', async () => {
    for (const header of ['null', '[]', '"EdDSA"', '{']) {
      const input = `${encode(header)}.${encode(claims)}`;
      expect(await verifier(`${input}.${signed(input)}`, options)).toBeUndefined();
    }
  });

  it('when its ES256 signature is in DER, which JOSE does not use (RFC 7518 §3.4)', async () => {
    const key = createPrivateKey({ key: JSON.parse(keys.ES256.privateJwk) as JsonWebKey, format: 'jwk' });
    const input = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: keys.ES256.kid })}.${encode(claims)}`;
    const der = sign('sha256', Buffer.from(input), key);
    expect(verify('sha256', Buffer.from(input), createPublicKey(key), der)).toBe(true);
    expect(await verifier(`${input}.${der.toString('base64url')}`, options)).toBeUndefined();
  });
});

describe('a verifier', () => {
  it('lets a fault in its own keys show, instead of calling every token bad', async () => {
    const broken = createVerifier({
      keys: () => {
        throw new Error('the keys are not loaded');
      },
      issuer,
      now: () => new Date(nowSeconds * 1000),
    });
    await expect(broken(forge({}), options)).rejects.toThrow('the keys are not loaded');
  });
});

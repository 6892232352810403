// The tool's own key, for a PIN door that takes one: made or read, proving itself, fetching fresh tokens, and checking what
// came back. RFC 8037 (Ed25519), RFC 7638 (the key's id), RFC 7515. The key leaves this file only as a public key.
import { randomUUID } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import {
  SignJWT,
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
} from 'jose';
import type { JSONWebKeySet, JWK } from 'jose';
import type { TokenCheck } from './tool-checking.js';
import { ToolFault, ask } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { introduction, pinRefusal } from './tool-pin-door.js';
import type { PinDoor } from './tool-pin-door.js';
import { text, tidy, wordsOf } from './tool-words.js';

const PROOF_SECONDS = 300;

/** A key, and the identifier under which the server knows it. */
export interface DeviceKey {
  identifier: string;
  kid: string;
  publicJwk: JWK;
  privateJwk: JWK;
}

/** Makes an Ed25519 key; its id is its RFC 7638 thumbprint. */
export async function makeDeviceKey(identifier: string = randomUUID()): Promise<DeviceKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return completeKey(identifier, await exportJWK(privateKey));
}

/** Reads the key from the file, or makes one there that its owner alone can read; throws a `ToolFault` where neither can be. */
export async function keepDeviceKey(file: string, identifier: string | undefined): Promise<DeviceKey> {
  try {
    const made = await makeDeviceKey(identifier);
    const handle = await open(file, 'wx', 0o600); // never over a file that is there
    try {
      const { identifier: kept, privateJwk } = made;
      await handle.writeFile(`${JSON.stringify({ identifier: kept, privateJwk })}\n`);
    } finally {
      await handle.close();
    }
    return made;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EEXIST') return readDeviceKey(file, identifier);
    throw new ToolFault(`The key cannot be kept: ${wordsOf(fault)}.`, { cause: fault });
  }
}

async function readDeviceKey(file: string, identifier: string | undefined): Promise<DeviceKey> {
  if (((await stat(file)).mode & 0o077) !== 0)
    throw new ToolFault(`Others can read the key in ${tidy(file)}: chmod 600, or make a new one.`);
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as { identifier: string; privateJwk: JWK };
    const key = await completeKey(kept.identifier, kept.privateJwk);
    if (identifier !== undefined && identifier !== key.identifier)
      throw new ToolFault(`The key in ${tidy(file)} belongs to another --client-id.`);
    return key;
  } catch (fault) {
    if (fault instanceof ToolFault) throw fault;
    throw new ToolFault(`There is no key of this tool in ${tidy(file)}.`, { cause: fault });
  }
}

async function completeKey(identifier: string, { kty, crv, x, d }: JWK): Promise<DeviceKey> {
  if (typeof identifier !== 'string' || identifier === '' || kty !== 'OKP' || crv !== 'Ed25519' || !x || !d)
    throw new Error('not an Ed25519 key');
  const bare: JWK = { kty, crv, x };
  const kid = await calculateJwkThumbprint(bare);
  const publicJwk: JWK = { ...bare, kid, alg: 'EdDSA', use: 'sig' };
  return { identifier, kid, publicJwk, privateJwk: { ...bare, d } };
}

/** Signs what shows that the tool has the key: good for five minutes, for the server of that name. */
export async function proveKey(
  key: DeviceKey,
  now: Date,
  about: { audience: string; scope: string; nonce?: string },
): Promise<string> {
  const { audience, ...claims } = about;
  const at = Math.floor(now.getTime() / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
    .setIssuer(key.identifier)
    .setAudience(audience)
    .setIssuedAt(at)
    .setExpirationTime(at + PROOF_SECONDS)
    .sign(await importJWK(key.privateJwk, 'EdDSA'));
}

/** Trades a proof over a fresh nonce for a fresh token; throws a `ToolFault` where the server refuses. */
export async function renewToken(
  outside: Outside,
  door: PinDoor,
  key: DeviceKey,
  about: { audience: string; scope: string },
): Promise<string> {
  const headers = introduction(door);
  const given = await ask(outside, `${door.base}/api/v2/auth/nonce`, { headers });
  const nonce = text(given.json['nonce']);
  if (given.status !== 200 || nonce === '') throw pinRefusal('nonce', given);
  const jwt = await proveKey(key, outside.now(), { ...about, nonce });
  const answer = await ask(outside, `${door.base}/api/v2/auth/token`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ jwt }),
  });
  const token = text(answer.json['auth_token']);
  if (answer.status !== 200 || token === '') throw pinRefusal('renewal', answer);
  return token;
}

/** Verifies a token that came for the key, with the keys that the PIN door publishes for such tokens. */
export async function checkKeyedToken(
  outside: Outside,
  door: PinDoor,
  key: DeviceKey,
  audience: string,
  token: string,
): Promise<TokenCheck> {
  try {
    decodeProtectedHeader(token);
    decodeJwt(token);
  } catch {
    return { verdict: 'opaque', sentence: 'The token is opaque: nothing to verify.' };
  }
  try {
    const answer = await ask(outside, `${door.base}/api/v2/auth/keys`, { headers: introduction(door) });
    if (answer.status !== 200) throw pinRefusal('keys', answer);
    const keys = createLocalJWKSet(answer.json as unknown as JSONWebKeySet);
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: ['EdDSA', 'Ed25519'],
      currentDate: outside.now(),
      issuer: audience,
      audience,
      requiredClaims: ['exp', 'iat', 'user'],
    });
    const named = [payload.aud].flat();
    const wrong =
      (payload['thumbprint'] !== key.kid && 'it names another key') ||
      (!named.includes(door.identifier) && 'it is meant for another tool');
    if (wrong) return { verdict: 'refused', sentence: `Signature valid, but ${wrong}.` };
    const signedBy = tidy(protectedHeader.kid ?? 'without id');
    return {
      verdict: 'valid',
      sentence: `Signature valid (EdDSA, key ${signedBy}); issuer, audience and the tool's own key are right.`,
    };
  } catch (fault) {
    if (fault instanceof ToolFault || outside.signal?.aborted)
      return { verdict: 'unchecked', sentence: 'Not verified: the keys could not be fetched.' };
    const held = fault instanceof errors.JWTClaimValidationFailed || fault instanceof errors.JWTExpired;
    const start = held ? 'Signature valid, but not a token for this tool' : 'Signature NOT valid';
    return { verdict: 'refused', sentence: `${start}: ${wordsOf(fault)}.` };
  }
}

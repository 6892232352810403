// Checking a received token with the server's public keys, and showing what is in it. RFC 9068 §4.
// It owns the verdict; what a verdict means for the caller is for the caller.
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { Server } from './tool-discovery.js';
import { ToolFault, ask, refusal } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { number, text, tidy, tidyLines, wordsOf } from './tool-words.js';

const SIGNATURES = 'EdDSA Ed25519 ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512'.split(' ');

/** What became of the received token: `valid` by RFC 9068 §4, `refused` by it, `opaque`, or `unchecked` for want of keys. */
export interface TokenCheck {
  verdict: 'valid' | 'refused' | 'opaque' | 'unchecked';
  sentence: string;
}

/** Prints the token's parts, the verdict on it and what came with it; answers with the verdict. */
export async function presentToken(
  outside: Outside,
  server: Server,
  answer: Record<string, unknown>,
): Promise<TokenCheck> {
  const token = text(answer['access_token']);
  const check = await checkToken(outside, server, token);
  const lines = ['', 'Approved. The access token has arrived.', ''];
  if (check.verdict !== 'opaque') {
    const pretty = (part: object) => tidyLines(JSON.stringify(part, null, 2));
    lines.push('Header', pretty(decodeProtectedHeader(token)), 'Claims', pretty(decodeJwt(token)), '');
  }
  lines.push(check.sentence);
  const seconds = number(answer['expires_in']);
  if (seconds !== undefined) lines.push(`It runs out in ${seconds} s.`);
  if (answer['refresh_token'] !== undefined) lines.push('A refresh token came with it.');
  if (answer['id_token'] !== undefined) lines.push('An ID token came with it.');
  outside.print(lines.join('\n'));
  return check;
}

async function checkToken(outside: Outside, server: Server, token: string): Promise<TokenCheck> {
  try {
    decodeProtectedHeader(token);
    decodeJwt(token);
  } catch {
    return {
      verdict: 'opaque',
      sentence: 'The token is opaque: only its server can say what is in it. Nothing to verify.',
    };
  }
  if (server.jwksUri === undefined)
    return { verdict: 'unchecked', sentence: 'Not verified: the server publishes no keys.' };
  try {
    const answer = await ask(outside, server.jwksUri, {});
    if (answer.status !== 200) throw refusal('keys', answer);
    const { protectedHeader } = await jwtVerify(
      token,
      createLocalJWKSet(answer.json as unknown as JSONWebKeySet),
      {
        typ: 'at+jwt',
        issuer: server.issuer,
        audience: server.issuer,
        algorithms: SIGNATURES,
        currentDate: outside.now(),
        requiredClaims: ['exp', 'sub', 'client_id', 'iat', 'jti'],
      },
    );
    const key = tidy(`${protectedHeader.alg}, key ${protectedHeader.kid ?? 'without id'}`);
    return {
      verdict: 'valid',
      sentence: `Signature valid (${key}); type, issuer and audience are right (RFC 9068 §4).`,
    };
  } catch (fault) {
    if (fault instanceof ToolFault || outside.signal?.aborted)
      return { verdict: 'unchecked', sentence: 'Not verified: the keys could not be fetched.' };
    const reason = wordsOf(fault);
    // jose looks at the claims only once the signature has held.
    const held = fault instanceof errors.JWTClaimValidationFailed || fault instanceof errors.JWTExpired;
    const start = held ? 'Signature valid, but not an access token for this server' : 'Signature NOT valid';
    return { verdict: 'refused', sentence: `${start}: ${reason} (RFC 9068 §4).` };
  }
}

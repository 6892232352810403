// Owns time-based one-time codes: SHA-1, six digits, 30 seconds, which is what every authenticator app can do.
// That a step is used once, and how many wrong codes an account may have, is kept elsewhere: here is only arithmetic.
// Specification: RFC 6238, RFC 4226, and the otpauth:// key URI format.

import { timingSafeEqual } from 'node:crypto';
import { generate, generateSecret, generateURI } from 'otplib';

const STEP_SECONDS = 30;
const SECRET_BYTES = 20;
const SHAPE = { algorithm: 'sha1', digits: 6, period: STEP_SECONDS } as const;

/** Stands in where an account has no authenticator, so that the answer takes as long. No code is ever right for it. */
const DUMMY_SECRET = generateSecret({ length: SECRET_BYTES });

/** A new shared secret of 160 bits (RFC 4226 §4, R6), in base32 without padding: 32 characters. */
export function newTotpSecret(): string {
  return generateSecret({ length: SECRET_BYTES });
}

/** The otpauth:// address that an authenticator app reads from the QR code. A colon in a name becomes a hyphen: it separates. */
export function totpAddress(names: { issuer: string; account: string; secret: string }): string {
  const issuer = names.issuer.replaceAll(':', '-');
  const label = names.account.replaceAll(':', '-');
  return generateURI({ ...SHAPE, issuer, label, secret: names.secret });
}

const stepAt = (at: Date): number => Math.floor(at.getTime() / 1000 / STEP_SECONDS);

const codeOfStep = (secret: string, step: number): Promise<string> =>
  generate({ ...SHAPE, secret, epoch: step * STEP_SECONDS });

/** The code that an authenticator shows at that moment. */
export function totpCode(secret: string, at: Date): Promise<string> {
  return codeOfStep(secret, stepAt(at));
}

/**
 * The step whose code this is, or undefined. Only the current step and the one before count (RFC 6238 §5.2), and only
 * later ones than `afterStep`, the last that was used: a code seen over a shoulder must not work again. The caller still
 * has to keep the step by compare-and-set. Both codes are computed and compared whatever comes in: no secret (an account
 * without an authenticator), or a code that is not six ASCII digits, takes as long as a wrong one.
 */
export async function checkTotp(attempt: {
  secret: string | undefined;
  code: string;
  at: Date;
  afterStep: number | undefined;
}): Promise<number | undefined> {
  const wellFormed = /^[0-9]{6}$/.test(attempt.code);
  const given = Buffer.from(wellFormed ? attempt.code : '000000', 'latin1');
  const may = wellFormed && attempt.secret !== undefined;
  const current = stepAt(attempt.at);
  let matched: number | undefined;
  for (const step of [current - 1, current]) {
    const right = Buffer.from(await codeOfStep(attempt.secret ?? DUMMY_SECRET, step), 'latin1');
    const same = timingSafeEqual(right, given);
    if (same && may && step > (attempt.afterStep ?? -1)) matched = step;
  }
  return matched;
}

/** What was typed into a code box, without spaces, dashes and invisible marks, and with full-width digits as ASCII. */
export function cleanTotpCode(typed: string): string {
  // Nothing of six digits is this long: the work is bounded before it is begun.
  if (typed.length > 64) return '';
  return typed.normalize('NFKC').replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, '');
}

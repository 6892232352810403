// How the fallback door reads what was typed into a password box: the password alone, with the code beside it, or with the
// code appended. One reading for each input, decided by what is kept of the account and never by what would fit.
// Specification: CHECKLIST 3.8, points 1, 3, 4 and 5.
import { cleanTotpCode } from '../crypto/totp.js';

export interface TypedCredentials {
  readonly password: string;
  /** What came in a parameter of its own; absent where none was sent, or an empty one. */
  readonly verificationCode?: string | undefined;
}

export interface ReadCredentials {
  /** In NFC, with nothing trimmed. */
  readonly password: string;
  /** What is tried as the code: empty where there is none. Only six ASCII digits can be right. */
  readonly code: string;
  readonly codeCame: 'beside' | 'appended' | 'not-at-all';
}

/** No password is this long; such a text is not worth the work of normalising it. */
const MOST_UNITS = 8192;
/** Six ASCII digits at the end: no other character is made of these units, so they are the last six code points. */
const APPENDED_CODE = /[0-9]{6}$/;

const normalized = (text: string): string => (text.length > MOST_UNITS ? text : text.normalize('NFC'));

/** Whether a password box of an old tool would take the end of this password for a code. */
export function endsInSixDigits(password: string): boolean {
  return APPENDED_CODE.test(normalized(password));
}

/**
 * Reads what was typed, for an account that has an authenticator (an unknown one counts as having it), or has none. There
 * is never a second reading: two tries for one answer would be two guesses, and tell which half was wrong.
 */
export function readCredentials(
  { hasAuthenticator }: { readonly hasAuthenticator: boolean },
  { password: typed, verificationCode }: TypedCredentials,
): ReadCredentials {
  const whole = normalized(typed);
  if (!hasAuthenticator) return { password: whole, code: '', codeCame: 'not-at-all' };
  if (verificationCode) return { password: whole, code: cleanTotpCode(verificationCode), codeCame: 'beside' };
  if (!APPENDED_CODE.test(whole)) return { password: whole, code: '', codeCame: 'not-at-all' };
  return { password: whole.slice(0, -6), code: whole.slice(-6), codeCame: 'appended' };
}

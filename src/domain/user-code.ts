// The short code that a person types: which characters, how many, and what typed text means (RFC 8628 §6.1, CHECKLIST 3.1).
// Drawing is random and belongs to crypto; keeping is the link store's.

/** No vowels, so that no word appears; no digits, so that nothing looks like something else. */
export const USER_CODE_ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';

/**
 * A strong code is handed from a tool to a browser and never typed: 25 of 36 characters, 129 bits, so that nobody guesses one
 * (RFC 6749 §10.10), whatever the budgets say.
 */
export const STRONG_CODE_ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
export const STRONG_CODE_LENGTH = 25;

/** What the characters of a code of that length are. */
export const alphabetOf = (length: number): string =>
  length === STRONG_CODE_LENGTH ? STRONG_CODE_ALPHABET : USER_CODE_ALPHABET;

const SHORTEST = 8;
const LONGEST = 12;
const LONGEST_TYPED = 64;
/** Wrong codes that may be entered everywhere in ten minutes (budget `user-code-everywhere`), and ten minutes in a year. */
const GUESSES_EVERYWHERE = 300;
const WINDOWS_A_YEAR = 52_560;

/**
 * How long a new code must be so that all guessers together hit fewer than one of the live links in a year:
 * 8 characters up to 1,600 live links, 9 up to 32,000, and so on (RFC 8628 §5.1).
 */
export function userCodeLength(liveLinks: number): number {
  for (let length = SHORTEST; length < LONGEST; length++) {
    const space = USER_CODE_ALPHABET.length ** length;
    if (Math.max(liveLinks, 1) * GUESSES_EVERYWHERE * WINDOWS_A_YEAR <= space) return length;
  }
  return LONGEST;
}

/** `WDJB-MJHT`: two halves, or three groups from nine characters on, so that the eye can hold them. */
export function presentUserCode(code: string): string {
  const size = code.length <= 8 ? Math.ceil(code.length / 2) : Math.ceil(code.length / 3);
  return code.match(new RegExp(`.{1,${size}}`, 'g'))!.join('-');
}

/** Whether a code that was read is a strong one. */
export const isStrongCode = (userCode: string): boolean => userCode.length === STRONG_CODE_LENGTH;

/**
 * What a typed text means: any case, any dashes, spaces and punctuation (RFC 8628 §6.1). A strong code comes in lower case.
 * Undefined when it cannot be a code at all. Budgets count by the result, so that spelling buys no further guess.
 */
export function readUserCode(typed: string): string | undefined {
  if (typed.length > LONGEST_TYPED) return undefined;
  // Modifier letters are no letters here: a Japanese keyboard writes its dash as one.
  const letters = typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]|\p{Lm}/gu, '');
  if (isStrongCode(letters) && /^[0-9A-Z]+$/.test(letters)) return letters.toLowerCase();
  const isCode = letters.length >= SHORTEST && letters.length <= LONGEST;
  return isCode && [...letters].every((letter) => USER_CODE_ALPHABET.includes(letter)) ? letters : undefined;
}

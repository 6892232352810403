// What a password must be: long enough, not easily guessed, not made of what everybody knows about its owner.
// No composition rules, no rotation. Hashing is in crypto/passwords; how hard a password is to guess is estimated outside.
// Specification: NIST SP 800-63B §3.1.1.2, OWASP ASVS 5.0 §6.2, CHECKLIST 3.6.
import { DomainError } from './vocabulary.js';

/** Why a password is refused. `not-text`: NUL, or half a character. */
export type PasswordFault = 'too-short' | 'too-long' | 'not-text' | 'contains-context' | 'too-easy';

export interface PasswordCandidate {
  readonly password: string;
  /** Whether a second factor always stands beside it: then it may be shorter. */
  readonly hasSecondFactor: boolean;
  /** What an attacker would try first: the user name, the e-mail address. The service's name is added here. */
  readonly context: readonly string[];
}

/**
 * How hard a text is to guess, 0 (at once) to 4, on its first 100 characters; `words` count as known to the attacker.
 * Refuses `service-busy` when it cannot say soon.
 */
export type EstimateStrength = (text: string, words: readonly string[]) => Promise<number>;

export const LEAST_CHARACTERS = { alone: 15, withSecondFactor: 12 } as const;
const MOST_CHARACTERS = 256;
const MOST_BYTES = 1024;
/** A text of more UTF-16 units than this is over the limit in any form. */
const MOST_UNITS = 8 * MOST_BYTES;
const LEAST_SCORE = 3;
const ESTIMATED_CHARACTERS = 100;
/** Beside the words everybody knows, this much must be left: a secret of `linchpin2026` is no secret. */
const LEAST_REMAINDER = 8;

export interface PasswordRuleDependencies {
  readonly estimateStrength: EstimateStrength;
  /** Names of the service that a person sees. */
  readonly serviceWords: readonly string[];
}

export type PasswordRule = ReturnType<typeof createPasswordRule>;

export function createPasswordRule({ estimateStrength, serviceWords }: PasswordRuleDependencies) {
  /** The faults that cost nothing to find: everything but `too-easy`. */
  function findPlainFault({
    password,
    hasSecondFactor,
    context,
  }: PasswordCandidate): PasswordFault | undefined {
    if (password.length > MOST_UNITS) return 'too-long';
    if (password.includes('\0') || /\p{Surrogate}/u.test(password)) return 'not-text';
    const text = password.normalize('NFC');
    const length = passwordLength(text);
    if (length > MOST_CHARACTERS || new TextEncoder().encode(text).length > MOST_BYTES) return 'too-long';
    if (length < LEAST_CHARACTERS[hasSecondFactor ? 'withSecondFactor' : 'alone']) return 'too-short';
    return isMadeOf(text, contextWords([...serviceWords, ...context])) ? 'contains-context' : undefined;
  }

  /** Resolves to what is wrong with a password, or undefined. Refuses `service-busy`. */
  async function checkPasswordRule(candidate: PasswordCandidate): Promise<PasswordFault | undefined> {
    const fault = findPlainFault(candidate);
    if (fault) return fault;
    const start = Array.from(candidate.password.normalize('NFC')).slice(0, ESTIMATED_CHARACTERS).join('');
    const words = contextWords([...serviceWords, ...candidate.context]);
    return (await estimateStrength(start, words)) < LEAST_SCORE ? 'too-easy' : undefined;
  }

  return {
    findPlainFault,
    checkPasswordRule,

    /** Refuses `password-breaks-rule`, with the fault as the public detail; `service-busy`. */
    async requireGoodPassword(candidate: PasswordCandidate): Promise<void> {
      refuseFault(await checkPasswordRule(candidate));
    },

    /** The same, without the estimate: to refuse what is plainly wrong before anything is spent on it. */
    refusePlainFault(candidate: PasswordCandidate): void {
      refuseFault(findPlainFault(candidate));
    },
  };
}

/** How long a password is, in characters (code points) of its NFC form. */
export function passwordLength(password: string): number {
  return Array.from(password.normalize('NFC')).length;
}

function refuseFault(fault: PasswordFault | undefined): void {
  if (fault) throw new DomainError('password-breaks-rule', { publicDetail: fault });
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** Each text, and the parts of an address, longest first; parts of less than four characters say too little. */
function contextWords(texts: readonly string[]): string[] {
  const parts = texts.map(folded).flatMap((text) => [text, ...text.split(/[@.\s_-]+/u)]);
  return [...new Set(parts)].filter((part) => part.length >= 4).sort((a, b) => b.length - a.length);
}

function isMadeOf(password: string, words: readonly string[]): boolean {
  const whole = folded(password);
  const left = words.reduce((rest, word) => rest.split(word).join(''), whole);
  return left.length < whole.length && Array.from(left).length < LEAST_REMAINDER;
}

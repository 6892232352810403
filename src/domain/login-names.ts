// What a person may sign in with: an e-mail address or a user name, and the one folded form under which both are known.
// Two spellings of one name must meet in one counter and one account (CVE-2025-24806, CVE-2026-47203), so every look-up
// and every claim goes through here. It keeps nothing; accounts.ts claims the names.
import { DomainError } from './vocabulary.js';

/** A name as it is shown, and as it is looked up and claimed. */
export interface LoginName {
  readonly shown: string;
  readonly folded: string;
}

/** Longer texts are no login name; they are refused before any normalisation is spent on them. */
const LONGEST_LOGIN = 320;
const LONGEST_EMAIL = 254;
/** RFC 5321 §4.1.2 `Dot-string`: what every mail server takes. Quoted and non-ASCII local parts are left out. */
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
/** RFC 1123 §2.1 labels. The last one is not all digits, so that no network address passes for a domain. */
const DOMAIN =
  /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?=[a-z0-9-]*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const USERNAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]{1,31}$/u;

/** Compatibility forms, outer space and case taken away: `ＢＯＢ ` and `bob` are one. */
function fold(text: string): string {
  return text.normalize('NFKC').trim().toUpperCase().toLowerCase().normalize('NFKC');
}

function asciiDomain(domain: string): string {
  if (!/[^\p{ASCII}]/u.test(domain)) return domain.toLowerCase();
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return '';
  }
}

/**
 * An e-mail address, its domain in ASCII, so that two addresses that look alike are never one. Its folded form has no
 * capitals. Undefined for what is not `local@domain` with at most 64 and 254 characters.
 */
function readEmail(text: string): LoginName | undefined {
  if (text.length > LONGEST_LOGIN) return undefined;
  const [, local, domain] = /^([^@]+)@([^@\s/?#:\\]+)$/u.exec(text.trim()) ?? [];
  if (local === undefined || domain === undefined) return undefined;
  const ascii = asciiDomain(domain);
  const shown = `${local}@${ascii}`;
  const isAddress =
    local.length <= 64 && shown.length <= LONGEST_EMAIL && LOCAL_PART.test(local) && DOMAIN.test(ascii);
  return isAddress ? { shown, folded: shown.toLowerCase() } : undefined;
}

/** Reads an address that somebody wants to use. Refuses `email-invalid`. */
export function parseEmail(text: string): LoginName {
  const email = readEmail(text);
  if (!email) throw new DomainError('email-invalid');
  return email;
}

/**
 * Reads a user name that somebody wants to have: 2 to 32 letters, digits, dots, dashes and underscores, beginning with a
 * letter or digit. Latin letters do not mix with others: `pаul` with a Cyrillic а would pass for somebody else.
 * It never holds an @, in any width, so that it can never be an e-mail address. Refuses `account-name-invalid`.
 */
export function parseUsername(text: string): LoginName {
  const shown = text.length > LONGEST_LOGIN ? '' : text.normalize('NFKC').trim();
  const isMixed = /\p{Script=Latin}/u.test(shown) && /(?!\p{Script=Latin})\p{L}/u.test(shown);
  if (!USERNAME.test(shown) || isMixed) throw new DomainError('account-name-invalid');
  return { shown, folded: fold(shown) };
}

/** What a typed login is looked up by; undefined when nothing can be known under it. */
export function foldLogin(login: string): string | undefined {
  if (login.length > LONGEST_LOGIN) return undefined;
  // An address is folded as it was at sign-up: the capitals of ß or ς are another domain's.
  const text = login.normalize('NFKC');
  return text.includes('@') ? readEmail(text)?.folded : fold(text) || undefined;
}

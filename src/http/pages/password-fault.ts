// What a page says of a new password that breaks the rule, at its field.
import { isRefusal } from '../../domain/vocabulary.js';
import type { Language } from './language.js';
import { formFault, type PageFault } from './render.js';

const RULE_WORDS = ['too-long', 'not-text', 'contains-context', 'too-easy'];

/** What is wrong with a new password, at its field; undefined for a refusal of something else. */
export function newPasswordFault(
  language: Language,
  error: unknown,
  hasSecondFactor: boolean,
): PageFault | undefined {
  if (!isRefusal(error, 'password-breaks-rule')) return undefined;
  const reason = error.publicDetail ?? '';
  const short = hasSecondFactor ? 'too-short-beside' : 'too-short';
  return formFault(language, 'new_password', `password-${RULE_WORDS.includes(reason) ? reason : short}`);
}

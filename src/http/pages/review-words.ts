// Words that a review has, whichever way a tool came: what each scope opens, and for whom it may be.
import type { ForWhom } from '../../domain/links-for-whom.js';
import { nameOfMember } from './household-words.js';
import type { Language, MessageKey } from './language.js';

/** Scopes that have words of their own; the operator's own scopes are shown by name. */
const KNOWN_SCOPES = ['openid', 'profile', 'email', 'offline_access'];

export const scopeWords = (scope: string, { t }: Language): string =>
  KNOWN_SCOPES.includes(scope) ? t(`scope.${scope}` as MessageKey) : t('scope.other', { scope });

/** The pages behind a proxy that its token opens (VERIFY_HOSTS), for the scopes that say who it is. */
export const hostWords = (
  scopes: readonly string[],
  hosts: readonly string[],
  { t }: Language,
): readonly string[] => {
  const isOpen = hosts.length > 0 && ['openid', 'profile'].every((scope) => scopes.includes(scope));
  return isOpen ? [t('review.may.open-hosts', { hosts: hosts.join(', ') })] : [];
};

/** Whom the tool may be for, and what it does not get for them: who is restricted has less than what was asked for. */
export function presentWhom(
  { forWhom, scopes }: { readonly forWhom: readonly ForWhom[]; readonly scopes: readonly string[] },
  language: Language,
  chosen: string | undefined,
) {
  const isKnown = forWhom.some(({ subjectId }) => subjectId === chosen);
  return forWhom.map(({ subjectId, kind, name, isSelf, scopes: narrowed }) => ({
    ...{ subjectId, isSelf, isChosen: isKnown ? subjectId === chosen : isSelf },
    name: nameOfMember({ kind: kind ?? 'owner', name }, language),
    without: scopes
      .filter((scope) => !narrowed.includes(scope))
      .map((scope) => scopeWords(scope, language))
      .join(' · '),
  }));
}

// What a tool that is linked for a member may have of what it asks for. Nobody without an account has an e-mail address, and
// the younger somebody is, the less of the services that the operator has registered. DESIGN 8.
import type { Member, Restriction } from './household-records.js';

/** What is left of the house's own scopes; `isOpen`: and of all that services have registered. */
interface Allowance {
  readonly own: readonly string[];
  readonly isOpen: boolean;
}

const ALLOWED: Readonly<Record<Restriction, Allowance>> = {
  none: { own: ['openid', 'profile', 'offline_access'], isOpen: true },
  teen: { own: ['openid', 'profile', 'offline_access'], isOpen: true },
  'older-kid': { own: ['openid', 'profile', 'offline_access'], isOpen: false },
  'little-kid': { own: ['openid', 'profile'], isOpen: false },
};
const GUEST: Allowance = { own: ['openid', 'profile'], isOpen: false };
const OWN_SCOPES = ['openid', 'profile', 'email', 'offline_access'];

/** The words of a scope that a tool for this member may have; a member with an account has all of them. */
export function narrowScope(
  { kind, restriction }: Pick<Member, 'kind' | 'restriction'>,
  scope: string,
): string {
  if (kind === 'owner' || kind === 'full') return scope;
  const { own, isOpen } = kind === 'guest' ? GUEST : ALLOWED[restriction];
  const isAllowed = (word: string): boolean => own.includes(word) || (isOpen && !OWN_SCOPES.includes(word));
  return scope
    .split(' ')
    .filter((word) => word !== '' && isAllowed(word))
    .join(' ');
}

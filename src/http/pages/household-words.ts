// How a member of a household is shown: the name that each language has for them, their picture, and what is said beside it.
// What a member is, and may do, is decided in the domain's files named after the household.
import type { Colour, Household, Member, Picture, Restriction } from '../../domain/household-records.js';
import type { MemberKind } from '../../domain/vocabulary.js';
import type { Language, MessageKey } from './language.js';
import type { SignedInVisitor } from './visitor.js';

export const PICTURE_WORDS = {
  letter: 'picture.letter',
  fox: 'picture.fox',
  owl: 'picture.owl',
  whale: 'picture.whale',
  cactus: 'picture.cactus',
  rocket: 'picture.rocket',
  tulip: 'picture.tulip',
  moon: 'picture.moon',
  kite: 'picture.kite',
} as const satisfies Record<Picture, MessageKey>;

export const COLOUR_WORDS = {
  red: 'colour.red',
  orange: 'colour.orange',
  yellow: 'colour.yellow',
  green: 'colour.green',
  teal: 'colour.teal',
  blue: 'colour.blue',
  purple: 'colour.purple',
  pink: 'colour.pink',
} as const satisfies Record<Colour, MessageKey>;

export const RESTRICTION_WORDS = {
  none: 'restriction.none',
  'little-kid': 'restriction.little-kid',
  'older-kid': 'restriction.older-kid',
  teen: 'restriction.teen',
} as const satisfies Record<Restriction, MessageKey>;

const KIND_WORDS = {
  owner: 'member.kind.owner',
  full: 'member.kind.full',
  managed: 'member.kind.managed',
  guest: 'member.kind.guest',
} as const satisfies Record<MemberKind, MessageKey>;

/** What pages show of a member. */
export type ShownMember = Pick<
  Member,
  'subjectId' | 'kind' | 'name' | 'colour' | 'picture' | 'restriction' | 'isPinRequired' | 'pinVersion'
>;

/** The guest has no name of their own: each language has a word for them. */
export const nameOfMember = ({ kind, name }: Pick<Member, 'kind' | 'name'>, { t }: Language): string =>
  kind === 'guest' ? t('member.guest') : name;

export type MemberModel = ReturnType<typeof presentMember>;

export function presentMember(member: ShownMember, language: Language) {
  const { subjectId, kind, colour, picture, restriction, isPinRequired, pinVersion } = member;
  const { t } = language;
  const name = nameOfMember(member, language);
  return {
    ...{ subjectId, kind, name, isPinRequired, pinVersion, restriction },
    is: t(KIND_WORDS[kind]),
    restricted: restriction === 'none' ? undefined : t(RESTRICTION_WORDS[restriction]),
    pin: t(isPinRequired ? 'member.pin-required' : 'member.no-pin'),
    look: { colour, picture, letter: [...name][0]?.toUpperCase() ?? '' },
  };
}

/** The signed-in person in their household; for who is in none yet, as they would stand in one of their own. */
export function findOwn({ session, account }: SignedInVisitor, found: Household | undefined): ShownMember {
  const own = found?.members.find(({ subjectId }) => subjectId === session.subjectId);
  if (own) return own;
  return {
    ...{ subjectId: session.subjectId, kind: 'owner', name: account.displayName || account.username },
    ...{ colour: 'red', picture: 'letter', restriction: 'none', isPinRequired: false, pinVersion: 0 },
  };
}

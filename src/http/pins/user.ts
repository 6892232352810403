// How a person looks to the tools of this door: every member that any strict parser insists on, with null where there is
// nothing to know. What is the same for everybody is written once. What a token may see is decided before. PIN-API 4.1, 4.5.
import { presentEpoch, type Answer } from './answers.js';
import { writeAttributes, writeOnce } from './xml.js';
import type { Person } from '../../domain/household.js';

export interface PresentedUser {
  readonly person: Person;
  /** How many their household has, themselves included; one where they are in none. */
  readonly homeSize: number;
  /** Told again: a client takes what stands here for its token from now on (PIN-API 4.1). */
  readonly token: string;
  /** When the token ends. */
  readonly expiresAt: Date;
  /** False where the tool may not know. */
  readonly hasSecondFactor: boolean;
}

/** Sixteen digits of the 32 that a subject's UUID has: older tools keep no more. */
export const shortIdOf = ({ subjectId }: Pick<Person, 'subjectId'>): string =>
  subjectId.replaceAll('-', '').slice(0, 16);

/** The guest has no name of their own. */
export const titleOf = ({ name }: Pick<Person, 'name'>): string => (name === '' ? 'Guest' : name);

/**
 * The address, if it was proved and the tool may know it. Services of this API take two accounts with one address for the same
 * person, so that a made-up one would let its author in as somebody else, and an empty one everybody. The stand-in is nobody
 * else's.
 */
export const addressOf = ({ account, publicNumber }: Person): string =>
  account?.isEmailVerified && account.email !== '' ? account.email : `${publicNumber}@unverified.invalid`;

const NONE: readonly never[] = [];

/** What of a library a member may see: there is no library here. */
export const FILTERS = {
  filterAll: '',
  filterMovies: '',
  filterMusic: '',
  filterPhotos: '',
  filterTelevision: '',
};

const SUBSCRIPTION = {
  active: false,
  subscribedAt: null,
  status: 'Inactive',
  paymentService: null,
  plan: null,
};
const SUBSCRIPTION_IN_JSON = { ...SUBSCRIPTION, features: NONE };

const PROFILE = {
  autoSelectAudio: true,
  defaultAudioLanguage: null,
  defaultAudioLanguages: null,
  defaultSubtitleLanguage: null,
  defaultSubtitleLanguages: null,
  autoSelectSubtitle: 0,
  defaultSubtitleAccessibility: 0,
  defaultSubtitleForced: 0,
  watchedIndicator: 1,
  mediaReviewsVisibility: 0,
  mediaReviewsLanguages: null,
};

/** Nothing of these is known of anybody here. */
const LISTS = {
  entitlements: NONE,
  roles: NONE,
  services: NONE,
  subscriptions: NONE,
  pastSubscriptions: NONE,
  trials: NONE,
};

/** What is so for everybody. */
const SAME = {
  emailOnlyAuth: false,
  thumb: '',
  mailingListStatus: 'removed',
  mailingListActive: false,
  scrobbleTypes: '',
  country: '',
  subscriptionDescription: null,
  anonymous: null,
  maxHomeSize: 15,
  adsConsent: null,
  adsConsentSetAt: null,
  adsConsentReminderAt: null,
  experimentalFeatures: false,
  pin: null,
  attributionPartner: null,
  cloudSyncDevice: null,
  queueEmail: null,
  queueUid: null,
};

/** What a parser of XML reads as a boolean, and could not read if it were empty (PIN-API 1.6). */
const NOT_KNOWN_TO_BE = { anonymous: false, adsConsent: false };

const SAME_IN_JSON = JSON.stringify({
  ...SAME,
  subscription: SUBSCRIPTION_IN_JSON,
  profile: PROFILE,
  ...LISTS,
}).slice(1);
const SAME_ATTRIBUTES = writeAttributes({ ...SAME, ...NOT_KNOWN_TO_BE });
const SAME_CHILDREN = [
  { name: 'subscription', attributes: SUBSCRIPTION, children: [{ name: 'features' }] },
  { name: 'profile', attributes: PROFILE },
  ...Object.keys(LISTS).map((name) => ({ name })),
].map(writeOnce);

/** What somebody is by being in a household, or in none. */
function standingOf({ member, isOwn, account }: Person, homeSize: number) {
  const isManaged = member?.kind === 'managed' || member?.kind === 'guest';
  return {
    hasPassword: account?.hasPassword ?? !isManaged,
    protected: member?.isPinRequired ?? false,
    restricted: isManaged,
    home: member !== undefined,
    guest: member?.kind === 'guest',
    homeSize,
    // A token that was switched to the owner edits nothing.
    homeAdmin: isOwn && member?.kind === 'owner',
  };
}

function membersOf({ person, homeSize, token, expiresAt, hasSecondFactor }: PresentedUser) {
  const { publicNumber, username, account, createdAt } = person;
  return {
    id: publicNumber,
    uuid: shortIdOf(person),
    // Empty for who has no account: the name that was chosen for them must not pass for somebody's user name.
    username,
    title: titleOf(person),
    email: addressOf(person),
    friendlyName: titleOf(person),
    locale: account?.language ?? null,
    confirmed: account?.isEmailVerified ?? false,
    joinedAt: presentEpoch(createdAt),
    authToken: token,
    rememberExpiresAt: presentEpoch(expiresAt),
    twoFactorEnabled: hasSecondFactor,
    // They are drawn as the second factor is turned on.
    backupCodesCreated: hasSecondFactor,
    ...standingOf(person, homeSize),
  };
}

export const presentUser = (about: PresentedUser): Answer => ({
  json: () => `${JSON.stringify(membersOf(about)).slice(0, -1)},${SAME_IN_JSON}`,
  xml: () => ({
    name: 'user',
    attributes: membersOf(about),
    writtenAttributes: SAME_ATTRIBUTES,
    children: SAME_CHILDREN,
  }),
});

/** PIN-API 4.5, 4.6: older clients know the token by a name of its own in XML, and the rest inside `user` in JSON. */
export function presentOlderUser(about: PresentedUser): Answer {
  const members = membersOf(about);
  const { active, status, plan } = SUBSCRIPTION;
  return {
    json: () => ({
      user: {
        id: members.id,
        uuid: members.uuid,
        email: members.email,
        joined_at: about.person.createdAt.toISOString(),
        username: members.username,
        title: members.title,
        thumb: '',
        hasPassword: members.hasPassword,
        authToken: about.token,
        authentication_token: about.token,
        subscription: { active, status, plan, features: NONE },
        roles: { roles: NONE },
        entitlements: NONE,
      },
    }),
    xml: () => ({
      name: 'user',
      attributes: { ...members, ...FILTERS, authenticationToken: about.token },
      writtenAttributes: SAME_ATTRIBUTES,
      children: SAME_CHILDREN,
    }),
  };
}

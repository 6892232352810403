// How an account looks to the tools of this door: every member that any strict parser insists on, with null where there is
// nothing to know. What is the same for everybody is written once. What a token may see is decided before. PIN-API 4.1, 4.5.
import { presentEpoch, type Answer } from './answers.js';
import { writeAttributes, writeOnce } from './xml.js';
import type { Account } from '../../domain/accounts.js';

export interface PresentedUser {
  readonly account: Account;
  /** Told again: a client takes what stands here for its token from now on (PIN-API 4.1). */
  readonly token: string;
  /** When the token ends. */
  readonly expiresAt: Date;
  readonly hasSecondFactor: boolean;
}

/** Sixteen digits of the 32 that a subject's UUID has: older tools keep no more. */
export const shortIdOf = ({ accountId }: Pick<Account, 'accountId'>): string =>
  accountId.replaceAll('-', '').slice(0, 16);

/**
 * The address, if it was proved. Services of this API take two accounts with one address for the same person, so that a
 * made-up one would let its author in as somebody else, and an empty one everybody. The stand-in is nobody else's.
 */
const addressOf = ({ email, isEmailVerified, publicNumber }: Account): string =>
  isEmailVerified && email !== '' ? email : `${publicNumber}@unverified.invalid`;

const NONE: readonly never[] = [];

/** What of a library a member may see: there is no library here. */
const FILTERS = { filterAll: '', filterMovies: '', filterMusic: '', filterPhotos: '', filterTelevision: '' };

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
  hasPassword: true,
  protected: false,
  thumb: '',
  mailingListStatus: 'removed',
  mailingListActive: false,
  scrobbleTypes: '',
  country: '',
  subscriptionDescription: null,
  restricted: false,
  anonymous: null,
  home: false,
  guest: false,
  homeSize: 1,
  homeAdmin: false,
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

function membersOf({ account, token, expiresAt, hasSecondFactor }: PresentedUser) {
  return {
    id: account.publicNumber,
    uuid: shortIdOf(account),
    username: account.username,
    title: account.displayName,
    email: addressOf(account),
    friendlyName: account.displayName,
    locale: account.language ?? null,
    confirmed: account.isEmailVerified,
    joinedAt: presentEpoch(account.createdAt),
    authToken: token,
    rememberExpiresAt: presentEpoch(expiresAt),
    twoFactorEnabled: hasSecondFactor,
    // They are drawn as the second factor is turned on.
    backupCodesCreated: hasSecondFactor,
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
        joined_at: about.account.createdAt.toISOString(),
        username: members.username,
        title: members.title,
        thumb: '',
        hasPassword: true,
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

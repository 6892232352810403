// The providers that are known by name: where they are, what they are asked for, and how Facebook and GitHub, which speak
// OAuth 2 and no OpenID, say who a person is. How a round trip goes is upstream.ts's.
// As documented by each: Google "OpenID Connect", Apple "Sign in with Apple", Facebook "Manually build a login flow",
// GitHub "Authorizing OAuth apps" and "REST API endpoints for emails".
import { createHmac } from 'node:crypto';
import { AnswerRefused } from './upstream-faults.js';
import type { UpstreamPerson } from '../domain/identities-upstream.js';

/** What a provider says of a person, before anything of it is believed. */
export type Told = Readonly<Record<string, unknown>>;

/** Where a provider without discovery is. */
export interface Places {
  readonly issuer: string;
  readonly authorization: string;
  readonly token: string;
  readonly person: string;
  /** GitHub's list of addresses. */
  readonly emails?: string;
}

const LONGEST = 254;

/** A text of the provider's, on one line and bounded; empty for anything else. */
export const shortText = (value: unknown): string =>
  typeof value === 'string'
    ? value
        .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
        .trim()
        .slice(0, LONGEST)
    : '';

/** A subject is all that an identity is: nothing that is cut, changed or empty may pass for one. */
export function subjectOf(value: unknown): string {
  const text = typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? String(value) : value;
  // OpenID Connect Core §2: at most 255 ASCII characters.
  if (typeof text === 'string' && /^[\x21-\x7e]{1,255}$/.test(text)) return text;
  throw new AnswerRefused('the answer names nobody');
}

const localPart = (email: string): string => email.split('@')[0] ?? '';

export function personOf(
  told: Told,
  about: Pick<UpstreamPerson, 'subject' | 'isEmailVerified' | 'authenticatedAt'> & {
    readonly email: unknown;
  },
): UpstreamPerson {
  const email = shortText(about.email);
  const displayName = shortText(told['name']);
  const suggestedName = shortText(told['preferred_username'] ?? told['login']) || localPart(email);
  return {
    ...about,
    email,
    isEmailVerified: email !== '' && about.isEmailVerified,
    suggestedName,
    displayName,
  };
}

/** Google tells when a person last signed in only where its operator has switched that on, and where it is asked for by name. */
const ASK_FOR_TIME = JSON.stringify({ id_token: { auth_time: { essential: true } } });

/** What each OpenID preset is asked for beside the common, and in its place for a fresh sign-in. */
export const OPENID_PRESETS = {
  openid: {
    scope: 'openid email profile',
    // Core §3.1.2.1: whoever is asked for a greatest age tells the age. A year keeps nobody out.
    more: { max_age: '31536000' },
    fresh: { prompt: 'login', max_age: '0' },
  },
  google: {
    scope: 'openid email profile',
    more: { claims: ASK_FOR_TIME },
    fresh: { prompt: 'select_account', max_age: '0' },
  },
  // Apple answers by form_post as soon as it is asked for a name or an address.
  apple: { scope: 'openid name email', more: { response_mode: 'form_post' }, fresh: {} },
} as const;

export const ISSUERS = {
  google: 'https://accounts.google.com',
  apple: 'https://appleid.apple.com',
} as const;

/** A call with the person's token; resolves to the JSON of the answer. */
export type AskProvider = (address: string) => Promise<unknown>;

interface OAuthPreset {
  readonly places: Places;
  readonly scope: string;
  /** Asks who it is. `proof`: what Facebook wants beside the token. */
  readPerson(
    ask: AskProvider,
    places: Places,
    given: { readonly accessToken: string; readonly clientSecret: string },
  ): Promise<UpstreamPerson>;
}

const asTold = (value: unknown): Told => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Told;
  throw new AnswerRefused('the answer is no description of a person');
};

const FACEBOOK: OAuthPreset = {
  places: {
    issuer: 'https://www.facebook.com',
    authorization: 'https://www.facebook.com/v23.0/dialog/oauth',
    token: 'https://graph.facebook.com/v23.0/oauth/access_token',
    person: 'https://graph.facebook.com/v23.0/me',
  },
  scope: 'public_profile email',
  async readPerson(ask, { person }, { accessToken, clientSecret }) {
    // Shows that the token is used by the app that it was given to ("Require App Secret").
    const proof = createHmac('sha256', clientSecret).update(accessToken).digest('hex');
    const told = asTold(await ask(`${person}?fields=id,name,email&appsecret_proof=${proof}`));
    // Facebook does not say whether an address was proved.
    const about = { isEmailVerified: false, authenticatedAt: undefined };
    return personOf(told, { subject: subjectOf(told['id']), email: told['email'], ...about });
  },
};

interface GitHubEmail {
  readonly email?: unknown;
  readonly primary?: unknown;
  readonly verified?: unknown;
}

const GITHUB: OAuthPreset = {
  places: {
    issuer: 'https://github.com/login/oauth',
    authorization: 'https://github.com/login/oauth/authorize',
    token: 'https://github.com/login/oauth/access_token',
    person: 'https://api.github.com/user',
    emails: 'https://api.github.com/user/emails',
  },
  scope: 'read:user user:email',
  async readPerson(ask, { person, emails }) {
    const told = asTold(await ask(person));
    const subject = subjectOf(told['id']);
    const listed = emails === undefined ? [] : await ask(emails);
    // What stands on the profile is anybody's to write: only the list says what was proved.
    const primary = (Array.isArray(listed) ? (listed as GitHubEmail[]) : []).find(
      (each) => each?.primary === true,
    );
    const about = { isEmailVerified: primary?.verified === true, authenticatedAt: undefined };
    return personOf(told, { subject, email: primary?.email, ...about });
  },
};

export const OAUTH_PRESETS = { facebook: FACEBOOK, github: GITHUB } as const;

// The providers of the settings, as this floor is given them, and the half in which one kind differs from another.
import type * as client from 'openid-client';
import type { Places } from './upstream-presets.js';
import type { UpstreamPerson } from '../domain/identities-upstream.js';

interface Common {
  readonly name: string;
  readonly label: string;
  readonly clientId: string;
  readonly mayOpenAccounts: boolean;
  readonly asksSecondFactor: boolean;
}

interface OwnOpenId extends Common {
  readonly kind: 'openid';
  readonly issuer: string;
  readonly clientSecret: string | undefined;
}

interface Google extends Common {
  readonly kind: 'google';
  readonly clientSecret: string;
}

interface Apple extends Common {
  readonly kind: 'apple';
  readonly teamId: string;
  readonly keyId: string;
  readonly privateKey: string;
}

/** A provider that speaks OpenID Connect. */
export type OpenIdGiven = OwnOpenId | Google | Apple;

interface OAuthCommon extends Common {
  readonly clientSecret: string;
}

/** One that speaks OAuth 2 alone, and has an endpoint that says who its person is. */
export type OAuthGiven =
  (OAuthCommon & { readonly kind: 'facebook' }) | (OAuthCommon & { readonly kind: 'github' });

export type UpstreamGiven = OpenIdGiven | OAuthGiven;

export interface UpstreamsDependencies {
  readonly publicUrl: string;
  /** In milliseconds since 1970. */
  readonly now: () => number;
  /** Takes the place of where a preset is, for tests. */
  readonly places?: Readonly<Record<string, Partial<Places>>> | undefined;
  readonly budgetSeconds?: number | undefined;
}

export type Tokens = Awaited<ReturnType<typeof client.authorizationCodeGrant>>;

/** Where a provider is, what it is asked, and who it says somebody is. */
export interface Dialect {
  readonly issuer: string;
  readonly tellsFreshness: boolean;
  readonly find: () => Promise<client.Configuration>;
  readonly ask: (about: { readonly isFresh: boolean }) => Readonly<Record<string, string>>;
  /** With a nonce, where the answer has an ID token to hold it. */
  readonly hasNonce: boolean;
  readPerson(
    config: client.Configuration,
    tokens: Tokens,
    fields: ReadonlyMap<string, string>,
  ): Promise<UpstreamPerson>;
}

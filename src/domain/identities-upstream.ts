// What the house asks of a provider that people sign in through: to lead a browser there, and to say who has come back. What is
// outside fulfils it; nothing here knows a protocol. Whose account it is, is decided in identities.ts and sign-in-federated.ts.
// Specification: DESIGN 6, OpenID Connect Core 1.0 §3.1, RFC 9700 §2.1 and §4.4.

/** Who somebody is at a provider, after every check of its answer. */
export interface UpstreamPerson {
  /** With the issuer, the whole of the identity; never given again by it. */
  readonly subject: string;
  /** Empty where the provider gave none. */
  readonly email: string;
  /** The provider says that the address was proved. An address without that is nobody's. */
  readonly isEmailVerified: boolean;
  /** What may be offered as a user name, and what may be shown; the person's own words, and empty where there are none. */
  readonly suggestedName: string;
  readonly displayName: string;
  /** When they last proved there who they are; undefined where the provider does not say. */
  readonly authenticatedAt: Date | undefined;
}

/** The secrets of one round trip; the provider sees two of them, and of the verifier only a hash. */
export interface TripSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/**
 * `declined`: the person or the provider said no. `refused`: what came cannot be trusted. `unavailable`: nothing came, or
 * nothing that can be read. `why` is for the log, and holds no secret.
 */
export interface UpstreamFault {
  readonly outcome: 'declined' | 'refused' | 'unavailable';
  readonly why: string;
}

export interface Upstream {
  readonly name: string;
  readonly label: string;
  readonly issuer: string;
  readonly mayOpenAccounts: boolean;
  readonly asksSecondFactor: boolean;
  /** Whether it may be able to say when a person last proved who they are. */
  readonly tellsFreshness: boolean;
  /** The address to send a browser to. `isFresh`: the person shall prove there anew who they are. */
  leadThere(
    secrets: TripSecrets,
    about: { readonly isFresh: boolean },
  ): Promise<{ readonly outcome: 'ready'; readonly address: string } | UpstreamFault>;
  /** Who has come back, by the fields of the answer that the browser brought; ten seconds at most. */
  readAnswer(
    fields: ReadonlyMap<string, string>,
    secrets: TripSecrets,
  ): Promise<{ readonly outcome: 'known'; readonly person: UpstreamPerson } | UpstreamFault>;
}

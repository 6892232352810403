// What is kept of federated identities: who is known elsewhere as whom; who is on the way to a provider and back; and who has
// come back and has no account yet. What becomes of them is decided in identities.ts and sign-in-federated.ts.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.8.1 (an identity is issuer and subject, and nothing else).
import type { AccountId } from './vocabulary.js';

export interface Identity {
  readonly identityId: string;
  readonly accountId: AccountId;
  /** The name of the provider in the settings. */
  readonly upstream: string;
  readonly issuer: string;
  /** Never given again by its issuer. */
  readonly subject: string;
  /** Its address or name there when it was last used, for its owner to tell several apart; empty where it is not known. */
  readonly shownAs: string;
  readonly connectedAt: Date;
  readonly lastUsedAt: Date;
}

export interface IdentityStore {
  find(issuer: string, subject: string): Promise<Identity | undefined>;
  /** The first connected first. */
  findByAccount(accountId: AccountId): Promise<Identity[]>;
  /** False when this person of this issuer is connected already. */
  insert(identity: Identity): Promise<boolean>;
  /** False when it is not connected any more. */
  markUsed(identityId: string, used: { readonly at: Date; readonly shownAs: string }): Promise<boolean>;
  /** False when this account has no such identity. */
  remove(identityId: string, accountId: AccountId): Promise<boolean>;
}

/** A browser that was sent to a provider, and may come back once. */
export interface RoundTrip {
  readonly stateHash: string;
  /** Of what the browser was given that began it: no other one may end it. */
  readonly browserHash: string;
  readonly upstream: string;
  /** Whose it is, where somebody signed in began it. */
  readonly accountId: AccountId | undefined;
  /** What it is for, with the nonce and the PKCE verifier; bound to `stateHash`. */
  readonly sealedDetails: string;
  readonly expiresAt: Date;
}

/** Somebody who has come back from a provider with an identity that no account has. */
export interface Arrival {
  readonly arrivalHash: string;
  /** Who it is; bound to `arrivalHash`. */
  readonly sealedDetails: string;
  readonly expiresAt: Date;
}

export interface RoundTripStore {
  insertTrip(trip: RoundTrip): Promise<void>;
  /** Removes it and hands it over, to one caller only; undefined unless it is this browser's, to this provider, and not over. */
  takeTrip(
    asked: Pick<RoundTrip, 'stateHash' | 'browserHash' | 'upstream'>,
    now: Date,
  ): Promise<RoundTrip | undefined>;
  insertArrival(arrival: Arrival): Promise<void>;
  findArrival(arrivalHash: string, now: Date): Promise<Arrival | undefined>;
  /** Removes it, once; false when it is gone or over. */
  takeArrival(arrivalHash: string, now: Date): Promise<boolean>;
  /** Trips and arrivals whose time is over. */
  removeExpired(now: Date): Promise<number>;
}

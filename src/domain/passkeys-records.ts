// What is kept of a passkey, and of a challenge that waits for its answer. What an answer is worth is said in passkeys.ts; who
// may add, name and remove one, in two-factor-passkeys.ts. Specification: WebAuthn Level 3 §4 (credential record), §13.4.3.
import type { AccountId, AuthenticationMethod } from './vocabulary.js';

declare const brand: unique symbol;
/** Names a passkey on pages and in the activity; whoever reads it can do nothing with it. */
export type PasskeyId = string & { readonly [brand]: 'PasskeyId' };

export interface Passkey {
  readonly passkeyId: PasskeyId;
  readonly accountId: AccountId;
  /** As its authenticator names it, base64url. */
  readonly credentialId: string;
  /** A COSE key, base64url. */
  readonly publicKey: string;
  readonly signCount: number;
  /** Whether it may be synced to other devices, which never changes, and whether it is. */
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  /** Whether it has signed in by itself, or said that it can: found without a name, and sure of who holds it. */
  readonly isAlone: boolean;
  /** How its authenticator can be reached: hints for the browser, nothing else. */
  readonly transports: readonly string[];
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsed: { readonly at: Date; readonly from: string } | undefined;
  /** When an answer came that had counted less than one before it: it opens nothing any more. */
  readonly stoppedAt: Date | undefined;
}

/** A challenge is answered once, for the purpose that it was made for, by whom it was made for. */
export interface PasskeyChallenge {
  readonly challengeHash: string;
  readonly purpose: string;
  /** The hash of what names the session, the half-done sign-in or the browser. */
  readonly holderHash: string;
  readonly accountId: AccountId | undefined;
  /** What was proved before a passkey may be made; none for any other purpose. */
  readonly methods: readonly AuthenticationMethod[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface PasskeyStore {
  /** False when the credential is somebody's already. */
  insert(passkey: Passkey): Promise<boolean>;
  findByCredential(credentialId: string): Promise<Passkey | undefined>;
  /** The oldest first. */
  findByAccount(accountId: AccountId): Promise<Passkey[]>;
  /**
   * Takes an answer of it over: the count, whether it is synced now, when and from where. False when it is gone or stopped,
   * or when the count is not higher than the one kept; two zeros are no count (WebAuthn Level 3 §7.2).
   */
  recordUse(
    passkeyId: PasskeyId,
    use: {
      readonly signCount: number;
      readonly isBackedUp: boolean;
      readonly at: Date;
      readonly from: string;
    },
  ): Promise<boolean>;
  /** It has signed in by itself. */
  markAlone(passkeyId: PasskeyId): Promise<void>;
  /** How many of the account's can sign in by themselves, and were not stopped. */
  countByAccount(accountId: AccountId): Promise<number>;
  /** False when it is gone, or was stopped before. */
  stop(passkeyId: PasskeyId, at: Date): Promise<boolean>;
  /** False when this account has no such passkey. */
  rename(accountId: AccountId, passkeyId: PasskeyId, name: string): Promise<boolean>;
  remove(accountId: AccountId, passkeyId: PasskeyId): Promise<boolean>;
  removeByAccount(accountId: AccountId): Promise<number>;
  insertChallenge(challenge: PasskeyChallenge): Promise<void>;
  /** Removes it and hands it over, to one caller only; undefined when it is gone, expired, or for another purpose or holder. */
  takeChallenge(
    asked: Pick<PasskeyChallenge, 'challengeHash' | 'purpose' | 'holderHash'>,
    now: Date,
  ): Promise<PasskeyChallenge | undefined>;
  /** What waits for an answer about this account. */
  removeChallenges(accountId: AccountId): Promise<void>;
  removeExpired(now: Date): Promise<number>;
}

// What changes of an account when its owner changes a credential or closes it: the contract of what is kept then. The use
// cases are in account-password, account-reset, account-email and account-closing.
import type { AccountId } from './vocabulary.js';

/** Each method is one conditional statement, but `erase`. */
export interface CredentialStore {
  /** The address and the moment of its proof. False when there is no such account, or it is closed. */
  replaceEmail(accountId: AccountId, email: string, provedAt: Date): Promise<boolean>;
  /** Lets an address go that was this account's name. */
  releaseEmail(folded: string, accountId: AccountId): Promise<void>;
  /** False when it is closed already. */
  close(accountId: AccountId, at: Date): Promise<boolean>;
  /** False unless it was closed after that moment. */
  reopen(accountId: AccountId, closedAfter: Date): Promise<boolean>;
  /** Some of those that were closed at that moment or before. */
  findClosed(by: Date, limit: number): Promise<AccountId[]>;
  /**
   * Ends an account that was closed at that moment or before: its names, proofs, sessions, tools and itself. Only its number
   * stays, so that nobody is ever given it again. False, and nothing is removed, when it is not closed so long.
   */
  erase(accountId: AccountId, closedBy: Date): Promise<boolean>;
}

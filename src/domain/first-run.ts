// The first run: a one-time address, printed where only the operator reads, that makes the operator's account. It lives
// while there is no account at all; sign-up stays shut as long. Making the account is in registration.ts.
import { sha256 } from '../crypto/secrets.js';
import type { AccountStore } from './account-records.js';
import type { Clock, InTransaction } from './vocabulary.js';

export interface FirstRunStore {
  /** Puts the hash in place of an earlier one. */
  replaceFirstRun(tokenHash: string, at: Date): Promise<void>;
  findFirstRun(): Promise<string | undefined>;
  /** Removes it, once: false when it is not (or not any more) the one. */
  takeFirstRun(tokenHash: string): Promise<boolean>;
  removeFirstRun(): Promise<void>;
}

export interface FirstRunDependencies {
  readonly store: AccountStore & FirstRunStore;
  readonly inTransaction: InTransaction<{ accounts: AccountStore & FirstRunStore }>;
  readonly now: Clock;
  readonly newSecret: () => string;
}

export function createFirstRun({ store, inTransaction, now, newSecret }: FirstRunDependencies) {
  async function isFirstRun(): Promise<boolean> {
    return !(await store.hasAny());
  }

  return {
    isFirstRun,

    /** A new one-time token, while there is no account; an earlier one is dead. Only its hash is kept. */
    async firstRunToken(): Promise<string | undefined> {
      const token = newSecret();
      const isMade = await inTransaction(async ({ accounts }) => {
        if (await accounts.hasAny()) return false;
        await accounts.replaceFirstRun(sha256(token), now());
        return true;
      });
      return isMade ? token : undefined;
    },

    /** Whether the token would make the operator's account now; it is not used up. */
    async isFirstRunToken(token: string): Promise<boolean> {
      return (await isFirstRun()) && (await store.findFirstRun()) === sha256(token);
    },
  };
}

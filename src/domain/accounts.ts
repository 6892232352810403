// Accounts: the one front of the rooms that make them (registration, first-run), prove their address
// (email-verification) and check their password (password-check), and what is left to find and to change.
// Second factors are in proofs.ts, sessions in sessions.ts.
import {
  presentAccount,
  type Account,
  type AccountStore,
  type EmailVerificationMode,
} from './account-records.js';
import type { KnownBrowserStore } from './known-browsers.js';
import type { Audit } from './audit.js';
import {
  createEmailVerification,
  type EmailStore,
  type EmailVerificationStores,
} from './email-verification.js';
import { createFirstRun, type FirstRunStore } from './first-run.js';
import { foldLogin } from './login-names.js';
import type { Notices } from './notices.js';
import { createPasswordCheck, type PasswordStore } from './password-check.js';
import type { PasswordRule } from './password-rule.js';
import { createRegistration } from './registration.js';
import type { Throttle } from './throttle.js';
import type { AccountId, Clock, InTransaction } from './vocabulary.js';
import type { Passwords } from '../crypto/passwords.js';
import type { Keyring } from '../crypto/secrets.js';

export type { Account, AccountRole, EmailVerificationMode } from './account-records.js';

/** All that the rooms of an account keep. */
export type AccountsStore = AccountStore & EmailStore & PasswordStore & KnownBrowserStore & FirstRunStore;

export interface AccountsDependencies {
  /** For reading what is committed. */
  readonly store: AccountsStore;
  readonly inTransaction: InTransaction<EmailVerificationStores & { accounts: AccountsStore }>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly throttle: Pick<Throttle, 'spend' | 'trySpend'>;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly rule: PasswordRule;
  readonly keyring: Pick<Keyring, 'mac' | 'macs' | 'seal' | 'open'>;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
  readonly settings: {
    readonly signUp: 'open' | 'closed';
    readonly emailVerification: EmailVerificationMode;
    readonly publicUrl: string;
  };
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts(dependencies: AccountsDependencies) {
  const { store, inTransaction, now, settings } = dependencies;
  const verification = createEmailVerification(dependencies);
  const { sendVerification, findVerification, verifyEmail, giveAddress } = verification;

  return {
    ...createFirstRun(dependencies),
    ...createRegistration({ ...dependencies, verification }),
    ...createPasswordCheck(dependencies),
    sendVerification,
    findVerification,
    verifyEmail,
    giveAddress,

    async findAccount(accountId: AccountId): Promise<Account | undefined> {
      const record = await store.find(accountId);
      return record && presentAccount(record, settings.emailVerification);
    },

    /** Whether its tokens may be used: there is such an account, it is open, and its address verified where that is due. */
    async mayUseTokens(accountId: AccountId): Promise<boolean> {
      const standing = await store.findStanding(accountId);
      if (!standing || standing.isClosed) return false;
      return standing.isEmailVerified || settings.emailVerification === 'optional';
    },

    /** By e-mail address or user name, however it is spelt. */
    async findByLogin(login: string): Promise<Account | undefined> {
      const folded = foldLogin(login);
      const record = folded === undefined ? undefined : await store.findByLoginName(folded);
      return record && presentAccount(record, settings.emailVerification);
    },

    /** The account that has proved this address; undefined for one that nobody has proved, and for what is none. */
    async findByProvedEmail(email: string): Promise<Account | undefined> {
      const folded = email.includes('@') ? foldLogin(email) : undefined;
      const record = folded === undefined ? undefined : await store.findByLoginName(folded);
      return record?.emailVerifiedAt ? presentAccount(record, settings.emailVerification) : undefined;
    },

    /** The language of an account's pages and mails; false when there is no such account. */
    async changeLanguage(accountId: AccountId, language: string): Promise<boolean> {
      return inTransaction(({ accounts }) => accounts.changeLanguage(accountId, language));
    },

    /** Removes mail tokens whose time is over. */
    async removeExpired(): Promise<number> {
      return inTransaction(({ accounts }) => accounts.removeExpiredMailTokens(now()));
    },
  };
}

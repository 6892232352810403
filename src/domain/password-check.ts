// Whether a password is right, and what a wrong one costs: one counter for each account, the same at every door, kept in
// SQL. A wrong password, an unknown account and a locked one get one answer after the same work.
// What a good password is: password-rule. Specification: NIST SP 800-63B §3.2.2, CHECKLIST 3.2.
import type { Passwords } from '../crypto/passwords.js';
import type { Audit } from './audit.js';
import { foldLogin } from './login-names.js';
import { whereAndWhen, type Notices } from './notices.js';
import {
  presentAccount,
  type Account,
  type AccountRecord,
  type EmailVerificationMode,
} from './account-records.js';
import {
  createTries,
  MOST_FAILURES,
  NOBODY,
  type About,
  type AccountStanding,
  type PasswordTry,
  type Reading,
  type Stores,
} from './password-check-tries.js';
import type { AccountId, Clock, InTransaction, Origin } from './vocabulary.js';

export { MOST_FAILURES, NOBODY, waitSeconds } from './password-check-tries.js';
export type {
  AccountStanding,
  PasswordFailures,
  PasswordStore,
  PasswordTry,
} from './password-check-tries.js';

export interface PasswordCheckDependencies {
  readonly store: Reading;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly now: Clock;
  readonly settings: { readonly emailVerification: EmailVerificationMode };
}

/** Whose password: by what a person typed, or of the account that a session names. */
export type Who = { readonly login: string } | { readonly accountId: AccountId };

const isOpen = ({ isClosed, consecutiveFailures }: AccountStanding): boolean =>
  !isClosed && consecutiveFailures < MOST_FAILURES;

/**
 * Whether the password is still the one that was looked at, asked inside the caller's transaction: a sign-in with the old one,
 * begun before a reset and ended after it, would outlive the reset.
 */
async function isPasswordStill(stores: { accounts: Reading }, account: Account): Promise<boolean> {
  const record = await stores.accounts.find(account.accountId);
  return record?.passwordChangedAt.getTime() === account.passwordChangedAt.getTime();
}

export function createPasswordCheck(dependencies: PasswordCheckDependencies) {
  const { store, inTransaction, audit, notices, settings, now } = dependencies;
  const { tryPassword, rehash } = createTries(dependencies);

  async function findRecord(who: Who): Promise<AccountRecord | undefined> {
    if ('accountId' in who) return store.find(who.accountId);
    // Looked up all the same: what cannot be a name is as much work as a name that nobody has.
    const folded = foldLogin(who.login) ?? '';
    const record = await store.findByLoginName(folded);
    // Where addresses are proved, only a proved one is a name: else whoever signs up with somebody's address, and then in
    // by it, could tell whether it had an account.
    const isUnproved = folded.includes('@') && record?.emailVerifiedAt === undefined;
    return isUnproved && settings.emailVerification === 'required' ? undefined : record;
  }

  /** In a transaction: the charge of a wrong try stays, and is remembered. */
  async function recordFailure(
    stores: Stores,
    { record, isCharged }: PasswordTry,
    entry: { readonly event: 'sign-in-failed' | 'proof-failed'; readonly origin: Origin },
  ): Promise<void> {
    const whose = record && { accountId: record.accountId };
    const details = { factor: 'password' };
    await audit.record(stores, { ...entry, ...whose, actor: 'anyone', details });
    const failures = await stores.accounts.findFailures(record?.accountId ?? NOBODY);
    if (isCharged && record && failures?.consecutive === MOST_FAILURES)
      await tellLocked(stores, record, entry.origin);
  }

  async function tellLocked(stores: Stores, record: AccountRecord, origin: Origin): Promise<void> {
    const { accountId, email, username, language } = record;
    await audit.record(stores, { event: 'password-locked', accountId, actor: 'anyone', origin });
    if (record.emailVerifiedAt === undefined) return;
    const to = { email, language: language ?? 'en', accountId };
    const details = { username, factor: 'password', ...whereAndWhen(origin, now()) } as const;
    await notices.tell(stores, 'factor-locked', to, details);
  }

  /**
   * Whether an account is there, open and not locked, asked inside the caller's transaction: what was approved before a
   * lock is not handed out after it (CVE-2026-88770).
   */
  async function isActive(stores: { accounts: Reading }, accountId: AccountId): Promise<boolean> {
    const standing = await stores.accounts.findStanding(accountId);
    return standing !== undefined && isOpen(standing);
  }

  return {
    /**
     * The account, if the password is its own and it may be used; undefined for everything else: wrong, unknown, waiting,
     * locked, closed. One argon2id verification always. Refuses `service-busy`; then nothing has been counted.
     * `mayBeClosed`: for the one door at which the owner of a closed account may come back to keep it.
     */
    async checkPassword(
      who: Who,
      password: string,
      origin: Origin,
      { mayBeClosed = false }: About = {},
    ): Promise<Account | undefined> {
      const about = { mayBeClosed, browserMarks: origin.browserMarks ?? [] };
      const tried = await tryPassword(await findRecord(who), password, about);
      const { record, isRight, browserId } = tried;
      if (!record || !isRight) {
        const event = 'login' in who ? 'sign-in-failed' : 'proof-failed';
        await inTransaction((stores) => recordFailure(stores, tried, { event, origin }));
        return undefined;
      }
      await inTransaction(async ({ accounts }) => {
        await accounts.forgiveFailures(record.accountId);
        if (browserId) await accounts.forgiveKnownBrowser(browserId);
      });
      await rehash(tried, password);
      return presentAccount(record, settings.emailVerification);
    },

    /**
     * The account whose password a login names; undefined for none. For a door that reads what was typed by what is kept
     * of the account: `tryPassword`, and then, in the transaction that settles all it asks for, one of the three below.
     */
    findPasswordRecord: (login: string): Promise<AccountRecord | undefined> => findRecord({ login }),

    /**
     * One try, charged before it is looked at, in a transaction of its own: one argon2id verification always. Refuses
     * `service-busy`; then nothing has been counted.
     */
    tryPassword,

    /** A wrong one stays charged, and is remembered as a sign-in that failed. */
    recordWrongPassword: (stores: Stores, tried: PasswordTry, origin: Origin): Promise<void> =>
      recordFailure(stores, tried, { event: 'sign-in-failed', origin }),

    /** A right one is not charged; what was counted before it stays (NIST SP 800-63B §3.2.2). */
    async takeChargeBack(stores: { accounts: Reading }, { record, isCharged }: PasswordTry): Promise<void> {
      await stores.accounts.giveFailureBack(isCharged && record ? record.accountId : NOBODY);
    },

    /** After a sign-in that is complete: none of the failures counts any more. */
    async forgiveFailures(stores: { accounts: Reading }, accountId: AccountId): Promise<void> {
      await stores.accounts.forgiveFailures(accountId);
    },

    /** Hashes a right password anew where its hash is of an older kind. */
    rehash,

    isActive,

    isPasswordStill,

    /** Whether a token may be made for the account now: it is active, and verified where that is required. */
    async mayReceiveToken(stores: { accounts: Reading }, accountId: AccountId): Promise<boolean> {
      const standing = await stores.accounts.findStanding(accountId);
      const isVerified = settings.emailVerification === 'optional' || standing?.isEmailVerified === true;
      return standing !== undefined && isVerified && isOpen(standing);
    },
  };
}

// Whether a password is right, and what a wrong one costs: one counter for each account, the same at every door, kept in
// SQL. A wrong password, an unknown account and a locked one get one answer after the same work.
// What a good password is: password-rule. Specification: NIST SP 800-63B §3.2.2, CHECKLIST 3.2.
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import type { Audit, AuditStore } from './audit.js';
import { foldLogin } from './login-names.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import {
  presentAccount,
  type Account,
  type AccountRecord,
  type AccountStore,
  type EmailVerificationMode,
} from './account-records.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface PasswordFailures {
  readonly consecutive: number;
  readonly lastAt: Date;
}

/** What decides whether an account may be signed in to, or given a token. */
export interface AccountStanding {
  readonly isClosed: boolean;
  readonly isEmailVerified: boolean;
  readonly consecutiveFailures: number;
}

export interface PasswordStore {
  findStanding(accountId: AccountId): Promise<AccountStanding | undefined>;
  findFailures(accountId: AccountId): Promise<PasswordFailures | undefined>;
  /** Counts one more; false when the count is not `seen` any more (0: no row, or none since a success). */
  chargeFailure(accountId: AccountId, seen: number, at: Date): Promise<boolean>;
  /** Takes one back: nothing was looked at. */
  giveFailureBack(accountId: AccountId): Promise<void>;
  forgiveFailures(accountId: AccountId): Promise<void>;
  /** False when the hash is not `from` any more. */
  replacePasswordHash(accountId: AccountId, from: string, to: string): Promise<boolean>;
  /** Another password in the place of the one whose hash is `from`; false when it is not that any more. */
  replacePassword(renewed: {
    readonly accountId: AccountId;
    readonly from: string;
    readonly to: string;
    readonly length: number;
    readonly at: Date;
  }): Promise<boolean>;
}

type Reading = AccountStore & PasswordStore;
interface Stores {
  readonly accounts: Reading;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

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

/** One try at a password, charged and looked at; the door that made it settles it. */
export interface PasswordTry {
  readonly record: AccountRecord | undefined;
  /** The password is the account's own, and it may be used now: neither waiting nor locked nor closed. */
  readonly isRight: boolean;
  /** Whether the account itself was charged. */
  readonly isCharged: boolean;
  readonly needsRehash: boolean;
}

/** CHECKLIST 3.2: at most 100 in a row, then the password is locked. */
export const MOST_FAILURES = 100;
/** From the tenth failure in a row on, the next try waits: 30 s, doubling, at most an hour. */
const FREE_FAILURES = 10;
const FIRST_WAIT_SECONDS = 30;
const LONGEST_WAIT_SECONDS = 3600;
/** Is charged where no account may be, so that the same is written whoever was named. */
export const NOBODY = 'nobody' as AccountId;

/** How long the next try has to wait after `consecutive` failures, in seconds. */
export function waitSeconds(consecutive: number): number {
  if (consecutive < FREE_FAILURES) return 0;
  return Math.min(FIRST_WAIT_SECONDS * 2 ** (consecutive - FREE_FAILURES), LONGEST_WAIT_SECONDS);
}

const isOpen = ({ isClosed, consecutiveFailures }: AccountStanding): boolean =>
  !isClosed && consecutiveFailures < MOST_FAILURES;

/** Tries at a password: charged, looked at, and the hash renewed where the password was right. */
function createTries({ inTransaction, passwords, now }: PasswordCheckDependencies) {
  /**
   * Charges the attempt before the password is looked at, so that any number of attempts at once stays under the cap.
   * False while the account waits or is locked: then nothing is looked at, so nothing is counted, and nobody outside can
   * push an account to its lock faster than the waits allow.
   */
  function charge(record: AccountRecord | undefined): Promise<boolean> {
    return inTransaction(async ({ accounts }) => {
      const at = now();
      const failures = record && (await accounts.findFailures(record.accountId));
      const seen = failures?.consecutive ?? 0;
      // Either way round: a clock that was set back must not keep the owner out until it has caught up.
      const waitedMs = Math.abs(at.getTime() - (failures?.lastAt.getTime() ?? 0));
      const mayTry = record !== undefined && seen < MOST_FAILURES && waitedMs >= waitSeconds(seen) * 1000;
      if (mayTry) return accounts.chargeFailure(record.accountId, seen, at);
      const nobody = await accounts.findFailures(NOBODY);
      await accounts.chargeFailure(NOBODY, nobody?.consecutive ?? 0, at);
      return false;
    });
  }

  async function verify(stored: string | undefined, password: string, charged: AccountId | undefined) {
    try {
      return await passwords.verify(stored, password);
    } catch (error) {
      if (!(error instanceof PasswordsBusy)) throw error;
      if (charged) await inTransaction(({ accounts }) => accounts.giveFailureBack(charged));
      throw new DomainError('service-busy', { retryAfterSeconds: error.retryAfterSeconds, cause: error });
    }
  }

  async function tryPassword(
    record: AccountRecord | undefined,
    password: string,
    { mayBeClosed = false } = {},
  ): Promise<PasswordTry> {
    const isCharged = await charge(record);
    const charged = isCharged ? record?.accountId : undefined;
    const { ok, needsRehash } = await verify(record?.passwordHash, password, charged);
    const isRight = record !== undefined && ok && isCharged && (mayBeClosed || !record.closedAt);
    return { record, isRight, isCharged, needsRehash };
  }

  async function rehash({ record, needsRehash }: PasswordTry, password: string): Promise<void> {
    if (!record || !needsRehash) return;
    try {
      const made = await passwords.hash(password);
      await inTransaction(({ accounts }) =>
        accounts.replacePasswordHash(record.accountId, record.passwordHash, made),
      );
    } catch (error) {
      // It is done at another sign-in: a full queue is no reason to turn somebody away who has proved who they are.
      if (!(error instanceof PasswordsBusy)) throw error;
    }
  }

  return { tryPassword, rehash };
}

/**
 * Whether the password is still the one that was looked at, asked inside the caller's transaction: a sign-in with the old one,
 * begun before a reset and ended after it, would outlive the reset.
 */
async function isPasswordStill(stores: { accounts: AccountStore }, account: Account): Promise<boolean> {
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
    await notices.tell(stores, 'factor-locked', to, { username, ...whereAndWhen(origin, now()) });
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
      about: { readonly mayBeClosed?: boolean } = {},
    ): Promise<Account | undefined> {
      const tried = await tryPassword(await findRecord(who), password, about);
      const { record, isRight } = tried;
      if (!record || !isRight) {
        const event = 'login' in who ? 'sign-in-failed' : 'proof-failed';
        await inTransaction((stores) => recordFailure(stores, tried, { event, origin }));
        return undefined;
      }
      await inTransaction(({ accounts }) => accounts.forgiveFailures(record.accountId));
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

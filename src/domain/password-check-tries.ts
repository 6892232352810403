// Tries at a password, and what each costs before it is looked at: one counter for each account, and one for each browser that
// the account knows. What becomes of a try, right or wrong, is password-check's. Specification: NIST SP 800-63B §3.2.2,
// CHECKLIST 3.2.
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { AuditStore } from './audit.js';
import { findBrowserOf, type KnownBrowser, type KnownBrowserStore } from './known-browsers.js';
import type { OutboxStore } from './notices.js';
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

export type Reading = AccountStore & PasswordStore & KnownBrowserStore;
export interface Stores {
  readonly accounts: Reading;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

/** One try at a password, charged and looked at; the door that made it settles it. */
export interface PasswordTry {
  readonly record: AccountRecord | undefined;
  /** The password is the account's own, and it may be used now: neither waiting nor locked nor closed. */
  readonly isRight: boolean;
  /** Whether the account itself was charged. */
  readonly isCharged: boolean;
  /** The known browser that was charged. */
  readonly browserId?: string | undefined;
  readonly needsRehash: boolean;
}

/** CHECKLIST 3.2: at most 100 in a row, then the password is locked. */
export const MOST_FAILURES = 100;
/** From the tenth failure in a row on, the next try waits: 30 s, doubling, at most an hour. */
const FREE_FAILURES = 10;
const FIRST_WAIT_SECONDS = 30;
const LONGEST_WAIT_SECONDS = 3600;
/**
 * A browser that the account knows has half of all that to itself: strangers' failures neither make it wait nor lock it, and
 * its own count toward the 100 as well. Used up, it is a stranger's. So there are at most 100 guesses without a success, and
 * 50 more for each known browser whose cookie somebody has stolen.
 */
const MOST_IN_A_BROWSER = MOST_FAILURES / 2;
/** Is charged where no account may be, so that the same is written whoever was named. */
export const NOBODY = 'nobody' as AccountId;

/** How long the next try has to wait after `consecutive` failures, in seconds. */
export function waitSeconds(consecutive: number): number {
  if (consecutive < FREE_FAILURES) return 0;
  return Math.min(FIRST_WAIT_SECONDS * 2 ** (consecutive - FREE_FAILURES), LONGEST_WAIT_SECONDS);
}

/** `mayBeClosed`: for the one door at which the owner of a closed account may come back to keep it. */
export type About = { readonly mayBeClosed?: boolean } & Pick<Origin, 'browserMarks'>;

/** What a try was charged to; `mayTry`: to anything but nobody. */
interface Charge {
  readonly mayTry: boolean;
  readonly isCharged: boolean;
  readonly browserId?: string;
}

/** Either way round: a clock that was set back must not keep the owner out until it has caught up. */
const hasWaited = (since: Date | undefined, at: Date, seconds: number): boolean =>
  Math.abs(at.getTime() - (since?.getTime() ?? 0)) >= seconds * 1000;

/** Tries at a password: charged, looked at, and the hash renewed where the password was right. */
export function createTries({
  inTransaction,
  passwords,
  now,
}: {
  readonly inTransaction: InTransaction<Stores>;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly now: Clock;
}) {
  async function chargeNobody({ accounts }: Stores, at: Date): Promise<Charge> {
    const nobody = await accounts.findFailures(NOBODY);
    await accounts.chargeFailure(NOBODY, nobody?.consecutive ?? 0, at);
    return { mayTry: false, isCharged: false };
  }

  /** On a known browser's own count, and on the account's while that has room: strangers may have used it up. */
  async function chargeBrowser(
    { accounts }: Stores,
    { browserId, accountId, failures, failedAt }: KnownBrowser,
    seen: number,
    at: Date,
  ): Promise<Charge | undefined> {
    if (!hasWaited(failedAt, at, waitSeconds(failures + FREE_FAILURES / 2))) return undefined;
    if (!(await accounts.chargeKnownBrowser(browserId, failures, at))) return undefined;
    const isCharged = seen < MOST_FAILURES && (await accounts.chargeFailure(accountId, seen, at));
    return { mayTry: true, isCharged, browserId };
  }

  /**
   * Charges the attempt before the password is looked at, so that any number of attempts at once stays under the cap. Only to
   * nobody while the account waits or is locked: then nothing is looked at, so nothing is counted, and nobody outside can
   * push an account to its lock faster than the waits allow.
   */
  function charge(named: AccountRecord | undefined, from: About): Promise<Charge> {
    // Where there is no password, none can be guessed: nobody outside can lock an account that is signed in to by other ways.
    const record = named?.passwordHash === '' ? undefined : named;
    return inTransaction(async (stores) => {
      const { accounts } = stores;
      const at = now();
      const known = await findBrowserOf(stores, record?.accountId ?? NOBODY, from);
      const failures = record && (await accounts.findFailures(record.accountId));
      const seen = failures?.consecutive ?? 0;
      if (known && known.failures < MOST_IN_A_BROWSER)
        return (await chargeBrowser(stores, known, seen, at)) ?? chargeNobody(stores, at);
      const mayTry = record && seen < MOST_FAILURES && hasWaited(failures?.lastAt, at, waitSeconds(seen));
      if (!mayTry) return chargeNobody(stores, at);
      const isCharged = await accounts.chargeFailure(record.accountId, seen, at);
      return { mayTry: isCharged, isCharged };
    });
  }

  async function giveBack({ accountId }: AccountRecord, { isCharged, browserId }: Charge): Promise<void> {
    await inTransaction(async ({ accounts }) => {
      if (isCharged) await accounts.giveFailureBack(accountId);
      if (browserId) await accounts.giveBrowserFailureBack(browserId);
    });
  }

  async function verify(record: AccountRecord | undefined, password: string, charged: Charge) {
    try {
      return await passwords.verify(record?.passwordHash || undefined, password);
    } catch (error) {
      if (!(error instanceof PasswordsBusy)) throw error;
      if (record && charged.mayTry) await giveBack(record, charged);
      throw new DomainError('service-busy', { retryAfterSeconds: error.retryAfterSeconds, cause: error });
    }
  }

  async function tryPassword(
    record: AccountRecord | undefined,
    password: string,
    about: About = {},
  ): Promise<PasswordTry> {
    const charged = await charge(record, about);
    const { ok, needsRehash } = await verify(record, password, charged);
    const { mayTry, isCharged, browserId } = charged;
    const isRight = record !== undefined && ok && mayTry && (about.mayBeClosed === true || !record.closedAt);
    return { record, isRight, isCharged, browserId, needsRehash };
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

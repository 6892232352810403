// Tries at a profile PIN: one counter for each profile, the same for every browser, tool and form, in SQL. Each is charged before
// it is looked at, so that any number at once stays under the cap. A wrong PIN, a missing one and a locked profile are the same
// answer after the same work. CHECKLIST 3.7, 3.2.
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import type { Audit } from './audit.js';
import { findTold, type HouseholdStores } from './household-opening.js';
import { isPossiblePin } from './household-pin-rule.js';
import type { Member, ProfilePin } from './household-records.js';
import { whereAndWhen, type Notices } from './notices.js';
import { DomainError, type Clock, type InTransaction, type Origin, type SubjectId } from './vocabulary.js';

/** From the fifth wrong one in a row on the next waits, 30 seconds and doubling; the tenth locks. */
const FREE_FAILURES = 5;
const FIRST_WAIT_SECONDS = 30;
export const MOST_FAILURES = 10;

export interface PinTriesDependencies<Stores extends HouseholdStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly now: Clock;
}

/** A try that was looked at: settled in the transaction that gives something for a right one. */
export interface PinTry {
  readonly isRight: boolean;
  /** The PIN that it was right for. */
  readonly version: number;
}

/** How long the next try has to wait after `failures` in a row, in seconds. */
export function pinWaitSeconds(failures: number): number {
  return failures < FREE_FAILURES ? 0 : FIRST_WAIT_SECONDS * 2 ** (failures - FREE_FAILURES);
}

/** The text that is hashed: a hash that is moved to another profile opens nothing there. */
const bound = (subjectId: SubjectId, pin: string): string => `profile ${subjectId} ${pin}`;

export function createPinTries<Stores extends HouseholdStores>(dependencies: PinTriesDependencies<Stores>) {
  const { inTransaction, audit, notices, passwords, now } = dependencies;

  const busy = ({ retryAfterSeconds }: PasswordsBusy, cause: unknown): DomainError =>
    new DomainError('service-busy', { retryAfterSeconds, cause });

  /** Either way round: a clock that was set back must not keep anybody out until it has caught up. */
  const hasWaited = ({ failures, failedAt }: ProfilePin, at: Date): boolean =>
    Math.abs(at.getTime() - failedAt.getTime()) >= pinWaitSeconds(failures) * 1000;

  /** What the try is looked at against; undefined for one that must not be looked at, and then nothing is counted. */
  function charge(subjectId: SubjectId, pin: string | undefined): Promise<ProfilePin | undefined> {
    return inTransaction(async ({ households }) => {
      const kept = await households.findPin(subjectId);
      const at = now();
      const isOpen = kept?.hash !== undefined && kept.failures < MOST_FAILURES && hasWaited(kept, at);
      const mayTry = isOpen && isPossiblePin(pin);
      if (mayTry && (await households.chargePin(subjectId, kept.failures, at))) return kept;
      await households.notePinTry(subjectId, at);
      return undefined;
    });
  }

  async function verify(subjectId: SubjectId, pin: string, against: ProfilePin | undefined) {
    try {
      return await passwords.verify(against?.hash, bound(subjectId, pin));
    } catch (error) {
      if (!(error instanceof PasswordsBusy)) throw error;
      if (against) await inTransaction(({ households }) => households.givePinBack(subjectId));
      throw busy(error, error);
    }
  }

  async function hashPin(subjectId: SubjectId, pin: string): Promise<string> {
    try {
      return await passwords.hash(bound(subjectId, pin));
    } catch (error) {
      throw error instanceof PasswordsBusy ? busy(error, error) : error;
    }
  }

  async function tellLocked(stores: Stores, member: Member, origin: Origin): Promise<void> {
    const { accountId, kind, name } = member;
    const details = { member: name, kind };
    await audit.record(stores, { event: 'profile-pin-locked', accountId, actor: 'anyone', origin, details });
    const to = await findTold(stores, accountId);
    if (!to) return;
    const isOwn = kind === 'owner' || kind === 'full' ? 1 : 0;
    const told = { username: to.username, member: name, isOwn, ...whereAndWhen(origin, now()) } as const;
    await notices.tell(stores, 'profile-pin-locked', to, told);
  }

  /** A wrong one stays charged, and is remembered by whoever answers for the profile. */
  async function recordWrong(member: Member, isCounted: boolean, origin: Origin): Promise<void> {
    await inTransaction(async (stores) => {
      const { accountId, kind, name, subjectId } = member;
      const details = { member: name, kind };
      const entry = { event: 'profile-pin-wrong', accountId, actor: 'anyone', origin, details } as const;
      await audit.record(stores, entry);
      const failures = (await stores.households.findPin(subjectId))?.failures;
      if (isCounted && failures === MOST_FAILURES) await tellLocked(stores, member, origin);
    });
  }

  /** Under the key of today, where it was kept under an older one. */
  async function rehash(subjectId: SubjectId, from: string, pin: string): Promise<void> {
    try {
      const to = await passwords.hash(bound(subjectId, pin));
      await inTransaction(({ households }) => households.rehashPin(subjectId, from, to));
    } catch (error) {
      if (!(error instanceof PasswordsBusy)) throw error;
    }
  }

  return {
    hashPin,

    /**
     * One try at a member's PIN; one argon2id verification always. Refuses `profile-pin-wrong` for a wrong one, none, one
     * that comes too soon or after the lock, and where there is no PIN: one answer. `service-busy`; then nothing is counted.
     * A right one is charged until `settle` has taken it back.
     */
    async tryPin(member: Member, pin: string | undefined, origin: Origin): Promise<PinTry> {
      const { subjectId } = member;
      const against = await charge(subjectId, pin);
      const { ok, needsRehash } = await verify(subjectId, pin ?? '0000', against);
      if (!against?.hash || !ok || pin === undefined) {
        await recordWrong(member, against !== undefined, origin);
        throw new DomainError('profile-pin-wrong');
      }
      if (needsRehash) await rehash(subjectId, against.hash, pin);
      return { isRight: true, version: against.version };
    },

    /** In the transaction that a right PIN opens: none of the wrong ones counts any more. Refuses one that was changed since. */
    async settle(stores: Stores, subjectId: SubjectId, { version }: PinTry): Promise<void> {
      const kept = await stores.households.findPin(subjectId);
      if (kept?.version !== version) throw new DomainError('profile-pin-wrong');
      await stores.households.forgivePin(subjectId);
    },
  };
}

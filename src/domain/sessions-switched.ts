// Browsers that act for a member of a household. None of them is a session: what takes a session cannot be reached from here,
// so such a browser approves nothing, changes nothing and steps nothing up. The session that it was switched from is over, and
// the way back to one is to sign in. Whom a browser may be switched to is `household-switch`. DESIGN 8, CHECKLIST 3.7.
import type { Audit, AuditStore } from './audit.js';
import {
  IDLE_SECONDS,
  LONGEST_USER_AGENT,
  SEEN_EVERY_SECONDS,
  type Session,
  type SessionStore,
} from './sessions.js';
import {
  DomainError,
  isUnavailable,
  type AccountId,
  type BrowserTicket,
  type Clock,
  type HouseholdId,
  type InTransaction,
  type Origin,
  type SessionHash,
  type SubjectId,
} from './vocabulary.js';

export interface SwitchedSession {
  readonly sessionHash: SessionHash;
  /** Names the browser: it stays when it is switched again. */
  readonly ticket: BrowserTicket;
  /** The account whose sign-in it began with. */
  readonly begunBy: AccountId;
  /** Who answers for the member. */
  readonly accountId: AccountId;
  readonly subjectId: SubjectId;
  readonly householdId: HouseholdId;
  readonly userAgent: string;
  readonly networkAddress: string;
  readonly isRemembered: boolean;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  /** The end of the session that it began with. */
  readonly expiresAt: Date;
}

export interface SwitchedSessionStore {
  /** False when the hash is taken. */
  insert(session: SwitchedSession): Promise<boolean>;
  find(sessionHash: SessionHash): Promise<SwitchedSession | undefined>;
  /** Those that expire after `now` and are remembered or were seen after `seenAfter`, the last seen first. */
  findBegunBy(accountId: AccountId, now: Date, seenAfter: Date): Promise<SwitchedSession[]>;
  /** False unless it was seen before `ifSeenBefore` last, or when it is gone. */
  markSeen(sessionHash: SessionHash, at: Date, ifSeenBefore: Date): Promise<boolean>;
  /** False when it was gone. */
  remove(sessionHash: SessionHash): Promise<boolean>;
  /** Those that act for this member. */
  removeBySubject(subjectId: SubjectId): Promise<number>;
  /** Those that this account began, in this household. */
  removeBegunIn(accountId: AccountId, householdId: HouseholdId): Promise<number>;
}

/** The token goes to the browser and is kept nowhere. */
export interface IssuedSwitchedSession {
  readonly token: string;
  readonly session: SwitchedSession;
}

export interface SwitchedStores {
  readonly sessions: SessionStore;
  readonly switchedSessions: SwitchedSessionStore;
  readonly audit: AuditStore;
}

export interface SwitchedSessionsDependencies {
  readonly store: SwitchedSessionStore;
  readonly inTransaction: InTransaction<SwitchedStores>;
  readonly audit: Audit;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export const isSwitchedSession = (browser: Session | SwitchedSession): browser is SwitchedSession =>
  'begunBy' in browser;

export type SwitchedSessions = ReturnType<typeof createSwitchedSessions>;

export function createSwitchedSessions(dependencies: SwitchedSessionsDependencies) {
  const { store, inTransaction, audit, now, newSecret, hash } = dependencies;
  const hashOf = (token: string) => hash(token) as SessionHash;
  const before = (seconds: number, at = now()): Date => new Date(at.getTime() - seconds * 1000);

  const isLive = ({ expiresAt, isRemembered, lastSeenAt }: SwitchedSession, at: Date): boolean =>
    expiresAt > at && (isRemembered || lastSeenAt > before(IDLE_SECONDS, at));

  /** Written at most once a minute. A store that cannot write now only makes it look idle. */
  async function markSeen(session: SwitchedSession, at: Date): Promise<SwitchedSession> {
    const ifSeenBefore = before(SEEN_EVERY_SECONDS, at);
    if (session.lastSeenAt >= ifSeenBefore) return session;
    try {
      await inTransaction(({ switchedSessions }) =>
        switchedSessions.markSeen(session.sessionHash, at, ifSeenBefore),
      );
      return { ...session, lastSeenAt: at };
    } catch (error) {
      if (isUnavailable(error)) return session;
      throw error;
    }
  }

  /** What the browser has now is over. Refuses `sign-in-over` when it was over before. */
  async function endPresent(stores: SwitchedStores, browser: Session | SwitchedSession): Promise<void> {
    const { sessionHash } = browser;
    const isEnded = isSwitchedSession(browser)
      ? await stores.switchedSessions.remove(sessionHash)
      : await stores.sessions.remove(sessionHash, browser.accountId);
    if (!isEnded) throw new DomainError('sign-in-over');
  }

  return {
    /** The live one of a token; undefined for one that is unknown, ended, expired or idle, and for every session. */
    async findSwitched(token: string): Promise<SwitchedSession | undefined> {
      const session = await store.find(hashOf(token));
      const at = now();
      return session && isLive(session, at) ? markSeen(session, at) : undefined;
    },

    /** The live ones that this account began, the last seen first. */
    listSwitched(accountId: AccountId): Promise<SwitchedSession[]> {
      return store.findBegunBy(accountId, now(), before(IDLE_SECONDS));
    },

    /** Signs the browser out. */
    async endSwitched({ sessionHash, begunBy }: SwitchedSession, origin: Origin): Promise<void> {
      await inTransaction(async (stores) => {
        if (!(await stores.switchedSessions.remove(sessionHash))) return;
        const entry = { event: 'sign-out', accountId: begunBy, actor: begunBy, origin } as const;
        await audit.record(stores, entry);
      });
    },

    /**
     * Puts it in the place of what the browser has, in the caller's transaction: that is over in the same commit, and so is
     * everything that it might do. It ends when that would have ended. Refuses `sign-in-over`.
     */
    async startSwitched(
      stores: SwitchedStores,
      browser: Session | SwitchedSession,
      member: Pick<SwitchedSession, 'accountId' | 'subjectId' | 'householdId'>,
      origin: Origin,
    ): Promise<IssuedSwitchedSession> {
      await endPresent(stores, browser);
      const token = newSecret();
      const at = now();
      const session: SwitchedSession = {
        sessionHash: hashOf(token),
        ticket: browser.ticket,
        begunBy: isSwitchedSession(browser) ? browser.begunBy : browser.accountId,
        accountId: member.accountId,
        subjectId: member.subjectId,
        householdId: member.householdId,
        userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
        networkAddress: origin.networkAddress,
        isRemembered: browser.isRemembered,
        createdAt: at,
        lastSeenAt: at,
        expiresAt: browser.expiresAt,
      };
      if (!(await stores.switchedSessions.insert(session))) throw new Error('a session hash came up twice');
      return { token, session };
    },
  };
}

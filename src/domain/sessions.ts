// Browser sessions: issued, validated, rotated, listed and ended. A session knows account ids, never accounts: who may
// begin one is decided in sign-in.ts. Only the hash of its token is kept, and no half-done sign-in is ever one.
// Specification: NIST SP 800-63B §2.2.3 and §5.1, OWASP ASVS 7.
import {
  DomainError,
  isUnavailable,
  type AccountId,
  type Authentication,
  type AuthenticationMethod,
  type BrowserTicket,
  type Clock,
  type InTransaction,
  type Origin,
  type SessionHash,
  type SubjectId,
} from './vocabulary.js';
import type { Audit, AuditStore } from './audit.js';

export interface Session {
  readonly sessionHash: SessionHash;
  /** Names the browser: it stays when the session is rotated. */
  readonly ticket: BrowserTicket;
  readonly accountId: AccountId;
  readonly subjectId: SubjectId;
  /** How the session began: what tokens say about the person. */
  readonly authentication: Authentication;
  /** The last proof given in it, and what it was: what a sensitive step asks for. */
  readonly provedAt: Date;
  readonly proofMethods: readonly AuthenticationMethod[];
  readonly userAgent: string;
  readonly networkAddress: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

export interface SessionStore {
  /** False when the hash is taken. */
  insert(session: Session): Promise<boolean>;
  find(sessionHash: SessionHash): Promise<Session | undefined>;
  /** Those that expire after `now` and were seen after `seenAfter`, the last seen first. */
  findByAccount(accountId: AccountId, now: Date, seenAfter: Date): Promise<Session[]>;
  /** Moves `lastSeenAt` to `at`; false unless it is before `ifSeenBefore`, or when the session is gone. */
  markSeen(sessionHash: SessionHash, at: Date, ifSeenBefore: Date): Promise<boolean>;
  /**
   * Puts the session in the place of the one kept under `oldHash`, which is dead from then on. False when that one is
   * gone, belongs to another account or browser, or has expired at `session.lastSeenAt`.
   */
  replace(oldHash: SessionHash, session: Session): Promise<boolean>;
  /** False when this account has no such session. */
  remove(sessionHash: SessionHash, accountId: AccountId): Promise<boolean>;
  removeByAccount(accountId: AccountId, except: SessionHash | undefined): Promise<number>;
  removeExpired(now: Date): Promise<number>;
}

/** The token goes to the browser and is kept nowhere. */
export interface IssuedSession {
  readonly token: string;
  readonly session: Session;
}

/** CHECKLIST 3.5: a day in all, an hour unused. */
const LIFE_SECONDS = 86_400;
const IDLE_SECONDS = 3600;
const SEEN_EVERY_SECONDS = 60;
const LONGEST_USER_AGENT = 300;

export interface SessionsDependencies {
  readonly store: SessionStore;
  readonly inTransaction: InTransaction<{ sessions: SessionStore; audit: AuditStore }>;
  readonly audit: Audit;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions({ store, inTransaction, audit, now, newSecret, hash }: SessionsDependencies) {
  const secondsFrom = (time: Date, seconds: number) => new Date(time.getTime() + seconds * 1000);
  const hashOf = (token: string) => hash(token) as SessionHash;

  function isLive(session: Session, at: Date): boolean {
    return session.expiresAt > at && secondsFrom(session.lastSeenAt, IDLE_SECONDS) > at;
  }

  /** Written at most once a minute. A store that cannot write now only makes the session look idle: that lets nobody in. */
  async function markSeen(session: Session, at: Date): Promise<Session> {
    const ifSeenBefore = secondsFrom(at, -SEEN_EVERY_SECONDS);
    if (session.lastSeenAt >= ifSeenBefore) return session;
    try {
      await inTransaction(({ sessions }) => sessions.markSeen(session.sessionHash, at, ifSeenBefore));
      return { ...session, lastSeenAt: at };
    } catch (error) {
      if (isUnavailable(error)) return session;
      throw error;
    }
  }

  /** Ends one session of this account. `why`: what the audit row says. Resolves to false when there was none. */
  async function endSession(
    { sessionHash, accountId }: Pick<Session, 'sessionHash' | 'accountId'>,
    origin: Origin,
    why: 'session-ended' | 'sign-out' = 'session-ended',
  ): Promise<boolean> {
    return inTransaction(async (stores) => {
      const ended = await stores.sessions.remove(sessionHash, accountId);
      if (ended) await audit.record(stores, { event: why, accountId, actor: accountId, origin });
      return ended;
    });
  }

  return {
    endSession,

    /**
     * Begins a session in the caller's transaction: 24 hours, or one hour unused. `methods` are the proofs just given.
     * `ticket`: of the same browser, where it already has one.
     */
    async startSession(
      stores: { sessions: SessionStore },
      person: {
        readonly accountId: AccountId;
        readonly subjectId: SubjectId;
        readonly methods: readonly AuthenticationMethod[];
        readonly origin: Origin;
        readonly ticket?: BrowserTicket;
      },
    ): Promise<IssuedSession> {
      const { accountId, subjectId, methods, origin } = person;
      const token = newSecret();
      const at = now();
      const session: Session = {
        sessionHash: hashOf(token),
        ticket: person.ticket ?? (newSecret() as BrowserTicket),
        accountId,
        subjectId,
        authentication: { at, methods },
        provedAt: at,
        proofMethods: methods,
        userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
        networkAddress: origin.networkAddress,
        createdAt: at,
        lastSeenAt: at,
        expiresAt: secondsFrom(at, LIFE_SECONDS),
      };
      if (!(await stores.sessions.insert(session))) throw new Error('a session hash came up twice');
      return { token, session };
    },

    /** The live session of a token; undefined for one that is unknown, ended, rotated away, expired or idle. */
    async findSession(token: string): Promise<Session | undefined> {
      const session = await store.find(hashOf(token));
      const at = now();
      return session && isLive(session, at) ? markSeen(session, at) : undefined;
    },

    /**
     * Gives the session a new token in the caller's transaction; the old one is dead in the same UPDATE (ASVS 7.2.4).
     * The ticket and the end of life stay. `provedWith`: proofs given just now, which also add to what the session was
     * begun with; `methods`: a whole new authentication. Refuses `sign-in-over` when the session has ended meanwhile.
     */
    async rotateSession(
      stores: { sessions: SessionStore },
      session: Session,
      change: {
        readonly origin: Origin;
        readonly methods?: readonly AuthenticationMethod[];
        readonly provedWith?: readonly AuthenticationMethod[];
      },
    ): Promise<IssuedSession> {
      const { origin, methods, provedWith = methods } = change;
      const token = newSecret();
      const at = now();
      const { authentication } = session;
      // `auth_time` stays with the sign-in: one proof more is no new authentication.
      const grown = { ...authentication, methods: union(authentication.methods, provedWith ?? []) };
      const rotated: Session = {
        ...session,
        sessionHash: hashOf(token),
        authentication: methods ? { at, methods } : grown,
        provedAt: provedWith ? at : session.provedAt,
        proofMethods: provedWith ?? session.proofMethods,
        userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
        networkAddress: origin.networkAddress,
        lastSeenAt: at,
      };
      if (!(await stores.sessions.replace(session.sessionHash, rotated)))
        throw new DomainError('sign-in-over');
      return { token, session: rotated };
    },

    /** The account's live sessions, the last seen first. */
    listSessions(accountId: AccountId): Promise<Session[]> {
      const at = now();
      return store.findByAccount(accountId, at, secondsFrom(at, -IDLE_SECONDS));
    },

    /** Ends all sessions of the account, or all but one; resolves to how many. */
    endAllSessions(
      accountId: AccountId,
      { except, origin }: { readonly except?: SessionHash; readonly origin?: Origin } = {},
    ): Promise<number> {
      return inTransaction(async (stores) => {
        const ended = await stores.sessions.removeByAccount(accountId, except);
        const details = { sessions: ended };
        const entry = { event: 'session-ended', accountId, actor: accountId, details } as const;
        if (ended > 0) await audit.record(stores, origin ? { ...entry, origin } : entry);
        return ended;
      });
    },

    /**
     * Whether a proof was given in this session within so many seconds (default: ten minutes). `kind`: any proof, or a
     * second factor (a one-time code or a recovery code): the caller says which the account needs.
     */
    hasFreshProof(
      session: Session,
      { withinSeconds = 600, kind = 'any' }: { withinSeconds?: number; kind?: 'any' | 'second-factor' } = {},
    ): boolean {
      // Either way round: after a clock has jumped back, a proof must not stay fresh until the clock catches up.
      const isFresh = Math.abs(now().getTime() - session.provedAt.getTime()) <= withinSeconds * 1000;
      const { proofMethods } = session;
      return isFresh && (kind === 'any' || proofMethods.includes('otp') || proofMethods.includes('recovery'));
    },
  };
}

function union<Item>(first: readonly Item[], second: readonly Item[]): Item[] {
  return [...new Set([...first, ...second])];
}

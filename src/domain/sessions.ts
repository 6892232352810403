// Browser sessions: issued, validated, rotated, listed and ended. A session knows account ids, never accounts: who may
// begin one is decided in sign-in.ts. Only the hash of its token is kept, and no half-done sign-in is ever one.
// Specification: NIST SP 800-63B §2.2.3 and §5.1, OWASP ASVS 7.
import {
  contextClass,
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
  /** When everything that a sign-in takes was last proved in it, and until when that is enough for security pages. */
  readonly confirmedAt: Date;
  readonly recentUntil: Date;
  /** It outlasts the hour and the day: for all but what needs a recent sign-in. */
  readonly isRemembered: boolean;
  readonly userAgent: string;
  readonly networkAddress: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** What tells whether a session lives, to those who know no more of it. */
export type SessionStanding = Pick<
  Session,
  'sessionHash' | 'expiresAt' | 'isRemembered' | 'lastSeenAt' | 'recentUntil'
>;

export interface SessionStore {
  /** False when the hash is taken. */
  insert(session: Session): Promise<boolean>;
  find(sessionHash: SessionHash): Promise<Session | undefined>;
  /** Those that expire after `now` and are remembered or were seen after `seenAfter`, the last seen first. */
  findByAccount(accountId: AccountId, now: Date, seenAfter: Date): Promise<Session[]>;
  /** Moves `lastSeenAt` to `seen.at`; false unless it is before `ifSeenBefore`, or when the session is gone. */
  markSeen(
    sessionHash: SessionHash,
    seen: { readonly at: Date; readonly recentUntil: Date },
    ifSeenBefore: Date,
  ): Promise<boolean>;
  /**
   * Puts the session in the place of the one kept under `oldHash`, which is dead from then on. False when that one is
   * gone, belongs to another account or browser, or has expired at `session.lastSeenAt`.
   */
  replace(oldHash: SessionHash, session: Session): Promise<boolean>;
  /** False when this account has no such session. */
  remove(sessionHash: SessionHash, accountId: AccountId): Promise<boolean>;
  /** With the browsers that it has switched to a member, and those that act for it: nobody is left in the account. */
  removeByAccount(accountId: AccountId, except: SessionHash | undefined): Promise<number>;
  removeExpired(now: Date): Promise<number>;
}

/** The token goes to the browser and is kept nowhere. */
export interface IssuedSession {
  readonly token: string;
  readonly session: Session;
  /** What the browser is known by from now on, after a sign-in; for its own cookie. */
  readonly browserKey?: string;
}

/** CHECKLIST 3.5: a day in all, an hour unused. A remembered session lives on after that, but not for what is sensitive. */
const LIFE_SECONDS = 86_400;
export const IDLE_SECONDS = 3600;
export const SEEN_EVERY_SECONDS = 60;
export const LONGEST_USER_AGENT = 300;

export interface SessionsDependencies {
  readonly store: SessionStore;
  readonly inTransaction: InTransaction<{ sessions: SessionStore; audit: AuditStore }>;
  readonly audit: Audit;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
  /** How long a remembered session lives; 0: none is remembered. */
  readonly rememberDays?: number;
}

export type Sessions = ReturnType<typeof createSessions>;

const secondsFrom = (time: Date, seconds: number): Date => new Date(time.getTime() + seconds * 1000);

export function isLive({ expiresAt, isRemembered, lastSeenAt }: SessionStanding, at: Date): boolean {
  return expiresAt > at && (isRemembered || secondsFrom(lastSeenAt, IDLE_SECONDS) > at);
}

/** An hour from `at`, within the day of the last full proof. What is over stays over until everything is proved again. */
function recentUntil({ confirmedAt, recentUntil: until }: Session, at: Date): Date {
  if (until <= at) return until;
  const ends = [secondsFrom(confirmedAt, LIFE_SECONDS), secondsFrom(at, IDLE_SECONDS)];
  return new Date(Math.min(...ends.map((end) => end.getTime())));
}

/**
 * Since when the proofs of a session are good. What another provider has seen is as old as it was, whatever stands beside it,
 * unless the caller names another time.
 */
function proofTimeOf(
  session: Session,
  provedWith: readonly AuthenticationMethod[] | undefined,
  change: { readonly provedAt?: Date },
  at: Date,
): Date {
  const isAsOldAsBefore = !provedWith || (provedWith.includes('fed') && session.proofMethods.includes('fed'));
  return change.provedAt ?? (isAsOldAsBefore ? session.provedAt : at);
}

export function createSessions(dependencies: SessionsDependencies) {
  const { store, inTransaction, audit, now, newSecret, hash, rememberDays = 30 } = dependencies;
  const hashOf = (token: string) => hash(token) as SessionHash;

  /** Written at most once a minute. A store that cannot write now only makes the session look idle: that lets nobody in. */
  async function markSeen(session: Session, at: Date): Promise<Session> {
    const ifSeenBefore = secondsFrom(at, -SEEN_EVERY_SECONDS);
    if (session.lastSeenAt >= ifSeenBefore) return session;
    const seen = { at, recentUntil: recentUntil(session, at) };
    try {
      await inTransaction(({ sessions }) => sessions.markSeen(session.sessionHash, seen, ifSeenBefore));
      return { ...session, lastSeenAt: at, recentUntil: seen.recentUntil };
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

  /** The account's live sessions, the last seen first. */
  function listSessions(accountId: AccountId): Promise<Session[]> {
    const at = now();
    return store.findByAccount(accountId, at, secondsFrom(at, -IDLE_SECONDS));
  }

  /** Names a session on a page, as long as it lives; whoever reads it there can do nothing with it elsewhere. */
  const nameOf = ({ ticket }: Pick<Session, 'ticket'>): string => hash(`session ${ticket}`).slice(0, 22);

  return {
    endSession,
    listSessions,
    nameOf,

    /** Ends the account's session of that name, and its browser is signed out. Resolves to false where there is none. */
    async endNamed(accountId: AccountId, name: string, origin: Origin): Promise<boolean> {
      const named = (await listSessions(accountId)).find((session) => nameOf(session) === name);
      return named !== undefined && endSession(named, origin);
    },

    /**
     * Begins a session in the caller's transaction: 24 hours, or one hour unused; `isRemembered`: REMEMBER_DAYS.
     * `methods` are the proofs just given. `ticket`: of the same browser, where it already has one.
     */
    async startSession(
      stores: { sessions: SessionStore },
      person: {
        readonly accountId: AccountId;
        readonly subjectId: SubjectId;
        readonly methods: readonly AuthenticationMethod[];
        readonly origin: Origin;
        readonly ticket?: BrowserTicket;
        readonly isRemembered?: boolean;
        /** From when on the proof counts as fresh, where that is not now: of a federated sign-in, or long ago for never. */
        readonly provedAt?: Date;
      },
    ): Promise<IssuedSession> {
      const { accountId, subjectId, methods, origin } = person;
      const token = newSecret();
      const at = now();
      const isRemembered = person.isRemembered === true && rememberDays > 0;
      const session: Session = {
        sessionHash: hashOf(token),
        ticket: person.ticket ?? (newSecret() as BrowserTicket),
        accountId,
        subjectId,
        authentication: { at, methods },
        provedAt: person.provedAt ?? at,
        proofMethods: methods,
        confirmedAt: at,
        recentUntil: secondsFrom(at, IDLE_SECONDS),
        isRemembered,
        userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
        networkAddress: origin.networkAddress,
        createdAt: at,
        lastSeenAt: at,
        expiresAt: secondsFrom(at, isRemembered ? rememberDays * LIFE_SECONDS : LIFE_SECONDS),
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
     * begun with; `methods`: a whole new authentication, from which on the session is recent again. Refuses `sign-in-over`
     * when the session has ended meanwhile.
     */
    async rotateSession(
      stores: { sessions: SessionStore },
      session: Session,
      change: {
        readonly origin: Origin;
        readonly methods?: readonly AuthenticationMethod[];
        readonly provedWith?: readonly AuthenticationMethod[];
        /** From when on these proofs count as fresh, where that is not now: of one that another provider has seen. */
        readonly provedAt?: Date;
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
        provedAt: proofTimeOf(session, provedWith, change, at),
        proofMethods: provedWith ?? session.proofMethods,
        confirmedAt: methods ? at : session.confirmedAt,
        recentUntil: methods ? secondsFrom(at, IDLE_SECONDS) : recentUntil(session, at),
        userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
        networkAddress: origin.networkAddress,
        lastSeenAt: at,
      };
      if (!(await stores.sessions.replace(session.sessionHash, rotated)))
        throw new DomainError('sign-in-over');
      return { token, session: rotated };
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
     * Whether the person has signed in within 24 hours and has not been away for an hour since: what security pages ask
     * for. A remembered session is one that may go on elsewhere when this is over (NIST SP 800-63B §2.2.3).
     */
    isRecent: (session: Session): boolean => session.recentUntil > now(),

    /** The days that a browser may be remembered; 0: none is. */
    rememberDays,

    /**
     * Whether a proof was given in this session within so many seconds (default: ten minutes). `kind`: any proof, or a
     * second factor (a one-time code, a recovery code or a passkey): the caller says which the account needs.
     */
    hasFreshProof(
      session: Session,
      { withinSeconds = 600, kind = 'any' }: { withinSeconds?: number; kind?: 'any' | 'second-factor' } = {},
    ): boolean {
      // Either way round: after a clock has jumped back, a proof must not stay fresh until the clock catches up.
      const isFresh = Math.abs(now().getTime() - session.provedAt.getTime()) <= withinSeconds * 1000;
      return isFresh && (kind === 'any' || contextClass(session.proofMethods) === 'aal2');
    },
  };
}

function union<Item>(first: readonly Item[], second: readonly Item[]): Item[] {
  return [...new Set([...first, ...second])];
}

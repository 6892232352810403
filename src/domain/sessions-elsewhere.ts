// Sessions on which something elsewhere hangs, such as the cookie of another host: using that is using the session.
// What a session is, and how it begins and ends, is in sessions.ts. Specification: NIST SP 800-63B §2.2.3.
import { isLive, SEEN_EVERY_SECONDS, type SessionStanding, type SessionStore } from './sessions.js';
import { isUnavailable, type Clock, type InTransaction } from './vocabulary.js';

export interface SessionsElsewhereDependencies {
  readonly inTransaction: InTransaction<{ sessions: SessionStore }>;
  readonly now: Clock;
}

export type SessionsElsewhere = ReturnType<typeof createSessionsElsewhere>;

export function createSessionsElsewhere({ inTransaction, now }: SessionsElsewhereDependencies) {
  return {
    /**
     * Whether the session lives. Being asked keeps it from idling out, written at most once a minute, and makes it no more recent:
     * security pages still ask for everything once more.
     */
    async isAlive(session: SessionStanding): Promise<boolean> {
      const at = now();
      if (!isLive(session, at)) return false;
      const ifSeenBefore = new Date(at.getTime() - SEEN_EVERY_SECONDS * 1000);
      if (session.lastSeenAt >= ifSeenBefore) return true;
      const seen = { at, recentUntil: session.recentUntil };
      await inTransaction(
        ({ sessions }) => sessions.markSeen(session.sessionHash, seen, ifSeenBefore),
        // A store that cannot write now only makes the session look idle: that lets nobody in.
      ).catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
      });
      return true;
    },
  };
}

// Browser sessions on a real database: what keeps one alive, what ends it, and that a dead token stays dead.
import { randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { createAudit } from '../../src/domain/audit.js';
import { createSessions, type Session } from '../../src/domain/sessions.js';
import type {
  AccountId,
  AuthenticationMethod,
  BrowserTicket,
  InTransaction,
  Origin,
  SubjectId,
} from '../../src/domain/vocabulary.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createSessionStore } from '../../src/stores/sql/sessions.js';
import { StoreUnavailable } from '../../src/stores/sql/statement.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const alice = 'alice' as AccountId;
const bob = 'bob' as AccountId;
const origin: Origin = {
  networkAddress: '203.0.113.7',
  network: '203.0.113.7',
  userAgent: 'B',
  requestId: 'r',
};
const elsewhere: Origin = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 'r2' };

function openHouse() {
  const clock = createTestClock();
  const database = openTestDatabase((sql) => ({
    sessions: createSessionStore(sql),
    audit: createAuditStore(sql),
  }));
  const { stores, inTransaction } = database;
  const dependencies = {
    store: stores.sessions,
    audit: createAudit({ now: clock.now }),
    now: clock.now,
    newSecret: randomSecret,
    hash: sha256,
  };
  const sessions = createSessions({ ...dependencies, inTransaction });
  const start = (accountId = alice, methods: readonly AuthenticationMethod[] = ['pwd']) =>
    inTransaction((given) =>
      sessions.startSession(given, {
        accountId,
        subjectId: accountId as string as SubjectId,
        methods,
        origin,
      }),
    );
  const rotate = (session: Session, provedWith?: readonly AuthenticationMethod[], from = origin) =>
    inTransaction((given) =>
      sessions.rotateSession(given, session, { origin: from, ...(provedWith && { provedWith }) }),
    );
  return { clock, database, stores, inTransaction, dependencies, sessions, start, rotate };
}

describe('browser sessions', () => {
  const house = openHouse();
  const { clock, sessions, stores, start, rotate, inTransaction } = house;
  afterAll(() => house.database.close());

  describe('a session', () => {
    it('is found by its token, which is 256 bits and kept nowhere (ASVS 7.2.3)', async () => {
      const { token, session } = await start();
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      expect(session.sessionHash).toBe(sha256(token));
      expect(JSON.stringify(session)).not.toContain(token);
      expect(await sessions.findSession(token)).toEqual(session);
    });

    it('is not found by garbage, by nothing, or by the hash that is kept (authentik CVE-2026-25748)', async () => {
      const { session } = await start();
      for (const garbage of ['', ' ', 'null', '%00', 'a'.repeat(8000), '\uD800', session.sessionHash]) {
        expect(await sessions.findSession(garbage)).toBeUndefined();
      }
    });

    it('ends 24 hours after it began, however much it is used (ASVS 7.3.2, CHECKLIST 3.5)', async () => {
      const { token } = await start();
      for (let minutes = 0; minutes < 24 * 60 - 30; minutes += 30) {
        clock.advance(1800);
        expect(await sessions.findSession(token)).toBeDefined();
      }
      clock.advance(1799);
      expect(await sessions.findSession(token)).toBeDefined();
      clock.advance(1);
      expect(await sessions.findSession(token)).toBeUndefined();
    });

    it('ends after an hour unused (ASVS 7.3.1, CHECKLIST 3.5)', async () => {
      const used = await start();
      const unused = await start();
      clock.advance(3599);
      expect(await sessions.findSession(used.token)).toBeDefined();
      clock.advance(1);
      expect(await sessions.findSession(used.token)).toBeDefined();
      expect(await sessions.findSession(unused.token)).toBeUndefined();
    });

    it('does not come back to life when it is asked for after it went idle', async () => {
      const { token } = await start();
      clock.advance(3600);
      expect(await sessions.findSession(token)).toBeUndefined();
      expect(await sessions.findSession(token)).toBeUndefined();
    });

    it('writes down that it was seen at most once a minute', async () => {
      const { token, session } = await start();
      const seenAt = async () => (await stores.sessions.find(session.sessionHash))?.lastSeenAt;
      clock.advance(60);
      await sessions.findSession(token);
      expect(await seenAt()).toEqual(session.lastSeenAt);
      clock.advance(1);
      expect((await sessions.findSession(token))?.lastSeenAt).toEqual(clock.now());
      expect(await seenAt()).toEqual(clock.now());
    });

    it('lives on while the store can only read, and still ends by its own times', async () => {
      const full: InTransaction<never> = () => Promise.reject(new StoreUnavailable('full'));
      const reading = createSessions({ ...house.dependencies, inTransaction: full });
      const { token } = await start();
      clock.advance(1800);
      expect(await reading.findSession(token)).toBeDefined();
      clock.advance(1800);
      expect(await reading.findSession(token)).toBeUndefined();
    });

    it('keeps a bounded part of what the browser calls itself', async () => {
      const talkative = { ...origin, userAgent: 'x'.repeat(5000) };
      const { session } = await inTransaction((given) =>
        sessions.startSession(given, {
          accountId: alice,
          subjectId: 'alice' as SubjectId,
          methods: ['pwd'],
          origin: talkative,
        }),
      );
      expect(session.userAgent).toHaveLength(300);
    });

    it('is not there when the transaction that began it fails', async () => {
      let token = '';
      const failing = inTransaction(async (given) => {
        const subjectId = 'alice' as SubjectId;
        ({ token } = await sessions.startSession(given, {
          accountId: alice,
          subjectId,
          methods: ['pwd'],
          origin,
        }));
        throw new Error('later');
      });
      await expect(failing).rejects.toThrow('later');
      expect(await sessions.findSession(token)).toBeUndefined();
    });

    it('carries on the ticket of the same browser where it is given one', async () => {
      const ticket = 'the ticket' as BrowserTicket;
      const person = {
        accountId: alice,
        subjectId: 'alice' as SubjectId,
        methods: ['pwd'],
        origin,
        ticket,
      } as const;
      const { session } = await inTransaction((given) => sessions.startSession(given, person));
      expect(session.ticket).toBe(ticket);
      expect((await start()).session.ticket).not.toBe((await start()).session.ticket);
    });
  });

  describe('rotation', () => {
    it('leaves nothing of the old token, and keeps the ticket and the end of life (ASVS 7.2.4)', async () => {
      const old = await start();
      clock.advance(600);
      const fresh = await rotate(old.session, ['otp'], elsewhere);
      expect(fresh.token).not.toBe(old.token);
      expect(await sessions.findSession(old.token)).toBeUndefined();
      expect(await sessions.findSession(fresh.token)).toEqual(fresh.session);
      const { ticket, expiresAt, createdAt } = old.session;
      expect(fresh.session).toMatchObject({ ticket, expiresAt, createdAt, networkAddress: '198.51.100.9' });
    });

    it('has one winner when the same session is rotated twice at once', async () => {
      const { session } = await start();
      const results = await Promise.allSettled([rotate(session, ['pwd']), rotate(session, ['pwd'])]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'sign-in-over' },
      });
    });

    it('does not bring back a session that was ended meanwhile', async () => {
      const { session } = await start();
      await sessions.endSession(session, origin);
      await expect(rotate(session, ['otp'])).rejects.toMatchObject({ code: 'sign-in-over' });
    });

    it('does not outlast the end of life that passed meanwhile', async () => {
      const { session } = await start();
      clock.advance(86_400);
      await expect(rotate(session, ['otp'])).rejects.toMatchObject({ code: 'sign-in-over' });
    });

    it('adds the proof to what tokens say of the person, and keeps the time of the sign-in (RFC 9068 §2.2.1)', async () => {
      const { session } = await start();
      const signedInAt = clock.now();
      clock.advance(100);
      const proved = (await rotate(session, ['otp'])).session;
      expect(proved.authentication).toEqual({ at: signedInAt, methods: ['pwd', 'otp'] });
      expect(proved).toMatchObject({ provedAt: clock.now(), proofMethods: ['otp'] });
    });

    it('without a proof leaves the old proof as old as it was', async () => {
      const { session } = await start(alice, ['pwd', 'otp']);
      clock.advance(601);
      expect(sessions.hasFreshProof((await rotate(session)).session)).toBe(false);
    });

    it('takes a whole new authentication with its time', async () => {
      const { session } = await start();
      clock.advance(100);
      const methods = ['pwd', 'recovery'] as const;
      const fresh = await inTransaction((given) =>
        sessions.rotateSession(given, session, { methods, origin }),
      );
      expect(fresh.session).toMatchObject({
        authentication: { at: clock.now(), methods },
        proofMethods: methods,
        provedAt: clock.now(),
      });
    });
  });

  describe('a remembered browser', () => {
    const DAY = 86_400;
    const remember = (sessionsOf = sessions) =>
      inTransaction((given) =>
        sessionsOf.startSession(given, {
          accountId: alice,
          subjectId: 'alice' as SubjectId,
          methods: ['pwd'],
          origin,
          isRemembered: true,
        }),
      );
    const seen = async (token: string) => (await sessions.findSession(token))!;

    it('stays signed in for REMEMBER_DAYS, used or not, and not a second longer', async () => {
      const { token } = await remember();
      clock.advance(30 * DAY - 1);
      expect(await sessions.findSession(token)).toBeDefined();
      clock.advance(1);
      expect(await sessions.findSession(token)).toBeUndefined();
    });

    it('is not recent any more after an hour away, and does not become so by being used (CHECKLIST 3.5)', async () => {
      const { token } = await remember();
      for (let minutes = 0; minutes < 90; minutes += 30) {
        clock.advance(1800);
        expect(sessions.isRecent(await seen(token))).toBe(true);
      }
      clock.advance(3600);
      expect(sessions.isRecent(await seen(token))).toBe(false);
      clock.advance(120);
      expect(sessions.isRecent(await seen(token))).toBe(false);
    });

    it('is not recent any more after a day, however much it is used (CHECKLIST 3.5)', async () => {
      const { token } = await remember();
      for (let minutes = 0; minutes < 24 * 60 - 30; minutes += 30) {
        clock.advance(1800);
        expect(sessions.isRecent(await seen(token))).toBe(true);
      }
      clock.advance(1800);
      expect(sessions.isRecent(await seen(token))).toBe(false);
    });

    it('does not become recent by one proof more, and does by all of them, within its old end of life', async () => {
      const { token, session } = await remember();
      clock.advance(2 * DAY);
      const one = await rotate(await seen(token), ['otp']);
      expect(sessions.isRecent(one.session)).toBe(false);
      const all = await inTransaction((given) =>
        sessions.rotateSession(given, one.session, { methods: ['pwd', 'otp'], origin }),
      );
      expect(sessions.isRecent(all.session)).toBe(true);
      expect(all.session).toMatchObject({ expiresAt: session.expiresAt, isRemembered: true });
      expect(all.session.authentication).toEqual({ at: clock.now(), methods: ['pwd', 'otp'] });
      clock.advance(3600);
      expect(sessions.isRecent(await seen(all.token))).toBe(false);
    });

    it('does not become recent when the clock jumps back', async () => {
      const { token } = await remember();
      clock.advance(-3600);
      expect((await seen(token)).recentUntil.getTime() - clock.now().getTime()).toBeLessThanOrEqual(
        7_200_000,
      );
      clock.advance(3600);
    });

    it('stands on the list, and is signed out there by its name, for its own account only', async () => {
      const { token, session } = await remember();
      clock.advance(5 * DAY);
      const name = sessions.nameOf(session);
      expect((await sessions.listSessions(alice)).map(sessions.nameOf)).toContain(name);
      expect(name).not.toContain(session.ticket);
      expect(await sessions.endNamed(bob, name, origin)).toBe(false);
      expect(await sessions.endNamed(alice, name, origin)).toBe(true);
      expect(await sessions.findSession(token)).toBeUndefined();
      expect(await sessions.endNamed(alice, name, origin)).toBe(false);
    });

    it('is none where the operator has none remembered (REMEMBER_DAYS=0)', async () => {
      const forgetful = createSessions({ ...house.dependencies, inTransaction, rememberDays: 0 });
      const { session } = await remember(forgetful);
      expect(session.isRemembered).toBe(false);
      expect(session.expiresAt.getTime() - clock.now().getTime()).toBe(DAY * 1000);
    });
  });

  describe('a fresh proof', () => {
    it('is one of at most ten minutes (CHECKLIST 3.5)', async () => {
      const { session } = await start();
      clock.advance(600);
      expect(sessions.hasFreshProof(session)).toBe(true);
      clock.advance(0.001);
      expect(sessions.hasFreshProof(session)).toBe(false);
    });

    it('by a password is none where a second factor is asked for', async () => {
      const { session } = await start();
      const second = { kind: 'second-factor' } as const;
      expect(sessions.hasFreshProof(session, second)).toBe(false);
      for (const method of ['otp', 'recovery'] as const) {
        const rotated = await rotate((await start()).session, [method]);
        expect(sessions.hasFreshProof(rotated.session, second)).toBe(true);
      }
      expect(sessions.hasFreshProof(session, { withinSeconds: 0 })).toBe(true);
    });

    it('by a password takes the place of the second factor that was given longer ago', async () => {
      const { session } = await start(alice, ['pwd', 'otp']);
      clock.advance(700);
      const { session: proved } = await rotate(session, ['pwd']);
      expect(sessions.hasFreshProof(proved)).toBe(true);
      expect(sessions.hasFreshProof(proved, { kind: 'second-factor' })).toBe(false);
    });

    it('does not stay fresh when the clock jumps back', async () => {
      const { session } = await start();
      clock.advance(-3600);
      expect(sessions.hasFreshProof(session)).toBe(false);
      clock.advance(3600);
    });
  });

  describe('listing and ending', () => {
    const listed = async (accountId: AccountId) =>
      (await sessions.listSessions(accountId)).map(({ sessionHash }) => sessionHash);

    it('lists the live sessions of one account: no ended, idle or expired one (ASVS 7.5.2)', async () => {
      const owner = 'lister' as AccountId;
      const old = await start(owner);
      clock.advance(86_400 - 1800);
      const idle = await start(owner);
      clock.advance(1200);
      const live = await start(owner);
      const ended = await start(owner);
      await start(bob);
      await sessions.endSession(ended.session, origin);
      clock.advance(600);
      expect(await listed(owner)).toEqual([live, idle].map(({ session }) => session.sessionHash));
      expect(await listed(owner)).not.toContain(old.session.sessionHash);
      clock.advance(1800);
      expect(await listed(owner)).toEqual([live.session.sessionHash]);
    });

    it('ends a session for its own account only, at once, and says so in the audit (ASVS 7.4.1)', async () => {
      const { token, session } = await start(bob);
      const { sessionHash } = session;
      expect(await sessions.endSession({ sessionHash, accountId: alice }, origin)).toBe(false);
      expect(await sessions.findSession(token)).toBeDefined();
      expect(await sessions.endSession({ sessionHash, accountId: bob }, origin)).toBe(true);
      expect(await sessions.findSession(token)).toBeUndefined();
      expect(await sessions.endSession({ sessionHash, accountId: bob }, origin)).toBe(false);
      const rows = await stores.audit.findByAccount(bob, 9);
      expect(rows.map(({ event }) => event)).toEqual(['session-ended']);
    });

    it('ends all sessions of an account but the one that asks, and none of another (ASVS 7.4.3)', async () => {
      const owner = 'ender' as AccountId;
      const here = await start(owner);
      const there = [await start(owner), await start(owner)];
      const other = await start(bob);
      const { sessionHash } = here.session;
      expect(await sessions.endAllSessions(owner, { except: sessionHash, origin })).toBe(2);
      expect(await listed(owner)).toEqual([sessionHash]);
      for (const { token } of there) expect(await sessions.findSession(token)).toBeUndefined();
      expect(await sessions.endAllSessions(owner)).toBe(1);
      expect(await sessions.findSession(here.token)).toBeUndefined();
      expect(await sessions.findSession(other.token)).toBeDefined();
    });

    it('removes expired sessions when the clock says so', async () => {
      const { session } = await start();
      const remove = () => inTransaction((given) => given.sessions.removeExpired(clock.now()));
      await remove();
      expect(await stores.sessions.find(session.sessionHash)).toBeDefined();
      clock.advance(86_400);
      await remove();
      expect(await stores.sessions.find(session.sessionHash)).toBeUndefined();
    });
  });
});

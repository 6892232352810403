// What every session store must do (domain/sessions.ts): one session for a hash, a dead hash stays dead, and no account ends
// what belongs to another.
import { createSessionStore } from '../../../src/stores/sql/sessions.js';
import type { Session } from '../../../src/domain/sessions.js';
import type { AccountId, BrowserTicket, SessionHash, SubjectId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);
const hash = (name: string) => name as SessionHash;
const account = (name: string) => name as AccountId;

const session = (name: string, owner: string, changes: Partial<Session> = {}): Session => ({
  sessionHash: hash(name),
  ticket: `ticket of ${name}` as BrowserTicket,
  accountId: account(owner),
  subjectId: owner as SubjectId,
  authentication: { at: at(0), methods: ['pwd', 'otp'] },
  provedAt: at(0),
  proofMethods: ['pwd'],
  confirmedAt: at(0),
  recentUntil: at(60),
  isRemembered: false,
  userAgent: 'a browser',
  networkAddress: '203.0.113.7',
  createdAt: at(0),
  lastSeenAt: at(0),
  expiresAt: at(1000),
  ...changes,
});

describeOnBackends('a session store', ({ open }) => {
  const database = open((sql) => ({ sessions: createSessionStore(sql) }));
  const { stores, inTransaction } = database;
  afterAll(() => database.close());
  const insert = (kept: Session) => inTransaction(({ sessions }) => sessions.insert(kept));

  it('gives a session back as it was kept, and nothing for another hash', async () => {
    expect(await insert(session('s1', 'a'))).toBe(true);
    expect(await stores.sessions.find(hash('s1'))).toEqual(session('s1', 'a'));
    expect(await stores.sessions.find(hash('S1'))).toBeUndefined();
  });

  it('refuses a second session under the same hash, and leaves the first alone', async () => {
    expect(await insert(session('s1', 'b'))).toBe(false);
    expect(await stores.sessions.find(hash('s1'))).toEqual(session('s1', 'a'));
  });

  it('lists what is unexpired and seen lately of one account, the last seen first', async () => {
    await insert(session('l1', 'list', { lastSeenAt: at(10) }));
    await insert(session('l2', 'list', { lastSeenAt: at(20) }));
    await insert(session('idle', 'list', { lastSeenAt: at(5) }));
    await insert(session('expired', 'list', { lastSeenAt: at(30), expiresAt: at(50) }));
    const found = await stores.sessions.findByAccount(account('list'), at(50), at(5));
    expect(found.map((kept) => kept.sessionHash)).toEqual(['l2', 'l1']);
  });

  it('lists a remembered one however long ago it was seen, until it expires', async () => {
    await insert(session('r1', 'remembers', { isRemembered: true, lastSeenAt: at(1) }));
    await insert(session('r2', 'remembers', { isRemembered: true, lastSeenAt: at(2), expiresAt: at(50) }));
    const found = await stores.sessions.findByAccount(account('remembers'), at(50), at(49));
    expect(found).toEqual([session('r1', 'remembers', { isRemembered: true, lastSeenAt: at(1) })]);
  });

  it('moves the last seen time only forward from before the given moment', async () => {
    await insert(session('seen', 'a', { lastSeenAt: at(100) }));
    const markSeen = (second: number, before: number) =>
      inTransaction(({ sessions }) => {
        const seen = { at: at(second), recentUntil: at(second + 60) };
        return sessions.markSeen(hash('seen'), seen, at(before));
      });
    expect(await markSeen(160, 100)).toBe(false);
    expect(await markSeen(161, 101)).toBe(true);
    expect(await markSeen(161, 101)).toBe(false);
    const seen = await stores.sessions.find(hash('seen'));
    expect(seen).toMatchObject({ lastSeenAt: at(161), recentUntil: at(221) });
  });

  it('replaces a session once: the old hash is dead, and a second replacement loses', async () => {
    const old = session('old', 'a');
    await insert(old);
    const replace = (name: string) =>
      inTransaction(({ sessions }) =>
        sessions.replace(old.sessionHash, { ...old, sessionHash: hash(name), lastSeenAt: at(9) }),
      );
    expect([await replace('new1'), await replace('new2')]).toEqual([true, false]);
    expect(await stores.sessions.find(hash('old'))).toBeUndefined();
    expect(await stores.sessions.find(hash('new1'))).toEqual({
      ...old,
      sessionHash: 'new1',
      lastSeenAt: at(9),
    });
    expect(await stores.sessions.find(hash('new2'))).toBeUndefined();
  });

  it.each([
    ['belongs to another account', { accountId: account('b') }],
    ['belongs to another browser', { ticket: 'another' as BrowserTicket }],
    ['has expired by then', { lastSeenAt: at(1000) }],
  ])('does not replace a session that %s', async (_, changes) => {
    await insert(session('kept', 'a'));
    const replaced = { ...session('kept', 'a'), sessionHash: hash('other'), ...changes };
    expect(await inTransaction(({ sessions }) => sessions.replace(hash('kept'), replaced))).toBe(false);
    expect(await stores.sessions.find(hash('kept'))).toEqual(session('kept', 'a'));
  });

  it('removes a session for its own account only', async () => {
    await insert(session('mine', 'a'));
    const remove = (owner: string) =>
      inTransaction(({ sessions }) => sessions.remove(hash('mine'), account(owner)));
    expect(await remove('b')).toBe(false);
    expect(await remove('a')).toBe(true);
    expect(await remove('a')).toBe(false);
  });

  it('removes all sessions of an account, or all but one', async () => {
    for (const name of ['e1', 'e2', 'e3']) await insert(session(name, 'ending'));
    const removeAll = (except?: SessionHash) =>
      inTransaction(({ sessions }) => sessions.removeByAccount(account('ending'), except));
    expect(await removeAll(hash('e2'))).toBe(2);
    expect(await removeAll()).toBe(1);
    expect(await stores.sessions.find(hash('s1'))).toBeDefined();
  });

  it('removes what has expired at a moment, and only that', async () => {
    await insert(session('x1', 'expiry', { expiresAt: at(10) }));
    await insert(session('x2', 'expiry', { expiresAt: at(11) }));
    await inTransaction(({ sessions }) => sessions.removeExpired(at(10)));
    expect(await stores.sessions.find(hash('x1'))).toBeUndefined();
    expect(await stores.sessions.find(hash('x2'))).toBeDefined();
  });
});

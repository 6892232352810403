// What every store of hosts behind a proxy must do (domain/protected-hosts-records.ts): a handle is handed over once, and a host's
// row is worth something only beside the session that it hangs on.
import type { HostEntry, HostSession } from '../../../src/domain/protected-hosts-records.js';
import type { Session } from '../../../src/domain/sessions.js';
import type { AccountId, BrowserTicket, SessionHash, SubjectId } from '../../../src/domain/vocabulary.js';
import { createHostSessionStore } from '../../../src/stores/sql/protected-hosts.js';
import { createSessionStore } from '../../../src/stores/sql/sessions.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);

const parent = (name: string) => ({
  accountId: `account of ${name}` as AccountId,
  ticket: `ticket of ${name}` as BrowserTicket,
});
const session = (name: string, changes: Partial<Session> = {}): Session => ({
  ...parent(name),
  sessionHash: name as SessionHash,
  subjectId: `account of ${name}` as SubjectId,
  authentication: { at: at(0), methods: ['pwd'] },
  provedAt: at(0),
  proofMethods: ['pwd'],
  confirmedAt: at(0),
  recentUntil: at(60),
  isRemembered: true,
  userAgent: 'a browser',
  networkAddress: '203.0.113.7',
  createdAt: at(0),
  lastSeenAt: at(5),
  expiresAt: at(1000),
  ...changes,
});
const entry = (name: string, changes: Partial<HostEntry> = {}): HostEntry => ({
  ...parent(name),
  handleHash: `handle of ${name}`,
  site: 'https://app.example.com',
  visitHash: 'a visit',
  createdAt: at(10),
  expiresAt: at(70),
  ...changes,
});
const hostSession = (name: string, changes: Partial<HostSession> = {}): HostSession => ({
  ...parent(name),
  tokenHash: `token of ${name}`,
  site: 'https://app.example.com',
  createdAt: at(10),
  ...changes,
});

describeOnBackends('a store of protected hosts', ({ open }) => {
  const database = open((sql) => ({
    hostSessions: createHostSessionStore(sql),
    sessions: createSessionStore(sql),
  }));
  const { stores, inTransaction } = database;
  afterAll(() => database.close());
  const signIn = (kept: Session) => inTransaction(({ sessions }) => sessions.insert(kept));
  const enter = (kept: HostSession) => inTransaction(({ hostSessions }) => hostSessions.insert(kept));
  const setOut = (kept: HostEntry) => inTransaction(({ hostSessions }) => hostSessions.insertEntry(kept));
  const take = (name: string, second: number) =>
    inTransaction(({ hostSessions }) => hostSessions.takeEntry(`handle of ${name}`, at(second)));
  const standing = (name: string) => stores.hostSessions.findStanding(`token of ${name}`);

  it('hands a handle over as it was kept, to one caller only', async () => {
    await setOut(entry('one'));
    const taken = await Promise.all([take('one', 20), take('one', 20), take('one', 20)]);
    expect(taken.filter(Boolean)).toEqual([entry('one')]);
    expect(await take('one', 20)).toBeUndefined();
  });

  it('keeps a handle when the transaction that took it fails', async () => {
    await setOut(entry('back'));
    const failing = inTransaction(async ({ hostSessions }) => {
      await hostSessions.takeEntry('handle of back', at(20));
      throw new Error('after the take');
    });
    await expect(failing).rejects.toThrow('after the take');
    expect(await take('back', 20)).toEqual(entry('back'));
  });

  it('hands over no handle whose time is over', async () => {
    await setOut(entry('late'));
    expect(await take('late', 70)).toBeUndefined();
  });

  it('finds a cookie beside the session that it hangs on', async () => {
    await signIn(session('both'));
    await enter(hostSession('both'));
    expect(await standing('both')).toEqual({
      accountId: parent('both').accountId,
      site: 'https://app.example.com',
      session: {
        sessionHash: 'both',
        expiresAt: at(1000),
        isRemembered: true,
        lastSeenAt: at(5),
        recentUntil: at(60),
      },
    });
    expect(await stores.hostSessions.findStanding('token of nobody')).toBeUndefined();
  });

  it('finds it after the session was rotated, which is the same one (ASVS 7.2.4)', async () => {
    await signIn(session('turning'));
    await enter(hostSession('turning'));
    const rotated = session('turned', { ...parent('turning'), lastSeenAt: at(15) });
    await inTransaction(({ sessions }) => sessions.replace('turning' as SessionHash, rotated));
    expect((await standing('turning'))?.session.sessionHash).toBe('turned');
  });

  it('finds nothing once the session has ended, nor when its browser signs in anew', async () => {
    await signIn(session('ended'));
    await enter(hostSession('ended'));
    const { accountId, ticket } = parent('ended');
    await inTransaction(({ sessions }) => sessions.remove('ended' as SessionHash, accountId));
    expect(await standing('ended')).toBeUndefined();
    await signIn(session('anew', { accountId, ticket, createdAt: at(11) }));
    expect(await standing('ended')).toBeUndefined();
  });

  it('finds nothing beside the session of another account, or of another browser', async () => {
    await signIn(session('mine'));
    await enter(hostSession('theirs', { accountId: parent('mine').accountId }));
    await enter(hostSession('taken', { ticket: parent('mine').ticket }));
    expect(await standing('theirs')).toBeUndefined();
    expect(await standing('taken')).toBeUndefined();
  });

  it('removes handles that are over and cookies that hang on nothing, and no others', async () => {
    await inTransaction(({ hostSessions }) => hostSessions.removeExpired(at(60)));
    await signIn(session('stays'));
    await enter(hostSession('stays'));
    await enter(hostSession('orphan'));
    await setOut(entry('over', { expiresAt: at(100) }));
    await setOut(entry('coming', { expiresAt: at(101) }));
    expect(await inTransaction(({ hostSessions }) => hostSessions.removeExpired(at(100)))).toBe(3);
    expect(await standing('stays')).toBeDefined();
    expect(await take('coming', 100)).toBeDefined();
  });
});

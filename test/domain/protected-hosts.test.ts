// Hosts behind a proxy: which addresses are led to, how a browser gets there once, and what ends its stay.
import fc from 'fast-check';
import { writeAddress } from '../../src/domain/protected-hosts-address.js';
import type { Site } from '../../src/domain/protected-hosts-records.js';
import { createProtectedHosts } from '../../src/domain/protected-hosts.js';
import { createSessionsElsewhere } from '../../src/domain/sessions-elsewhere.js';
import type { Session } from '../../src/domain/sessions.js';
import type { Account } from '../../src/domain/accounts.js';
import { newOrigin, openPeopleRooms, type PeopleRooms } from '../support/people-rooms.js';

const APP: Site = 'https://app.example.com';
const FILES: Site = 'https://files.example.com:8443';
const OWN: Site = 'https://pin.example.org';
const HOSTS = ['app.example.com', 'files.example.com:8443', 'pin.example.org', 'app.localhost:9000'];

let rooms: PeopleRooms;
beforeAll(() => (rooms = openPeopleRooms()));
afterAll(() => rooms.database.close());

function openHosts(settings: { allowHttp?: boolean; isSecondFactorRequired?: boolean } = {}) {
  const { signInDependencies: house, stores } = rooms;
  return createProtectedHosts({
    ...house,
    store: stores.hostSessions,
    inTransaction: rooms.inTransaction,
    sessions: { ...house.sessions, ...createSessionsElsewhere(house) },
    throttle: rooms.proofsDependencies.throttle,
    findAccount: house.accounts.findAccount,
    hasSecondFactor: house.proofs.hasSecondFactor,
    settings: {
      hosts: HOSTS,
      publicUrl: OWN,
      allowHttp: false,
      isSecondFactorRequired: false,
      ...settings,
    },
  });
}

type Hosts = ReturnType<typeof openHosts>;
const to = (site: Site) => ({ site, path: '/' });

/** Signed in here, and at the host: what its cookie carries. */
async function enter(hosts: Hosts, session: Session, site = APP, visit = 'a visit'): Promise<string> {
  const { handle = '' } = await hosts.startEntry(session, to(site), hosts.visitHashOf(visit));
  const token = await hosts.finishEntry({ handle, visit, site }, newOrigin());
  if (token === undefined) throw new Error('the handle was refused');
  return token;
}

describe('an address that a browser may be led to', () => {
  const { readAddress, readPath, findSite } = createProtectedHosts({
    settings: { hosts: HOSTS, publicUrl: OWN, allowHttp: false },
  } as never);

  it.each([
    ['https://app.example.com', 'https://app.example.com/'],
    ['https://app.example.com/a/b?c=d&e=%20', 'https://app.example.com/a/b?c=d&e=%20'],
    ['https://APP.example.com:443/x', 'https://app.example.com/x'],
    ['https://files.example.com:8443/', 'https://files.example.com:8443/'],
    ['http://app.localhost:9000/x', 'http://app.localhost:9000/x'],
    // It stays on its host, whatever a server there makes of it.
    ['https://app.example.com//evil.example', 'https://app.example.com//evil.example'],
    ['https://app.example.com/.linchpin/arrive?handle=x', 'https://app.example.com/'],
    ['https://app.example.com/a#https://evil.example', 'https://app.example.com/a'],
  ])('is %s, written as %s', (text, written) => {
    expect(writeAddress(readAddress(text)!)).toBe(written);
  });

  it.each([
    'http://app.example.com/',
    'https://app.example.com:8443/',
    'https://files.example.com/',
    'https://evil.example/',
    'https://app.example.com.evil.example/',
    'https://app.example.com@evil.example/',
    'https://app.example.com:443@evil.example/',
    'https://evil.example#app.example.com',
    'https://evil.example?app.example.com/',
    'https://evil.example\\@app.example.com/',
    'https:\\\\app.example.com/',
    'https:/app.example.com/',
    'https:app.example.com/',
    '//app.example.com/',
    '/path',
    'javascript://app.example.com/%0aalert(1)',
    'HTTPS://app.example.com/',
    ' https://app.example.com/',
    'https://app.example.com/\r\nSet-Cookie: x=y',
    'https://app.example.com./',
    'https://sub.app.example.com/',
    'https://app%2eexample.com/',
    'https://app。example.com/',
    'https://app.example.com?x=1',
    `https://app.example.com/${'a'.repeat(2048)}`,
    '',
  ])('is not %j (RFC 9700 §4.11)', (text) => {
    expect(readAddress(text)).toBeUndefined();
  });

  it('is never on another host, as a browser reads what is written (RFC 9700 §4.11)', () => {
    const origins = new Set(HOSTS.map((host) => new URL(`https://${host}`).origin));
    origins.add('http://app.localhost:9000');
    const piece = fc.oneof(
      fc.constantFrom('https:', 'http:', '//', '/', '\\', '@', ':', '#', '?', '.', '%2f', '\t', '\n', '。'),
      fc.constantFrom(...HOSTS, 'evil.example', '443', '.linchpin', 'user'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const text = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
    const start = fc.constantFrom('', 'https://', 'https://app.example.com', `${FILES}/`);
    fc.assert(
      fc.property(start, text, (first, rest) => {
        const address = readAddress(`${first}${rest}`);
        if (address) expect(origins).toContain(new URL(writeAddress(address)).origin);
        const behind = new URL(writeAddress({ site: APP, path: readPath(rest) }));
        expect(behind.origin).toBe(APP);
        expect([behind.username, behind.password]).toEqual(['', '']);
      }),
      { numRuns: 2000 },
    );
  });

  it('is reached in the clear on this machine alone, unless the operator allows it', () => {
    expect(findSite('http', 'app.example.com')).toBeUndefined();
    expect(findSite('http', 'app.localhost:9000')).toBe('http://app.localhost:9000');
    expect(openHosts({ allowHttp: true }).findSite('http', 'app.example.com:80')).toBe(
      'http://app.example.com',
    );
    expect(findSite('ftp', 'app.example.com')).toBeUndefined();
  });
});

describe('a handle', () => {
  it('takes its browser to its host, and the activity says so', async () => {
    const hosts = openHosts();
    const person = await rooms.newPerson();
    const { session } = await rooms.signedIn(person);
    const token = await enter(hosts, session);
    expect(await hosts.findVisitor(token, APP)).toMatchObject({ username: person.username });
    expect(await rooms.countEvents(person.accountId, 'host-entered')).toBe(1);
    expect(await hosts.findVisitor(token, FILES)).toBeUndefined();
    expect(await hosts.findVisitor(token, OWN)).toBeUndefined();
    expect(await hosts.findVisitor('anything else', APP)).toBeUndefined();
  });

  it('works once, of many at the same time', async () => {
    const hosts = openHosts();
    const { session } = await rooms.signedIn(await rooms.newPerson());
    const visit = 'a visit';
    const { handle = '' } = await hosts.startEntry(session, to(APP), hosts.visitHashOf(visit));
    const finish = () => hosts.finishEntry({ handle, visit, site: APP }, newOrigin());
    const tokens = await Promise.all(Array.from({ length: 20 }, finish));
    expect(tokens.filter((token) => token !== undefined)).toHaveLength(1);
    expect(await finish()).toBeUndefined();
  });

  it.each([
    ['in another browser, so that nobody is signed in as its sender (RFC 9700 §4.7)', 'another visit', APP],
    ['at another host', 'a visit', FILES],
  ])('is refused %s, and spent', async (_, visit, site) => {
    const hosts = openHosts();
    const { session } = await rooms.signedIn(await rooms.newPerson());
    const { handle = '' } = await hosts.startEntry(session, to(APP), hosts.visitHashOf('a visit'));
    expect(await hosts.finishEntry({ handle, visit, site }, newOrigin())).toBeUndefined();
    expect(await hosts.finishEntry({ handle, visit: 'a visit', site: APP }, newOrigin())).toBeUndefined();
  });

  it('lives for 60 seconds', async () => {
    const hosts = openHosts();
    const { session } = await rooms.signedIn(await rooms.newPerson());
    const visit = 'a visit';
    const handles = [0, 1].map(() => hosts.startEntry(session, to(APP), hosts.visitHashOf(visit)));
    const [first, second] = (await Promise.all(handles)).map(({ handle = '' }) => handle);
    rooms.clock.advance(59);
    expect(await hosts.finishEntry({ handle: first!, visit, site: APP }, newOrigin())).toBeDefined();
    rooms.clock.advance(1);
    expect(await hosts.finishEntry({ handle: second!, visit, site: APP }, newOrigin())).toBeUndefined();
  });

  it('is worth nothing once the session has ended that it was given in', async () => {
    const hosts = openHosts();
    const person = await rooms.newPerson();
    const { session } = await rooms.signedIn(person);
    const { handle = '' } = await hosts.startEntry(session, to(APP), hosts.visitHashOf('a visit'));
    await rooms.signIn.signOut(session, person.origin);
    expect(await hosts.finishEntry({ handle, visit: 'a visit', site: APP }, newOrigin())).toBeUndefined();
    expect(await rooms.countEvents(person.accountId, 'host-entered')).toBe(0);
  });

  it('is not made for our own host, where the session itself counts', async () => {
    const hosts = openHosts();
    const { session, token } = await rooms.signedIn(await rooms.newPerson());
    expect(await hosts.startEntry(session, to(OWN), 'x')).toEqual({});
    expect(await hosts.findVisitor(token, OWN)).toBeDefined();
    expect(await hosts.findVisitor(token, APP)).toBeUndefined();
  });

  it('is refused where somebody goes round in circles', async () => {
    const hosts = openHosts();
    const { session } = await rooms.signedIn(await rooms.newPerson());
    for (let turn = 0; turn < 60; turn++) await hosts.startEntry(session, to(APP), 'x');
    await expect(hosts.startEntry(session, to(APP), 'x')).rejects.toMatchObject({ code: 'too-many' });
  });
});

describe('a browser at a host', () => {
  async function arrived() {
    const hosts = openHosts();
    const person = await rooms.newPerson();
    const { session } = await rooms.signedIn(person);
    const token = await enter(hosts, session);
    const isIn = async (given = hosts) => (await given.findVisitor(token, APP)) !== undefined;
    expect(await isIn()).toBe(true);
    return { person, session, isIn };
  }

  it('is out with its session, and all of them (ASVS 7.4.1)', async () => {
    const one = await arrived();
    await rooms.signIn.signOut(one.session, one.person.origin);
    expect(await one.isIn()).toBe(false);
    const other = await arrived();
    await rooms.sessions.endAllSessions(other.person.accountId);
    expect(await other.isIn()).toBe(false);
  });

  it('stays in while the session is rotated, and is out when the others are ended', async () => {
    const { person, session, isIn } = await arrived();
    const issued = await rooms.inTransaction((stores) =>
      rooms.sessions.rotateSession(stores, session, { origin: person.origin, provedWith: ['pwd'] }),
    );
    expect(await isIn()).toBe(true);
    await rooms.sessions.endAllSessions(person.accountId, { except: issued.session.sessionHash });
    expect(await isIn()).toBe(true);
    const { session: newer } = await rooms.signedIn(person);
    await rooms.sessions.endAllSessions(person.accountId, { except: newer.sessionHash });
    expect(await isIn()).toBe(false);
  });

  it('keeps its session from idling out, without making it recent; a day ends both', async () => {
    const { session, isIn } = await arrived();
    for (let quarter = 0; quarter < 8; quarter++) {
      rooms.clock.advance(900);
      expect(await isIn()).toBe(true);
    }
    const kept = (await rooms.stores.sessions.find(session.sessionHash))!;
    expect(rooms.sessions.isRecent(kept)).toBe(false);
    rooms.clock.advance(3600);
    expect(await isIn()).toBe(false);
  });

  it('is out when its session has lasted a day, however busy it was', async () => {
    const { isIn } = await arrived();
    for (let half = 0; half < 47; half++) {
      rooms.clock.advance(1800);
      expect(await isIn()).toBe(true);
    }
    rooms.clock.advance(1800);
    expect(await isIn()).toBe(false);
  });

  it('is out where a second factor has become required and there is none', async () => {
    const { isIn } = await arrived();
    expect(await isIn(openHosts({ isSecondFactorRequired: true }))).toBe(false);
  });

  it('is let in by nobody whose account is closed, or whose address is not verified where that is due', async () => {
    const hosts = openHosts();
    const { accountId } = await rooms.newPerson({ isEmailVerified: false });
    expect(await hosts.findAdmitted(accountId)).toBeUndefined();
    const account = (await rooms.accountsDependencies.store.find(accountId))!;
    const about = (changes: Partial<Account>) =>
      hosts.findHindrance({
        ...(account as unknown as Account),
        isClosed: false,
        mayOnlyVerify: false,
        ...changes,
      });
    expect(await about({ mayOnlyVerify: true })).toBe('address-not-verified');
    expect(await about({ isClosed: true })).toBe('account-closed');
    expect(await about({})).toBeUndefined();
  });
});

// What every link store must do (domain/links.ts): each move leaves exactly the state it names, for its holder, in time.
import type { Database } from '../../../src/stores/sql/database.js';
import { createLinkStore } from '../../../src/stores/sql/links.js';
import { SWEPT_AT_ONCE } from '../../../src/stores/sql/sweep.js';
import type {
  Approval,
  Holder,
  Link,
  LinkRedeemer,
  LinkRequest,
  LinkStore,
} from '../../../src/domain/links.js';
import {
  untilNone,
  type AccountId,
  type BrowserTicket,
  type LinkId,
  type SubjectId,
} from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const NOW = new Date('2026-05-01T10:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const anna: Holder = { accountId: 'anna' as AccountId, ticket: 'anna laptop' as BrowserTicket };
const annaPhone: Holder = { accountId: 'anna' as AccountId, ticket: 'anna phone' as BrowserTicket };
const boris: Holder = { accountId: 'boris' as AccountId, ticket: 'boris laptop' as BrowserTicket };
const approval: Approval = {
  accountId: 'anna' as AccountId,
  subjectId: 'anna' as SubjectId,
  authenticatedAt: NOW,
  methods: ['pwd', 'otp'],
};

let made = 0;
function newRequest(): LinkRequest {
  made += 1;
  return {
    linkId: `link ${made}` as LinkId,
    door: 'oauth',
    clientId: 'tv',
    deviceCodeHash: `device ${made}`,
    userCodeMac: `user ${made}`,
    scope: 'openid',
    networkAddress: '203.0.113.7',
    network: '203.0.113.7',
    webOrigin: 'https://tool.example',
    userAgent: 'a tool',
    keyThumbprint: undefined,
    createdAt: NOW,
    expiresAt: later(600),
  };
}

/** What is found to be redeemable can be redeemed, by the same, and nothing else. */
async function redeem(links: LinkStore, link: LinkRequest, redeemer: LinkRedeemer) {
  const found = await links.findRedeemable(link, redeemer);
  expect(await links.redeem(link, redeemer)).toBe(found !== undefined);
  return found;
}

/** Finds what expired, and removes it; resolves to how many links. */
async function removeSome(
  { stores, inTransaction }: Pick<Database<{ links: LinkStore }>, 'stores' | 'inTransaction'>,
  before: Date,
): Promise<number> {
  const { linkIds, haveIntervals } = await stores.links.findExpired(before);
  const removed = await inTransaction(({ links }) => links.remove(linkIds));
  const intervals = await inTransaction(({ links }) => links.removeIntervals(linkIds));
  expect([removed, intervals > 0]).toEqual([linkIds.length, haveIntervals]);
  return removed;
}

type Moves = Record<string, (links: LinkStore, link: LinkRequest) => Promise<unknown>>;
/** Every move, as its rightful holder would make it. */
const moves: Moves = {
  reserve: (links, { userCodeMac }) => links.reserve(userCodeMac, anna, 'typed', NOW),
  release: (links, { linkId }) => links.release(linkId, anna, 2, NOW),
  approve: (links, { linkId }) => links.approve(linkId, anna, approval, NOW, later(120)),
  deny: (links, { linkId }) => links.deny(linkId, anna, NOW),
  redeem: (links, link) => redeem(links, link, { clientId: 'tv', now: NOW }),
  withdraw: (links, link) => links.withdraw(link, NOW),
};
const paths: Record<Link['state'], string[]> = {
  pending: [],
  reserved: ['reserve'],
  approved: ['reserve', 'approve'],
  denied: ['reserve', 'deny'],
  redeemed: ['reserve', 'approve', 'redeem'],
};
const allowed: Record<Link['state'], Record<string, Link['state']>> = {
  pending: { reserve: 'reserved' },
  reserved: { reserve: 'reserved', release: 'pending', approve: 'approved', deny: 'denied' },
  approved: { redeem: 'redeemed', withdraw: 'denied' },
  denied: {},
  redeemed: {},
};
const states = Object.keys(paths) as Link['state'][];

describeOnBackends('a link store', ({ open }) => {
  const database = open((sql) => ({ links: createLinkStore(sql) }));
  afterAll(() => database.close());
  const inStore = <T>(work: (links: LinkStore) => Promise<T>) =>
    database.inTransaction(({ links }) => work(links));

  async function linkIn(state: Link['state'], more: Partial<LinkRequest> = {}): Promise<LinkRequest> {
    const request = { ...newRequest(), ...more };
    await inStore(async (links) => {
      await links.insert(request);
      for (const move of paths[state]) await moves[move]!(links, request);
    });
    return request;
  }
  const stateOf = async ({ linkId }: LinkRequest) => (await database.stores.links.find(linkId))?.state;

  it.each(states.flatMap((state) => Object.keys(moves).map((move) => [move, state] as const)))(
    'a %s of a link that is %s moves it only where the machine says so',
    async (move, state) => {
      const link = await linkIn(state);
      expect(await stateOf(link)).toBe(state);
      const moved = await inStore((links) => moves[move]!(links, link));
      expect(Boolean(moved)).toBe(allowed[state][move] !== undefined);
      expect(await stateOf(link)).toBe(allowed[state][move] ?? state);
    },
  );

  it.each([
    ['another account', boris],
    ['another browser of the account', annaPhone],
  ])('a reserved link is not moved by %s', async (_, holder) => {
    const link = await linkIn('reserved');
    await inStore(async (links) => {
      expect(await links.approve(link.linkId, holder, approval, NOW, later(120))).toBeUndefined();
      expect(await links.deny(link.linkId, holder, NOW)).toBeUndefined();
      expect(await links.release(link.linkId, holder, 2, NOW)).toBeUndefined();
    });
    expect(await stateOf(link)).toBe('reserved');
  });

  it('a reserved link can be reserved again by its account in another browser, never by another account', async () => {
    const link = await linkIn('reserved');
    await inStore(async (links) => {
      expect(await links.reserve(link.userCodeMac, boris, 'typed', NOW)).toBeUndefined();
      expect(await links.reserve(link.userCodeMac, annaPhone, 'link', NOW)).toMatchObject({
        holder: annaPhone,
        arrival: 'link',
      });
      expect(await links.approve(link.linkId, anna, approval, NOW, later(120))).toBeUndefined();
    });
  });

  it.each(['reserve', 'release', 'approve', 'deny', 'redeem'])(
    'nothing can %s a link at the moment it expires',
    async (move) => {
      const before = { reserve: 'pending', redeem: 'approved' }[move] ?? 'reserved';
      const link = await linkIn(before as Link['state']);
      const at = link.expiresAt;
      const late: Moves = {
        reserve: (links) => links.reserve(link.userCodeMac, anna, 'typed', at),
        release: (links) => links.release(link.linkId, anna, 2, at),
        approve: (links) => links.approve(link.linkId, anna, approval, at, later(9999)),
        deny: (links) => links.deny(link.linkId, anna, at),
        redeem: (links) => redeem(links, link, { clientId: 'tv', now: at }),
      };
      expect(await inStore((links) => late[move]!(links, link))).toBeUndefined();
      expect(await stateOf(link)).toBe(before);
    },
  );

  it('is redeemed by its own client only', async () => {
    const link = await linkIn('approved');
    expect(await inStore((links) => redeem(links, link, { clientId: 'another', now: NOW }))).toBeUndefined();
    const stolen = { ...link, deviceCodeHash: 'another' };
    expect(await inStore((links) => redeem(links, stolen, { clientId: 'tv', now: NOW }))).toBeUndefined();
    const { linkId, door, scope, network, keyThumbprint } = link;
    const redeemed = { linkId, door, scope, network, keyThumbprint, approval };
    expect(await inStore((links) => redeem(links, link, { clientId: 'tv', now: NOW }))).toEqual(redeemed);
  });

  it('is redeemed with the key that it is bound to, and bound by the one that redeems it (RFC 9449 §5)', async () => {
    const redeemWith = (link: LinkRequest, key?: string) =>
      inStore((links) => redeem(links, link, { clientId: 'tv', now: NOW, keyThumbprint: key }));
    const bound = await linkIn('approved', { keyThumbprint: 'ours' });
    expect(await redeemWith(bound)).toBeUndefined();
    expect(await redeemWith(bound, 'other')).toBeUndefined();
    expect(await redeemWith(bound, 'ours')).toMatchObject({ keyThumbprint: 'ours' });
    const free = await linkIn('approved');
    expect(await redeemWith(free, 'ours')).toMatchObject({ keyThumbprint: undefined });
    expect(await database.stores.links.findByDeviceCode(free)).toMatchObject({
      ...{ state: 'redeemed', keyThumbprint: 'ours', redeemedAt: NOW },
    });
  });

  it('is bound to a key once, by its own client, while nobody has decided it (RFC 9449 §10)', async () => {
    const bind = (link: LinkRequest, key: string, { client = 'tv', at = NOW } = {}) =>
      inStore((links) => links.bindKey(link, client, key, at));
    const link = await linkIn('pending');
    expect(await bind(link, 'ours', { client: 'another' })).toBe(false);
    expect(await bind({ ...link, deviceCodeHash: 'another' }, 'ours')).toBe(false);
    expect(await bind(link, 'ours', { at: link.expiresAt })).toBe(false);
    const many = ['ours', 'ours', 'other'].map((key) => bind(link, key));
    const won = await Promise.all(many);
    expect(won.filter(Boolean).length).toBeGreaterThan(0);
    const { keyThumbprint } = (await database.stores.links.findByDeviceCode(link))!;
    expect(await bind(link, keyThumbprint!)).toBe(true);
    expect(await bind(link, keyThumbprint === 'ours' ? 'other' : 'ours')).toBe(false);
    expect(await bind(await linkIn('reserved'), 'ours')).toBe(true);
    for (const state of ['approved', 'denied', 'redeemed'] as const)
      expect(await bind(await linkIn(state), 'ours')).toBe(false);
  });

  it('keeps the services that it was asked for, in their order (RFC 8707)', async () => {
    const resources = ['https://b.example', 'https://a.example'];
    const link = await linkIn('approved', { resources });
    expect(await database.stores.links.find(link.linkId)).toMatchObject({ resources });
    expect(await inStore((links) => redeem(links, link, { clientId: 'tv', now: NOW }))).toMatchObject({
      resources,
    });
  });

  it('gives back everything that was said of a link, with the facts of its state and no others', async () => {
    const link = await linkIn('approved');
    const expected = { ...link, state: 'approved', holder: anna, arrival: 'typed', approval };
    expect(await database.stores.links.find(link.linkId)).toEqual(expected);
    const { clientId, expiresAt } = link;
    const standing = { clientId, expiresAt, state: 'approved' };
    expect(await database.stores.links.findByDeviceCode(link)).toEqual(standing);
    const other = { ...link, deviceCodeHash: 'another' };
    expect(await database.stores.links.findByDeviceCode(other)).toBeUndefined();
    expect(await database.stores.links.findByUserCode(link.userCodeMac)).toEqual(expected);
  });

  it('refuses a user code that is in use, and leaves the older link alone (Jellyfin, CHECKLIST 5)', async () => {
    const older = await linkIn('reserved');
    const newer = { ...newRequest(), userCodeMac: older.userCodeMac };
    expect(await inStore((links) => links.insert(newer))).toBe(false);
    expect(await database.stores.links.find(newer.linkId)).toBeUndefined();
    expect(await stateOf(older)).toBe('reserved');
  });

  it('denies a link that is released once more than it may be', async () => {
    const link = await linkIn('pending');
    const states = [];
    for (let round = 0; round < 3; round++) {
      const released = await inStore(async (links) => {
        await links.reserve(link.userCodeMac, anna, 'typed', NOW);
        return links.release(link.linkId, anna, 2, NOW);
      });
      states.push(released?.state);
    }
    expect(states).toEqual(['pending', 'pending', 'denied']);
  });

  it('finds the newest live link that a browser holds', async () => {
    const holder: Holder = { accountId: 'clara' as AccountId, ticket: 'clara' as BrowserTicket };
    const [first, second] = [await linkIn('pending'), await linkIn('pending')];
    await inStore(async (links) => {
      await links.reserve(second.userCodeMac, holder, 'typed', later(1));
      await links.reserve(first.userCodeMac, holder, 'typed', later(2));
    });
    const found = (at: Date) => database.stores.links.findReservedBy(holder, at);
    expect((await found(later(3)))?.linkId).toBe(first.linkId);
    expect(await found(first.expiresAt)).toBeUndefined();
    expect(
      await database.stores.links.findReservedBy({ ...holder, ticket: 'x' as BrowserTicket }, NOW),
    ).toBeUndefined();
  });

  it('keeps the longest interval that was asked for, apart from the link', async () => {
    const link = await linkIn('pending');
    const intervals: (number | undefined)[] = [];
    const look = async () =>
      intervals.push((await database.stores.links.findByDeviceCode(link))?.raisedInterval);
    await look();
    for (const seconds of [10, 20, 15]) {
      await inStore((links) => links.raiseInterval(link.linkId, seconds));
      await look();
    }
    expect(intervals).toEqual([undefined, 10, 20, 20]);
  });

  it('counts live links and forgets old ones, with their intervals', async () => {
    const live = await database.stores.links.countLive(NOW);
    const { linkId } = await linkIn('pending');
    await inStore((links) => links.raiseInterval(linkId, 10));
    expect(await database.stores.links.countLive(NOW)).toBe(live + 1);
    expect(await database.stores.links.countLive(later(600))).toBe(0);
    expect(await removeSome(database, later(600))).toBe(0);
    expect(await untilNone(() => removeSome(database, later(601)))).toBeGreaterThan(live);
    expect(await database.stores.links.find(linkId)).toBeUndefined();
    expect(await inStore((links) => links.removeIntervals([linkId]))).toBe(0);
  });

  it('forgets a few at a time, and each with its interval, so that nobody waits for long', async () => {
    const linkIds: LinkId[] = [];
    for (let made = 0; made < SWEPT_AT_ONCE + 5; made++) linkIds.push((await linkIn('pending')).linkId);
    await inStore(async (links) => {
      for (const linkId of linkIds) await links.raiseInterval(linkId, 10);
    });
    expect(await removeSome(database, later(601))).toBe(SWEPT_AT_ONCE);
    expect(await untilNone(() => removeSome(database, later(601)))).toBeGreaterThanOrEqual(5);
    for (const linkId of linkIds) {
      expect(await database.stores.links.find(linkId)).toBeUndefined();
      expect(await inStore((links) => links.removeIntervals([linkId]))).toBe(0);
    }
  });

  it('lets one of fifty win who redeem at once', async () => {
    const link = await linkIn('approved');
    const ends = await Promise.all(
      Array.from({ length: 50 }, () => inStore((links) => redeem(links, link, { clientId: 'tv', now: NOW }))),
    );
    expect(ends.filter(Boolean)).toHaveLength(1);
  });
});

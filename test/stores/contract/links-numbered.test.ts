// What every store of links with a number must do (domain/links-numbered.ts): each move names the door and the state it leaves,
// and no number reaches a link of another door, nor a device code one of these.
import { createNumberedLinkStore } from '../../../src/stores/sql/links-numbered.js';
import { createLinkStore } from '../../../src/stores/sql/links.js';
import type { NumberedLinkRequest } from '../../../src/domain/links-numbered.js';
import type { Approval, Holder, Link } from '../../../src/domain/links.js';
import {
  untilNone,
  type AccountId,
  type BrowserTicket,
  type LinkedToolId,
  type LinkId,
  type SubjectId,
} from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const NOW = new Date('2026-05-01T10:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const anna: Holder = { accountId: 'anna' as AccountId, ticket: 'anna laptop' as BrowserTicket };
const approval: Approval = {
  accountId: 'anna' as AccountId,
  subjectId: 'anna' as SubjectId,
  authenticatedAt: NOW,
  methods: ['pwd', 'otp'],
};
const parentToolId = 'parent' as LinkedToolId;
const byToken = { approval, parentToolId, network: '203.0.113.7', collectUntil: later(120) };

let made = 0;
function newRequest(rest: Partial<NumberedLinkRequest['numbered']> = {}): NumberedLinkRequest {
  made += 1;
  return {
    linkId: `link ${made}` as LinkId,
    door: 'pin',
    clientId: 'pin:tv',
    deviceCodeHash: '',
    userCodeMac: `user ${made}`,
    scope: 'profile',
    networkAddress: '203.0.113.7',
    network: '203.0.113.7',
    webOrigin: 'https://tool.example',
    userAgent: 'a tool',
    keyThumbprint: undefined,
    createdAt: NOW,
    expiresAt: later(900),
    numbered: {
      number: made,
      userCodeLength: 8,
      tool: {
        product: 'p',
        version: '1',
        platform: 'Web',
        platformVersion: '',
        device: 'd',
        deviceName: 'n',
        deviceVendor: '',
        model: '',
      },
      deviceKey: undefined,
      forwardAddress: undefined,
      parentToolId: undefined,
      ...rest,
    },
  };
}

const states = ['pending', 'reserved', 'approved', 'denied', 'redeemed'] as const;

describeOnBackends('a store of links with a number', ({ open }) => {
  const database = open((sql) => ({ links: createLinkStore(sql), numbered: createNumberedLinkStore(sql) }));
  afterAll(() => database.close());
  const { inTransaction, stores } = database;

  async function linkIn(state: Link['state'], request = newRequest()): Promise<NumberedLinkRequest> {
    await inTransaction(async ({ links, numbered }) => {
      await numbered.insert(request);
      if (state === 'pending') return;
      await links.reserve(request.userCodeMac, anna, 'typed', NOW);
      if (state === 'denied') await links.deny(request.linkId, anna, NOW);
      if (state === 'approved' || state === 'redeemed')
        await links.approve(request.linkId, anna, approval, NOW, later(120));
      if (state === 'redeemed') await numbered.redeem(request.numbered.number, 'pin:tv', NOW);
    });
    return request;
  }
  const stateOf = async ({ linkId }: NumberedLinkRequest) => (await stores.links.find(linkId))?.state;

  it('gives back everything that was said of a link, by number and by code', async () => {
    const deviceKey = {
      alg: 'EdDSA' as const,
      kid: 'k',
      thumbprint: 't',
      publicJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x' },
    };
    const link = await linkIn('pending', newRequest({ deviceKey }));
    const expected = { ...link, state: 'pending' };
    expect(await stores.numbered.findByNumber(link.numbered.number)).toEqual(expected);
    expect(await stores.links.findByUserCode(link.userCodeMac)).toEqual(expected);
    expect(await stores.numbered.findByNumber(999_999)).toBeUndefined();
  });

  it('refuses a number or a user code that is in use, and leaves the older link alone (Jellyfin, CHECKLIST 5)', async () => {
    const older = await linkIn('reserved');
    const sameNumber = newRequest({ number: older.numbered.number });
    const sameCode = { ...newRequest(), userCodeMac: older.userCodeMac };
    for (const link of [sameNumber, sameCode]) {
      expect(await inTransaction(({ numbered }) => numbered.insert(link))).toBe(false);
      expect(await stores.links.find(link.linkId)).toBeUndefined();
    }
    expect(await stateOf(older)).toBe('reserved');
  });

  it.each(states)(
    'redeems, withdraws and approves by token a link that is %s only where the machine says so',
    async (state) => {
      const moves = {
        redeem: (link: NumberedLinkRequest) =>
          inTransaction(({ numbered }) => numbered.redeem(link.numbered.number, 'pin:tv', NOW)),
        withdraw: (link: NumberedLinkRequest) =>
          inTransaction(({ numbered }) => numbered.withdraw(link.numbered.number, NOW)),
        approveByToken: (link: NumberedLinkRequest) =>
          inTransaction(({ numbered }) => numbered.approveByToken(link.userCodeMac, byToken, NOW)),
      };
      const allowed: Record<keyof typeof moves, readonly [from: string, to: string]> = {
        redeem: ['approved', 'redeemed'],
        withdraw: ['approved', 'denied'],
        approveByToken: ['pending', 'approved'],
      };
      for (const move of Object.keys(moves) as (keyof typeof moves)[]) {
        const link = await linkIn(state);
        const [from, to] = allowed[move];
        expect(Boolean(await moves[move](link))).toBe(state === from);
        expect(await stateOf(link)).toBe(state === from ? to : state);
      }
    },
  );

  it('redeems for its own client and in time only', async () => {
    const link = await linkIn('approved');
    const redeem = (clientId: string, at: Date) =>
      inTransaction(({ numbered }) => numbered.redeem(link.numbered.number, clientId, at));
    expect(await redeem('tv', NOW)).toBeUndefined();
    expect(await redeem('pin:tv', later(120))).toBeUndefined();
    expect(await redeem('pin:tv', later(119))).toMatchObject({ state: 'redeemed', approval });
    expect(await redeem('pin:tv', later(119))).toBeUndefined();
  });

  it('approves by token in the same network and in time only, and remembers which token it was', async () => {
    const link = await linkIn('pending');
    const approve = (network: string, at: Date) =>
      inTransaction(({ numbered }) => numbered.approveByToken(link.userCodeMac, { ...byToken, network }, at));
    expect(await approve('198.51.100.1', NOW)).toBeUndefined();
    expect(await approve('203.0.113.7', later(900))).toBeUndefined();
    expect(await approve('203.0.113.7', NOW)).toMatchObject({
      state: 'approved',
      approval,
      expiresAt: later(120),
      numbered: { parentToolId },
    });
  });

  it('leaves so long to collect after an approval, and never longer than there was', async () => {
    const [early, late] = [await linkIn('reserved'), await linkIn('reserved')];
    const approve = ({ linkId }: NumberedLinkRequest, collectUntil: Date) =>
      inTransaction(({ links }) => links.approve(linkId, anna, approval, NOW, collectUntil));
    expect((await approve(early, later(120)))?.expiresAt).toEqual(later(120));
    expect((await approve(late, later(2000)))?.expiresAt).toEqual(later(900));
  });

  it('reaches no link of the other door by a number, nor one of these by a device code', async () => {
    const link = await linkIn('approved');
    const oauth = {
      ...newRequest(),
      door: 'oauth' as const,
      deviceCodeHash: 'device',
      numbered: undefined,
    };
    await inTransaction(async ({ links }) => {
      await links.insert(oauth);
      await links.reserve(oauth.userCodeMac, anna, 'typed', NOW, 'https://tool.example/done');
    });
    expect((await stores.links.find(oauth.linkId))?.numbered).toBeUndefined();
    const byCode = await inTransaction(({ numbered }) =>
      numbered.approveByToken(oauth.userCodeMac, byToken, NOW),
    );
    expect(byCode).toBeUndefined();
    const approved = await inTransaction(({ links }) =>
      links.approve(oauth.linkId, anna, approval, NOW, later(1)),
    );
    expect(approved?.expiresAt).toEqual(oauth.expiresAt);
    for (const deviceCodeHash of ['', 'null', 'device']) {
      const key = { linkId: link.linkId, deviceCodeHash };
      expect(await stores.links.findByDeviceCode(key)).toBeUndefined();
      const redeemer = { clientId: 'pin:tv', now: NOW };
      expect(await stores.links.findRedeemable(key, redeemer)).toBeUndefined();
      expect(await inTransaction(({ links }) => links.redeem(key, redeemer))).toBe(false);
      expect(await inTransaction(({ links }) => links.withdraw(key, NOW))).toBeUndefined();
    }
  });

  it('keeps the forward address of the last reservation, and none after it was given back', async () => {
    const link = await linkIn('pending');
    const address = async () => (await stores.links.find(link.linkId))?.numbered?.forwardAddress;
    const reserve = (forward?: string) =>
      inTransaction(({ links }) => links.reserve(link.userCodeMac, anna, 'link', NOW, forward));
    await reserve('https://tool.example/a');
    expect(await address()).toBe('https://tool.example/a');
    await inTransaction(({ links }) => links.release(link.linkId, anna, 2, NOW));
    expect(await address()).toBeUndefined();
    await reserve('https://tool.example/b');
    await reserve();
    expect(await address()).toBeUndefined();
  });

  it('lets one of fifty win who redeem at once', async () => {
    const { numbered: about } = await linkIn('approved');
    const ends = await Promise.all(
      Array.from({ length: 50 }, () =>
        inTransaction(({ numbered }) => numbered.redeem(about.number, 'pin:tv', NOW)),
      ),
    );
    expect(ends.filter(Boolean)).toHaveLength(1);
  });

  it('is forgotten as every other link is', async () => {
    const link = await linkIn('pending');
    await untilNone(async () => {
      const { linkIds } = await stores.links.findExpired(later(901));
      return inTransaction(({ links }) => links.remove(linkIds));
    });
    expect(await stores.numbered.findByNumber(link.numbered.number)).toBeUndefined();
  });
});

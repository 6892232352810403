// The state machine of links: what each move needs and refuses, and, over random histories, what must never happen.
import fc from 'fast-check';
import type { Client } from '../../src/domain/clients.js';
import type { IssuedTokens } from '../../src/domain/tokens.js';
import { isRefusal, type AccountId, type LinkId } from '../../src/domain/vocabulary.js';
import { openLinkRooms, originFrom, type LinkRooms } from '../support/link-rooms.js';

const origin = originFrom();

describe('a link', () => {
  let rooms: LinkRooms;
  let client: Client;
  beforeEach(async () => {
    rooms = await openLinkRooms();
    client = await rooms.newClient();
  });
  afterEach(() => rooms.close());

  const start = () => rooms.tool.startLink({ client, scope: 'openid', origin });
  const poll = (deviceCode: string) => rooms.tool.pollLink({ deviceCode, client });
  const redeem = (deviceCode: string, as = client) =>
    rooms.tool.redeemLink({ deviceCode, client: as, origin });
  const reserve = (userCode: string, account = 'anna', browser?: string) =>
    rooms.person.reserveLink({
      userCode,
      session: rooms.sessionOf(account, browser),
      arrival: 'typed',
      origin,
    });
  const decide = async (
    how: 'approveLink' | 'denyLink',
    linkId: LinkId,
    account = 'anna',
    browser?: string,
  ) => {
    const session = rooms.sessionOf(account, browser);
    const page = await rooms.pageOf(linkId, session);
    return rooms.person[how]({ linkId, session: rooms.sessionOf(account, browser), page, origin });
  };

  it('goes from the tool to the person and back to the tool: pending, reserved, approved, redeemed once', async () => {
    const { deviceCode, userCode } = await start();
    expect(await poll(deviceCode)).toBe('pending');
    const { linkId } = await reserve(userCode);
    rooms.clock.advance(5);
    expect(await poll(deviceCode)).toBe('pending');
    await decide('approveLink', linkId);
    expect(await poll(deviceCode)).toBe('approved');
    const first = await redeem(deviceCode);
    expect(first.outcome).toBe('issued');
    expect((await redeem(deviceCode)).outcome).toBe('redeemed');
    expect(await poll(deviceCode)).toBe('redeemed');
  });

  it('understands the user code in any case, with any dashes and spaces (RFC 8628 §6.1)', async () => {
    const { userCode } = await start();
    const spelt = ` ${userCode.toLowerCase().replace('-', ' – ')} `;
    expect((await reserve(spelt)).linkId).toBeTruthy();
  });

  it('is unknown to a second account once the first has entered its code, and that is not charged (RFC 8628 §5.5)', async () => {
    const { userCode } = await start();
    await reserve(userCode, 'anna');
    for (let attempt = 0; attempt < 8; attempt++) {
      await expect(reserve(userCode, 'boris')).rejects.toMatchObject({ code: 'code-unknown' });
    }
  });

  it('follows the account into another of its browsers, and then only that one decides', async () => {
    const { userCode } = await start();
    const { linkId } = await reserve(userCode, 'anna', 'laptop');
    await reserve(userCode, 'anna', 'phone');
    await expect(decide('approveLink', linkId, 'anna', 'laptop')).rejects.toMatchObject({
      code: 'link-too-hasty',
    });
    await decide('approveLink', linkId, 'anna', 'phone');
  });

  it('is not decided by another account or browser, even with a page of its own (consent fixation, Hydra PR #770)', async () => {
    const { userCode, deviceCode } = await start();
    const { linkId } = await reserve(userCode, 'anna');
    const page = await rooms.pageOf(linkId, rooms.sessionOf('anna'));
    for (const session of [rooms.sessionOf('boris'), rooms.sessionOf('anna', 'another browser')]) {
      await expect(rooms.person.approveLink({ linkId, session, page, origin })).rejects.toMatchObject({
        code: 'link-too-hasty',
      });
      expect(await rooms.person.findForReview({ linkId, session, origin })).toBeUndefined();
    }
    expect(await poll(deviceCode)).toBe('pending');
  });

  it('refuses a decision posted sooner than a second after its page was made, and one from no page of ours', async () => {
    const { userCode } = await start();
    const { linkId } = await reserve(userCode);
    const session = rooms.sessionOf('anna');
    const review = await rooms.person.findForReview({ linkId, session, origin });
    rooms.clock.advance(0.9);
    for (const page of [review!.page, '', 'x', `${rooms.clock.now().getTime() - 5000}.forged`, '-5.x']) {
      await expect(rooms.person.approveLink({ linkId, session, page, origin })).rejects.toMatchObject({
        code: 'link-too-hasty',
      });
    }
    rooms.clock.advance(0.2);
    await rooms.person.approveLink({ linkId, session, page: review!.page, origin });
  });

  it('asks for a proof of at most ten minutes, by the second factor where there is one (DESIGN 6)', async () => {
    const { userCode } = await start();
    const { linkId } = await reserve(userCode);
    const page = await rooms.pageOf(linkId, rooms.sessionOf('anna'));
    const old = rooms.sessionOf('anna');
    rooms.clock.advance(590);
    const approve = (session: typeof old) => rooms.person.approveLink({ linkId, session, page, origin });
    rooms.standing.twoFactor.add('anna');
    await expect(approve(rooms.sessionOf('anna'))).rejects.toMatchObject({ code: 'proof-required' });
    await expect(
      approve({ ...old, provedAt: new Date(rooms.clock.now().getTime() - 600_001), proofMethods: ['otp'] }),
    ).rejects.toMatchObject({ code: 'proof-required' });
    await approve({ ...old, proofMethods: ['otp'] });
  });

  it('takes no proof for fresh that a clock which was set back puts into the future (CHECKLIST 4)', async () => {
    const { userCode } = await start();
    const { linkId } = await reserve(userCode);
    const session = rooms.sessionOf('anna');
    const provedAt = new Date(rooms.clock.now().getTime() + 3_600_000);
    const page = await rooms.pageOf(linkId, session);
    const attempt = rooms.person.approveLink({ linkId, session: { ...session, provedAt }, page, origin });
    await expect(attempt).rejects.toMatchObject({ code: 'proof-required' });
  });

  it('is not approved by an account whose address is not verified where that is required', async () => {
    rooms.standing.unverified.add('anna');
    const { userCode } = await start();
    const { linkId } = await reserve(userCode);
    await expect(decide('approveLink', linkId)).rejects.toMatchObject({ code: 'account-not-verified' });
  });

  it('approves again what the same browser approved, after a crash or a reload, and never what it declined (CHECKLIST 4)', async () => {
    const first = await start();
    const approved = (await reserve(first.userCode)).linkId;
    await decide('approveLink', approved);
    await decide('approveLink', approved);
    await redeem(first.deviceCode);
    await decide('approveLink', approved);
    const second = await start();
    const declined = (await reserve(second.userCode)).linkId;
    await decide('denyLink', declined);
    await decide('denyLink', declined);
    await expect(decide('approveLink', declined)).rejects.toMatchObject({ code: 'link-over' });
    expect(await poll(second.deviceCode)).toBe('denied');
  });

  it('tells its own client once that it was decided, and redeeming tells how (RFC 8628 §3.5)', async () => {
    const other = await rooms.newClient();
    const take = (deviceCode: string, as = client) => rooms.tool.takeDecision({ deviceCode, client: as });
    const [approved, declined] = [await start(), await start()];
    expect(take(approved.deviceCode)).toBe(false);
    await decide('approveLink', (await reserve(approved.userCode)).linkId);
    await decide('denyLink', (await reserve(declined.userCode)).linkId);
    expect(take(approved.deviceCode, other)).toBe(false);
    expect([take(approved.deviceCode), take(approved.deviceCode)]).toEqual([true, false]);
    expect(await poll(approved.deviceCode)).toBe('approved');
    expect((await redeem(approved.deviceCode)).outcome).toBe('issued');
    expect(take(declined.deviceCode)).toBe(true);
    expect((await redeem(declined.deviceCode)).outcome).toBe('denied');
  });

  it('gives no token for another client, and asking does not consume it (CVE-2023-2585)', async () => {
    const other = await rooms.newClient();
    const { deviceCode, userCode } = await start();
    await decide('approveLink', (await reserve(userCode)).linkId);
    expect((await redeem(deviceCode, other)).outcome).toBe('unknown');
    expect((await redeem(deviceCode)).outcome).toBe('issued');
  });

  it('gives no token to an account that lost its standing after the approval (CVE-2026-88770)', async () => {
    const { deviceCode, userCode } = await start();
    await decide('approveLink', (await reserve(userCode)).linkId);
    rooms.standing.barred.add('anna');
    expect((await redeem(deviceCode)).outcome).toBe('denied');
    rooms.standing.barred.clear();
    expect((await redeem(deviceCode)).outcome).toBe('denied');
    const rows = await rooms.database.stores.audit.findByAccount('anna' as AccountId, 1000);
    expect(rows.filter(({ event }) => event === 'link-withdrawn')).toHaveLength(1);
  });

  it('expires, decided or not, and stays so until it is forgotten a day later (RFC 8628 §3.5)', async () => {
    const pending = await start();
    const approved = await start();
    await decide('approveLink', (await reserve(approved.userCode)).linkId);
    rooms.clock.advance(600);
    for (const { deviceCode } of [pending, approved]) {
      expect(await poll(deviceCode)).toBe('expired');
      expect((await redeem(deviceCode)).outcome).toBe('expired');
    }
    await expect(reserve(pending.userCode)).rejects.toMatchObject({ code: 'code-unknown' });
    rooms.clock.advance(86_401);
    expect(await rooms.tool.removeExpired()).toBe(2);
    expect(await poll(pending.deviceCode)).toBe('unknown');
  });

  it('is given back twice for another account, and declined the third time', async () => {
    const { deviceCode, userCode } = await start();
    for (const account of ['anna', 'boris']) {
      const { linkId } = await reserve(userCode, account);
      await rooms.person.releaseLink({ linkId, session: rooms.sessionOf(account), origin });
    }
    const { linkId } = await reserve(userCode, 'clara');
    await rooms.person.releaseLink({ linkId, session: rooms.sessionOf('clara'), origin });
    rooms.clock.advance(5);
    expect(await poll(deviceCode)).toBe('denied');
    await expect(reserve(userCode, 'anna')).rejects.toMatchObject({ code: 'code-unknown' });
  });

  it('keeps a raised interval across a restart of the gate (RFC 8628 §3.5: this and all later polls)', async () => {
    const { deviceCode } = await start();
    expect(await poll(deviceCode)).toBe('pending');
    expect(await poll(deviceCode)).toBe('too-soon');
    await rooms.database.inTransaction(async () => undefined);
    rooms.gate.clear();
    expect(await poll(deviceCode)).toBe('pending');
    rooms.clock.advance(6);
    expect(await poll(deviceCode)).toBe('too-soon');
    await rooms.database.inTransaction(async () => undefined);
    rooms.gate.clear();
    expect(await poll(deviceCode)).toBe('pending');
    rooms.clock.advance(14);
    expect(await poll(deviceCode)).toBe('pending');
  });

  it('tells a held poll at once when it is decided, and lets a newer poll take the place of an older one', async () => {
    const { deviceCode, userCode } = await start();
    const { linkId } = await reserve(userCode);
    const hold = () => rooms.tool.holdPoll({ deviceCode, seconds: 30, network: origin.network });
    const older = hold();
    const newer = hold();
    expect(await older).toBe('replaced');
    await decide('approveLink', linkId);
    expect(await newer).toBe('decided');
    expect(await hold()).toBe('decided');
    expect(rooms.waiting.count()).toBe(0);
  });

  it('counts wrong codes by account: five in ten minutes, spelling does not matter (RFC 8628 §5.1)', async () => {
    for (const wrong of ['BBBB-BBBB', 'bbbb bbbb', 'too short', 'AAAA-AAAA', 'BCDFGHJKL']) {
      await expect(reserve(wrong)).rejects.toMatchObject({ code: 'code-unknown' });
    }
    const { userCode } = await start();
    await expect(reserve(userCode)).rejects.toMatchObject({ code: 'too-many' });
    expect((await reserve(userCode, 'boris')).linkId).toBeTruthy();
  });
});

describe('budgets of links', () => {
  it('caps the links that one network has started and not finished (CHECKLIST 3.1)', async () => {
    const rooms = await openLinkRooms({ limits: { 'live-links-by-network': { limit: 3 } } });
    const client = await rooms.newClient();
    const start = (address: string) =>
      rooms.tool.startLink({ client, scope: '', origin: originFrom(address) });
    for (let link = 0; link < 3; link++) await start('203.0.113.1');
    await expect(start('203.0.113.1')).rejects.toMatchObject({ code: 'too-many' });
    await start('203.0.113.2');
    await rooms.close();
  });

  it('draws longer codes where many links are live, for all who come while they are counted (RFC 8628 §5.1)', async () => {
    const rooms = await openLinkRooms({ limits: { 'live-links-by-network': { limit: 10_000 } } });
    const client = await rooms.newClient();
    const start = (count: number) =>
      Promise.all(Array.from({ length: count }, () => rooms.tool.startLink({ client, scope: '', origin })));
    await start(1700);
    rooms.clock.advance(61);
    for (const { userCode } of await start(3)) expect(userCode.replaceAll('-', '')).toHaveLength(9);
    await rooms.close();
  });

  it('lets one account try five codes, however many it sends at once (RFC 8628 §5.1)', async () => {
    const rooms = await openLinkRooms();
    const client = await rooms.newClient();
    const { userCode } = await rooms.tool.startLink({ client, scope: '', origin });
    const guess = (code: string) =>
      rooms.person.reserveLink({
        userCode: code,
        session: rooms.sessionOf('mallory'),
        arrival: 'typed',
        origin,
      });
    const codes = Array.from(
      { length: 100 },
      (_, index) => `BBBBBB${'BCDFGHJKLM'[index % 10]}${'BCDFGHJKLM'[Math.floor(index / 10)]}`,
    );
    const ends = await Promise.allSettled([...codes, userCode].map(guess));
    const words = ends.map((end) =>
      end.status === 'rejected' ? (end.reason as { code: string }).code : 'hit',
    );
    expect(words.filter((word) => word === 'code-unknown')).toHaveLength(5);
    expect(words.filter((word) => word === 'too-many')).toHaveLength(96);
    await rooms.close();
  });

  it('charges nobody for right codes: thirty in a row are thirty links', async () => {
    const rooms = await openLinkRooms();
    const client = await rooms.newClient();
    for (let time = 0; time < 30; time++) {
      const { userCode } = await rooms.tool.startLink({ client, scope: '', origin });
      const session = rooms.sessionOf('anna');
      await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
    }
    await rooms.close();
  });

  it('makes young and unverified accounts wait, and raises an alarm, when everybody together guesses too much', async () => {
    const rooms = await openLinkRooms({
      limits: { 'user-code-everywhere': { limit: 4 }, 'user-code-by-network': { limit: 99 } },
    });
    const enter = (account: string, userCode: string) =>
      rooms.person.reserveLink({ userCode, session: rooms.sessionOf(account), arrival: 'typed', origin });
    for (const guesser of ['a', 'b', 'c', 'd']) {
      await expect(enter(guesser, 'BBBB-BBBB')).rejects.toMatchObject({ code: 'code-unknown' });
    }
    expect(rooms.alarms.length).toBeGreaterThan(0);
    rooms.standing.unverified.add('new');
    const { userCode } = await rooms.tool.startLink({ client: await rooms.newClient(), scope: '', origin });
    await expect(enter('new', userCode)).rejects.toMatchObject({ code: 'too-many' });
    await enter('established', userCode);
    await rooms.close();
  });
});

describe('over any history', () => {
  const accounts = ['anna', 'boris'];
  const step = fc.record({
    act: fc.constantFrom(
      'start',
      'reserve',
      'reserve',
      'release',
      'approve',
      'approve',
      'deny',
      'poll',
      'redeem',
      'redeem',
      'redeem-foreign',
      'advance',
      'forget',
    ),
    link: fc.nat(3),
    account: fc.nat(1),
    browser: fc.nat(1),
    seconds: fc.integer({ min: 1, max: 620 }),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  interface Known {
    readonly deviceCode: string;
    readonly userCode: string;
    readonly startedAt: number;
    linkId?: LinkId;
    /** Accounts whose approval was acknowledged. */
    approvedBy: Set<string>;
    isDenied: boolean;
    issued: IssuedTokens[];
    wasExpired: boolean;
  }

  /** Does one step, notes what was acknowledged, and checks what was answered against what had been acknowledged before. */
  async function take(
    rooms: LinkRooms,
    clients: [Client, Client],
    links: Known[],
    taken: Step,
  ): Promise<void> {
    const { clock } = rooms;
    const link = links[taken.link];
    const account = accounts[taken.account]!;
    const session = rooms.sessionOf(account, `browser ${taken.browser}`);
    const [client, foreign] = clients;
    const refusable = async <T>(work: Promise<T>): Promise<T | undefined> =>
      work.catch((error: unknown) => {
        if (isRefusal(error)) return undefined;
        throw error;
      });
    const knownPage = async (linkId: LinkId) =>
      (await rooms.person.findForReview({ linkId, session, origin }))?.page ?? '';

    if (taken.act === 'start' && links.length < 4) {
      const made = await rooms.tool.startLink({ client, scope: '', origin });
      links.push({
        ...made,
        startedAt: clock.now().getTime(),
        approvedBy: new Set(),
        isDenied: false,
        issued: [],
        wasExpired: false,
      });
    }
    if (taken.act === 'advance') clock.advance(taken.seconds);
    if (taken.act === 'forget') rooms.gate.clear();
    if (!link) return;
    const isPast = () => clock.now().getTime() >= link.startedAt + 600_000;
    if (taken.act === 'reserve') {
      const reserved = await refusable(
        rooms.person.reserveLink({ userCode: link.userCode, session, arrival: 'link', origin }),
      );
      if (reserved) link.linkId = reserved.linkId;
    }
    if (link.linkId && taken.act === 'release') {
      await refusable(rooms.person.releaseLink({ linkId: link.linkId, session, origin }));
    }
    if (link.linkId && (taken.act === 'approve' || taken.act === 'deny')) {
      const page = await knownPage(link.linkId);
      clock.advance(2);
      const fresh = rooms.sessionOf(account, `browser ${taken.browser}`);
      const about = { linkId: link.linkId, session: fresh, page, origin };
      if (taken.act === 'approve') {
        const wasDenied = link.isDenied;
        const isDone = await refusable(rooms.person.approveLink(about).then(() => true));
        if (isDone) {
          expect(wasDenied).toBe(false);
          link.approvedBy.add(account);
        }
      } else if (await refusable(rooms.person.denyLink(about).then(() => true))) {
        link.isDenied = true;
      }
    }
    if (taken.act === 'poll') {
      const wasApproved = link.approvedBy.size > 0 && !isPast();
      const outcome = await rooms.tool.pollLink({ deviceCode: link.deviceCode, client });
      if (link.isDenied) expect(outcome).toBe('denied');
      if (wasApproved) expect(['approved', 'redeemed']).toContain(outcome);
      if (link.issued.length > 0) expect(outcome).toBe('redeemed');
    }
    if (taken.act === 'redeem' || taken.act === 'redeem-foreign') {
      const as = taken.act === 'redeem' ? client : foreign;
      const wasPast = isPast();
      const result = await rooms.tool.redeemLink({ deviceCode: link.deviceCode, client: as, origin });
      if (result.outcome === 'issued' && 'tokens' in result) {
        expect(taken.act).toBe('redeem');
        expect(link.isDenied || wasPast).toBe(false);
        link.issued.push(result.tokens);
      }
    }
  }

  async function checkKept(rooms: LinkRooms, links: readonly Known[]): Promise<void> {
    const tools = (
      await Promise.all(
        accounts.map((name) => rooms.database.stores.tokens.findLinkedTools(name as AccountId)),
      )
    ).flat();
    for (const link of links) {
      expect(link.issued.length).toBeLessThanOrEqual(1);
      const left = tools.filter((tool) => tool.linkId === link.linkId);
      expect(left.length).toBe(link.issued.length);
      for (const tool of left) expect([...link.approvedBy]).toEqual([tool.accountId]);
      if (link.isDenied) expect(link.issued).toEqual([]);
    }
  }

  const limits = {
    'user-code-by-account': { limit: 1e9 },
    'user-code-by-account-daily': { limit: 1e9 },
    'user-code-by-network': { limit: 1e9 },
    'user-code-everywhere': { limit: 1e9 },
    'live-links-by-network': { limit: 1e9 },
  };

  it('there is one linked tool for one approval by its own account, and denied and expired are never undone', async () => {
    const rooms = await openLinkRooms({ limits });
    const clients: [Client, Client] = [await rooms.newClient(), await rooms.newClient()];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const links: Known[] = [];
        for (const taken of steps) await take(rooms, clients, links, taken);
        await checkKept(rooms, links);
      }),
      { numRuns: 120 },
    );
    // A raised interval is kept behind the answer: what was begun before this has ended after it.
    await rooms.database.inTransaction(async () => undefined);
    await rooms.close();
  });

  it('the same holds when moves race each other: of two that leave the same state, one wins', async () => {
    const rooms = await openLinkRooms({ limits });
    const client = await rooms.newClient();
    const racers = fc.array(fc.constantFrom('approve', 'deny', 'release', 'redeem', 'redeem', 'reserve'), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(racers, fc.boolean(), async (racing, isApprovedFirst) => {
        const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: '', origin });
        const session = rooms.sessionOf('anna');
        const { linkId } = await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
        const page = await rooms.pageOf(linkId, session);
        const about = { linkId, session: rooms.sessionOf('anna'), page, origin };
        if (isApprovedFirst) await rooms.person.approveLink(about);
        const acts = {
          approve: () => rooms.person.approveLink(about).then(() => 'approved'),
          deny: () => rooms.person.denyLink(about).then(() => 'denied'),
          release: () => rooms.person.releaseLink(about).then(() => 'released'),
          reserve: () =>
            rooms.person
              .reserveLink({ userCode, session: rooms.sessionOf('boris'), arrival: 'typed', origin })
              .then(() => 'reserved'),
          redeem: () => rooms.tool.redeemLink({ deviceCode, client, origin }).then(({ outcome }) => outcome),
        };
        const ends = await Promise.allSettled(racing.map((act) => acts[act]()));
        const done = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
        for (const end of ends) if (end.status === 'rejected') expect(isRefusal(end.reason)).toBe(true);
        expect(done.filter((end) => end === 'issued').length).toBeLessThanOrEqual(1);
        expect(done.includes('denied') && done.includes('issued')).toBe(false);
        if (isApprovedFirst)
          expect(done.filter((end) => end === 'issued').length).toBe(racing.includes('redeem') ? 1 : 0);
      }),
      { numRuns: 150 },
    );
    await rooms.database.inTransaction(async () => undefined);
    await rooms.close();
  });

  it('fifty redemptions of one code at once give one token (better-auth, CHECKLIST 5)', async () => {
    const rooms = await openLinkRooms();
    const client = await rooms.newClient();
    const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: '', origin });
    const session = rooms.sessionOf('anna');
    const { linkId } = await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
    const page = await rooms.pageOf(linkId, session);
    await rooms.person.approveLink({ linkId, session: rooms.sessionOf('anna'), page, origin });
    const ends = await Promise.all(
      Array.from({ length: 50 }, () => rooms.tool.redeemLink({ deviceCode, client, origin })),
    );
    expect(ends.filter(({ outcome }) => outcome === 'issued')).toHaveLength(1);
    expect(ends.filter(({ outcome }) => outcome === 'redeemed')).toHaveLength(49);
    await rooms.close();
  });
});

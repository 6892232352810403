// Links that are polled by a number: what their own tool is told, how often, and what strangers are not; and, over random
// histories, what must never happen at either door.
import fc from 'fast-check';
import type { NumberedLink, NumberedPoll } from '../../src/domain/links-by-number.js';
import { isRefusal, type AccountId, type LinkId } from '../../src/domain/vocabulary.js';
import { originFrom } from '../support/link-rooms.js';
import {
  createToolKey,
  ELSEWHERE,
  HOME,
  IDENTIFIER,
  openNumberedRooms,
  TOOL,
  type NumberedRooms,
} from '../support/numbered-rooms.js';

const UNKNOWN = { outcome: 'unknown' };
const ANNA = 'anna' as AccountId;

describe('a link with a number', () => {
  let rooms: NumberedRooms;
  beforeEach(async () => {
    rooms = await openNumberedRooms();
  });
  afterEach(() => rooms.close());
  const outcome = async (...asked: Parameters<typeof rooms.poll>) => (await rooms.poll(...asked)).outcome;

  it('goes from the tool to the person and back: pending, then the same token at every reading (PIN-API 3.2)', async () => {
    const link = await rooms.start();
    expect(await rooms.poll(link.number)).toEqual({ outcome: 'pending', link });
    const { linkId } = await rooms.reserve(link.userCode);
    expect(await outcome(link.number)).toBe('pending');
    await rooms.decide('approveLink', linkId);
    const first = await rooms.poll(link.number);
    expect(first).toMatchObject({ outcome: 'issued', isNewAccount: false });
    rooms.clock.advance(60);
    expect(await rooms.poll(link.number)).toEqual(first);
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toHaveLength(1);
  });

  it('lives 15 minutes with a code to type and 30 with a strong one, which has 129 bits (CHECKLIST 3.1)', async () => {
    const [short, strong] = [await rooms.start(), await rooms.start({ isStrong: true })];
    const life = ({ createdAt, expiresAt }: NumberedLink) =>
      (expiresAt.getTime() - createdAt.getTime()) / 1000;
    expect([life(short), life(strong)]).toEqual([900, 1800]);
    expect(short).toMatchObject({ isStrong: false, userCode: expect.stringMatching(/^[B-Z]{8}$/) as string });
    expect(strong).toMatchObject({
      isStrong: true,
      userCode: expect.stringMatching(/^[0-9a-z]{25}$/) as string,
    });
    rooms.clock.advance(900);
    expect([await outcome(short.number), await outcome(strong.number)]).toEqual(['unknown', 'pending']);
    rooms.clock.advance(900);
    expect(await outcome(strong.number)).toBe('unknown');
    expect(
      (await rooms.reserve((await rooms.start({ isStrong: true })).userCode.toUpperCase())).linkId,
    ).toBeTruthy();
  });

  it('has a number from 1 to 2^31 - 1 (PIN-API 3.1)', async () => {
    for (let time = 0; time < 50; time++) {
      const { number } = await rooms.start();
      expect(Number.isInteger(number) && number > 0 && number < 2 ** 31).toBe(true);
    }
  });

  it('keeps no token and no user code in the clear (DESIGN 3)', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    const token = await rooms.collect(link.number);
    const { numberedLinks, tokens } = rooms.database.stores;
    const kept = JSON.stringify([
      await numberedLinks.findByNumber(link.number),
      await tokens.findLinkedTools(ANNA),
    ]);
    expect(kept).toContain('"userCodeLength":8');
    for (const secret of [link.userCode, token, token.split('.')[2]!]) expect(kept).not.toContain(secret);
  });

  it('shows what the tool says of itself as text of one line, 80 characters of each (RFC 8628 §5.4)', async () => {
    const tool = { ...TOOL, product: `a\u202e\n${'x'.repeat(200)}`, model: '  ' };
    const link = await rooms.start({ tool });
    expect(link.tool).toMatchObject({ product: `a ${'x'.repeat(78)}`, model: '', deviceName: 'Kitchen' });
    const { linkId } = await rooms.reserve(link.userCode, 'anna', 'https://tool.example/done');
    const session = rooms.sessionOf('anna');
    const review = await rooms.person.findForReview({ linkId, session, origin: HOME });
    expect(review).toMatchObject({
      door: 'pin',
      tool: link.tool,
      toolName: link.tool.product,
      isToolVerified: false,
      scopes: ['profile', 'email'],
      forwardAddress: 'https://tool.example/done',
    });
  });

  it('keeps the forward address of the last reservation only, and none of a plain one (PIN-API "Decided")', async () => {
    const link = await rooms.start();
    const addressOf = async () =>
      (await rooms.database.stores.numberedLinks.findByNumber(link.number))!.numbered.forwardAddress;
    const { linkId } = await rooms.reserve(link.userCode, 'anna', 'https://tool.example/done');
    expect(await addressOf()).toBe('https://tool.example/done');
    await rooms.person.releaseLink({ linkId, session: rooms.sessionOf('anna'), origin: HOME });
    expect(await addressOf()).toBeUndefined();
    await rooms.reserve(link.userCode, 'anna', 'https://tool.example/done');
    await rooms.reserve(link.userCode, 'anna');
    expect(await addressOf()).toBeUndefined();
  });

  it('leaves two minutes to collect after the approval, and no more than it had (CHECKLIST 3.1)', async () => {
    const early = await rooms.start();
    await rooms.approve(early.userCode);
    expect((await rooms.poll(early.number)).outcome).toBe('issued');
    rooms.clock.advance(119);
    expect(await outcome(early.number)).toBe('issued');
    rooms.clock.advance(1);
    expect(await outcome(early.number)).toBe('unknown');

    const late = await rooms.start();
    rooms.clock.advance(860);
    await rooms.approve(late.userCode);
    rooms.clock.advance(37);
    expect(await outcome(late.number)).toBe('issued');
    rooms.clock.advance(1);
    expect(await outcome(late.number)).toBe('unknown');
  });

  it('gives nothing when it was approved and nobody came in time', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    rooms.clock.advance(120);
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toEqual([]);
  });

  it('is unknown once it was declined, also where it is asked for at once (CHECKLIST 4)', async () => {
    const link = await rooms.start();
    const { linkId } = await rooms.reserve(link.userCode);
    expect(await outcome(link.number)).toBe('pending');
    await rooms.decide('denyLink', linkId);
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    await expect(rooms.decide('approveLink', linkId)).rejects.toMatchObject({ code: 'link-over' });
  });

  it('is unknown to a tool with another identifier, which redeems nothing (CVE-2023-2585)', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    for (const identifier of ['tool-2', '', `${IDENTIFIER} `, `pin:${IDENTIFIER}`])
      expect(await rooms.poll(link.number, { identifier })).toEqual(UNKNOWN);
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toEqual([]);
    expect(await outcome(link.number)).toBe('issued');
  });

  it('gives no token to an account that lost its standing after the approval, for good (CVE-2026-88770)', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    rooms.standing.barred.add('anna');
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    rooms.standing.barred.clear();
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    const rows = await rooms.database.stores.audit.findByAccount(ANNA, 1000);
    expect(rows.filter(({ event }) => event === 'link-withdrawn')).toHaveLength(1);
  });

  it('shows its token no more once the account is closed, or the tool is unlinked (DESIGN 3)', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    await rooms.collect(link.number);
    rooms.standing.barred.add('anna');
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    rooms.standing.barred.clear();
    const [tool] = await rooms.database.stores.tokens.findLinkedTools(ANNA);
    await rooms.database.inTransaction(({ tokens }) =>
      tokens.endLinkedTool(tool!.linkedToolId, rooms.clock.now(), 'unlinked'),
    );
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
  });

  it('signs the same bytes after its key was rotated, and nothing once the key is gone (DESIGN 3)', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    const token = await rooms.collect(link.number);
    await rooms.keys.rotate({ immediately: true });
    expect(await rooms.collect(link.number)).toBe(token);
    const kid = (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string })
      .kid;
    await rooms.database.inTransaction(({ keys }) => keys.removeRetiring(kid, new Date(8.64e15)));
    await rooms.keys.refresh();
    expect(await rooms.poll(link.number)).toEqual(UNKNOWN);
    await expect(rooms.lasting.useLastingToken(token, HOME)).rejects.toMatchObject({ code: 'token-invalid' });
  });

  it('says whether the account was made after it was started', async () => {
    const link = await rooms.start();
    rooms.upper.madeAt.set('anna', rooms.clock.now());
    await rooms.approve(link.userCode);
    expect(await rooms.poll(link.number)).toMatchObject({ isNewAccount: true });
  });

  it('gives its place back to the network when it is redeemed or declined (CHECKLIST 3.1)', async () => {
    const few = await openNumberedRooms({ limits: { 'live-links-by-network': { limit: 1 } } });
    const first = await few.start();
    await expect(few.start()).rejects.toMatchObject({ code: 'too-many' });
    await few.approve(first.userCode);
    await few.collect(first.number);
    await few.collect(first.number);
    const second = await few.start();
    await expect(few.start()).rejects.toMatchObject({ code: 'too-many' });
    await few.decide('denyLink', (await few.reserve(second.userCode)).linkId);
    await few.start();
    await few.close();
  });

  it.each([
    ['none', ''],
    ['one that is too long', 'x'.repeat(256)],
    ['one with a line break', 'a\nb'],
  ])('is not started by a tool with %s for its identifier', async (_, identifier) => {
    await expect(rooms.start({ identifier })).rejects.toMatchObject({ code: 'client-metadata-invalid' });
  });

  it('is not one of a registered client, whatever a tool calls itself (DESIGN 5)', async () => {
    const client = await rooms.newClient();
    const token = await rooms.linkTool({ identifier: client.clientId });
    const { tool } = await rooms.lasting.useLastingToken(token, HOME);
    expect(tool.clientId).toBe(`pin:${client.clientId}`);
    expect(await rooms.clients.findClient(tool.clientId)).toBeUndefined();
  });

  it('tells a held poll at once when it is decided, and refuses to hold what the tool may not know', async () => {
    const link = await rooms.start();
    const { linkId } = await rooms.reserve(link.userCode);
    const hold = (identifier = IDENTIFIER, { network } = HOME) =>
      rooms.numbered.holdNumberedLink({ number: link.number, identifier, seconds: 30, network });
    expect(await hold('another')).toBe('refused');
    const [older, newer] = [hold(), hold(IDENTIFIER, ELSEWHERE)];
    expect(await older).toBe('replaced');
    await rooms.decide('approveLink', linkId);
    expect([await newer, await hold()]).toEqual(['decided', 'decided']);
    expect(rooms.waiting.count()).toBe(0);
  });

  it('is known to the gate only in its network and to its tool, and until it is decided or over', async () => {
    const link = await rooms.start();
    const { pollNumberGate } = rooms.numbered;
    const atHome = () => pollNumberGate(link.number, IDENTIFIER, HOME.network);
    expect(atHome()).toBe('pending');
    await rooms.poll(link.number, { origin: ELSEWHERE });
    expect(pollNumberGate(link.number, IDENTIFIER, ELSEWHERE.network)).toBe('unknown');
    expect(pollNumberGate(link.number, 'another', HOME.network)).toBe('unknown');
    expect(pollNumberGate(link.number + 1, IDENTIFIER, HOME.network)).toBe('unknown');
    const { linkId } = await rooms.reserve(link.userCode);
    expect(atHome()).toBe('pending');
    await rooms.decide('approveLink', linkId);
    expect(atHome()).toBe('unknown');
    const other = await rooms.start();
    rooms.clock.advance(900);
    expect(pollNumberGate(other.number, IDENTIFIER, HOME.network)).toBe('unknown');
  });

  it('is found again after the gate forgot everything', async () => {
    const link = await rooms.start();
    rooms.gate.clear();
    expect(await rooms.poll(link.number)).toEqual({ outcome: 'pending', link });
    expect(rooms.numbered.pollNumberGate(link.number, IDENTIFIER, HOME.network)).toBe('pending');
  });
});

describe('asking for numbers from elsewhere', () => {
  const WRONG = 2 ** 31 - 1;
  const open = (everywhere = 30) =>
    openNumberedRooms({
      limits: { 'link-number-everywhere': { limit: everywhere }, 'live-links-by-network': { limit: 1000 } },
    });
  const guess = async (rooms: NumberedRooms, times: number, origin = ELSEWHERE) => {
    for (let time = 0; time < times; time++) expect(await rooms.poll(WRONG, { origin })).toEqual(UNKNOWN);
  };

  it('makes a right number unknown too once a network has asked for ten wrong ones (CHECKLIST 3.1)', async () => {
    const rooms = await open();
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    await guess(rooms, 10);
    expect(await rooms.poll(link.number, { origin: ELSEWHERE })).toEqual(UNKNOWN);
    expect((await rooms.poll(link.number, { origin: originFrom('198.51.100.10') })).outcome).toBe('issued');
    await rooms.close();
  });

  it('counts a number of another tool like a wrong one, from a network that did not make it', async () => {
    const rooms = await open();
    const link = await rooms.start();
    for (let time = 0; time < 10; time++)
      await rooms.poll(link.number, { origin: ELSEWHERE, identifier: 'another' });
    expect(await rooms.poll(link.number, { origin: ELSEWHERE })).toEqual(UNKNOWN);
    await rooms.close();
  });

  it('lets nobody past the budget by asking all at once', async () => {
    const rooms = await open();
    const links = await Promise.all(Array.from({ length: 12 }, () => rooms.start()));
    const ends = await Promise.all([
      ...Array.from({ length: 40 }, (_, index) => rooms.poll(WRONG - index, { origin: ELSEWHERE })),
      ...links.map(({ number }) => rooms.poll(number, { origin: ELSEWHERE })),
    ]);
    expect(ends.filter(({ outcome }) => outcome === 'pending')).toEqual([]);
    await rooms.close();
  });

  it('has one budget for everybody, and tells the operator when it is used up, once', async () => {
    const rooms = await open(4);
    const link = await rooms.start();
    for (const host of [1, 2, 3, 4, 5, 6]) await guess(rooms, 1, originFrom(`198.51.100.${host}`));
    expect(rooms.alarms).toHaveLength(1);
    expect(await rooms.poll(link.number, { origin: originFrom('198.51.100.7') })).toEqual(UNKNOWN);
    rooms.clock.advance(700);
    expect((await rooms.poll(link.number, { origin: originFrom('198.51.100.7') })).outcome).toBe('pending');
    await rooms.close();
  });

  it('never budgets the network that made the link, however often and wrongly it is asked about it', async () => {
    const rooms = await open();
    const link = await rooms.start();
    for (let time = 0; time < 30; time++) await rooms.poll(link.number, { identifier: 'another' });
    await guess(rooms, 30, HOME);
    rooms.gate.clear();
    expect((await rooms.poll(link.number)).outcome).toBe('pending');
    await rooms.close();
  });

  it('charges a tool that is elsewhere nothing for its own number, asked for every second', async () => {
    const rooms = await open();
    const link = await rooms.start();
    for (let time = 0; time < 100; time++)
      expect((await rooms.poll(link.number, { origin: ELSEWHERE })).outcome).toBe('pending');
    await guess(rooms, 10);
    expect((await rooms.poll(link.number, { origin: ELSEWHERE })).outcome).toBe('pending');
    await rooms.approve(link.userCode);
    expect((await rooms.poll(link.number, { origin: ELSEWHERE })).outcome).toBe('issued');
    await rooms.close();
  });

  it('costs the holder of the key nothing, who proves it (CHECKLIST 3.1)', async () => {
    const rooms = await open();
    const key = createToolKey();
    const link = await rooms.start({ deviceKey: key.jwk });
    await guess(rooms, 10);
    const asked = { origin: ELSEWHERE, deviceProof: key.prove() };
    expect((await rooms.poll(link.number, asked)).outcome).toBe('pending');
    expect(await rooms.poll(link.number, { origin: ELSEWHERE })).toEqual(UNKNOWN);
    await rooms.close();
  });

  it('holds no poll for free: a hold is charged as a poll is', async () => {
    const rooms = await open();
    const link = await rooms.start();
    const hold = (number: number) =>
      rooms.numbered.holdNumberedLink({
        number,
        identifier: IDENTIFIER,
        seconds: 1,
        network: ELSEWHERE.network,
      });
    for (let time = 0; time < 10; time++) expect(await hold(WRONG)).toBe('refused');
    expect(await hold(link.number)).toBe('refused');
    await rooms.close();
  });

  it.each([0, -1, 1.5, NaN, 2 ** 31, 2 ** 53])('takes %p for no number at all', async (number) => {
    const rooms = await open();
    expect(await rooms.poll(number)).toEqual(UNKNOWN);
    await rooms.close();
  });
});

describe('over any history', () => {
  const accounts = ['anna', 'boris'];
  const step = fc.record({
    act: fc.constantFrom(
      ...(['start', 'reserve', 'reserve', 'release', 'approve', 'approve', 'deny', 'poll', 'poll'] as const),
      ...(['poll-foreign', 'poll-elsewhere', 'redeem-by-code', 'unlink', 'bar', 'rotate'] as const),
      ...(['advance', 'forget'] as const),
    ),
    link: fc.nat(3),
    account: fc.nat(1),
    seconds: fc.integer({ min: 1, max: 500 }),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  interface Known {
    readonly link: NumberedLink;
    linkId?: LinkId;
    approvedBy: Set<string>;
    approvedAt?: number;
    isDenied: boolean;
    isUnlinked: boolean;
    tokens: Set<string>;
    isOver: boolean;
  }

  const limits = {
    'user-code-by-account': { limit: 1e9 },
    'user-code-by-account-daily': { limit: 1e9 },
    'user-code-by-network': { limit: 1e9 },
    'user-code-everywhere': { limit: 1e9 },
    'live-links-by-network': { limit: 1e9 },
    'link-number-by-network': { limit: 1e9 },
    'link-number-everywhere': { limit: 1e9 },
  };

  async function refusable<T>(work: Promise<T>): Promise<T | undefined> {
    return work.catch((error: unknown) => {
      if (isRefusal(error)) return undefined;
      throw error;
    });
  }

  /** What an answer must be, after all that was acknowledged before it. */
  function check(known: Known, polled: NumberedPoll, isPast: boolean): void {
    const isGone = known.isDenied || known.isUnlinked || known.isOver || isPast;
    const expected = isGone ? 'unknown' : known.approvedAt === undefined ? 'pending' : 'issued';
    expect(polled.outcome).toBe(expected);
    if (polled.outcome === 'issued') known.tokens.add(polled.token);
    expect(known.tokens.size).toBeLessThanOrEqual(1);
  }

  async function take(rooms: NumberedRooms, all: Known[], taken: Step): Promise<void> {
    const { clock } = rooms;
    const known = all[taken.link];
    const account = accounts[taken.account]!;
    if (taken.act === 'start' && all.length < 4) {
      const link = await rooms.start({ isStrong: taken.account === 1 });
      all.push({
        link,
        approvedBy: new Set(),
        isDenied: false,
        isUnlinked: false,
        tokens: new Set(),
        isOver: false,
      });
    }
    if (taken.act === 'advance') clock.advance(taken.seconds);
    if (taken.act === 'forget') rooms.gate.clear();
    if (taken.act === 'rotate') await rooms.keys.rotate({ immediately: true });
    if (!known) return;
    const { link } = known;
    const ends = () => Math.min(link.expiresAt.getTime(), (known.approvedAt ?? Infinity) + 120_000);
    if (taken.act === 'reserve') {
      const reserved = await refusable(rooms.reserve(link.userCode, account));
      if (reserved) known.linkId = reserved.linkId;
    }
    if (known.linkId && taken.act === 'release') {
      const session = rooms.sessionOf(account);
      await refusable(rooms.person.releaseLink({ linkId: known.linkId, session, origin: HOME }));
      // Given back once too often, it is declined.
      const row = await rooms.database.stores.links.find(known.linkId);
      known.isDenied ||= row?.state === 'denied' && known.approvedAt === undefined;
    }
    if (known.linkId && (taken.act === 'approve' || taken.act === 'deny')) {
      const how = taken.act === 'approve' ? 'approveLink' : 'denyLink';
      const wasDenied = known.isDenied;
      if (await refusable(rooms.decide(how, known.linkId, account).then(() => true))) {
        if (how === 'denyLink') known.isDenied = true;
        else {
          expect(wasDenied).toBe(false);
          known.approvedBy.add(account);
          known.approvedAt ??= clock.now().getTime();
        }
      }
    }
    if (taken.act === 'poll' || taken.act === 'poll-elsewhere') {
      const isPast = clock.now().getTime() >= ends();
      const asked = taken.act === 'poll' ? {} : { origin: ELSEWHERE };
      check(known, await rooms.poll(link.number, asked), isPast);
    }
    if (taken.act === 'poll-foreign')
      expect(await rooms.poll(link.number, { identifier: 'another' })).toEqual(UNKNOWN);
    if (taken.act === 'redeem-by-code') {
      // The other door knows neither the number nor anything else of this link.
      const client = { ...(await rooms.newClient()), clientId: `pin:${IDENTIFIER}` as never };
      for (const deviceCode of [
        String(link.number),
        `${known.linkId}.`,
        `${known.linkId}.${link.userCode}`,
      ]) {
        expect(await rooms.tool.pollLink({ deviceCode, client })).toBe('unknown');
        expect(await rooms.tool.redeemLink({ deviceCode, client, origin: HOME })).toEqual(UNKNOWN);
      }
    }
    if (taken.act === 'bar') {
      rooms.standing.barred.add(account);
      const polled = await rooms.poll(link.number);
      if (known.approvedBy.has(account)) {
        expect(polled).toEqual(UNKNOWN);
        // A link that nobody had redeemed is withdrawn for good.
        if (known.tokens.size === 0) known.isOver = true;
      } else check(known, polled, clock.now().getTime() >= ends());
      rooms.standing.barred.clear();
    }
    if (taken.act === 'unlink' && known.tokens.size > 0) {
      const { tokens } = rooms.database.stores;
      const row = await rooms.database.stores.numberedLinks.findByNumber(link.number);
      const tool = await tokens.findToolOfLink(row!.linkId);
      await rooms.database.inTransaction((inside) =>
        inside.tokens.endLinkedTool(tool!.linkedToolId, clock.now(), 'unlinked'),
      );
      known.isUnlinked = true;
    }
  }

  async function checkKept(rooms: NumberedRooms, all: readonly Known[]): Promise<void> {
    const { numberedLinks, tokens } = rooms.database.stores;
    for (const known of all) {
      const row = (await numberedLinks.findByNumber(known.link.number))!;
      const tool = await tokens.findToolOfLink(row.linkId);
      if (known.tokens.size > 0) expect([...known.approvedBy]).toEqual([tool!.accountId]);
      if (tool) expect(row.state).toBe('redeemed');
      if (known.isDenied) expect(tool).toBeUndefined();
    }
  }

  it('an approval gives one linked tool and one token, the same at every reading; declined, expired and unlinked are never undone; no door opens the other', async () => {
    const rooms = await openNumberedRooms({ limits });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
        const all: Known[] = [];
        for (const taken of steps) await take(rooms, all, taken);
        await checkKept(rooms, all);
      }),
      { numRuns: 100 },
    );
    await rooms.close();
  });

  it('the same holds when moves race each other: of two that leave the same state, one wins', async () => {
    const rooms = await openNumberedRooms({ limits });
    const racers = fc.array(fc.constantFrom('approve', 'deny', 'release', 'poll', 'poll', 'elsewhere'), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(racers, fc.boolean(), async (racing, isApprovedFirst) => {
        const link = await rooms.start();
        const session = rooms.sessionOf('anna');
        const { linkId } = await rooms.reserve(link.userCode);
        const page = await rooms.pageOf(linkId, session);
        const about = { linkId, session: rooms.sessionOf('anna'), page, origin: HOME };
        if (isApprovedFirst) await rooms.person.approveLink(about);
        const acts = {
          approve: () => rooms.person.approveLink(about).then(() => 'approved'),
          deny: () => rooms.person.denyLink(about).then(() => 'denied'),
          release: () => rooms.person.releaseLink(about).then(() => 'released'),
          poll: () => rooms.poll(link.number).then((polled) => polled),
          elsewhere: () => rooms.poll(link.number, { origin: ELSEWHERE }).then((polled) => polled),
        };
        const ends = await Promise.allSettled(racing.map((act) => acts[act]()));
        for (const end of ends) if (end.status === 'rejected') expect(isRefusal(end.reason)).toBe(true);
        const done = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
        const tokens = new Set(
          done.flatMap((end) => (typeof end === 'object' && end.outcome === 'issued' ? [end.token] : [])),
        );
        expect(tokens.size).toBeLessThanOrEqual(1);
        expect(done.includes('denied') && tokens.size > 0).toBe(false);
        if (isApprovedFirst && racing.includes('poll')) expect(tokens.size).toBe(1);
      }),
      { numRuns: 100 },
    );
    await rooms.close();
  });

  it('fifty polls at once make one linked tool, and all get its token', async () => {
    const rooms = await openNumberedRooms();
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    const tokens = await Promise.all(Array.from({ length: 50 }, () => rooms.collect(link.number)));
    expect(new Set(tokens).size).toBe(1);
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toHaveLength(1);
    await rooms.close();
  });
});

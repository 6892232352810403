// What may be done with a user code at the PIN door without a page: looking at who asks, and linking with a fresh token.
import type { AccountId } from '../../src/domain/vocabulary.js';
import { createLinkedTools } from '../../src/domain/linked-tools.js';
import { originFrom } from '../support/link-rooms.js';
import {
  createToolKey,
  ELSEWHERE,
  HOME,
  IDENTIFIER,
  openNumberedRooms,
  type NumberedRooms,
} from '../support/numbered-rooms.js';

let rooms: NumberedRooms;
beforeEach(async () => {
  rooms = await openNumberedRooms();
  rooms.upper.mayLink.add('anna');
});
afterEach(() => rooms.close());

const use = (token: string) => rooms.lasting.useLastingToken(token, HOME);
const refused = (promise: Promise<unknown>, code: string) => expect(promise).rejects.toMatchObject({ code });
const comeIn = async (account = 'anna', isWithCode = true) =>
  use((await rooms.comeInWithPassword(account, isWithCode)).token);
const link = (standing: Awaited<ReturnType<typeof use>>, userCode: string, origin = HOME) =>
  rooms.numbered.linkByToken({ standing, userCode, origin });

describe('linking with a token', () => {
  it('approves a pending link of the same network, tells the owner, and leaves two minutes (PIN-API "Decided")', async () => {
    const standing = await comeIn();
    const started = await rooms.start({ identifier: 'tool-2', isStrong: true });
    await link(standing, started.userCode.toUpperCase());
    expect(rooms.upper.told).toEqual(['link of PhotoSync']);
    const token = await rooms.collect(started.number, { identifier: 'tool-2' });
    const { tool } = await use(token);
    expect(tool).toMatchObject({
      accountId: 'anna',
      clientId: 'pin:tool-2',
      parentToolId: standing.tool.linkedToolId,
      methods: ['pwd', 'otp'],
    });
    rooms.clock.advance(120);
    expect((await rooms.poll(started.number, { identifier: 'tool-2' })).outcome).toBe('unknown');
  });

  it('answers the poll of the tool at once, which the gate had for pending', async () => {
    const standing = await comeIn();
    const started = await rooms.start();
    const held = rooms.numbered.holdNumberedLink({
      number: started.number,
      identifier: IDENTIFIER,
      seconds: 30,
      network: HOME.network,
    });
    await rooms.poll(started.number);
    await link(standing, started.userCode);
    expect(await held).toBe('decided');
    expect((await rooms.poll(started.number)).outcome).toBe('issued');
  });

  it.each([
    ['the account does not allow it', async () => comeIn('boris')],
    ['the tool came in without a code', async () => comeIn('anna', false)],
    ['the token is of an approved link', async () => use(await rooms.linkTool())],
    [
      'the token is of a tool that a token linked',
      async () => {
        const started = await rooms.start();
        await link(await comeIn(), started.userCode);
        return use(await rooms.collect(started.number));
      },
    ],
    [
      'the token is of a tool with a key of its own',
      async () => {
        const key = createToolKey();
        const started = await rooms.start({ deviceKey: key.jwk });
        await rooms.approve(started.userCode);
        return use(await rooms.collect(started.number, { deviceProof: key.prove() }));
      },
    ],
  ])('is refused when %s, and costs no guess', async (_, come) => {
    const standing = await come();
    const started = await rooms.start();
    for (let time = 0; time < 8; time++) await refused(link(standing, started.userCode), 'grant-not-allowed');
    expect((await rooms.poll(started.number)).outcome).toBe('pending');
  });

  it('is refused ten minutes after the password, and for a link from another network', async () => {
    const standing = await comeIn();
    const foreign = await rooms.start({ origin: ELSEWHERE });
    await refused(link(standing, foreign.userCode), 'grant-not-allowed');
    const mine = await rooms.start();
    await refused(link(standing, mine.userCode, ELSEWHERE), 'grant-not-allowed');
    rooms.clock.advance(601);
    await refused(link(standing, mine.userCode), 'grant-not-allowed');
  });

  it('is refused when the switch is turned, the tool unlinked or the account barred in between', async () => {
    const turn = {
      mayLink: () => rooms.upper.mayLink.delete('anna'),
      bar: () => rooms.standing.barred.add('anna'),
    };
    for (const change of [turn.bar, turn.mayLink]) {
      const standing = await comeIn();
      const started = await rooms.start();
      change();
      await refused(link(standing, started.userCode), 'grant-not-allowed');
      rooms.standing.barred.clear();
    }
    rooms.upper.mayLink.add('anna');
    const standing = await comeIn();
    await rooms.lasting.endLastingToken(standing, HOME);
    await refused(link(standing, (await rooms.start()).userCode), 'grant-not-allowed');
    expect(rooms.upper.told).toEqual([]);
  });

  it('takes no code of the OAuth door, no reserved, declined or expired one, and counts wrong ones (RFC 8628 §5.1)', async () => {
    const standing = await comeIn();
    const client = await rooms.newClient();
    const { userCode } = await rooms.tool.startLink({ client, scope: '', origin: HOME });
    await refused(link(standing, userCode), 'code-unknown');
    const reserved = await rooms.start();
    const { linkId } = await rooms.reserve(reserved.userCode);
    await refused(link(standing, reserved.userCode), 'code-unknown');
    await rooms.decide('denyLink', linkId);
    await refused(link(standing, reserved.userCode), 'code-unknown');
    for (let time = 0; time < 4; time++) await refused(link(standing, 'BBBB-BBBB'), 'code-unknown');
    await refused(link(standing, (await rooms.start()).userCode), 'too-many');
  });

  it('is done once: of ten at once, one wins', async () => {
    const standing = await comeIn();
    const started = await rooms.start();
    const ends = await Promise.allSettled(Array.from({ length: 3 }, () => link(standing, started.userCode)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(rooms.upper.told).toHaveLength(1);
  });

  it('dies with the token that did it, however that ends, also before it was collected (PIN-API "Decided")', async () => {
    const { stores, inTransaction } = rooms.database;
    const { unlinkTool } = createLinkedTools({
      store: stores.tokens,
      inTransaction,
      audit: rooms.audit,
      now: rooms.clock.now,
    });
    const parent = await comeIn();
    const [collected, left] = [await rooms.start(), await rooms.start()];
    for (const { userCode } of [collected, left]) await link(parent, userCode);
    const token = await rooms.collect(collected.number);
    await use(token);
    const { linkedToolId } = parent.tool;
    await unlinkTool({ accountId: 'anna' as AccountId, linkedToolId, origin: HOME });
    await refused(use(token), 'token-invalid');
    expect((await rooms.poll(collected.number)).outcome).toBe('unknown');
    expect((await rooms.poll(left.number)).outcome).toBe('unknown');
    expect(await stores.tokens.findLinkedTools('anna' as AccountId)).toEqual([]);
  });

  it('stands in the activity with its own end, one row for each tool that ended with the first (ASVS 16.3.1)', async () => {
    const { stores } = rooms.database;
    const parent = await comeIn();
    for (const started of [await rooms.start(), await rooms.start()]) {
      await link(parent, started.userCode);
      await rooms.collect(started.number);
    }
    const { linkedToolId } = parent.tool;
    const linked = await stores.tokens.findLinkedBy(linkedToolId);
    expect(linked).toHaveLength(2);
    for (let twice = 0; twice < 2; twice += 1) await rooms.lasting.endLastingToken(parent, HOME);
    const rows = await stores.audit.findByAccount('anna' as AccountId, 1000);
    const ended = rows.filter(
      ({ event, details }) => event === 'tool-unlinked' && details['why'] === 'parent-ended',
    );
    expect(ended.map(({ details }) => details['linkedTool']).sort()).toEqual(
      linked.map((tool) => tool.linkedToolId).sort(),
    );
  });

  it('ends as soon as the token that did it would have, with a key of its own or without (PIN-API "Decided")', async () => {
    const parent = await comeIn();
    const key = createToolKey();
    const [plain, keyed] = [await rooms.start(), await rooms.start({ deviceKey: key.jwk })];
    for (const { userCode } of [plain, keyed]) await link(parent, userCode);
    const token = await rooms.collect(plain.number);
    await rooms.collect(keyed.number, { deviceProof: key.prove() });
    const { expiresAt } = await use(token);
    expect(expiresAt).toEqual(parent.expiresAt);

    const renew = () => {
      const jwt = key.prove({ nonce: rooms.deviceKeys.newNonce(IDENTIFIER) });
      return rooms.deviceKeys.exchange({ jwt, origin: HOME });
    };
    rooms.clock.advance(6 * 24 * 3600);
    const renewed = await use(await renew());
    expect(renewed.expiresAt.getTime()).toBeLessThanOrEqual(parent.expiresAt.getTime());
    rooms.clock.advance(2 * 24 * 3600);
    await refused(renew(), 'key-proof-wrong');
    rooms.clock.advance(7 * 24 * 3600);
    await refused(use(token), 'token-invalid');
  });

  it('leaves nobody a page for it: no browser may look at it or decide it again', async () => {
    const started = await rooms.start();
    await link(await comeIn(), started.userCode);
    const row = await rooms.database.stores.numberedLinks.findByNumber(started.number);
    const session = rooms.sessionOf('anna');
    expect(await rooms.person.findForReview({ linkId: row!.linkId, session, origin: HOME })).toBeUndefined();
    await refused(rooms.reserve(started.userCode), 'code-unknown');
  });
});

describe('looking at a code', () => {
  const look = (typed: string, account?: string, origin = HOME) =>
    rooms.numbered.describeCode(typed, account ? rooms.sessionOf(account) : undefined, origin);

  it('tells product, device and expiry, and nothing else (PIN-API "Decided")', async () => {
    const started = await rooms.start();
    expect(await look(started.userCode, 'anna')).toEqual({
      product: 'PhotoSync',
      device: 'Browser',
      isTrusted: false,
      expiresAt: started.expiresAt,
    });
  });

  it('needs a session for a code that can be guessed, and none for a strong one', async () => {
    const [short, strong] = [await rooms.start(), await rooms.start({ isStrong: true })];
    expect(await look(short.userCode)).toBeUndefined();
    expect(await look(strong.userCode)).toMatchObject({ product: 'PhotoSync' });
    expect(await look('0'.repeat(25))).toBeUndefined();
  });

  it('counts as a guess where it is wrong, and not where the code is right or another account has it', async () => {
    const started = await rooms.start();
    for (let time = 0; time < 8; time++) await look(started.userCode, 'anna');
    await rooms.reserve(started.userCode, 'boris');
    for (let time = 0; time < 8; time++) expect(await look(started.userCode, 'anna')).toBeUndefined();
    expect(await look(started.userCode, 'boris')).toBeDefined();
    for (let time = 0; time < 5; time++) await look('BBBB-BBBB', 'anna', originFrom(`198.51.100.${time}`));
    await refused(look(started.userCode, 'anna'), 'too-many');
  });

  it('tells nothing of a link of the OAuth door, of a decided one, or of one that has expired', async () => {
    const client = await rooms.newClient();
    const { userCode } = await rooms.tool.startLink({ client, scope: '', origin: HOME });
    expect(await look(userCode, 'anna')).toBeUndefined();
    const [approved, expired] = [await rooms.start(), await rooms.start({ isStrong: true })];
    await rooms.approve(approved.userCode);
    rooms.clock.advance(1800);
    expect(await look(approved.userCode, 'anna')).toBeUndefined();
    expect(await look(expired.userCode)).toBeUndefined();
  });
});

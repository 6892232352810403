// Notices over a real outbox: in the transaction of what they tell about, each sent once, tried again slower and slower.
import { createNotices, type Deliver } from '../../src/domain/notices.js';
import { createKeyring } from '../../src/crypto/secrets.js';
import { createOutboxStore } from '../../src/stores/sql/outbox.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const keyring = createKeyring({ secret: 'a root secret for tests, long enough' });
const eve = { email: 'eve@example.org', language: 'de' };
const details = { address: 'https://pin.example.org/sign-in' };

function openNotices() {
  const clock = createTestClock();
  const database = openTestDatabase((sql) => ({ outbox: createOutboxStore(sql) }));
  const { inTransaction, stores } = database;
  let ids = 0;
  const notices = createNotices({
    now: clock.now,
    newId: () => `mail-${(ids += 1)}`,
    sealer: {
      seal: (plaintext, context) => keyring.seal('mail-token', plaintext, context),
      open: (sealed, context) => keyring.open('mail-token', sealed, context),
    },
  });
  const tell = (ttlSeconds?: number) =>
    inTransaction((s) => notices.tell(s, 'email-already-known', eve, details, ttlSeconds));
  const send = (deliver: Deliver) => notices.sendDue(stores.outbox, inTransaction, deliver);
  return { clock, stores, inTransaction, notices, tell, send, close: database.close };
}

let house: ReturnType<typeof openNotices>;
beforeEach(() => (house = openNotices()));
afterEach(() => house.close());

const nothing: Deliver = async () => undefined;
const down: Deliver = async () => {
  throw new Error('the mail server is down');
};

describe('notices', () => {
  it('are sent once, with what they were told', async () => {
    const received: unknown[] = [];
    await house.tell();
    const deliver: Deliver = async (mail) => void received.push(mail);
    expect(await house.send(deliver)).toEqual({ sent: 1, failed: [] });
    expect(await house.send(deliver)).toEqual({ sent: 0, failed: [] });
    expect(received).toEqual([
      {
        mailId: 'mail-1',
        recipient: 'eve@example.org',
        notice: 'email-already-known',
        language: 'de',
        details,
      },
    ]);
  });

  it('are not sent for something that did not happen', async () => {
    const failing = house.inTransaction(async (stores) => {
      await house.notices.tell(stores, 'email-already-known', eve, details);
      throw new Error('after all not');
    });
    await expect(failing).rejects.toThrow('after all not');
    expect(await house.send(nothing)).toEqual({ sent: 0, failed: [] });
  });

  it('are sent by one of two senders at once', async () => {
    await house.tell();
    const outcomes = await Promise.all([house.send(nothing), house.send(nothing)]);
    expect(outcomes.map(({ sent }) => sent).sort()).toEqual([0, 1]);
  });

  it('are tried again after 30 s, then slower, up to an hour, while a mail server is down (CHECKLIST 4)', async () => {
    await house.tell();
    for (const wait of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      expect((await house.send(down)).failed).toMatchObject([{ mailId: 'mail-1' }]);
      house.clock.advance(wait - 1);
      expect((await house.send(down)).failed).toEqual([]);
      house.clock.advance(1);
    }
    expect((await house.send(nothing)).sent).toBe(1);
  });

  it('are given up when a server has refused them for good, and not sooner than after 17 hours (RFC 5321 §4.2.1)', async () => {
    await house.tell();
    const refuses: Deliver = async () => {
      throw Object.assign(new Error('550 no such mailbox'), { isForGood: true });
    };
    const outcomes: boolean[] = [];
    const begun = house.clock.now().getTime();
    for (let tries = 0; tries < 24; tries += 1) {
      const { failed } = await house.send(refuses);
      outcomes.push(...failed.map(({ isGivenUp }) => isGivenUp));
      if (tries < 23) house.clock.advance(Math.min(30 * 2 ** tries, 3600));
    }
    expect(outcomes).toEqual([...new Array<boolean>(23).fill(false), true]);
    expect(house.clock.now().getTime() - begun).toBeGreaterThan(17 * 3_600_000);
    house.clock.advance(86_400);
    expect(await house.send(nothing)).toEqual({ sent: 0, failed: [] });
  });

  it('are never given up while the server cannot be reached', async () => {
    await house.tell();
    for (let tries = 0; tries < 200; tries += 1) {
      expect((await house.send(down)).failed).toMatchObject([{ isGivenUp: false }]);
      house.clock.advance(3600);
    }
    expect((await house.send(nothing)).sent).toBe(1);
  });

  it('do not hold each other up: one that cannot be sent leaves the others alone', async () => {
    await house.tell();
    await house.tell();
    let calls = 0;
    const outcome = await house.send(async () => {
      calls += 1;
      if (calls === 1) throw new Error('this one bounced');
    });
    expect(outcome).toMatchObject({ sent: 1, failed: [{ mailId: 'mail-1' }] });
  });

  it('are dropped when their use has passed, and kept when they have no end (CHECKLIST 4)', async () => {
    await house.tell(3600);
    await house.tell();
    house.clock.advance(3600);
    expect(await house.inTransaction(({ outbox }) => outbox.removeExpired(house.clock.now()))).toBe(1);
    expect((await house.send(nothing)).sent).toBe(1);
  });

  it('are dropped also when their use passes while the mails before them are sent (CHECKLIST 4)', async () => {
    await house.tell();
    await house.tell(3600);
    const received: string[] = [];
    const slow: Deliver = async ({ mailId }) => {
      received.push(mailId);
      house.clock.advance(3600);
    };
    expect(await house.send(slow)).toEqual({ sent: 1, failed: [] });
    expect(received).toEqual(['mail-1']);
  });

  it('keep their name when they are tried again, so that a second copy is known for one', async () => {
    await house.tell();
    const received: string[] = [];
    await house.send(async ({ mailId }) => {
      received.push(mailId);
      throw new Error('it was taken, but its answer was lost');
    });
    house.clock.advance(30);
    await house.send(async ({ mailId }) => void received.push(mailId));
    expect(received).toEqual(['mail-1', 'mail-1']);
  });

  it('are sealed where they wait, each for itself', async () => {
    await house.tell();
    const [mail] = await house.stores.outbox.findDue(house.clock.now(), 1);
    expect(mail?.sealedDetails).not.toContain('pin.example.org');
    expect(() => keyring.open('mail-token', mail!.sealedDetails, 'mail-2')).toThrow();
  });
});

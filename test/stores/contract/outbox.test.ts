// What every outbox store must do (domain/notices.ts): give due mails in their order, to one sender at a time.
import { createOutboxStore } from '../../../src/stores/sql/outbox.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (seconds: number): Date => new Date(1_000_000_000 + seconds * 1000);

const mail = (mailId: string, second: number, expiresAt?: Date) => ({
  mailId,
  recipient: 'ada@example.org',
  notice: 'verify-email' as const,
  sealedDetails: `sealed ${mailId}`,
  language: 'de',
  createdAt: at(second),
  expiresAt,
});

describeOnBackends('an outbox store', ({ open }) => {
  const database = open((sql) => ({ outbox: createOutboxStore(sql) }));
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  const dueIds = async (second: number, limit = 50): Promise<string[]> =>
    (await stores.outbox.findDue(at(second), limit)).map(({ mailId }) => mailId);

  it('gives the mails that are due, the oldest first, within the limit, and no expired one', async () => {
    await inTransaction(async ({ outbox }) => {
      await outbox.insert(mail('late', 20));
      await outbox.insert(mail('early', 10));
      await outbox.insert(mail('short', 5, at(15)));
    });
    expect(await dueIds(9)).toEqual(['short']);
    expect(await dueIds(14)).toEqual(['short', 'early']);
    expect(await dueIds(15)).toEqual(['early']);
    expect(await dueIds(30, 1)).toEqual(['early']);
    expect(await stores.outbox.findDue(at(12), 1)).toEqual([
      {
        mailId: 'short',
        recipient: 'ada@example.org',
        notice: 'verify-email',
        sealedDetails: 'sealed short',
        language: 'de',
        attempts: 0,
        expiresAt: at(15),
      },
    ]);
  });

  it('lets one of two senders claim a mail, and makes it due again only later', async () => {
    const claim = () => inTransaction(({ outbox }) => outbox.claim('early', 0, at(100)));
    expect((await Promise.all([claim(), claim()])).sort()).toEqual([false, true]);
    expect(await dueIds(99)).toEqual(['late']);
    expect(await dueIds(100)).toEqual(['early', 'late']);
    expect((await stores.outbox.findDue(at(100), 1))[0]?.attempts).toBe(1);
  });

  it('never gives or lets claim a mail that was sent', async () => {
    await inTransaction(({ outbox }) => outbox.markSent('early', at(101)));
    expect(await dueIds(200)).toEqual(['late']);
    expect(await inTransaction(({ outbox }) => outbox.claim('early', 1, at(300)))).toBe(false);
  });

  it('removes what was sent and what has expired, and keeps the rest', async () => {
    expect(await inTransaction(({ outbox }) => outbox.removeExpired(at(300)))).toBe(2);
    expect(await dueIds(300)).toEqual(['late']);
  });
});

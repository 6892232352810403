// What every audit store must do (domain/audit.ts): keep rows as they were said, newest first, one account apart from another.
import { createAuditStore } from '../../../src/stores/sql/audit.js';
import type { AuditRow } from '../../../src/domain/audit.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const row = (accountId: string | undefined, second: number): AuditRow => ({
  event: 'sign-in',
  accountId: accountId as AccountId | undefined,
  actor: 'anyone',
  details: { second, isNew: true },
  at: new Date(1_000_000 + second * 1000),
  networkAddress: '203.0.113.7',
  userAgent: 'a browser',
  requestId: 'r1',
});

describeOnBackends('an audit store', ({ open }) => {
  const database = open((sql) => ({ audit: createAuditStore(sql) }));
  afterAll(() => database.close());

  it('gives the rows of one account back as they were said, the newest first, within the limit', async () => {
    await database.inTransaction(async ({ audit }) => {
      for (const second of [1, 3, 2]) await audit.insert(row('a', second));
      await audit.insert(row('b', 9));
      await audit.insert(row(undefined, 10));
    });
    expect(await database.stores.audit.findByAccount('a' as AccountId, 2)).toEqual([
      row('a', 3),
      row('a', 2),
    ]);
  });

  it('gives the rows of one account page by page, the newest first, each once', async () => {
    const paged = 'paged' as AccountId;
    await database.inTransaction(async ({ audit }) => {
      for (const second of [11, 13, 12, 14]) await audit.insert(row('paged', second));
      await audit.insert(row('other', 12));
    });
    const { audit } = database.stores;
    const [first, second] = await audit.findPage(paged, undefined, 2);
    expect([first, second]).toMatchObject([row('paged', 14), row('paged', 13)]);
    expect(await audit.findPage(paged, second!.auditId, 9)).toMatchObject([
      row('paged', 12),
      row('paged', 11),
    ]);
    expect(await audit.findPage(paged, '0', 9)).toEqual([]);
  });

  it('removes what is older than a moment, and only that', async () => {
    const removed = await database.inTransaction(({ audit }) =>
      audit.removeBefore(new Date(1_000_000 + 3000)),
    );
    expect(removed).toBe(2);
    expect(await database.stores.audit.findByAccount('a' as AccountId, 9)).toEqual([row('a', 3)]);
  });

  it('keeps nothing of a transaction that failed', async () => {
    const failing = database.inTransaction(async ({ audit }) => {
      await audit.insert(row('c', 1));
      throw new Error('after the insert');
    });
    await expect(failing).rejects.toThrow('after the insert');
    expect(await database.stores.audit.findByAccount('c' as AccountId, 9)).toEqual([]);
  });
});

// What `inTransaction` promises on every engine: all or nothing for each caller, nobody harmed by a neighbour in the same
// COMMIT, and durability as the engine was told to give it.
import { createBudgetStore } from '../../../src/stores/sql/budgets.js';
import { openConnection } from '../../../src/stores/sql/dialect-sqlite.js';
import { describeOnBackends, openTestDatabase } from '../../support/databases.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sql } from '../../../src/stores/sql/statement.js';

const start = new Date(0);
const end = new Date(60_000);
const createStores = (sql: Sql) => ({ budgets: createBudgetStore(sql) });

describeOnBackends('transactions', ({ open }) => {
  const database = open(createStores);
  afterAll(() => database.close());
  const spent = (spender: string) => database.stores.budgets.findSpent('b', spender, start);

  it('keeps the work of callers whose neighbours in the same commit failed', async () => {
    const callers = Array.from({ length: 300 }, (_, index) =>
      database.inTransaction(async ({ budgets }) => {
        await budgets.add('b', `caller ${index}`, start, end);
        if (index % 3 === 0) throw new Error(`caller ${index} fails`);
        return index;
      }),
    );
    const settled = await Promise.allSettled(callers);
    for (const [index, result] of settled.entries()) {
      expect(result.status).toBe(index % 3 === 0 ? 'rejected' : 'fulfilled');
      expect(await spent(`caller ${index}`)).toBe(index % 3 === 0 ? 0 : 1);
    }
  });

  it('runs work again that a failing neighbour undid, and answers with what that run gave', async () => {
    const runs: number[] = [];
    const work = (index: number) =>
      database.inTransaction(async ({ budgets }) => {
        runs.push(index);
        return budgets.add('b', 'run again', start, end);
      });
    const failing = () => database.inTransaction(() => Promise.reject(new Error('refused')));
    const settled = await Promise.allSettled([work(0), failing(), work(1)]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const given = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(given.sort()).toEqual([1, 2]);
    expect(await spent('run again')).toBe(2);
    expect([...new Set(runs)].sort()).toEqual([0, 1]);
  });

  it('lets later callers of one commit see what earlier ones wrote', async () => {
    const sums = await Promise.all(
      [1, 2, 3].map(() => database.inTransaction(({ budgets }) => budgets.add('b', 'shared', start, end))),
    );
    expect(sums.sort()).toEqual([1, 2, 3]);
  });

  it('lets everything else have its turn between two commits', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    for (let commit = 0; commit < 20; commit++)
      await database.inTransaction(({ budgets }) => budgets.add('b', 'in turn', start, end));
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(20);
  });

  it('answers only after the commit: what it answered can be read at once', async () => {
    await database.inTransaction(({ budgets }) => budgets.add('b', 'read back', start, end));
    expect(await spent('read back')).toBe(1);
  });
});

describe('SQLite', () => {
  it('runs every connection in WAL with synchronous=FULL, a reopened one too (CHECKLIST 4, power loss)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'linchpin-test-'));
    const file = join(folder, 'x.sqlite');
    openConnection(file).close();
    for (const options of [{}, { readOnly: true }]) {
      const connection = openConnection(file, options);
      expect(connection.names('pragma journal_mode')).toEqual(['wal']);
      expect(connection.names('pragma synchronous')).toEqual([2]);
      connection.close();
    }
    rmSync(folder, { recursive: true });
  });

  it('refuses writes through the reading stores', async () => {
    const database = openTestDatabase(createStores);
    await expect(database.stores.budgets.add('b', 'x', start, end)).rejects.toThrow();
    await database.close();
  });

  it('answers a full disk as unavailable, keeps no half of the work, and goes on reading', async () => {
    const database = openTestDatabase(createStores, { maxPages: 200 });
    const long = 'x'.repeat(20_000);
    const filling = Array.from({ length: 40 }, (_, index) =>
      database.inTransaction(({ budgets }) => budgets.add('b', `${index}${long}`, start, end)),
    );
    const settled = await Promise.allSettled(filling);
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect((reason as Error).name).toBe('StoreUnavailable');
    for (const [index, { status }] of settled.entries()) {
      const found = await database.stores.budgets.findSpent('b', `${index}${long}`, start);
      expect(found).toBe(status === 'fulfilled' ? 1 : 0);
    }
    await database.close();
  });
});

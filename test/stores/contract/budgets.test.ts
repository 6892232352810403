// What every budget store must do (domain/throttle.ts): add in one step, sum the slices of a window, forget what is over.
import { createBudgetStore } from '../../../src/stores/sql/budgets.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number): Date => new Date(1_000_000 + second * 1000);

describeOnBackends('a budget store', ({ open }) => {
  const database = open((sql) => ({ budgets: createBudgetStore(sql) }));
  afterAll(() => database.close());
  const { budgets } = database.stores;
  const add = (budget: string, spender: string, second: number, expires = second + 60): Promise<number> =>
    database.inTransaction((stores) => stores.budgets.add(budget, spender, at(second), at(expires)));

  it('knows nothing of a spender that it never saw', async () => {
    expect(await budgets.findSpent('b', 'nobody', at(0))).toBe(0);
    expect(await budgets.findOldest('b', 'nobody', at(0))).toBeUndefined();
  });

  it('adds one at a time and answers the sum of the slice', async () => {
    expect([await add('b', 'a', 0), await add('b', 'a', 0), await add('b', 'a', 10)]).toEqual([1, 2, 1]);
  });

  it('sums the slices from a moment on, that moment included, and says which is the oldest', async () => {
    for (const second of [20, 10, 10, 30]) await add('b', 'sum', second);
    const sums = await Promise.all(
      [9, 10, 11, 20, 30, 31].map((second) => budgets.findSpent('b', 'sum', at(second))),
    );
    expect(sums).toEqual([4, 4, 2, 2, 1, 0]);
    expect(await budgets.findOldest('b', 'sum', at(0))).toEqual(at(10));
    expect(await budgets.findOldest('b', 'sum', at(11))).toEqual(at(20));
    expect(await budgets.findOldest('b', 'sum', at(31))).toBeUndefined();
  });

  it('keeps budgets apart and spenders apart, to the letter', async () => {
    await add('b', 'case', 0);
    await add('other', 'case', 0);
    await add('b', 'Case', 0);
    await add('b', 'case ', 0);
    expect(await budgets.findSpent('b', 'case', at(0))).toBe(1);
  });

  it('lets a transaction see what it has added itself, and nobody else until it is committed', async () => {
    await database.inTransaction(async (stores) => {
      await stores.budgets.add('b', 'inside', at(0), at(60));
      expect(await stores.budgets.findSpent('b', 'inside', at(0))).toBe(1);
      expect(await budgets.findSpent('b', 'inside', at(0))).toBe(0);
    });
    expect(await budgets.findSpent('b', 'inside', at(0))).toBe(1);
  });

  it('keeps nothing of a transaction that failed', async () => {
    const failing = database.inTransaction(async (stores) => {
      await stores.budgets.add('b', 'failed', at(0), at(60));
      throw new Error('after the count');
    });
    await expect(failing).rejects.toThrow('after the count');
    expect(await budgets.findSpent('b', 'failed', at(0))).toBe(0);
  });

  it('takes back one from the slice that is named, down to nothing; an empty slice is not the oldest', async () => {
    for (const second of [0, 10, 10]) await add('b', 'back', second);
    const takeBack = (second: number) =>
      database.inTransaction((stores) => stores.budgets.takeBack('b', 'back', at(second)));
    for (const second of [0, 0, 5, 10]) await takeBack(second);
    expect(await budgets.findSpent('b', 'back', at(0))).toBe(1);
    expect(await budgets.findOldest('b', 'back', at(0))).toEqual(at(10));
  });

  it('loses no count of many at once', async () => {
    const sums = await Promise.all(Array.from({ length: 200 }, () => add('b', 'busy', 0)));
    expect([...sums].sort((one, other) => one - other)).toEqual(sums.map((_, index) => index + 1));
    expect(await budgets.findSpent('b', 'busy', at(0))).toBe(200);
  });

  it('removes what has expired by a moment, and only that', async () => {
    await add('expiry', 'a', 1000, 1060);
    await add('expiry', 'a', 1010, 1070);
    const remove = (second: number) =>
      database.inTransaction((stores) => stores.budgets.removeExpired(at(second)));
    await remove(1059.999);
    expect(await budgets.findSpent('expiry', 'a', at(0))).toBe(2);
    expect(await remove(1060)).toBe(1);
    expect(await budgets.findOldest('expiry', 'a', at(0))).toEqual(at(1010));
    expect(await remove(1070)).toBe(1);
    expect(await budgets.findSpent('expiry', 'a', at(0))).toBe(0);
  });
});

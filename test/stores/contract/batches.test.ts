// What `inBatch` promises on every engine, and on SQLite also where a thread commits: all or nothing for each batch, each row
// changed or nothing, nobody harmed by a neighbour in the same COMMIT, and no answer before it.
import { createBudgetStore } from '../../../src/stores/sql/budgets.js';
import type { Database } from '../../../src/stores/sql/database.js';
import { statement, StoreUnavailable, type Sql } from '../../../src/stores/sql/statement.js';
import { describeOnBackends, openTestDatabase, type Backend } from '../../support/databases.js';

const insert = statement<{ name: string; value: string }>()((db, p) =>
  db.insertInto('house').values({ name: p('name'), value: p('value'), changed_at: 0 }),
);
const update = statement<{ name: string; value: string }>()((db, p) =>
  db
    .updateTable('house')
    .set({ value: p('value') })
    .where('name', '=', p('name')),
);
const updateAll = statement<{ old: string; value: string }>()((db, p) =>
  db
    .updateTable('house')
    .set({ value: p('value') })
    .where('value', '=', p('old')),
);
const select = statement<{ name: string }>()((db, p) =>
  db.selectFrom('house').select('value').where('name', '=', p('name')),
);

const createStores = (sql: Sql) => ({
  budgets: createBudgetStore(sql),
  make: (name: string, value = 'new') => sql.change(insert, { name, value }),
  change: (name: string, value: string) => sql.change(update, { name, value }),
  changeAll: (old: string, value: string) => sql.change(updateAll, { old, value }),
  read: async (name: string) => (await sql.one(select, { name }))?.value,
});
type Stores = ReturnType<typeof createStores>;

let names = 0;
const newName = (): string => `fact ${++names}`;

function promises(open: () => Database<Stores>): void {
  let database: Database<Stores>;
  beforeAll(() => {
    database = open();
  });
  afterAll(() => database.close());
  const read = (name: string) => database.stores.read(name);

  /** So many that a thread has begun by then. */
  async function warm(): Promise<void> {
    const until = performance.now() + 400;
    while (performance.now() < until)
      await Promise.all([1, 2, 3].map(() => database.inBatch(({ make }) => [make(newName())])));
  }
  beforeAll(warm);

  it('does all that was asked for, and answers when it can be read', async () => {
    const [one, other] = [newName(), newName()];
    expect(
      await database.inBatch(({ make, change }) => [make(one), make(other), change(one, 'changed')]),
    ).toBe(true);
    expect([await read(one), await read(other)]).toEqual(['changed', 'new']);
  });

  it('has nothing to do for a batch of nothing', async () => {
    expect(await database.inBatch(() => [])).toBe(true);
  });

  it('takes a write that changes several rows for done', async () => {
    const made = [newName(), newName()];
    const value = `of ${made[0]}`;
    await database.inBatch(({ make }) => made.map((name) => make(name, value)));
    expect(await database.inBatch(({ changeAll }) => [changeAll(value, 'all')])).toBe(true);
    expect(await Promise.all(made.map(read))).toEqual(['all', 'all']);
  });

  it('does nothing of a batch of which one write changes no row, wherever it stands', async () => {
    for (const place of [0, 1, 2]) {
      const made = [newName(), newName()];
      const isDone = await database.inBatch(({ make, change }) => {
        const asks = made.map((name) => () => make(name));
        asks.splice(place, 0, () => change('nobody', 'x'));
        return asks.map((ask) => ask());
      });
      expect(isDone).toBe(false);
      expect(await Promise.all(made.map(read))).toEqual([undefined, undefined]);
    }
  });

  it('rejects with what the driver says, and leaves nothing of that batch', async () => {
    const [known, made] = [newName(), newName()];
    await database.inBatch(({ make }) => [make(known)]);
    const clash = database.inBatch(({ make }) => [make(made), make(known)]);
    await expect(clash).rejects.toThrow(/unique/i);
    await expect(clash).rejects.not.toBeInstanceOf(StoreUnavailable);
    expect(await read(made)).toBeUndefined();
  });

  it('keeps the batches whose neighbours in the same commit failed', async () => {
    const known = newName();
    await database.inBatch(({ make }) => [make(known)]);
    const made = Array.from({ length: 300 }, newName);
    const settled = await Promise.allSettled(
      made.map((name, index) =>
        database.inBatch(({ make, change }) => [
          make(name),
          ...(index % 5 === 0 ? [change('nobody', 'x')] : []),
          ...(index % 7 === 0 ? [make(known)] : []),
        ]),
      ),
    );
    for (const [index, result] of settled.entries()) {
      const [isUndone, isClash] = [index % 5 === 0, index % 7 === 0];
      expect(result.status === 'rejected').toBe(isClash && !isUndone);
      if (result.status === 'fulfilled') expect(result.value).toBe(!isUndone);
      expect(await read(made[index]!)).toBe(isUndone || isClash ? undefined : 'new');
    }
  });

  it('takes turns with transactions, and neither waits forever', async () => {
    const end = new Date(60_000);
    const made = Array.from({ length: 200 }, newName);
    const all = made.flatMap((name) => [
      database.inBatch(({ make }) => [make(name)]),
      database.inTransaction(({ budgets }) => budgets.add('turns', 'all', new Date(0), end)),
    ]);
    const sums = (await Promise.all(all)).filter((sum) => typeof sum === 'number');
    expect(sums.sort((one, other) => one - other)).toEqual(made.map((_, index) => index + 1));
    expect(new Set(await Promise.all(made.map(read)))).toEqual(new Set(['new']));
  });

  it('lets a transaction see what a batch before it has done, and the other way round', async () => {
    const name = newName();
    await database.inBatch(({ make }) => [make(name)]);
    expect(await database.inTransaction(({ change }) => change(name, 'by a transaction'))).toBe(1);
    expect(await database.inBatch(({ change }) => [change(name, 'by a batch')])).toBe(true);
    expect(await read(name)).toBe('by a batch');
  });

  it('only writes, and nothing that is asked for later', async () => {
    const name = newName();
    await expect(database.inBatch((stores) => [stores.read(name)])).rejects.toThrow('a batch only writes');
    let late: Promise<unknown> = Promise.resolve();
    await database.inBatch((stores) => {
      late = Promise.resolve().then(() => stores.make(name));
      late.catch(() => undefined);
      return [];
    });
    await expect(late).rejects.toThrow('all at once');
    expect(await read(name)).toBeUndefined();
  });

  it('does nothing where the work itself fails, and goes on with the next', async () => {
    const name = newName();
    const failing = database.inBatch((stores) => {
      void stores.make(name);
      throw new Error('refused');
    });
    await expect(failing).rejects.toThrow('refused');
    expect(await database.inBatch(({ make }) => [make(name)])).toBe(true);
  });
}

describeOnBackends('batches', ({ open }: Backend) => promises(() => open(createStores)));

describe('batches that a thread commits', () =>
  promises(() => openTestDatabase(createStores, { batchesInASecond: 1 })));

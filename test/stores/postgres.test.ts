// What is PostgreSQL's alone: who migrates, what is run again, and what is said when a connection breaks. What every store
// promises on it is in contract/.
import pg from 'pg';
import { createBudgetStore } from '../../src/stores/sql/budgets.js';
import { openPostgres } from '../../src/stores/sql/database-postgres.js';
import { StoreUnavailable, type Sql } from '../../src/stores/sql/statement.js';
import { migrations } from '../../src/stores/sql/migrations.js';
import { createDatabase } from '../support/databases.js';
import { describeWithPostgres } from '../support/postgres.js';

const start = new Date(0);
const end = new Date(60_000);
const createStores = (sql: Sql) => ({ budgets: createBudgetStore(sql) });

describeWithPostgres('PostgreSQL', (postgresUrl) => {
  let place: Awaited<ReturnType<typeof createDatabase>>;
  beforeEach(async () => void (place = await createDatabase(postgresUrl)));
  afterEach(() => place.drop());

  const open = (checkpoint?: (moment: string) => void) =>
    openPostgres({
      url: place.url,
      createStores,
      mostConnections: 6,
      ...(checkpoint ? { checkpoint } : {}),
    });

  async function admin<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: place.url });
    await client.connect();
    const { rows } = await client.query<Row>(text, values).finally(() => client.end());
    return rows;
  }

  it('is migrated once by ten processes that start at the same moment (CHECKLIST 4)', async () => {
    const databases = await Promise.all(Array.from({ length: 10 }, () => open()));
    const rows = await admin<{ name: string }>('select name from migrations order by name');
    expect(rows.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name).sort());
    for (const database of databases) await database.close();
  });

  it('says that it is unavailable where nobody listens, and where the password is wrong', async () => {
    for (const change of [(url: URL) => (url.port = '1'), (url: URL) => (url.password = 'wrong')]) {
      const url = new URL(place.url);
      change(url);
      await expect(openPostgres({ url: url.href, createStores })).rejects.toThrow();
    }
  });

  it('runs again what lost to another transaction: a hundred additions at once make a hundred', async () => {
    const database = await open();
    const add = () => database.inTransaction(({ budgets }) => budgets.add('b', 'x', start, end));
    const settled = await Promise.allSettled(Array.from({ length: 100 }, add));
    const counted = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(new Set(counted).size).toBe(counted.length);
    for (const one of settled)
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(StoreUnavailable);
    expect(await database.stores.budgets.findSpent('b', 'x', start)).toBe(counted.length);
    expect(counted.length).toBeGreaterThan(90);
    await database.close();
  });

  it('runs again what loses twenty times: somebody else was quicker, which is no fault (CHECKLIST 4)', async () => {
    const database = await open();
    const add = () => database.inTransaction(({ budgets }) => budgets.add('a', 'one', start, end));
    await add();
    let runs = 0;
    const sum = await database.inTransaction(async ({ budgets }) => {
      await budgets.findSpent('a', 'one', start);
      if ((runs += 1) <= 20) await admin('update budgets set spent = spent + 1');
      return budgets.add('a', 'one', start, end);
    });
    expect([runs, sum]).toEqual([21, 22]);
    await database.close();
  });

  it('lets two transactions that each read what the other writes not both succeed unseen (write skew)', async () => {
    const database = await open();
    const both = { started: 0, go: () => undefined as void };
    const gate = new Promise<void>((resolve) => (both.go = resolve));
    const runs = { mine: 0, other: 0 };
    // Each spends only where the other has not: one after the other, exactly one of them spends.
    const spendUnless = (own: 'mine' | 'other', others: 'mine' | 'other') =>
      database.inTransaction(async ({ budgets }) => {
        runs[own] += 1;
        const isSpent = (await budgets.findSpent('b', others, start)) > 0;
        if (runs[own] === 1) {
          if (++both.started === 2) both.go();
          await gate;
        }
        if (!isSpent) await budgets.add('b', own, start, end);
        return !isSpent;
      });
    const spent = await Promise.all([spendUnless('mine', 'other'), spendUnless('other', 'mine')]);
    expect(spent.sort()).toEqual([false, true]);
    await database.close();
  });

  it('keeps nothing of a transaction whose connection broke before its COMMIT, says so, and serves the next', async () => {
    const broken = { pid: 0, isArmed: true };
    const database = await open();
    const work = database.inTransaction(async ({ budgets }) => {
      await budgets.add('b', 'cut', start, end);
      if (broken.isArmed) {
        broken.isArmed = false;
        await admin(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'linchpin' and state = 'idle in transaction'`,
        );
      }
      return budgets.add('b', 'cut', start, end);
    });
    await expect(work).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await database.inTransaction(({ budgets }) => budgets.add('b', 'cut', start, end))).toBe(1);
    await database.close();
  });

  it('never reports a broken transaction as committed, also where its work swallowed the fault', async () => {
    const database = await open();
    const swallowed = database.inTransaction(async ({ budgets }) => {
      await budgets.add('b', 'kept', start, end);
      // A NUL is no text in PostgreSQL: the statement fails, and with it the transaction.
      await budgets.add('b', 'bad \0 text', start, end).catch(() => undefined);
      return 'done';
    });
    await expect(swallowed).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await database.stores.budgets.findSpent('b', 'kept', start)).toBe(0);
    await database.close();
  });

  it('refuses writes through the reading stores before they are sent', async () => {
    const database = await open();
    await expect(database.stores.budgets.add('b', 'x', start, end)).rejects.toThrow(TypeError);
    await database.close();
  });

  it('tells the time of the database, whatever the clock of this machine says (CHECKLIST 4, clock skew)', async () => {
    const database = await open();
    const [row] = await admin<{ time: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as time',
    );
    const apart = database.now().getTime() - row!.time;
    expect(apart).toBeGreaterThan(-100);
    expect(apart).toBeLessThan(30_000);
    await database.close();
  });

  it('answers ping, and no longer once it is gone', async () => {
    const database = await open();
    await expect(database.ping()).resolves.toBeUndefined();
    await database.close();
    await expect(database.ping()).rejects.toThrow();
  });
});

// Statements on a SQLite connection (stores/sql/statement.ts, dialect-sqlite.ts): how named parameters fill the text, that the
// text is built once, and which of the engine's faults say only "not now".
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asStoreFault, openConnection, sqliteBuilder } from '../../src/stores/sql/dialect-sqlite.js';
import { statement, StoreUnavailable } from '../../src/stores/sql/statement.js';
import { openTestDatabase } from '../support/databases.js';

type Row = { budget: string; spender: string; start: number; spent: number };

const insertRow = statement<Row>()((db, p) =>
  db.insertInto('budgets').values({
    spent: p('spent'),
    expires_at: 7,
    spender: p('spender'),
    budget: p('budget'),
    window_starts_at: p('start'),
  }),
);
const selectRows = statement<{ budget: string; least: number }>()((db, p) =>
  db
    .selectFrom('budgets')
    .select(['spender', 'spent', 'expires_at'])
    .where('spent', '>=', p('least'))
    .where('expires_at', '=', 7)
    .where('budget', '=', p('budget'))
    .orderBy('spender'),
);
/** The same name twice, a constant between them. */
const selectByEither = statement<{ word: string }>()((db, p) =>
  db
    .selectFrom('budgets')
    .select('spender')
    .where((where) =>
      where.or([
        where('budget', '=', p('word')),
        where('spender', '=', 'constant'),
        where('spender', '=', p('word')),
      ]),
    )
    .orderBy('spender'),
);
const updateSpent = statement<{ budget: string; spent: number }>()((db, p) =>
  db
    .updateTable('budgets')
    .set({ spent: p('spent') })
    .where('budget', '=', p('budget')),
);

const row = (budget: string, spender: string, spent = 1): Row => ({ budget, spender, start: 0, spent });

describe('a statement', () => {
  const database = openTestDatabase((sql) => ({ sql }));
  afterAll(() => database.close());
  const { sql } = database.stores;
  const insert = (...rows: Row[]): Promise<void> =>
    database.inTransaction(async ({ sql: writing }) => {
      for (const each of rows) expect(await writing.change(insertRow, each)).toBe(1);
    });

  it('names its parameters in the order of the text, and keeps its constants', () => {
    expect(insertRow.compile(sqliteBuilder)).toEqual({
      sql: expect.stringMatching(/^insert into "budgets" \(.*\) values \(\?, \?, \?, \?, \?\)$/) as string,
      order: [{ name: 'spent' }, { value: 7 }, { name: 'spender' }, { name: 'budget' }, { name: 'start' }],
    });
  });

  it('fills them by name, whatever the order in which the values are given', async () => {
    await insert(row('fill', 'one', 1), row('fill', 'two', 2), row('fill', 'three', 3));
    expect(await sql.all(selectRows, { budget: 'fill', least: 2 })).toEqual([
      { spender: 'three', spent: 3, expires_at: 7 },
      { spender: 'two', spent: 2, expires_at: 7 },
    ]);
    expect(await sql.all(selectRows, { least: 4, budget: 'fill' })).toEqual([]);
  });

  it('fills a parameter that stands in it twice in both places', async () => {
    await insert(row('either', 'a'), row('b', 'either'), row('c', 'constant'), row('d', 'd'));
    expect(selectByEither.compile(sqliteBuilder).order).toEqual([
      { name: 'word' },
      { value: 'constant' },
      { name: 'word' },
    ]);
    const found = await sql.all(selectByEither, { word: 'either' });
    expect(found.map(({ spender }) => spender)).toEqual(['a', 'constant', 'either']);
  });

  it('answers the first row or undefined, and how many rows were changed', async () => {
    await insert(row('one', 'a'), row('one', 'b'));
    expect(await sql.one(selectRows, { budget: 'one', least: 0 })).toMatchObject({ spender: 'a' });
    expect(await sql.one(selectRows, { budget: 'none', least: 0 })).toBeUndefined();
    const changed = await database.inTransaction(async ({ sql: writing }) => [
      await writing.change(updateSpent, { budget: 'one', spent: 5 }),
      await writing.change(updateSpent, { budget: 'none', spent: 5 }),
    ]);
    expect(changed).toEqual([2, 0]);
  });

  it('takes a value as a value, whatever it looks like', async () => {
    const hostile = `x' or '1'='1"; drop table budgets; -- \u0000 ?`;
    await insert(row('hostile', hostile));
    expect(await sql.all(selectRows, { budget: 'hostile', least: 0 })).toMatchObject([{ spender: hostile }]);
    expect(await sql.all(selectRows, { budget: hostile, least: 0 })).toEqual([]);
  });

  it('is refused where a value is missing, rather than run without it', async () => {
    const missing = { budget: 'fill' } as unknown as { budget: string; least: number };
    await expect(sql.all(selectRows, missing)).rejects.toThrow('lacks one of its values');
  });

  it('is built once for a connection, however often it runs', async () => {
    let built = 0;
    const counted = statement<{ budget: string }>()((db, p) => {
      built += 1;
      return db.selectFrom('budgets').select('spent').where('budget', '=', p('budget'));
    });
    for (const budget of ['fill', 'one', 'none']) {
      await sql.all(counted, { budget });
      await sql.one(counted, { budget });
    }
    expect(built).toBe(1);
    await database.inTransaction(({ sql: writing }) => writing.all(counted, { budget: 'fill' }));
    expect(built).toBe(2);
  });

  it('lets the driver’s own error through where a row is there already: that is a fault of the data', async () => {
    await insert(row('unique', 'a'));
    const again = await insert(row('unique', 'a')).catch((error: unknown) => error);
    expect(again).toMatchObject({ name: 'SqliteError', code: 'SQLITE_CONSTRAINT_PRIMARYKEY' });
    expect(again).not.toBeInstanceOf(StoreUnavailable);
  });
});

describe('a fault of SQLite', () => {
  it('is StoreUnavailable where the disk is full, with the driver’s word for it, and reading goes on', async () => {
    const database = openTestDatabase((sql) => ({ sql }), { maxPages: 200 });
    const fill = async (index: number): Promise<unknown> =>
      database.inTransaction(({ sql }) => sql.change(insertRow, row(`${index}${'x'.repeat(20_000)}`, 'a')));
    let fault: unknown;
    for (let index = 0; index < 40 && fault === undefined; index++)
      await fill(index).catch((error: unknown) => (fault = error));
    expect(fault).toBeInstanceOf(StoreUnavailable);
    expect(JSON.stringify([String(fault), String((fault as Error).cause)])).toMatch(/SQLITE_FULL|full/);
    await expect(
      database.stores.sql.one(selectRows, { budget: `0${'x'.repeat(20_000)}`, least: 1 }),
    ).resolves.toMatchObject({ spender: 'a' });
    await database.close();
  });

  it('is StoreUnavailable where a connection may only read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'linchpin-test-'));
    const file = join(folder, 'x.sqlite');
    const writing = openConnection(file);
    writing.execute('create table t (x integer)');
    const reading = openConnection(file, { readOnly: true });
    expect(() => reading.execute('insert into t values (1)')).toThrow(StoreUnavailable);
    reading.close();
    writing.close();
    rmSync(folder, { recursive: true });
  });

  it('is left as it is where it is no fault of the engine', () => {
    const other = Object.assign(new Error('SQLITE_FULL'), { code: 'SQLITE_FULL' });
    expect(asStoreFault(other)).toBe(other);
    expect(asStoreFault(undefined)).toBeUndefined();
  });
});

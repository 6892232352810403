// Reads on PostgreSQL that come in one turn of the event loop: asked together, answered each for itself.
import type pg from 'pg';
import { createPool } from '../../src/stores/sql/dialect-postgres.js';
import { createReadingSql } from '../../src/stores/sql/reading-postgres.js';
import { statement } from '../../src/stores/sql/statement.js';
import { createDatabase } from '../support/databases.js';
import { describeWithPostgres } from '../support/postgres.js';

const findMigration = statement<{ name: string }>()((db, p) =>
  db
    .selectFrom('house')
    .select(['name', 'value'])
    .where('name', '=', p('name'))
    .where('value', '<>', 'nothing'),
);
const findByBoth = statement<{ name: string; value: string }>()((db, p) =>
  db.selectFrom('house').select('value').where('name', '=', p('name')).where('value', '=', p('value')),
);
const findLast = statement<{ value: string }>()((db, p) =>
  db.selectFrom('house').select('name').where('value', '=', p('value')).orderBy('name', 'desc').limit(1),
);

describeWithPostgres('reads on PostgreSQL', (postgresUrl) => {
  let place: Awaited<ReturnType<typeof createDatabase>>;
  let pool: pg.Pool;
  let sent: string[];
  let sql: ReturnType<typeof createReadingSql>;

  beforeEach(async () => {
    place = await createDatabase(postgresUrl);
    pool = createPool(place.url, 2);
    await pool.query('create table house (name text primary key, value text not null)');
    for (const name of ['one', 'two', 'three'])
      await pool.query('insert into house values ($1, $2)', [name, `of ${name}`]);
    sent = [];
    const query = (asked: { text: string }) => {
      sent.push(asked.text);
      return pool.query(asked);
    };
    sql = createReadingSql({ query } as unknown as pg.Pool);
  });
  afterEach(async () => {
    await pool.end();
    await place.drop();
  });

  const find = (name: string) => sql.one(findMigration, { name });

  it('are one statement where they differ in their values alone, and each is answered for itself', async () => {
    const names = ['two', 'four', 'one', 'two', '', "o'ne"];
    const found = await Promise.all(names.map(find));
    expect(found.map((row) => row?.value)).toEqual([
      'of two',
      undefined,
      'of one',
      'of two',
      undefined,
      undefined,
    ]);
    expect(sent).toHaveLength(1);
  });

  it('are as many statements as there are questions, and full ones', async () => {
    const many = Array.from({ length: 300 }, (_, at) => find(at % 2 ? 'one' : 'two'));
    const other = sql.one(findByBoth, { name: 'three', value: 'of three' });
    expect(new Set((await Promise.all(many)).map((row) => row?.value))).toEqual(
      new Set(['of one', 'of two']),
    );
    expect(await other).toMatchObject({ value: 'of three' });
    expect(sent).toHaveLength(4);
  });

  it('are sent as they are where one comes alone, or the order of rows counts', async () => {
    await find('one');
    await Promise.all(['of one', 'of two'].map((value) => sql.one(findLast, { value })));
    expect(sent.filter((text) => text.includes('unnest'))).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  it('are spoilt by nobody who asks for what PostgreSQL cannot read', async () => {
    const asked = await Promise.allSettled(['one', 'a\0b', 'two'].map(find));
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(asked[2]).toMatchObject({ value: { value: 'of two' } });
  });

  it('see what was committed before they were asked', async () => {
    await pool.query("update house set value = 'new' where name = 'one'");
    const found = await Promise.all([find('one'), find('two')]);
    expect(found.map((row) => row?.value)).toEqual(['new', 'of two']);
  });

  it('tell all who asked that PostgreSQL is gone', async () => {
    await pool.end();
    for (const settled of await Promise.allSettled(['one', 'two'].map(find)))
      expect(settled).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } });
    pool = createPool(place.url, 2);
  });
});

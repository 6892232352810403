// Reads that share one look at an SQLite file for a turn of the event loop: never at the cost of what has been committed.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openConnection } from '../../src/stores/sql/dialect-sqlite.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { statement, type Sql } from '../../src/stores/sql/statement.js';
import { newFolder } from '../support/folder.js';

const select = statement<{ name: string }>()((db, p) =>
  db.selectFrom('house').select('value').where('name', '=', p('name')),
);
const insert = statement<{ name: string; value: string }>()((db, p) =>
  db.insertInto('house').values({ name: p('name'), value: p('value'), changed_at: 0 }),
);
const update = statement<{ name: string; value: string }>()((db, p) =>
  db
    .updateTable('house')
    .set({ value: p('value') })
    .where('name', '=', p('name')),
);

function createFacts(sql: Sql) {
  return {
    read: async (): Promise<string | undefined> => (await sql.one(select, { name: 'fact' }))?.value,
    make: (value: string): Promise<number> => sql.change(insert, { name: 'fact', value }),
    write: (value: string): Promise<number> => sql.change(update, { name: 'fact', value }),
  };
}

async function openFacts() {
  const file = join(newFolder('shared-reads'), 'linchpin.sqlite');
  const database = openDatabase({ file, createStores: createFacts, isAlone: true });
  await database.inTransaction(({ make }) => make('old'));
  return { file, ...database };
}

it('sees what was committed in this turn, however often it was read before', async () => {
  const { stores, inTransaction, close } = await openFacts();
  const seen = inTransaction(({ write }) => write('new')).then(() => stores.read());
  for (let turn = 0; turn < 3; turn++) {
    void stores.read();
    await nextTurn();
  }
  expect(await seen).toBe('new');
  const first = await stores.read();
  const done = inTransaction(({ write }) => write('newer'));
  await done;
  expect([first, await stores.read()]).toEqual(['new', 'newer']);
  await close();
});

it('never sees what is not committed, and goes on after a transaction that failed', async () => {
  const { stores, inTransaction, close } = await openFacts();
  const inside = inTransaction(async ({ write }) => {
    await write('undone');
    expect(await stores.read()).toBe('old');
    throw new Error('undo it');
  });
  await expect(inside).rejects.toThrow('undo it');
  expect(await stores.read()).toBe('old');
  await close();
});

it('sees in the next turn what another program has committed', async () => {
  const { file, stores, close } = await openFacts();
  expect(await stores.read()).toBe('old');
  const other = openConnection(file);
  other.execute(`update house set value = 'theirs' where name = 'fact'`);
  await nextTurn();
  expect(await stores.read()).toBe('theirs');
  other.close();
  await close();
});

it('lets the log be emptied, although somebody reads in every turn', async () => {
  const { file, stores, inTransaction, close } = await openFacts();
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      await stores.read();
      await nextTurn();
    }
  })();
  // 60 MB in all; the log is emptied after 16.
  for (let i = 0; i < 120; i++) await inTransaction(({ write }) => write(String(i).padEnd(500_000, 'x')));
  isOver = true;
  await reading;
  expect(statSync(`${file}-wal`).size).toBeLessThan(24_000_000);
  await close();
});

it('is closed in the middle of a turn', async () => {
  const { stores, close } = await openFacts();
  await stores.read();
  await close();
  await nextTurn();
  await expect(stores.read()).rejects.toThrow('not open');
});

// The thread that brings SQLite's log back into its file: it loses nothing, ends by itself, and is missed by nobody.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../src/stores/sql/database.js';
import { openConnection } from '../../src/stores/sql/dialect-sqlite.js';
import { statement, type Sql } from '../../src/stores/sql/statement.js';
import { createWalCheckpoints } from '../../src/stores/sql/wal-checkpoints.js';
import { newFolder } from '../support/folder.js';

const insert = statement<{ name: string; value: string }>()((db, p) =>
  db.insertInto('house').values({ name: p('name'), value: p('value'), changed_at: 0 }),
);
const createFacts = (sql: Sql) => ({
  make: (name: string) => sql.change(insert, { name, value: 'x'.repeat(20) }),
});
type Facts = ReturnType<typeof createFacts>;

async function openFacts() {
  const file = join(newFolder('wal-checkpoints'), 'linchpin.sqlite');
  const database = openDatabase<Facts>({ file, createStores: createFacts });
  const write = (count: number, from = 0) =>
    Promise.all(
      Array.from({ length: count }, (_, at) =>
        database.inTransaction(({ make }) => make(`fact ${from + at}`)),
      ),
    );
  return { file, write, close: database.close };
}

function countFacts(file: string): string[] {
  const connection = openConnection(file);
  try {
    return connection.names(`select count(*) from house where name like 'fact %'`);
  } finally {
    connection.close();
  }
}

/** A checkpointer of a file with a log, and what it told. */
function watched(file: string, idleLimitMs = 60_000) {
  const told: boolean[] = [];
  const waiting: (() => void)[] = [];
  const checkpoints = createWalCheckpoints({
    file,
    transactionsBetween: 10,
    idleLimitMs,
    onChange(isInThread) {
      told.push(isInThread);
      for (const resolve of waiting.splice(0)) resolve();
    },
  });
  return { ...checkpoints, told, changed: () => new Promise<void>((resolve) => waiting.push(resolve)) };
}

it('brings the log back into the file long before a commit would (https://sqlite.org/wal.html#ckpt)', async () => {
  const { file, write, close } = await openFacts();
  const before = statSync(file).size;
  await write(4200);
  // Only a checkpoint writes to the file, and the log is too short for one of the writing connection.
  while (statSync(file).size <= before + 100_000) await delay(5);
  await close();
  expect(countFacts(file)).toEqual([4200]);
});

it('starts for none of a few transactions', async () => {
  const { file } = await openFacts();
  const checkpoints = watched(file);
  for (let count = 0; count < 9; count++) checkpoints.note(1);
  expect(checkpoints.told).toEqual([]);
  checkpoints.note(1);
  expect(checkpoints.told).toEqual([true]);
  await checkpoints.close();
  expect(checkpoints.told).toEqual([true, false]);
});

it('ends the thread when nothing is written any more, and starts another when something is', async () => {
  const { file, close } = await openFacts();
  const checkpoints = watched(file, 20);
  for (const expected of [
    [true, false],
    [true, false, true, false],
  ]) {
    checkpoints.note(10);
    await checkpoints.changed();
    expect(checkpoints.told).toEqual(expected);
  }
  await checkpoints.close();
  await close();
});

it('leaves it to the writing connection where the thread fails, and does not try again at once', async () => {
  const { file, close } = await openFacts();
  await close();
  rmSync(file);
  const checkpoints = watched(file);
  checkpoints.note(10);
  await checkpoints.changed();
  expect(checkpoints.told).toEqual([true, false]);
  checkpoints.note(1000);
  expect(checkpoints.told).toEqual([true, false]);
  await checkpoints.close();
});

it('starts nothing after it was closed', async () => {
  const { file, close } = await openFacts();
  const checkpoints = watched(file);
  await checkpoints.close();
  checkpoints.note(1000);
  expect(checkpoints.told).toEqual([]);
  await close();
});

it('leaves it to the writing connection where the system gives no thread', async () => {
  // What cannot be handed to a thread stops it from being made, in the same moment as a limit of the system does.
  const checkpoints = watched((() => 'no text') as never);
  for (let turn = 0; turn < 3; turn++) checkpoints.note(10);
  expect(checkpoints.told).toEqual([]);
  await checkpoints.close();
});

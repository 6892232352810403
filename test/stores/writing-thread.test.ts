// The thread that commits batches: when it starts and ends, what it makes of a full disk, and that nobody misses it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection } from '../../src/stores/sql/dialect-sqlite.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { statement, StoreUnavailable, type Sql } from '../../src/stores/sql/statement.js';
import { createWritingThread } from '../../src/stores/sql/writing-thread.js';
import { createWritingTurn } from '../../src/stores/sql/writing-turn.js';
import { newFolder } from '../support/folder.js';
import { writeMigrated } from '../support/migrated.js';

const insert = statement<{ name: string; value: string }>()((db, p) =>
  db.insertInto('house').values({ name: p('name'), value: p('value'), changed_at: 0 }),
);
const broken = statement<Record<string, never>>()((db) => db.deleteFrom('nowhere' as 'house'));

function newFile(): string {
  const file = join(newFolder('writing-thread'), 'linchpin.sqlite');
  writeMigrated(file);
  return file;
}

let names = 0;
const aWrite = (value = 'x') => ({ statement: insert as never, values: { name: `fact ${++names}`, value } });
const threads = (): number => readdirSync('/proc/self/task').length;

/** A thread of a file, and what it has done so far. */
function watched(
  file: string,
  options: { idleLimitMs?: number; maxPages?: number; batchesInASecond?: number } = {},
) {
  const commits: number[] = [];
  const turn = createWritingTurn();
  const afterCommit = (batches: number): void => void commits.push(batches);
  const thread = createWritingThread({ file, turn, afterCommit, batchesInASecond: 1, ...options });
  /** Asks until the thread is there. */
  async function ready(): Promise<void> {
    while ((await thread.commit([aWrite()])) === undefined) await delay(5);
  }
  return { ...thread, turn, commits, ready };
}

function count(file: string): string[] {
  const connection = openConnection(file);
  try {
    return connection.names(`select count(*) from house where name like 'fact %'`);
  } finally {
    connection.close();
  }
}

it('starts where so many come in one second, and for no fewer', async () => {
  const { commit, ready, close } = watched(newFile(), { batchesInASecond: 20 });
  const before = threads();
  for (let asked = 0; asked < 19; asked++) expect(commit([aWrite()])).toBeUndefined();
  expect(threads()).toBe(before);
  await ready();
  expect(threads()).toBe(before + 1);
  await close();
  expect(threads()).toBe(before);
});

it('commits together what came together, in one transaction each', async () => {
  const file = newFile();
  const { commit, commits, ready, close } = watched(file);
  await ready();
  const asked = Array.from({ length: 100 }, () => commit([aWrite(), aWrite()])!);
  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
  expect(commits.reduce((sum, batches) => sum + batches, 0)).toBe(101);
  expect(commits.length).toBeLessThan(20);
  await close();
  expect(count(file)).toEqual([201]);
});

it('waits for its turn, and gives it to whoever else waits', async () => {
  const { commit, turn, ready, close } = watched(newFile());
  await ready();
  const order: string[] = [];
  turn.take(() => order.push('ours'));
  const first = commit([aWrite()])!.then(() => order.push('first'));
  turn.take(() => {
    order.push('ours again');
    setImmediate(turn.leave);
  });
  await delay(20);
  expect(order).toEqual(['ours']);
  turn.leave();
  const second = commit([aWrite()])!.then(() => order.push('second'));
  await Promise.all([first, second]);
  await delay(5);
  expect(order.indexOf('ours again')).toBeGreaterThan(0);
  expect(order).toHaveLength(4);
  await close();
  turn.take(() => order.push('free'));
  expect(order.at(-1)).toBe('free');
});

it('ends when nobody comes any more, and starts anew when somebody does', async () => {
  const file = newFile();
  const { ready, close } = watched(file, { idleLimitMs: 500 });
  const before = threads();
  for (const written of [1, 2]) {
    await ready();
    while (threads() > before) await delay(5);
    expect(count(file)).toEqual([written]);
  }
  await close();
});

it('is not asked for anything once it was told to end, also where it comes to be ready only then', async () => {
  const { commit, turn, close } = watched(newFile(), { idleLimitMs: 0 });
  const before = threads();
  expect(commit([aWrite()])).toBeUndefined();
  while (threads() === before) await delay(1);
  while (threads() > before) await delay(5);
  expect(commit([aWrite()])).toBeUndefined();
  let isFree = false;
  turn.take(() => (isFree = true));
  expect(isFree).toBe(true);
  await close();
});

it('ends only after all that it was asked for', async () => {
  const file = newFile();
  const { commit, ready, close } = watched(file);
  await ready();
  const asked = Array.from({ length: 200 }, () => commit([aWrite()])!);
  await close();
  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
  expect(commit([aWrite()])).toBeUndefined();
  expect(count(file)).toEqual([201]);
});

it('refuses as unavailable what a full disk does not take, and takes what fits again', async () => {
  const file = newFile();
  const pages = openConnection(file);
  const [used] = pages.names('pragma page_count');
  pages.close();
  const { commit, ready, close } = watched(file, { maxPages: Number(used) + 20 });
  await ready();
  const large = Array.from({ length: 8 }, () => commit([aWrite('x'.repeat(20_000))])!);
  const settled = await Promise.allSettled(large);
  const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  expect(refused.length).toBeGreaterThan(0);
  for (const reason of refused) expect(reason).toBeInstanceOf(StoreUnavailable);
  expect(await commit([aWrite()])).toBe(true);
  await close();
});

it('leaves it to the writing connection where the thread fails, and tells those whose outcome nobody knows', async () => {
  const { commit, turn, ready, close } = watched(newFile());
  await ready();
  const lost = [commit([aWrite()])!, commit([{ statement: broken, values: {} }])!];
  for (const result of await Promise.allSettled(lost))
    expect(result.status === 'rejected' && result.reason).toBeInstanceOf(StoreUnavailable);
  expect(commit([aWrite()])).toBeUndefined();
  let isFree = false;
  turn.take(() => (isFree = true));
  expect(isFree).toBe(true);
  await close();
});

it('leaves it to the writing connection where the system gives no thread', async () => {
  // What cannot be handed to a thread stops it from being made, in the same moment as a limit of the system does.
  const { commit, close } = watched((() => 'no text') as never);
  for (let asked = 0; asked < 3; asked++) expect(commit([aWrite()])).toBeUndefined();
  await close();
});

it('is missed by nobody: the same batches go through the writing connection', async () => {
  const file = newFile();
  const database = openDatabase({
    file,
    batchesInASecond: Infinity,
    createStores: (sql: Sql) => ({ make: (name: string) => sql.change(insert, { name, value: 'x' }) }),
  });
  const before = threads();
  const asked = Array.from({ length: 300 }, (_, index) =>
    database.inBatch(({ make }) => [make(`fact of many ${index}`)]),
  );
  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
  expect(threads()).toBe(before);
  await database.close();
});

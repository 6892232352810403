// A process that drives links through their life on a real database file, says each acknowledged step on a line of its
// standard output, and ends itself with SIGKILL at the moment it was told to. Used by test/flows/kill.test.ts.
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestClock } from './clock.js';
import { createLinkRoomStores, openLinkRooms, originFrom } from './link-rooms.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { openConnection } from '../../src/stores/sql/dialect-sqlite.js';
import type { Client } from '../../src/domain/clients.js';

export interface WorkerOrder {
  readonly file: string;
  readonly links: number;
  /** How many links are driven at the same time. */
  readonly atOnce: number;
  /** A thread commits the batches; there is no moment in it that has a name. */
  readonly isInThread?: boolean;
  /** The moment to die at, and how often it is passed before; none: runs to its end, or until it is killed. */
  readonly killAt?: { readonly moment: string; readonly passed: number };
}

/** One line for each step that was acknowledged to the caller. */
export interface Acknowledged {
  readonly step: 'client' | 'started' | 'approved' | 'denied' | 'issued' | 'done';
  readonly link?: string;
  readonly deviceCode?: string;
  readonly jti?: string;
}

const order = JSON.parse(process.argv[2]!) as WorkerOrder;
let passed = 0;
function checkpoint(moment: string): void {
  if (order.killAt?.moment !== moment) return;
  if (passed++ === order.killAt.passed) process.kill(process.pid, 'SIGKILL');
}

/** Written at once, without a buffer that would die with the process. */
const say = (line: Acknowledged): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const clock = createTestClock(new Date('2026-03-01T12:00:00Z'));
const database = openDatabase({
  file: order.file,
  createStores: createLinkRoomStores,
  checkpoint,
  batchesInASecond: order.isInThread ? 1 : Infinity,
});
const limits = { 'live-links-by-network': { limit: 1e9 }, 'user-code-by-network': { limit: 1e9 } };
const rooms = await openLinkRooms({ database, clock, checkpoint, limits });
const origin = originFrom();

async function drive(client: Client, number: number): Promise<void> {
  const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: '', origin });
  const session = rooms.sessionOf(`account ${number}`);
  const { linkId } = await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
  say({ step: 'started', link: linkId, deviceCode });
  const page = await rooms.pageOf(linkId, session);
  if (number % 5 === 4) {
    await rooms.person.denyLink({ linkId, session, page, origin });
    say({ step: 'denied', link: linkId });
  } else {
    await rooms.person.approveLink({ linkId, session, page, origin });
    say({ step: 'approved', link: linkId });
  }
  const redeemed = await Promise.all([0, 1].map(() => rooms.tool.redeemLink({ deviceCode, client, origin })));
  for (const result of redeemed) {
    if (!('tokens' in result)) continue;
    const [, claims] = result.tokens.accessToken.split('.');
    const { jti } = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as { jti: string };
    say({ step: 'issued', link: linkId, jti });
  }
}

const client = await rooms.newClient();
// In a batch that takes its time, whoever is killed is killed within it.
if (order.isInThread) {
  const connection = openConnection(order.file);
  connection.execute(
    'create trigger slow after insert on linked_tools begin select length(hex(randomblob(1000000))); end',
  );
  connection.close();
}
// Until the thread is there, which nobody tells.
for (let turn = 0; order.isInThread && turn < 20; turn++) {
  await database.inBatch(() => []);
  await delay(10);
}
say({ step: 'client', link: client.clientId });
for (let next = 0; next < order.links; next += order.atOnce) {
  const numbers = Array.from(
    { length: Math.min(order.atOnce, order.links - next) },
    (_, index) => next + index,
  );
  await Promise.all(numbers.map((number) => drive(client, number)));
}
say({ step: 'done' });
await rooms.close();

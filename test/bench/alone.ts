// What is measured of Linchpin without a peer: how soon an approval reaches a tool that waits, signing in against the
// bare password hash, the built service's start, and the disk it all rests on; memory also of oidc-provider.
import { spawn, spawnSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort, makeFolder, nodeCommand, type Server } from './processes.js';
import { openConnection, sendOnce, type Answer, type Connection } from './load.js';
import { isToken, pollRequest } from './rounds.js';

const HELD_AT_ONCE = 32;

/**
 * Milliseconds from the order to approve until the waiting tool has its token, for each of `batches` × 32 held polls;
 * the approval itself, durable, is within them.
 */
export async function timeApprovals(server: Server, batches: number): Promise<number[]> {
  const delays: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const codes = await server.order('pending', { count: HELD_AT_ONCE, sample: HELD_AT_ONCE });
    const held = await Promise.all(codes.map((code) => holdPoll(server, code)));
    await delay(300);
    for (const { code, answer } of held) {
      const start = performance.now();
      const [token] = await Promise.all([answer, server.order('approve', { codes: [code] })]);
      if (!isToken(token.answer))
        throw new Error(`A held poll was answered ${token.answer.status}:\n${token.answer.body}`);
      if (token.at < start) throw new Error('A held poll was answered before its link was approved.');
      delays.push(token.at - start);
    }
    for (const { connection } of held) connection.close();
  }
  return delays;
}

interface HeldPoll {
  code: string;
  connection: Connection;
  answer: Promise<{ answer: Answer; at: number }>;
}

async function holdPoll(server: Server, code: string): Promise<HeldPoll> {
  let done!: (told: { answer: Answer; at: number }) => void;
  let failed!: (fault: Error) => void;
  const answer = new Promise<{ answer: Answer; at: number }>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  answer.catch(() => undefined);
  const onAnswer = (told: Answer): void => done({ answer: told, at: performance.now() });
  const connection = await openConnection(server.port, onAnswer, failed);
  connection.send(pollRequest(server, code, 'Prefer: wait=30\r\n'));
  return { code, connection, answer };
}

/** Sign-ins per second, and bare argon2id verifications per second, of each round. */
export async function timeSignIns(
  server: Server,
  rounds: number,
  count: number,
): Promise<{ signIn: number; bare: number }[]> {
  const rates: { signIn: number; bare: number }[] = [];
  await server.order('signIn', { count: 4 });
  for (let round = 0; round < rounds; round++) {
    const bareMs = await server.order('verifyPassword', { count });
    const signInMs = await server.order('signIn', { count });
    rates.push({ signIn: (count / signInMs) * 1000, bare: (count / bareMs) * 1000 });
  }
  return rates;
}

/** Resident bytes with 1,000 links, and the bytes that each further pending link takes. */
export async function weighLinks(
  server: Server,
  links: number,
): Promise<{ atRest: number; perLink: number }> {
  await server.order('pending', { count: 1000, sample: 0 });
  await delay(200);
  const atRest = await server.order('rss', {});
  await server.order('pending', { count: links, sample: 0 });
  await delay(200);
  return { atRest, perLink: ((await server.order('rss', {})) - atRest) / links };
}

/** Resident bytes of a service that does nothing: soon after its start, and when the engine has given back what starting took. */
export interface Idle {
  soon: number;
  settled: number;
}

const SOON_MS = 3000;
/** V8 gives memory back after some twenty-five seconds in which next to nothing happened. */
const SETTLED_MS = 45_000;

/** Starts the built service on an existing database, `times` over; gives the milliseconds to its first answer, and its weight. */
export async function timeStart(times: number): Promise<{ startMs: number[]; idle: Idle }> {
  const folder = await makeFolder();
  const startMs: number[] = [];
  let idle: Idle = { soon: 0, settled: 0 };
  try {
    for (let time = 0; time <= times; time++) {
      const isLast = time === times;
      const started = await startService(folder, isLast);
      if (time > 0) startMs.push(started.firstAnswerMs);
      idle = started.idle;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { startMs, idle };
}

async function startService(
  folder: string,
  isWeighed: boolean,
): Promise<{ firstAnswerMs: number; idle: Idle }> {
  const port = await findFreePort();
  const [command, args] = nodeCommand([join('dist', 'main.js')]);
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, DATA_DIR: folder, PORT: String(port) };
  const start = performance.now();
  const service = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  service.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = new Promise((done) => service.once('exit', done));
  const request = 'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
  try {
    let answer: Answer | undefined;
    while (!answer) {
      if (service.exitCode !== null) throw new Error(`The service did not start:\n${complaint}`);
      answer = await sendOnce(port, request).catch(() => delay(2, undefined));
    }
    const firstAnswerMs = performance.now() - start;
    if (answer.status !== 200) throw new Error(`The first answer was ${answer.status}:\n${answer.body}`);
    const weigh = async (afterMs: number): Promise<number> => {
      if (!isWeighed) return 0;
      await delay(afterMs);
      const resident = spawnSync('ps', ['-o', 'rss=', '-p', String(service.pid)]).stdout.toString();
      return Number(resident) * 1024;
    };
    const idle = { soon: await weigh(SOON_MS), settled: await weigh(SETTLED_MS - SOON_MS) };
    return { firstAnswerMs, idle };
  } finally {
    service.kill();
    await ended;
  }
}

/** Microseconds of each of `times` appends of 4 KiB followed by fsync, in a file of its own. */
export async function timeFsync(times: number): Promise<number[]> {
  const folder = await makeFolder();
  const file = await open(join(folder, 'fsync'), 'w');
  const page = Buffer.alloc(4096, 1);
  const taken: number[] = [];
  try {
    for (let time = 0; time < times; time++) {
      const start = performance.now();
      await file.write(page);
      await file.sync();
      taken.push((performance.now() - start) * 1000);
    }
  } finally {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
  return taken;
}

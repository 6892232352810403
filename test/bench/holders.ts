// Many tools that hold their polls (`Prefer: wait`) at one process: the memory of each, and how soon approvals through the page's own
// use case reach them, at rates that rise until they come too late.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from './contract.js';
import { openConnection, type Answer, type Connection } from './load.js';
import type { Server } from './processes.js';
import type { Start } from './proven.js';
import { quantiles } from './ranks.js';
import { isPending, isToken, pollRequest } from './rounds.js';
import { boundOf, count, goal, spreadOf, type Section } from './table.js';

const ASKED_RATE = 300;
const LATEST_MS = 50;
const HELD_SECONDS = 30;
/** Below the 50 that one network may hold. */
const HELD_BY_NETWORK = 40;
const OPENED_AT_ONCE = 200;
/** Files of the load generator that are not connections. */
const SPARE_FILES = 256;
const PATIENCE_MS = 60_000;

interface Step {
  perSecond: number;
  approvals: number;
  /** From the moment an approval was due until it was committed, and until the tool had its token. */
  committedMs: number[];
  deliveredMs: number[];
  cpuMicroseconds: number;
  busy: number;
  loadShare: number;
}

/** Bytes: resident, and of objects and buffers alone. */
interface Weight {
  rss: number;
  heap: number;
}

/** The tools that wait, until they have their tokens. A tool whose hold ends without one asks again at once. */
function createHolders(server: Server) {
  const tokenAt = new Map<string, number>();
  const connections = new Set<Connection>();
  let opened = 0;
  let fault: Error | undefined;

  async function hold(code: string): Promise<void> {
    const place = opened++;
    // Their holds end one after the other, as those of tools that were not all started in the same moment.
    const firstSeconds = 2 + (place % (HELD_SECONDS - 1));
    const request = pollRequest(server, code, `Prefer: wait=${HELD_SECONDS}\r\n`);
    let askedAt = 0;
    const ask = (text: string): void => {
      askedAt = monotonicMs();
      connection.send(text);
    };
    const onAnswer = (answer: Answer): void => {
      const at = monotonicMs();
      // One that is not held would ask, and be answered, without end.
      if (isPending(answer) && at - askedAt > 1000) return ask(request);
      if (isToken(answer)) tokenAt.set(code, at);
      else fault ??= new Error(`A held poll was answered ${answer.status}:\n${answer.body}`);
      connections.delete(connection);
      connection.close();
    };
    const onFault = (broken: Error): void => void (fault ??= broken);
    const connection = await openConnection(server.port, onAnswer, onFault, networkOf(place));
    connections.add(connection);
    ask(pollRequest(server, code, `Prefer: wait=${firstSeconds}\r\n`));
  }

  /** Waits until something is so, and refuses when a tool was answered wrongly, or it takes too long. */
  async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const start = performance.now();
    while (!(await isSo())) {
      if (fault) throw fault;
      if (performance.now() - start > PATIENCE_MS) throw new Error(`${server.name}: ${what} took too long.`);
      await delay(10);
    }
    if (fault) throw fault;
  }

  return {
    tokenAt,
    until,
    async hold(codes: readonly string[]): Promise<void> {
      const total = connections.size + codes.length;
      for (let next = 0; next < codes.length; next += OPENED_AT_ONCE)
        await Promise.all(codes.slice(next, next + OPENED_AT_ONCE).map(hold));
      // Now and then one is between two holds.
      await until(async () => (await server.order('held', {})) >= total * 0.99, 'holding');
    },
    close: (): void => connections.forEach((connection) => connection.close()),
  };
}

/** A loopback address for a tool, each for as many tools as one network may have. */
function networkOf(place: number): string {
  const network = Math.floor(place / HELD_BY_NETWORK);
  return `127.1.${Math.floor(network / 250) % 250}.${1 + (network % 250)}`;
}

/** Approves these at that rate and waits for all their tokens. */
async function step(
  server: Server,
  holders: ReturnType<typeof createHolders>,
  codes: string[],
  perSecond: number,
): Promise<Step> {
  const cpuBefore = await server.order('cpu', {});
  const loadBefore = process.cpuUsage();
  const start = performance.now();
  const { beganAt, approvedAt } = await server.order('approveAtPace', { codes, perSecond });
  await holders.until(() => codes.every((code) => holders.tokenAt.has(code)), 'delivering');
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(loadBefore);
  const cpu = (await server.order('cpu', {})) - cpuBefore;
  const dueAt = (index: number): number => beganAt + (index * 1000) / perSecond;
  return {
    perSecond,
    approvals: codes.length,
    committedMs: approvedAt.map((at, index) => at - dueAt(index)),
    deliveredMs: codes.map((code, index) => (holders.tokenAt.get(code) ?? NaN) - dueAt(index)),
    cpuMicroseconds: cpu / codes.length,
    busy: cpu / 1000 / elapsedMs,
    loadShare: (user + system) / 1000 / elapsedMs,
  };
}

/** Raises the rate until the tokens come too late; at each, all tools wait at first. */
async function climb(
  server: Server,
  holders: ReturnType<typeof createHolders>,
  held: string[],
  { rates, seconds }: { rates: number[]; seconds: number },
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const perSecond of rates) {
    const codes = held.splice(0, Math.min(perSecond * seconds, Math.floor(held.length / 2)));
    const done = await step(server, holders, codes, perSecond);
    steps.push(done);
    if (p99(done.deliveredMs) > LATEST_MS && perSecond >= ASKED_RATE) break;
    const more = await server.order('reviewed', { count: codes.length });
    await holders.hold(more);
    held.push(...more);
  }
  return steps;
}

export async function measureHolders(start: Start, isQuick: boolean): Promise<Section> {
  const wanted = isQuick ? 2000 : 10_000;
  const tools = Math.min(wanted, openFilesLimit() - SPARE_FILES);
  const server = await start('linchpin');
  const holders = createHolders(server);
  try {
    const first = await server.order('reviewed', { count: 200 });
    await holders.hold(first);
    await step(server, holders, first, 100);
    const held = await server.order('reviewed', { count: tools });
    const before = await weigh(server);
    await holders.hold(held);
    const after = await weigh(server);
    const holding = await server.order('held', {});
    const weight = { rss: (after.rss - before.rss) / holding, heap: (after.heap - before.heap) / holding };
    const rates = isQuick ? [100, ASKED_RATE] : [100, 200, ASKED_RATE, 450, 600, 900, 1200, 1800, 2700];
    const steps = await climb(server, holders, held, { rates, seconds: isQuick ? 1 : 10 });
    const section = present(tools, weight, steps);
    if (tools < wanted)
      section.notes?.unshift(`Not ${count(wanted)}: too few files may be open (ulimit -n).`);
    return section;
  } finally {
    holders.close();
  }
}

async function weigh(server: Server): Promise<Weight> {
  const heap = await server.order('heap', {});
  return { heap, rss: await server.order('rss', {}) };
}

function present(tools: number, weight: Weight, steps: Step[]): Section {
  const asked = steps.find(({ perSecond }) => perSecond === ASKED_RATE);
  const late = steps.find(({ deliveredMs }) => p99(deliveredMs) > LATEST_MS);
  const last = steps.at(-1);
  const knee = late
    ? `The knee: at ${late.perSecond} approvals a second, 99 of 100 tokens no longer come within ${LATEST_MS} ms.`
    : `The knee was not reached: it is above ${last?.perSecond} approvals a second.`;
  return {
    title: `${count(tools)} tools that hold a poll each, approved through the use case of the page`,
    columns: [
      'approvals a second',
      'of',
      'median ms',
      'p99 ms',
      'committed p99',
      'CPU µs',
      'busy',
      'bound by',
    ],
    rows: steps.map(({ perSecond, approvals, committedMs, deliveredMs, ...step }) => [
      count(perSecond),
      count(approvals),
      spreadOf(deliveredMs).median.toFixed(1),
      p99(deliveredMs).toFixed(1),
      p99(committedMs).toFixed(1),
      count(step.cpuMicroseconds),
      `${(step.busy * 100).toFixed(0)} %`,
      boundOf(step.busy, step.loadShare),
    ]),
    notes: [
      `Each holder takes ${count(weight.rss)} resident bytes, without the kernel's; objects and buffers alone grew by ${count(weight.heap)} for each.`,
      'ms: from when the approval was due until the tool had its token. CPU µs: of an approval, its token, and all that wait.',
      knee,
    ],
    goals: [
      ...goal('memory per held poll', spreadOf([weight.rss / 1024]), { below: 16 }, ' KB'),
      ...goal(
        `p99 of tokens at ${ASKED_RATE} approvals/s`,
        asked && spreadOf([p99(asked.deliveredMs)]),
        { below: LATEST_MS },
        ' ms',
      ),
    ],
    figures: { tools, weight, steps },
  };
}

function p99(numbers: number[]): number {
  return quantiles(numbers, [0.99])[0] ?? NaN;
}

/** How many files this process may have open; node has raised its limit as far as it may. */
function openFilesLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(limit ?? 4096);
  } catch {
    return 4096;
  }
}

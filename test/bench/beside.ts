// How long polls take beside other work of the same process: while links are started and expired ones are swept, and while people sign in.
// Polls come at a pace far below what the process can do, so that their times are those of the work between them.
import { setTimeout as delay } from 'node:timers/promises';
import { openPacedLoad, type PacedLoad } from './paced.js';
import type { Server } from './processes.js';
import type { Start } from './proven.js';
import { quantiles } from './ranks.js';
import { createIssuers, createPollers, type Measuring } from './rounds.js';
import { count, goal, short, spread, spreadOf, type Section, type Spread } from './table.js';

const POLLS_PER_SECOND = 2000;
const LINKS_PER_SECOND = 500;
/** As many links as the house sweeps at once: it does so every minute. */
const LINKS_PER_MINUTE = 60 * LINKS_PER_SECOND;
/** How long links are kept after they have begun: their ten minutes, and a day. */
const KEPT_MS = 600_000 + 86_400_000;
const SIGN_INS_AT_ONCE = 4;
const MOST_TIMES = 3;

interface Window {
  p50Ms: number;
  p99Ms: number;
  slowestMs: number;
  busy: number;
  loadShare: number;
}

interface Row {
  label: string;
  windows: Window[];
  /** The row whose windows stand beside these. */
  idle?: Row;
}

/** What goes on beside polls for that many seconds; resolves when it has ended. */
type Work = (seconds: number) => Promise<unknown>;

/** Times polls while the work goes on. */
async function besides(server: Server, polls: PacedLoad, work: Work, seconds: number): Promise<Window> {
  const cpuBefore = await server.order('cpu', {});
  const loadBefore = process.cpuUsage();
  const start = performance.now();
  let isOver = false;
  const worked = work(seconds).finally(() => (isOver = true));
  const [taken] = await Promise.all([polls.run(POLLS_PER_SECOND, () => isOver), worked]);
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(loadBefore);
  const [p50Ms = NaN, p99Ms = NaN, slowestMs = NaN] = quantiles(taken, [0.5, 0.99, 1]);
  const busy = ((await server.order('cpu', {})) - cpuBefore) / 1000 / elapsedMs;
  return { p50Ms, p99Ms, slowestMs, busy, loadShare: (user + system) / 1000 / elapsedMs };
}

/** Times polls with nothing beside them and beside the work, in turn. */
async function compare(
  server: Server,
  polls: PacedLoad,
  labels: [idle: string, busy: string],
  work: Work,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Row[]> {
  const idle: Row = { label: labels[0], windows: [] };
  const busy: Row = { label: labels[1], windows: [], idle };
  for (const warm of [nothing, work]) await besides(server, polls, warm, 1);
  for (let round = 0; round < rounds; round++) {
    idle.windows.push(await besides(server, polls, nothing, seconds));
    busy.windows.push(await besides(server, polls, work, seconds));
  }
  return [idle, busy];
}

const nothing: Work = (seconds) => delay(seconds * 1000);

/** Links that were started a day ago, each second's worth a second after the one before, so that each sweep finds as many. */
async function makeOldLinks(server: Server, seconds: number): Promise<() => Promise<number>> {
  const today = Date.now();
  const startedAt = (second: number): number => today - KEPT_MS + second * 1000;
  for (let second = 0; second <= seconds; second++) {
    await server.order('setClock', { at: startedAt(second) });
    const isLast = second === seconds;
    await server.order('pending', { count: isLast ? LINKS_PER_MINUTE : LINKS_PER_SECOND, sample: 0 });
  }
  await server.order('setClock', { at: today });
  let swept = 0;
  return async () => {
    const expected = swept === seconds ? LINKS_PER_MINUTE : LINKS_PER_SECOND;
    await server.order('setClock', { at: today + ++swept * 1000 });
    const { links, ms } = await server.order('sweep', {});
    if (links !== expected) throw new Error(`${links} links were swept, and not ${expected}.`);
    return ms;
  };
}

/** Links are started for so long, and each second what is due is swept. */
function startAndSweep(issues: PacedLoad, sweep: () => Promise<number>): Work {
  return async (seconds) => {
    let isOver = false;
    const issued = issues.run(LINKS_PER_SECOND, () => isOver);
    try {
      for (let second = 0; second < seconds; second++) await Promise.all([delay(1000), sweep()]);
    } finally {
      isOver = true;
    }
    await issued;
  };
}

async function measureSweeping(
  start: Start,
  { many, rounds, seconds }: { many: number; rounds: number; seconds: number },
): Promise<{ rows: Row[]; sweepMs: number }> {
  // The checkpoints of SQLite are in a thread of their own.
  const server = await start('linchpin', { areAllCoresIts: true });
  const sweep = await makeOldLinks(server, rounds * seconds + 1);
  const polls = await openPolls(server, many);
  const issues = await openPacedLoad(server.port, await createIssuers(server).makeTraffic(0));
  try {
    const labels: [string, string] = ['polls alone', `${LINKS_PER_SECOND} links/s started and swept`];
    const rows = await compare(server, polls, labels, startAndSweep(issues, sweep), { rounds, seconds });
    let sweepMs = 0;
    const sweepMinute: Work = async () => {
      await delay(1000);
      sweepMs = await sweep();
      await delay(1000);
    };
    const windows = [await besides(server, polls, sweepMinute, 0)];
    rows.push({ label: `${short(LINKS_PER_MINUTE)} swept at once`, windows });
    return { rows, sweepMs };
  } finally {
    polls.close();
    issues.close();
  }
}

async function measureSigningIn(
  start: Start,
  { many, rounds, seconds }: { many: number; rounds: number; seconds: number },
): Promise<{ rows: Row[]; perSecond: Spread }> {
  const server = await start('linchpin', { areAllCoresIts: true });
  const polls = await openPolls(server, many);
  const rates: number[] = [];
  const signIn: Work = async (seconds) => {
    const startedAt = performance.now();
    let done = 0;
    for (; performance.now() - startedAt < seconds * 1000; done += SIGN_INS_AT_ONCE)
      await server.order('signIn', { count: SIGN_INS_AT_ONCE });
    rates.push(done / ((performance.now() - startedAt) / 1000));
  };
  try {
    const labels: [string, string] = ['polls alone, once more', 'people signing in'];
    const rows = await compare(server, polls, labels, signIn, { rounds, seconds });
    return { rows, perSecond: spreadOf(rates) };
  } finally {
    polls.close();
  }
}

async function openPolls(server: Server, links: number): Promise<PacedLoad> {
  const { makeTraffic } = await createPollers(server, links, 'polls');
  return openPacedLoad(server.port, await makeTraffic(0));
}

export async function measureBeside(start: Start, { many, isQuick }: Measuring): Promise<Section> {
  const effort = isQuick ? { many, rounds: 2, seconds: 1 } : { many, rounds: 5, seconds: 8 };
  const sweeping = await measureSweeping(start, effort);
  const signingIn = await measureSigningIn(start, effort);
  const rows = [...sweeping.rows, ...signingIn.rows];
  return {
    title: `${count(POLLS_PER_SECOND)} polls a second among ${short(many)} links, beside other work`,
    columns: ['', 'median ms', 'p99 ms', 'slowest ms', 'p99 ÷ alone', 'busy', 'load busy'],
    rows: rows.map(presentRow),
    notes: [
      'At this pace a poll waits for nothing but the work before it in the one event loop: commits and sweeps; beside sign-ins, for a core.',
      `Swept each second; the house does it each minute: all ${short(LINKS_PER_MINUTE)} at once took ${count(sweeping.sweepMs)} ms.`,
      `On all cores, one of which has the load too. ${spread(signingIn.perSecond, 0)} sign-ins a second, each of a CPU-bound hash.`,
    ],
    goals: rows
      .filter(({ label }) => label.includes('swept') && !label.includes('at once'))
      .flatMap((row) => goal(`p99 of polls, ${row.label} ÷ alone`, againstIdle(row), { below: MOST_TIMES })),
    figures: { sweeping, signingIn },
  };
}

function presentRow(row: Row): string[] {
  const median = (pick: (window: Window) => number): number => spreadOf(row.windows.map(pick)).median;
  const against = againstIdle(row);
  return [
    row.label,
    median(({ p50Ms }) => p50Ms).toFixed(2),
    median(({ p99Ms }) => p99Ms).toFixed(2),
    Math.max(...row.windows.map(({ slowestMs }) => slowestMs)).toFixed(1),
    against ? spread(against, 2) : '',
    `${(median(({ busy }) => busy) * 100).toFixed(0)} %`,
    `${(median(({ loadShare }) => loadShare) * 100).toFixed(0)} %`,
  ];
}

/** How many times as long as alone, round by round. */
function againstIdle({ windows, idle }: Row): Spread | undefined {
  return idle && spreadOf(windows.map(({ p99Ms }, round) => p99Ms / (idle.windows[round]?.p99Ms ?? NaN)));
}

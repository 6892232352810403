// `npm run bench`: how fast Linchpin is beside a bare `node:http` handler, a bare Koa and oidc-provider, all in one run
// on one core. Absolute numbers belong to the machine; compare only the ratios. Nothing in the tests depends on these.
//   --quick          short windows, fewer links: does it run?       --only poll,issue   just these sections
//   --million        polls at 1 M pending links too                 --json FILE         the figures, for machines
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { timeApprovals, timeFsync, timeSignIns, timeStart, weighLinks } from './alone.js';
import { measureNumbers, measureUser } from './numbers.js';
import { createProofPollers } from './proofs.js';
import {
  availableServers,
  buildServers,
  pinThisProcess,
  startServer,
  type Server,
  type ServerName,
} from './processes.js';
import {
  createExchangers,
  createHurriedPollers,
  createIssuers,
  createPollers,
  createRedeemers,
  measureInTurn,
  proveDeviceFlow,
  type Contestant,
  type Effort,
} from './rounds.js';
import {
  count,
  goal,
  presentRounds,
  printGoals,
  printSection,
  ratioByLabel,
  spread,
  spreadOf,
  type Section,
  type Spread,
} from './table.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const effort: Effort = flags.quick
  ? { rounds: 3, seconds: 0.25, warmAnswers: 500 }
  : { rounds: 7, seconds: 0.8, warmAnswers: 8000 };
const many = flags.quick ? 10_000 : 100_000;
const sizes = [1000, many, ...(flags.million ? [1_000_000] : [])];
const names = availableServers();
const hasLinchpin = names.includes('linchpin');
const real = names.filter((name) => name === 'linchpin' || name === 'oidc-provider');

const SECTIONS: Record<string, () => Promise<Section | undefined>> = {
  fsync: measureFsync,
  poll: measurePolls,
  proofs: measureProofs,
  'slow-down': measureSlowDown,
  issue: () => measureAct('issue', 'Links started', createIssuers, 1.5),
  redeem: () => measureAct('redeem', 'Approved links redeemed, a signed token each', createRedeemers, 2),
  codes: () =>
    measureAct('codes', 'Authorization codes exchanged, with PKCE, a signed token each', createExchangers),
  wait: measureWaiting,
  numbers: () => ours((start) => measureNumbers(start, effort, many)),
  user: () => ours((start) => measureUser(start, effort)),
  'sign-in': measureSignIn,
  memory: measureMemory,
  start: measureStart,
};

async function measurePolls(): Promise<Section> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of names) {
      const isBare = name === 'node:http' || name === 'koa';
      for (const size of isBare ? [many] : sizes) {
        const server = await start(name);
        contestants.push(await createPollers(server, size, isBare ? name : at(name, size)));
      }
    }
    const measured = await measureInTurn(contestants, effort);
    const ratio = (one: string, other: string): Spread | undefined => ratioByLabel(measured, one, other);
    return presentRounds(
      'Pending polls, by links pending',
      measured,
      [
        { heading: '÷ node:http', against: () => 'node:http' },
        { heading: '× oidc-provider', against: (label) => at('oidc-provider', sizeIn(label)) },
        {
          heading: '÷ itself at 1 k',
          against: (label) => (sizeIn(label) ? at(label.split(',')[0] ?? '', 1000) : undefined),
        },
      ],
      [
        ...goal('pending poll × oidc-provider', ratio(at('linchpin', many), at('oidc-provider', many)), {
          atLeast: 3,
        }),
        ...goal('pending poll ÷ bare node:http', ratio(at('linchpin', many), 'node:http'), { atLeast: 0.35 }),
        ...sizes.slice(1).flatMap((size) =>
          goal(`poll at ${short(size)} ÷ at 1 k`, ratio(at('linchpin', size), at('linchpin', 1000)), {
            atLeast: 0.9,
          }),
        ),
      ],
    );
  });
}

async function measureProofs(): Promise<Section | undefined> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of real) {
      const server = await start(name);
      contestants.push(await createPollers(server, 1000, `${name}, plain`));
      contestants.push(await createProofPollers(server, `${name}, DPoP`));
    }
    const measured = await measureInTurn(contestants, effort);
    return presentRounds(
      'Pending polls with a proof of possession (DPoP, ES256)',
      measured,
      [
        { heading: '÷ plain', against: (label) => `${label.split(',')[0]}, plain` },
        { heading: '× oidc-provider', against: (label) => `oidc-provider,${label.split(',')[1]}` },
      ],
      [],
    );
  });
}

async function measureSlowDown(): Promise<Section | undefined> {
  if (!hasLinchpin) return undefined;
  return withServers(async (start) => {
    const contestants = [
      await createPollers(await start('linchpin'), 1000, 'linchpin, pending'),
      await createHurriedPollers(await start('linchpin', 5), 'linchpin, slow_down'),
    ];
    const measured = await measureInTurn(contestants, effort);
    return presentRounds('Polls that come too soon', measured, [
      { heading: '÷ pending', against: () => 'linchpin, pending' },
    ]);
  });
}

async function measureAct(
  act: string,
  title: string,
  createTraffic: (server: Server) => Contestant,
  /** Without one, only servers that really do it are measured, and nothing was asked for. */
  atLeast?: number,
): Promise<Section> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of atLeast === undefined ? real : names)
      contestants.push(createTraffic(await start(name)));
    const measured = await measureInTurn(contestants, effort);
    return presentRounds(
      title,
      measured,
      ['node:http', 'oidc-provider']
        .filter((other) => measured.some(({ label }) => label === other))
        .map((other) => ({ heading: `${other === 'node:http' ? '÷' : '×'} ${other}`, against: () => other })),
      atLeast === undefined
        ? []
        : goal(`${act} × oidc-provider`, ratioByLabel(measured, 'linchpin', 'oidc-provider'), { atLeast }),
    );
  });
}

async function measureWaiting(): Promise<Section | undefined> {
  if (!hasLinchpin) return undefined;
  return withServers(async (start) => {
    const delays = await timeApprovals(await start('linchpin'), flags.quick ? 1 : 4);
    return {
      title: 'From an approval to the token, for a tool that waits (Prefer: wait=30)',
      columns: ['', 'median ms (min–max)'],
      rows: [[`linchpin, ${delays.length} links`, spread(spreadOf(delays), 1)]],
      goals: goal('approval to token', spreadOf(delays), { below: 50 }, ' ms'),
      figures: delays,
    };
  });
}

async function measureSignIn(): Promise<Section | undefined> {
  if (!hasLinchpin) return undefined;
  return withServers(async (start) => {
    const rates = await timeSignIns(await start('linchpin'), flags.quick ? 2 : 4, flags.quick ? 10 : 60);
    return {
      title: 'Sign-in with a password',
      columns: ['', 'per second', 'ratio'],
      rows: [
        ['argon2id alone', spread(spreadOf(rates.map(({ bare }) => bare)), 0), ''],
        [
          'linchpin sign-in',
          spread(spreadOf(rates.map(({ signIn }) => signIn)), 0),
          spread(spreadOf(rates.map(({ signIn, bare }) => signIn / bare)), 2),
        ],
      ],
      goals: [],
      figures: rates,
    };
  });
}

async function measureMemory(): Promise<Section> {
  return withServers(async (start) => {
    const weights: { name: ServerName; atRest: number; perLink: number }[] = [];
    for (const name of names.filter((name) => name === 'oidc-provider' || name === 'linchpin')) {
      weights.push({ name, ...(await weighLinks(await start(name), many)) });
    }
    const ours = weights.find(({ name }) => name === 'linchpin');
    return {
      title: `Memory, with ${short(many)} links pending`,
      columns: ['', 'RSS at rest, MB', 'bytes per link'],
      rows: weights.map(({ name, atRest, perLink }) => [name, (atRest / 1e6).toFixed(0), count(perLink)]),
      goals: goal('RSS per pending link', ours && spreadOf([ours.perLink]), { below: 500 }, ' bytes'),
      figures: weights,
    };
  });
}

async function measureStart(): Promise<Section | undefined> {
  if (!existsSync('dist/main.js')) {
    if (hasLinchpin) console.log('\nThe start is not measured: `npm run build` first.');
    return undefined;
  }
  const { startMs, idleBytes } = await timeStart(flags.quick ? 1 : 5);
  return {
    title: 'The built service, on a database that exists',
    columns: ['', 'start to first answer, ms', 'idle RSS, MB'],
    rows: [['linchpin', spread(spreadOf(startMs), 0), (idleBytes / 1e6).toFixed(0)]],
    goals: [
      ...goal('start to first answer', spreadOf(startMs), { below: 1500 }, ' ms'),
      ...goal('idle RSS', spreadOf([idleBytes / 1e6]), { below: 130 }, ' MB'),
    ],
    figures: { startMs, idleBytes },
  };
}

async function measureFsync(): Promise<Section> {
  const taken = await timeFsync(flags.quick ? 50 : 300);
  const { median } = spreadOf(taken);
  return {
    title: 'The disk under the databases',
    columns: ['', 'median µs (min–max)'],
    rows: [['write 4 KiB and fsync', spread(spreadOf(taken), 0) + (median < 20 ? ' (no real disk)' : '')]],
    goals: [],
    figures: taken,
  };
}

/** A section without which there is nothing to measure where Linchpin is missing. */
async function ours(
  work: (start: (name: ServerName) => Promise<Server>) => Promise<Section>,
): Promise<Section | undefined> {
  return hasLinchpin ? withServers(work) : undefined;
}

/** Runs a section with servers that are proven when they start and stopped when it ends. */
async function withServers<T>(
  work: (start: (name: ServerName, interval?: number) => Promise<Server>) => Promise<T>,
): Promise<T> {
  const started: Server[] = [];
  try {
    return await work(async (name, interval = 0) => {
      const server = await startServer(name, interval);
      started.push(server);
      await proveDeviceFlow(server);
      return server;
    });
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

function short(links: number): string {
  return links < 1_000_000 ? `${links / 1000} k` : `${links / 1_000_000} M`;
}

function at(name: string, links: number | undefined): string {
  return links === undefined ? name : `${name}, ${short(links)}`;
}

/** The number of links that a label of `at` names. */
function sizeIn(label: string): number | undefined {
  return sizes.find((size) => label.endsWith(`, ${short(size)}`));
}

async function run(): Promise<void> {
  const wanted = flags.only?.split(',') ?? Object.keys(SECTIONS);
  const unknown = wanted.filter((name) => !(name in SECTIONS));
  if (unknown.length)
    throw new Error(`No section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}.`);
  const isPinned = pinThisProcess();
  const machine = `node ${process.version}, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`;
  console.log(
    `${machine}; ${isPinned ? 'server on core 0, load on core 1' : 'NOT PINNED (no taskset, or one core)'}`,
  );
  console.log(
    `${effort.rounds} rounds of ${effort.seconds} s, in turn; medians of the rounds, smallest–largest in brackets`,
  );
  console.log('by CPU: the ratio of the CPU time per answer, which holds even where the core was shared');
  await buildServers(names);
  const found: Record<string, Section> = {};
  for (const name of wanted) {
    const section = await SECTIONS[name]?.();
    if (!section) continue;
    found[name] = section;
    printSection(section);
  }
  printGoals(Object.values(found).flatMap(({ goals }) => goals));
  if (flags.json) await writeFile(flags.json, JSON.stringify({ machine, isPinned, effort, found }, null, 1));
}

await run().catch((fault: unknown) => {
  console.error(fault instanceof Error ? fault.message : fault);
  process.exitCode = 1;
});

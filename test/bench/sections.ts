// The sections of every run: Linchpin beside the others (polls, links started and redeemed, codes exchanged), and what is measured
// of it alone. The long ones have files of their own: `holders.ts`, `beside.ts`, `million.ts`, `replicas.ts`.
import { existsSync } from 'node:fs';
import { timeApprovals, timeFsync, timeSignIns, timeStart, weighLinks } from './alone.js';
import { measureBeside } from './beside.js';
import { measureHolders } from './holders.js';
import { measureMillion } from './million.js';
import { measureNumbers, measureUser } from './numbers.js';
import { measurePolls } from './polls.js';
import type { Server, ServerName, Setting } from './processes.js';
import { createProofPollers } from './proofs.js';
import { withServers, type Start } from './proven.js';
import { measureReplicas } from './replicas.js';
import {
  createExchangers,
  createHurriedPollers,
  createIssuers,
  createPollers,
  createRedeemers,
  isWithIdToken,
  measureInTurn,
  type Contestant,
  type Measuring,
} from './rounds.js';
import { count, goal, presentRounds, ratioByLabel, short, spread, spreadOf, type Section } from './table.js';

/** A section; nothing where there is nothing to measure. */
export type MeasureSection = (measuring: Measuring) => Promise<Section | undefined>;

/** What a run measures unless it is told otherwise, in this order. */
export const SECTIONS: Record<string, MeasureSection> = {
  fsync: measureFsync,
  poll: measurePolls,
  proofs: measureProofs,
  'slow-down': measureSlowDown,
  issue: (measuring) =>
    measureAct(measuring, { act: 'issue', title: 'Links started', atLeast: 2.5 }, createIssuers),
  redeem: (measuring) =>
    measureAct(
      measuring,
      { act: 'redeem', title: 'Approved links redeemed, a signed token each', atLeast: 3 },
      (server) => createRedeemers(server),
    ),
  'redeem-id': (measuring) =>
    measureAct(
      measuring,
      {
        act: 'redeem, with an ID token',
        title: 'Approved links redeemed, an access token and an ID token each',
        atLeast: 2.5,
        areRealOnly: true,
        setting: { isOpenId: true },
      },
      (server) => createRedeemers(server, isWithIdToken),
    ),
  codes: (measuring) =>
    measureAct(
      measuring,
      {
        act: 'codes',
        title: 'Authorization codes exchanged, with PKCE, a signed token each',
        areRealOnly: true,
      },
      createExchangers,
    ),
  wait: measureWaiting,
  numbers: (measuring) => ours(measuring, (start) => measureNumbers(start, measuring.effort, measuring.many)),
  user: (measuring) => ours(measuring, (start) => measureUser(start, measuring.effort)),
  'sign-in': measureSignIn,
  memory: measureMemory,
  start: measureStart,
};

/** What takes minutes each, or other programs: for `--full`, or by name. */
export const LONG_SECTIONS: Record<string, MeasureSection> = {
  holders: (measuring) => ours(measuring, (start) => measureHolders(start, measuring.isQuick)),
  beside: (measuring) => ours(measuring, (start) => measureBeside(start, measuring)),
  million: (measuring) => ours(measuring, (start) => measureMillion(start, measuring.most)),
  replicas: measureReplicas,
};

const isReal = (name: ServerName): boolean => name === 'linchpin' || name === 'oidc-provider';

async function measureProofs({ names, effort }: Measuring): Promise<Section | undefined> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of names.filter(isReal)) {
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

async function measureSlowDown(measuring: Measuring): Promise<Section | undefined> {
  return ours(measuring, async (start) => {
    const contestants = [
      await createPollers(await start('linchpin'), 1000, 'linchpin, pending'),
      await createHurriedPollers(await start('linchpin', { intervalSeconds: 5 }), 'linchpin, slow_down'),
    ];
    const measured = await measureInTurn(contestants, measuring.effort);
    return presentRounds('Polls that come too soon', measured, [
      { heading: '÷ pending', against: () => 'linchpin, pending' },
    ]);
  });
}

interface Act {
  act: string;
  title: string;
  /** How many times the rate of oidc-provider was asked for, if that was. */
  atLeast?: number;
  /** Whether only servers that really do it can be measured. */
  areRealOnly?: boolean;
  setting?: Setting;
}

const BOTH_CORES = ', both cores';
const isOnBoth = (label: string): boolean => label.endsWith(BOTH_CORES);

async function measureAct(
  { names, effort }: Measuring,
  { act, title, atLeast, areRealOnly, setting }: Act,
  createTraffic: (server: Server) => Contestant,
): Promise<Section> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of areRealOnly ? names.filter(isReal) : names)
      contestants.push(createTraffic(await start(name, setting)));
    // Where the core of the load has time left: some do there what needs no event loop.
    for (const name of names.filter(isReal)) {
      const server = await start(name, { ...setting, areAllCoresIts: true });
      contestants.push({ ...createTraffic(server), label: `${name}${BOTH_CORES}` });
    }
    const measured = await measureInTurn(contestants, effort);
    const goalOf = (where: string): Section['goals'] =>
      goal(
        `${act}${where} × oidc-provider`,
        ratioByLabel(measured, `linchpin${where}`, `oidc-provider${where}`),
        {
          atLeast: atLeast ?? 0,
        },
      );
    return presentRounds(
      title,
      measured,
      ['node:http', 'oidc-provider']
        .filter((other) => measured.some(({ label }) => label === other))
        .map((other) => ({
          heading: `${other === 'node:http' ? '÷' : '×'} ${other}`,
          against: (label) => (isOnBoth(label) && other !== 'node:http' ? `${other}${BOTH_CORES}` : other),
        })),
      atLeast === undefined ? [] : ['', BOTH_CORES].flatMap((where) => goalOf(where) ?? []),
    );
  });
}

async function measureWaiting(measuring: Measuring): Promise<Section | undefined> {
  return ours(measuring, async (start) => {
    const delays = await timeApprovals(await start('linchpin'), measuring.isQuick ? 1 : 4);
    return {
      title: 'From an approval to the token, for a tool that waits (Prefer: wait=30)',
      columns: ['', 'median ms (min–max)'],
      rows: [[`linchpin, ${delays.length} links`, spread(spreadOf(delays), 1)]],
      notes: ['In it: an order between processes, two commits, each durable, and a signature.'],
      goals: goal('approval to token', spreadOf(delays), { below: 50 }, ' ms'),
      figures: delays,
    };
  });
}

async function measureSignIn(measuring: Measuring): Promise<Section | undefined> {
  const [rounds, times] = measuring.isQuick ? [2, 10] : [4, 60];
  return ours(measuring, async (start) => {
    const rates = await timeSignIns(await start('linchpin'), rounds, times);
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
      notes: ['Bounded by argon2id on the core of the server; what the ratio lacks to one is all else.'],
      goals: goal('sign-in ÷ bare argon2id', spreadOf(rates.map(({ signIn, bare }) => signIn / bare)), {
        atLeast: 0.9,
      }),
      figures: rates,
    };
  });
}

const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

async function measureMemory({ names, many }: Measuring): Promise<Section> {
  return withServers(async (start) => {
    const weights: { name: ServerName; atRest: number; perLink: number }[] = [];
    for (const name of names.filter(isReal)) {
      weights.push({ name, ...(await weighLinks(await start(name), many)) });
    }
    const ours = weights.find(({ name }) => name === 'linchpin');
    return {
      title: `Memory, with ${short(many)} links pending`,
      columns: ['', 'RSS at rest, MB', 'bytes per link'],
      rows: weights.map(({ name, atRest, perLink }) => [name, inMegabytes(atRest), count(perLink)]),
      goals: goal('RSS per pending link', ours && spreadOf([ours.perLink]), { below: 500 }, ' bytes'),
      figures: weights,
    };
  });
}

async function measureStart({ names, isQuick }: Measuring): Promise<Section | undefined> {
  if (!existsSync('dist/main.js')) {
    if (names.includes('linchpin')) console.log('\nThe start is not measured: `npm run build` first.');
    return undefined;
  }
  const { startMs, idle } = await timeStart(isQuick ? 1 : 5);
  return {
    title: 'The built service, on a database that exists',
    columns: ['', 'start to first answer, ms', 'idle RSS after 3 s, MB', 'after 45 s, MB'],
    rows: [['linchpin', spread(spreadOf(startMs), 0), ...[idle.soon, idle.settled].map(inMegabytes)]],
    goals: [
      ...goal('start to first answer', spreadOf(startMs), { below: 1500 }, ' ms'),
      ...goal('idle RSS', spreadOf([idle.settled / 1e6]), { below: 130 }, ' MB'),
    ],
    figures: { startMs, idle },
  };
}

async function measureFsync({ isQuick }: Measuring): Promise<Section> {
  const taken = await timeFsync(isQuick ? 50 : 300);
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
  { names }: Measuring,
  work: (start: Start) => Promise<Section>,
): Promise<Section | undefined> {
  return names.includes('linchpin') ? withServers(work) : undefined;
}

// Three replicas of Linchpin on one PostgreSQL and one Redis beside three of oidc-provider on one Redis: pending polls at each. With fewer
// cores than replicas they are loaded in turn; what three would do with a core each is the sum of what one does in its CPU time.
import { startPostgres, startRedis, type Service } from '../support/services.js';
import { equipment, installLine, type EquipmentName } from '../support/equipment.js';
import { findFreePort, type Server, type ServerName } from './processes.js';
import { proveReplicas, withServers, type Start } from './proven.js';
import {
  isPending,
  measureInTurn,
  pollRequest,
  type Contestant,
  type Measured,
  type Measuring,
} from './rounds.js';
import { count, goal, presentRounds, spread, spreadOf, type Section, type Spread } from './table.js';

const NEEDED: readonly EquipmentName[] = ['postgres', 'redis'];
const PEER = 'oidc-provider on Redis';
/** Polls without a pause between them: a replica has seen every link a moment ago. */
const OFTEN = 'linchpin, polled without a pause';
/** As the pace is for tools: what a replica has seen of a link counts for ten seconds, so every other poll asks PostgreSQL. */
const PACED = 'linchpin, polled each 5 s';
const OFTEN_LINKS = 1000;
const BLOCK = 256;

type Three = readonly [Server, Server, Server];

export async function measureReplicas({ names, many, effort }: Measuring): Promise<Section | undefined> {
  if (!names.includes('linchpin')) return undefined;
  const missing = NEEDED.filter((name) => equipment[name].find() === undefined);
  if (missing.length > 0) {
    console.log(`\nReplicas are not measured: \`${installLine(missing)}\` first.`);
    return undefined;
  }
  return withServices(async (urls) =>
    withServers(async (start) => {
      const links = Math.ceil(many / 3);
      const contestants = [
        ...(await createLinchpins(start, urls, links)),
        ...(await createPeers(start, urls, links)),
      ];
      return present(await measureInTurn(contestants, effort), links * 3);
    }),
  );
}

interface Urls {
  databaseUrl: string;
  redisUrl: string;
}

/** Starts PostgreSQL and Redis, on the core of the load, and stops them however the work ends. */
async function withServices<T>(work: (urls: Urls) => Promise<T>): Promise<T> {
  const started: Service[] = [];
  try {
    const postgres = await startPostgres();
    started.push(postgres);
    const redis = await startRedis();
    started.push(redis);
    return await work({ databaseUrl: postgres.url, redisUrl: redis.url });
  } finally {
    await Promise.all(started.map((service) => service.stop()));
  }
}

/** One after the other: the first one makes what they share. */
async function startThree(start: Start, name: ServerName, urls: Urls): Promise<Three> {
  const shared = { ...urls, publicUrl: `http://127.0.0.1:${await findFreePort()}` };
  const three: Three = [
    await start(name, { shared }),
    await start(name, { shared }),
    await start(name, { shared }),
  ];
  await proveReplicas(three);
  return three;
}

async function createLinchpins(start: Start, urls: Urls, links: number): Promise<Contestant[]> {
  const three = await startThree(start, 'linchpin', urls);
  const contestants: Contestant[] = [];
  for (const [place, server] of three.entries()) {
    // Each polls what was started at another: nothing is known to it but what it has looked up.
    const codes = await three[(place + 1) % 3]!.order('pending', { count: links, sample: links });
    const often = codes.splice(0, OFTEN_LINKS);
    contestants.push(createPollersOf(server, `${OFTEN} ${place + 1}`, often, 1));
    contestants.push(createPollersOf(server, `${PACED} ${place + 1}`, codes, 2));
  }
  return contestants;
}

async function createPeers(start: Start, urls: Urls, links: number): Promise<Contestant[]> {
  const three = await startThree(start, PEER, urls);
  const contestants: Contestant[] = [];
  for (const [place, server] of three.entries()) {
    const codes = await three[(place + 1) % 3]!.order('pending', { count: links, sample: links });
    contestants.push(createPollersOf(server, `${PEER} ${place + 1}`, codes, 1));
  }
  return contestants;
}

/** Polls all of the links in turn, each block of them so many times before the next. */
function createPollersOf(server: Server, label: string, codes: string[], times: number): Contestant {
  const requests = codes.map((code) => pollRequest(server, code));
  let turn = 0;
  const next = (): string => {
    const block = Math.floor(turn / (BLOCK * times));
    return requests[(block * BLOCK + (turn++ % BLOCK)) % requests.length] as string;
  };
  return { label, server, makeTraffic: async () => ({ next, isRight: isPending }) };
}

function present(measured: Measured[], links: number): Section {
  const [often, paced, peer] = [OFTEN, PACED, PEER].map((group) => sumsOf(measured, group));
  const section = presentRounds(
    `Pending polls at three replicas, ${count(links)} links pending`,
    measured,
    [],
  );
  const ratio = (sums: number[] | undefined): Spread =>
    spreadOf((sums ?? []).map((sum, round) => sum / (peer?.[round] ?? NaN)));
  const sums = [
    [OFTEN, often],
    [PACED, paced],
    [PEER, peer],
  ] as const;
  return {
    ...section,
    rows: [
      ...section.rows,
      ...sums.map(([group, each]) => [`${group}: three, by CPU`, count(spreadOf(each ?? []).median)]),
    ],
    notes: [
      `× ${PEER}, by CPU: ${spread(ratio(often), 2)} without a pause, ${spread(ratio(paced), 2)} each 5 s, where PostgreSQL is asked at every other poll.`,
      `A poll that asks PostgreSQL: ${count(lookupOf(measured))} µs of CPU, by the difference of the two.`,
      'Three, by CPU: the sum of 1 s ÷ CPU of a poll. The CPU of PostgreSQL and Redis, on the core of the load, is in none of it.',
    ],
    goals: [
      ...goal(`three × ${PEER}, by CPU, without a pause`, ratio(often), { atLeast: 3 }),
      ...goal(`three × ${PEER}, by CPU, each 5 s`, ratio(paced), { atLeast: 3 }),
    ],
  };
}

/** Of each round, what the three of a group would answer in a second with a core each. */
function sumsOf(measured: Measured[], group: string): number[] {
  const [first, ...others] = measured.filter(({ label }) => label.startsWith(group));
  return (first?.windows ?? []).map((window, round) =>
    [window, ...others.map(({ windows }) => windows[round])].reduce(
      (sum, each) => sum + 1e6 / (each?.cpuMicroseconds ?? NaN),
      0,
    ),
  );
}

/** CPU of a poll that is looked up: of the polls at a pace it is one half, and the others are as those without a pause. */
function lookupOf(measured: Measured[]): number {
  const median = (group: string): number =>
    spreadOf(
      measured
        .filter(({ label }) => label.startsWith(group))
        .flatMap(({ windows }) => windows.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    ).median;
  return 2 * median(PACED) - median(OFTEN);
}

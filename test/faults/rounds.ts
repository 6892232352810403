// Runs one round of a schedule on a fleet: the stories and the guessers side by side, the faults among them, a last look when
// everything is whole again, and the judgement.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { createProofKey } from '../support/proofs.js';
import { createRandom } from '../support/random.js';
import { checkRound } from './checker.js';
import { createFaultHands, type Excuse, type Servers } from './fault-hands.js';
import { RECOVERY_MS, type Fleet } from './fleet.js';
import { createHistory, type History } from './history.js';
import { createPersonHands, type PersonHands } from './person-hands.js';
import type { Registrar, SignedIn } from './registrar.js';
import type { Guess, Schedule, Story } from './schedule.js';
import { liveThrough, lookAgain, type Lived, type StoryWorld } from './stories.js';
import { createDeviceHands, type ToolHands } from './tool-hands.js';
import { createNumberHands } from './tool-hands-number.js';
import { createRedirectHands } from './tool-hands-redirect.js';
import type { CounterSample, Truth } from './truth.js';

export interface Place {
  readonly fleet: Fleet;
  readonly servers: Servers;
  readonly registrar: Registrar;
  readonly truth: Truth;
}

export interface RoundReport {
  readonly seed: number;
  readonly wrong: readonly string[];
  readonly ops: number;
  /** How many answers were 503, and how many never came. */
  readonly unavailable: number;
  readonly lost: number;
  readonly tokens: number;
  readonly seconds: number;
  /** From when the last fault was taken back until everything was whole. */
  readonly recoverySeconds: number;
  /** The longest time for which this process did not get its turn: on a starved machine, answers are late for that alone. */
  readonly stalledSeconds: number;
}

const SAMPLED_EVERY_MS = 120;

/** A network of its own for everybody, so that no budget of a network is felt. */
const networkOf = (seed: number, index: number): string =>
  `10.${(seed >> 4) & 255}.${seed & 15}.${index + 1}`;

/** For what this process asks of the database itself, which may be gone in that moment. */
async function insistOn<Found>(find: () => Promise<Found>): Promise<Found> {
  for (const end = performance.now() + RECOVERY_MS; performance.now() < end; await pause(100)) {
    const found = await find().then(
      (value) => ({ value }),
      () => undefined,
    );
    if (found) return found.value;
  }
  return find();
}

function openPeople({ fleet, registrar }: Place, history: History, seed: number) {
  return async (name: string, index: number, make: () => Promise<SignedIn> = registrar.makeOwner) => {
    const { accountId, sessionCookie } = await insistOn(make);
    const from = networkOf(seed, 100 + index);
    return {
      accountId,
      hands: createPersonHands({ history, portOf: fleet.portOf, sessionCookie, name, from }),
    };
  };
}

/** The tool of one story, with a key of its own where it has one. */
function openTool(
  { name, door, isKeyed, seed }: Story,
  { fleet: { portOf }, registrar, truth }: Place,
  history: History,
  owner: { readonly browse: PersonHands['browse'] },
): ToolHands {
  const given = { history, portOf, key: isKeyed ? createProofKey() : undefined };
  const tools: Readonly<Record<Story['door'], () => ToolHands>> = {
    device: () =>
      createDeviceHands({ ...given, clientId: registrar.clientId, isBoundFromStart: seed % 2 === 0 }),
    number: () =>
      createNumberHands({
        ...given,
        identifier: `tool ${seed} ${name}`,
        findLink: (number) => insistOn(() => truth.findByNumber(number)),
      }),
    redirect: () =>
      createRedirectHands({
        ...{ ...given, ...registrar.redirecting },
        browse: (replica, path) => owner.browse(replica, path),
        findLink: (handle) => insistOn(() => truth.findByHandle(handle)),
      }),
  };
  return tools[door]();
}

/** The counters of one who guesses user codes and of one whose second factor is guessed, all the time. */
async function guess(guesses: readonly Guess[], place: Place, history: History, seed: number) {
  const meet = openPeople(place, history, seed);
  const [guesser, careful] = [
    await meet('guesser', 50),
    await meet('careful', 51, place.registrar.makeCareful),
  ];
  const samples: CounterSample[] = [];
  let isEnding = false;

  async function sample(): Promise<boolean> {
    const counters = await place.truth.readCounters(guesser.accountId, careful.accountId);
    if (counters) samples.push({ at: history.elapsed(), ...counters });
    return counters !== undefined;
  }

  async function sampleOn(): Promise<void> {
    for (; !isEnding; await pause(SAMPLED_EVERY_MS)) await sample();
    for (let tries = 0; tries < 50 && !(await sample()); tries++) await pause(SAMPLED_EVERY_MS);
  }

  async function tryAll(): Promise<void> {
    const one = async ({ act, atMs, replica, userCode }: Guess): Promise<void> => {
      await pause(atMs);
      await (act === 'guess'
        ? guesser.hands.guess('guesses', replica, userCode)
        : careful.hands.mistype('factors', replica));
    };
    await Promise.all(guesses.map(one));
  }

  const sampled = sampleOn();
  return {
    tryAll,
    async end(): Promise<readonly CounterSample[]> {
      isEnding = true;
      await sampled;
      return samples;
    },
  };
}

/** Does everything that the schedule says, and answers what is wrong with what came of it. */
export async function runRound(
  schedule: Schedule,
  place: Place,
  patienceMs = RECOVERY_MS,
): Promise<RoundReport> {
  const { seed, stories } = schedule;
  const { fleet, servers, truth } = place;
  const replicas = fleet.replicas.length;
  const startedAt = performance.now();
  const turns = monitorEventLoopDelay({ resolution: 20 });
  turns.enable();
  let liftedAt = Infinity;
  const history = createHistory(() => performance.now() - startedAt);
  const faultHands = createFaultHands(fleet, servers, history.elapsed);
  const meet = openPeople(place, history, seed);

  const worlds = await Promise.all(
    stories.map(async (story, index): Promise<StoryWorld> => {
      const { name, hasThief } = story;
      const owner = (await meet(`owner of ${name}`, index)).hands;
      return {
        ...{ history, owner, replicas, from: networkOf(seed, index), expire: truth.expire },
        tool: openTool(story, place, history, owner),
        thief: hasThief ? (await meet(`thief of ${name}`, 20 + index)).hands : undefined,
        isOver: () => history.elapsed() > liftedAt + patienceMs,
      };
    }),
  );
  await truth.forgetGuesses();
  const guesses = await guess(schedule.guesses, place, history, seed);
  const begun = history.elapsed();
  const faults = schedule.faults.map((fault) => faultHands.run({ ...fault, atMs: fault.atMs + begun }));
  const recovered = Promise.all(faults).then(async (done): Promise<{ excuses: Excuse[]; until: number }> => {
    liftedAt = history.elapsed();
    const until = await faultHands.untilRecovered();
    return { until, excuses: done.map((excuse) => ({ ...excuse, until })) };
  });
  const [lived, { excuses, until }] = await Promise.all([
    Promise.all(stories.map((story, index) => liveThrough(story, worlds[index]!))),
    recovered,
    guesses.tryAll(),
  ]).catch(async (error: unknown) => {
    await guesses.end();
    throw error;
  });
  const random = createRandom(seed);
  await Promise.all(lived.map((one, index) => lookAgain(one, worlds[index]!, random)));
  const samples = await guesses.end();

  const wrong = await judge(lived, history, excuses, samples, truth);
  turns.disable();
  const said = (what: string): number => history.ops.filter((op) => op.said === what).length;
  return {
    ...{ seed, wrong, ops: history.ops.length, unavailable: said('unavailable'), lost: said('lost') },
    tokens: history.ops.filter(({ act, got }) => act === 'poll' && got).length,
    seconds: history.elapsed() / 1000,
    recoverySeconds: Math.max(0, until - liftedAt) / 1000,
    stalledSeconds: turns.max / 1e9,
  };
}

async function judge(
  lived: readonly Lived[],
  { ops }: History,
  excuses: readonly Excuse[],
  samples: readonly CounterSample[],
  truth: Truth,
): Promise<string[]> {
  const links = new Map(
    lived.flatMap(({ story, link }) => (link ? [[story.name, link.linkId] as const] : [])),
  );
  const stuck = lived.flatMap((one) => (one.stuck === undefined ? [] : [`${one.story.name}: ${one.stuck}`]));
  return checkRound({
    ops,
    excuses,
    links,
    tools: new Map(lived.map(({ story }) => [story.name, story])),
    stuck,
    guessed: { samples },
    truth: await truth.readLinks([...links.values()]),
  });
}

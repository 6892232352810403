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
import { createParentHands } from './parent-hands.js';
import type { Registrar, SignedIn } from './registrar.js';
import type { Guess, Schedule, Story } from './schedule.js';
import { liveThrough, lookAgain, type Lived, type StoryWorld } from './stories.js';
import { createDeviceHands, type ToolHands } from './tool-hands.js';
import { createNumberHands } from './tool-hands-number.js';
import { createNumberKey } from './tool-hands-number-key.js';
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

function openPeople({ fleet }: Place, history: History, seed: number) {
  return async <Made extends SignedIn>(name: string, index: number, make: () => Promise<Made>) => {
    const made = await insistOn(make);
    const { sessionCookie } = made;
    const from = networkOf(seed, 100 + index);
    const { portOf } = fleet;
    return { made, hands: createPersonHands({ history, portOf, sessionCookie, name, from }) };
  };
}

/** The tool of one story, with a key of its own where it has one. */
function openTool(
  { name, door, isKeyed, isPushed = false, seed }: Story,
  { fleet: { portOf }, registrar, truth }: Place,
  history: History,
  owner: { readonly browse: PersonHands['browse'] },
): ToolHands {
  const given = { history, portOf, key: isKeyed ? createProofKey() : undefined };
  const identifier = `tool ${seed} ${name}`;
  const tools: Readonly<Record<Story['door'], () => ToolHands>> = {
    device: () =>
      createDeviceHands({ ...given, clientId: registrar.clientId, isBoundFromStart: seed % 2 === 0 }),
    number: () =>
      createNumberHands({
        ...{ history, portOf, identifier },
        key: isKeyed ? createNumberKey(identifier) : undefined,
        findLink: (number) => insistOn(() => truth.findByNumber(number)),
      }),
    redirect: () =>
      createRedirectHands({
        ...{ ...given, ...registrar.redirecting, isPushed },
        browse: (replica, path) => owner.browse(replica, path),
        findLink: (handle) => insistOn(() => truth.findByHandle(handle)),
      }),
  };
  return tools[door]();
}

/** Everybody who is in a story, with what they have. */
function createWorlds(place: Place, history: History, seed: number) {
  const { registrar, truth, fleet } = place;
  const { portOf } = fleet;
  const meet = openPeople(place, history, seed);
  const meetOwner = async (story: Story, index: number, from: string) => {
    const name = `owner of ${story.name}`;
    if (!story.isByTool) {
      const { hands: owner } = await meet(name, index, registrar.makeOwner);
      return { owner, parent: undefined };
    }
    const { hands: owner, made } = await meet(name, index, registrar.makeWithTool);
    const { token, endedToken } = made;
    const away = networkOf(seed, 70 + index);
    return { owner, parent: createParentHands({ history, portOf, token, endedToken, from, away }) };
  };

  return async (story: Story, index: number): Promise<Omit<StoryWorld, 'isOver'>> => {
    const from = networkOf(seed, index);
    const { owner, parent } = await meetOwner(story, index, from);
    const replicas = fleet.replicas.length;
    const met = story.hasThief
      ? await meet(`thief of ${story.name}`, 20 + index, registrar.makeOwner)
      : undefined;
    return {
      ...{ history, owner, parent, thief: met?.hands, replicas, from, expire: truth.expire },
      tool: openTool(story, place, history, owner),
    };
  };
}

/** The counters of one who guesses user codes and of one whose second factor is guessed, all the time. */
async function guess(guesses: readonly Guess[], place: Place, history: History, seed: number) {
  const meet = openPeople(place, history, seed);
  const [guesser, careful] = [
    await meet('guesser', 50, place.registrar.makeOwner),
    await meet('careful', 51, place.registrar.makeCareful),
  ];
  const samples: CounterSample[] = [];
  let isEnding = false;

  async function sample(): Promise<boolean> {
    const counters = await place.truth.readCounters(guesser.made.accountId, careful.made.accountId);
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
  const startedAt = performance.now();
  const turns = monitorEventLoopDelay({ resolution: 20 });
  turns.enable();
  let liftedAt = Infinity;
  const history = createHistory(() => performance.now() - startedAt);
  const faultHands = createFaultHands(fleet, servers, history.elapsed);

  const openWorld = createWorlds(place, history, seed);
  const isOver = (): boolean => history.elapsed() > liftedAt + patienceMs;
  const worlds = await Promise.all(
    stories.map(async (story, index) => ({ ...(await openWorld(story, index)), isOver })),
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

// What happens in a round, drawn from its seed and from nothing else: the stories of a few links, who guesses, and which fault
// comes when. A round is run again by its seed alone (FAULT_SEED, with FAULT_ROUNDS=1).
import { createRandom, type Random } from '../support/random.js';

export type Decision =
  | 'approve'
  | 'approve twice at once'
  | 'approve and deny at once'
  | 'deny'
  | 'deny, then approve'
  | 'expire, then approve'
  | 'approve, then expire'
  | 'nothing';

export type Afterwards = 'refresh' | 'refresh twice at once' | 'use' | 'revoke';

/** `beside the approval`: at the same time, perhaps at another replica; `meanwhile`: while the token is collected. */
export type ParentEnds =
  'never' | 'beside the approval' | 'before the token is collected' | 'meanwhile' | 'afterwards';

/** How its tool is linked: it polls with a device code or by a number, or sends its person along and gets a code. */
export type Door = 'device' | 'number' | 'redirect';

/** What kind of tool it is, and what kind of link. */
export interface ToolKind {
  readonly door: Door;
  /** Its tool has a key, to which all that it gets is bound; by number, for a proof of which alone it gets anything. */
  readonly isKeyed: boolean;
  /** By number: another tool of its person approves it, with its token. */
  readonly isByTool?: boolean;
  /** By redirect: the tool pushes its request first. */
  readonly isPushed?: boolean;
}

export interface Story extends ToolKind {
  readonly name: string;
  /** For what is chosen while it runs: a replica, a pause. */
  readonly seed: number;
  readonly startsAtMs: number;
  /** How many replicas it polls while nothing is decided. */
  readonly pollsBefore: number;
  /** Whether a poll is held while it is decided. */
  readonly isHeld: boolean;
  /** Whether somebody else enters the code as well. */
  readonly hasThief: boolean;
  readonly decision: Decision;
  /** How many replicas are polled at once for the token. */
  readonly collectors: number;
  readonly afterwards: readonly Afterwards[];
  /** When the tool is signed out that may have approved it. */
  readonly parentEnds: ParentEnds;
}

export const FAULTS_OF_REPLICAS = [
  'calm',
  'kill',
  'kill two',
  'clock an hour ahead',
  'clock an hour behind',
  'postgres: fast restart',
  'postgres: immediate shutdown',
  'postgres: delayed wire',
  'postgres: hanging wire',
  'postgres: cut wire',
  'postgres: cut after COMMIT',
] as const;
export const FAULTS_OF_REDIS = [
  'redis: stopped',
  'redis: FLUSHALL',
  'redis: hanging',
  'redis: delayed wire',
  'redis: cut wire',
] as const;

export type FaultKind = (typeof FAULTS_OF_REPLICAS)[number] | (typeof FAULTS_OF_REDIS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly replica: number;
  readonly atMs: number;
  readonly forMs: number;
}

export interface Guess {
  readonly act: 'guess' | 'wrong-code';
  readonly atMs: number;
  readonly replica: number;
  readonly userCode: string;
}

export interface Schedule {
  readonly seed: number;
  readonly stories: readonly Story[];
  readonly faults: readonly Fault[];
  readonly guesses: readonly Guess[];
}

export interface Asked {
  readonly seed: number;
  readonly replicas: number;
  readonly hasRedis: boolean;
  readonly links?: number;
  /** Which tools there are, in turn. */
  readonly tools?: readonly ToolKind[];
  /** Instead of the fault whose turn it is. */
  readonly fault?: FaultKind;
}

const DECISIONS: readonly Decision[] = [
  ...['approve', 'approve', 'approve', 'approve twice at once', 'approve and deny at once'],
  ...['deny', 'deny, then approve', 'expire, then approve', 'approve, then expire', 'nothing'],
] as readonly Decision[];

const CODE_LETTERS = [...'BCDFGHJKLMNPQRSTVWXZ'];

const PARENT_ENDS: readonly ParentEnds[] = [
  'never',
  'beside the approval',
  'before the token is collected',
  'meanwhile',
  'afterwards',
  'afterwards',
];

/** The tools of a round. Some are of one kind or the other: a round with each of both would take longer. */
function toolsOf(seed: number): readonly ToolKind[] {
  // Apart from what else is drawn, and from the fault whose turn it is.
  const { chance } = createRandom(~seed);
  return [
    { door: 'device', isKeyed: false },
    { door: 'device', isKeyed: true },
    { door: 'number', isKeyed: false },
    { door: 'number', isKeyed: true },
    { door: 'number', isKeyed: chance(0.5), isByTool: true },
    { door: 'redirect', isKeyed: false, isPushed: chance(0.5) },
    { door: 'redirect', isKeyed: true, isPushed: chance(0.5) },
  ];
}

function drawStory(random: Random, index: number, tool: ToolKind): Story {
  const decision = random.pick(DECISIONS);
  const middle = (['refresh', 'refresh twice at once', 'use', 'refresh', 'use'] as const).filter(() =>
    random.chance(0.6),
  );
  const seed = random.below(2 ** 31);
  const parentEnds = PARENT_ENDS[seed % PARENT_ENDS.length]!;
  const mayBeLate = tool.isByTool === true && parentEnds === 'beside the approval';
  return {
    name: String.fromCharCode(97 + index),
    ...tool,
    seed,
    parentEnds,
    // Nobody waits for a page before a tool approves: else it would be over before most faults begin.
    startsAtMs: random.below(300) + (tool.isByTool ? seed % 1100 : 0),
    pollsBefore: random.below(3),
    // Nobody is woken by time, nor by an approval that comes too late.
    isHeld: !['nothing', 'expire, then approve'].includes(decision) && random.chance(0.4) && !mayBeLate,
    hasThief: random.chance(0.2),
    decision,
    collectors: random.chance(0.3) ? 3 : 1,
    afterwards: [...random.shuffled(middle), ...(random.chance(0.5) ? (['revoke'] as const) : [])],
  };
}

function drawGuess(random: Random, act: Guess['act'], replicas: number): Guess {
  const letters = Array.from({ length: 8 }, () => random.pick(CODE_LETTERS)).join('');
  return { act, atMs: random.below(1800), replica: random.below(replicas), userCode: letters };
}

function drawFault(random: Random, kind: FaultKind, replicas: number): Fault {
  // From the first reservations to the last decisions: most links are decided between 1.1 and 1.8 seconds.
  return {
    kind,
    replica: random.below(replicas),
    atMs: random.between(150, 1400),
    forMs: random.between(100, 900),
  };
}

/** What is faulty: nothing is taken away twice at once. */
const familyOf = (kind: FaultKind): string => /^\w+/.exec(kind)![0];

/** The same for the same seed. Faults take turns by the seed; in every third round there are two. */
export function drawSchedule({ seed, replicas, hasRedis, links = 7, fault, ...asked }: Asked): Schedule {
  const random = createRandom(seed);
  const { tools = toolsOf(seed) } = asked;
  const kinds: readonly FaultKind[] = hasRedis
    ? [...FAULTS_OF_REPLICAS, ...FAULTS_OF_REDIS]
    : FAULTS_OF_REPLICAS;
  const stories = Array.from({ length: links }, (_, index) =>
    drawStory(random, index, tools[index % tools.length]!),
  );
  const guesses = [
    ...Array.from({ length: random.between(3, 7) }, () => drawGuess(random, 'guess', replicas)),
    ...Array.from({ length: random.between(2, 4) }, () => drawGuess(random, 'wrong-code', replicas)),
  ];
  const first = drawFault(random, fault ?? kinds[seed % kinds.length]!, replicas);
  const others = kinds.filter((kind) => familyOf(kind) !== familyOf(first.kind));
  const second = drawFault(random, random.pick(others), replicas);
  const hasSecond = fault === undefined && random.chance(1 / 3) && first.kind !== 'calm';
  return { seed, stories, guesses, faults: hasSecond ? [first, second] : [first] };
}

// The life of one link in a round, as its tool and its person live it: each step at some replica, asked again elsewhere where it
// was unavailable or nobody answered, as tools and people do. What was right is not decided here.
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, type Random } from '../support/random.js';
import { decideAtPage, decideByTool, type DecidersAsked } from './deciding.js';
import { isOpen, type History, type Op, type Tokens } from './history.js';
import type { ParentHands } from './parent-hands.js';
import type { PersonHands } from './person-hands.js';
import type { Afterwards, Story } from './schedule.js';
import type { StartedLink, ToolHands } from './tool-hands.js';

export interface StoryWorld {
  readonly history: History;
  readonly tool: ToolHands;
  readonly owner: PersonHands;
  readonly thief: PersonHands | undefined;
  /** The tool of the owner that decides, instead of the owner. */
  readonly parent: ParentHands | undefined;
  readonly replicas: number;
  /** The network address of the tool. */
  readonly from: string;
  readonly expire: (linkId: string) => Promise<boolean>;
  /** Whether the time is over in which everything must have become possible again. */
  readonly isOver: () => boolean;
}

/** What a story leaves, for the checks at its end. */
export interface Lived {
  readonly story: Story;
  readonly link: StartedLink | undefined;
  /** The last pair that the tool holds. */
  readonly tokens: Tokens | undefined;
  /** What could not be done in all that time. */
  readonly stuck: string | undefined;
}

/** A tool may show the same refresh token once, and three times more where the answers were lost. */
const MOST_REFRESHES = 3;
const HELD_SECONDS = 6;

class Stuck extends Error {}

export async function liveThrough(story: Story, world: StoryWorld): Promise<Lived> {
  const { history, tool, owner, thief, parent } = world;
  const random = createRandom(story.seed);
  const anywhere = (): number => random.below(world.replicas);
  // One replica hears of the link when it is decided, and no sooner: it has nothing to go by but the database.
  const fresh = anywhere();
  const early = (): number => (fresh + random.between(1, world.replicas - 1)) % world.replicas;
  const at = (replica = anywhere()) => ({ story: story.name, replica, from: world.from });
  const lived: { -readonly [Key in keyof Lived]: Lived[Key] } = {
    ...{ story, link: undefined, tokens: undefined, stuck: undefined },
  };

  /** Asks until there is an answer; each time somewhere else, as a balancer would. */
  async function insist(what: string, once: () => Promise<Op>, isAnswered = answered): Promise<Op> {
    for (;;) {
      const op = await once();
      if (isAnswered(op)) return op;
      if (world.isOver()) throw new Stuck(`${what}: ${op.said}`);
      await pause(random.between(30, 120));
    }
  }

  async function begin(): Promise<StartedLink> {
    await pause(story.startsAtMs);
    for (;;) {
      const { op, link } = await tool.start(at(early()), early());
      if (link) return link;
      if (world.isOver()) throw new Stuck(`start: ${op.said}`);
      await pause(random.between(30, 120));
    }
  }

  const expire = (linkId: string): Promise<Op> =>
    history.record({ act: 'expire', story: story.name, replica: -1 }, () =>
      world.expire(linkId).then(
        (isDone) => ({ said: isDone ? 'done' : 'over' }),
        () => ({ said: 'lost' }),
      ),
    );

  const deciding: DecidersAsked = {
    ...{ story: story.name, owner, thief, random, anywhere, insist, isAnswered: answered },
    elapsed: () => history.elapsed(),
    notOver(what) {
      if (world.isOver()) throw new Stuck(what);
    },
  };

  const endParent = () => insist('end-parent', () => parent!.end({ story: story.name, replica: anywhere() }));
  const isParentEnded = (when: Story['parentEnds']): boolean =>
    parent !== undefined && story.parentEnds === when;

  async function decide(link: StartedLink): Promise<void> {
    const deciders = parent ? decideByTool(deciding, link, parent) : decideAtPage(deciding, link);
    const { approve: approveAlone, deny, ended } = await deciders;
    const approve = () =>
      isParentEnded('beside the approval') ? Promise.all([approveAlone(), endParent()]) : approveAlone();
    const decisions: Readonly<Record<Story['decision'], () => Promise<unknown>>> = {
      approve,
      'approve twice at once': () => Promise.all([approve(), approve()]),
      'approve and deny at once': () => Promise.all([approve(), deny()]),
      deny,
      'deny, then approve': async () => [await deny(), await approve()],
      'expire, then approve': async () => [
        await insist('expire', () => expire(link.linkId)),
        await approve(),
      ],
      'approve, then expire': async () => [
        await approve(),
        await insist('expire', () => expire(link.linkId)),
      ],
      nothing: async () => undefined,
    };
    await decisions[story.decision]();
    await ended();
  }

  /** The tool that was to approve it had ended before. */
  const isRefused = (): boolean =>
    history.ops.some((op) => op.story === story.name && op.act === 'approve' && op.said === 'refused');

  /** Polls until there is a last word, or nothing will come. */
  async function collect(link: StartedLink): Promise<Op[]> {
    if (story.decision === 'nothing' || isRefused())
      return [await insist('poll', () => tool.poll(at(), link))];
    const polls = Array.from({ length: story.collectors }, () =>
      insist('poll', () => tool.poll(at(), link), isLastWord),
    );
    if (isParentEnded('meanwhile')) await endParent();
    return Promise.all(polls);
  }

  async function refresh(held: Tokens, times: number): Promise<Tokens | undefined> {
    const { refresh: shown } = held;
    if (!tool.refresh || shown === undefined) return held;
    for (let tries = 0; tries < MOST_REFRESHES; tries += times) {
      const ops = await Promise.all(Array.from({ length: times }, () => tool.refresh!(at(), shown)));
      const got = ops.find((op) => op.got)?.got;
      if (got || ops.some((op) => op.said === 'spent')) return got;
      await pause(random.between(30, 120));
    }
    return undefined;
  }

  /** What it had is good all the same. */
  async function renew(held: Tokens, times: number): Promise<Tokens> {
    for (let tries = 0; tries < MOST_REFRESHES; tries++) {
      const ops = await tool.renew!(at(), Array.from({ length: times }, anywhere));
      const got = ops.find((op) => op.got)?.got;
      if (got || ops.some((op) => op.said === 'refused')) return got ?? held;
      await pause(random.between(30, 120));
    }
    return held;
  }

  /** Undefined: the tool holds nothing any more of which it knows what it is worth. */
  async function live(held: Tokens, act: Afterwards): Promise<Tokens | undefined> {
    await pause(random.below(150));
    if (act === 'use') await insist('use', () => tool.use(at(), held.access));
    if (act === 'revoke') await insist('revoke', () => tool.revoke(at(), held));
    if (act !== 'refresh' && act !== 'refresh twice at once') return held;
    return (tool.renew ? renew : refresh)(held, act === 'refresh' ? 1 : 2);
  }

  try {
    const link = (lived.link = await begin());
    for (let polls = 0; polls < story.pollsBefore; polls++) await tool.poll(at(early()), link);
    const held = story.isHeld ? tool.poll(at(early()), link, HELD_SECONDS) : undefined;
    await decide(link);
    if (isParentEnded('before the token is collected')) await endParent();
    if (random.chance(0.5)) await tool.misuse?.(at(), link, { tokens: undefined, elsewhere: anywhere() });
    const collected = await collect(link);
    if (held) collected.push(await held);
    lived.tokens = collected.find((op) => op.got)?.got;
    const { tokens } = lived;
    if (tokens) await tool.misuse?.(at(), link, { tokens, elsewhere: anywhere() });
    for (const act of story.afterwards) {
      if (!lived.tokens) break;
      lived.tokens = await live(lived.tokens, act);
    }
    if (isParentEnded('afterwards')) await endParent();
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    lived.stuck = error.message;
  }
  return lived;
}

const answered = (op: Op): boolean => !isOpen(op) && op.said !== 'unsent';
const isLastWord = (op: Op): boolean => answered(op) && op.said !== 'pending';

/** Asks everybody at the end, when everything is whole again: what was acknowledged is known everywhere. */
export async function lookAgain(
  { story, link, tokens }: Lived,
  { tool, replicas, from }: Pick<StoryWorld, 'tool' | 'replicas' | 'from'>,
  random: Random,
): Promise<void> {
  if (!link) return;
  const at = (replica = random.below(replicas)) => ({ story: story.name, replica, from });
  const useEverywhere = (token: string) =>
    Promise.all(Array.from({ length: replicas }, (_, replica) => tool.use(at(replica), token)));
  // A code that is shown again may end what it has given: that comes last, and is known everywhere too.
  if (story.door !== 'redirect') await tool.poll(at(), link);
  if (tokens) {
    await useEverywhere(tokens.access);
    if (tokens.refresh !== undefined) await tool.refresh?.(at(), tokens.refresh);
    await tool.renew?.(at(), [random.below(replicas)]);
  }
  if (story.door !== 'redirect') return;
  await tool.poll(at(), link);
  if (tokens) await useEverywhere(tokens.access);
}

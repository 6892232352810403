// Who decides a link in a round, and how: its person at the page, or a tool of theirs with its token, while the person may still
// enter the code and decline. Each step is asked again elsewhere until there is an answer.
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Op } from './history.js';
import type { ParentHands } from './parent-hands.js';
import type { PersonHands, Review } from './person-hands.js';
import type { StartedLink } from './tool-hands.js';

export interface Deciders {
  readonly approve: () => Promise<unknown>;
  readonly deny: () => Promise<unknown>;
  /** Resolves when somebody else has been answered who has seen the code. */
  readonly ended: () => Promise<unknown>;
}

export interface DecidersAsked {
  readonly story: string;
  readonly owner: PersonHands;
  readonly thief: PersonHands | undefined;
  readonly random: Random;
  readonly anywhere: () => number;
  readonly elapsed: () => number;
  readonly insist: (what: string, once: () => Promise<Op>, isAnswered?: (op: Op) => boolean) => Promise<Op>;
  /** Throws once the time is over in which everything must have become possible again. */
  readonly notOver: (what: string) => void;
  readonly isAnswered: (op: Op) => boolean;
}

const SOONEST_MS = 1060;
const NOBODY = async (): Promise<undefined> => undefined;

async function review(asked: DecidersAsked, { review: place }: StartedLink): Promise<Review> {
  for (;;) {
    const found = await asked.owner.review(asked.story, asked.anywhere(), place);
    if (found) return found;
    asked.notOver('the page with the decision was not to be had');
    await pause(asked.random.between(30, 120));
  }
}

/** Enters the code, where there is one; resolves to whether it is the person's now, and to what waits for somebody else. */
async function reserve({ story, owner, thief, anywhere, insist }: DecidersAsked, { userCode }: StartedLink) {
  if (userCode === undefined) return { isHeld: true, ended: NOBODY };
  const op = await insist('reserve', () => owner.reserve(story, anywhere(), userCode));
  const stolen = thief?.reserve(story, anywhere(), userCode);
  return { isHeld: op.said === 'done', ended: async () => stolen };
}

async function openPage(asked: DecidersAsked, link: StartedLink) {
  const { story, owner, random, anywhere, insist, isAnswered } = asked;
  const page = await review(asked, link);
  await pause(Math.max(0, page.seenAt + SOONEST_MS + random.below(300) - asked.elapsed()));
  const isDecided = (op: Op): boolean => isAnswered(op) && op.said !== 'hasty';
  const decide = (act: 'approve' | 'deny') => () =>
    owner.decide({ story, replica: anywhere() }, act, link.review, page);
  return {
    approve: () => insist('approve', decide('approve'), isDecided),
    deny: () => insist('deny', decide('deny'), isDecided),
  };
}

/** Its person, at the page, which is open from now on. */
export async function decideAtPage(asked: DecidersAsked, link: StartedLink): Promise<Deciders> {
  const { ended } = await reserve(asked, link);
  return { ...(await openPage(asked, link)), ended };
}

/** A tool with its token, where somebody has tried to before who may not; its person declines, unless it comes too late. */
export async function decideByTool(
  asked: DecidersAsked,
  link: StartedLink,
  parent: ParentHands,
): Promise<Deciders> {
  const { story, random, anywhere, insist } = asked;
  const code = link.userCode!;
  await parent.misuse({ story, replica: anywhere() }, code, random.chance(0.5));
  return {
    approve: () => insist('approve', () => parent.approve({ story, replica: anywhere() }, code)),
    async deny() {
      const { isHeld, ended } = await reserve(asked, link);
      if (isHeld) await (await openPage(asked, link)).deny();
      await ended();
    },
    ended: NOBODY,
  };
}

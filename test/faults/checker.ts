// Judges one round by its history and by what the database holds in the end. It knows the rules of links and tokens, and nothing
// of how they are kept. What may have happened counts as either; what was acknowledged has happened (CHECKLIST 4).
import { checkAnswers } from './checker-answers.js';
import { checkByTool, checkByToolTruth } from './checker-by-tool.js';
import { checkCounters, type Guessed } from './checker-counters.js';
import { checkLink, checkLinkTruth, PLAIN } from './checker-links.js';
import { checkOnce } from './checker-once.js';
import { checkTokens, checkToolTruth, mayHaveEndedAt } from './checker-tokens.js';
import type { Excuse } from './fault-hands.js';
import { presentOps, type Op } from './history.js';
import type { ToolKind } from './schedule.js';
import type { LinkTruth } from './truth.js';

export interface Round {
  readonly ops: readonly Op[];
  readonly excuses: readonly Excuse[];
  /** The link of each story that got one. */
  readonly links: ReadonlyMap<string, string>;
  /** What kind of tool each story has. */
  readonly tools: ReadonlyMap<string, ToolKind>;
  readonly truth: ReadonlyMap<string, LinkTruth>;
  readonly guessed: Guessed;
  /** What did not become possible again in time. */
  readonly stuck: readonly string[];
}

/** Everything that is wrong with the round, each with the ops that it is about; none for a round that is right. */
export function checkRound({ ops, excuses, links, tools, truth, guessed, stuck }: Round): string[] {
  const found = checkAnswers(ops, excuses);
  for (const story of new Set(ops.map((op) => op.story))) {
    const own = ops.filter((op) => op.story === story);
    const kind = tools.get(story) ?? PLAIN;
    const linkId = links.get(story);
    const kept = linkId === undefined ? undefined : truth.get(linkId);
    const wrong = [
      ...checkLink(own, kind),
      ...checkTokens(own, kind),
      ...checkOnce(own, mayHaveEndedAt(own, kind)),
      ...(kind.isByTool ? checkByTool(own) : []),
      ...(linkId === undefined ? [] : checkLinkTruth(own, kept, kind)),
      ...(kept ? checkToolTruth(own, kept, kind) : []),
      ...(kept && kind.isByTool ? checkByToolTruth(own, kept) : []),
    ];
    if (wrong.length === 0) continue;
    const state = kept ? `kept as ${kept.state} with ${kept.tools.length} linked tools` : 'not kept';
    found.push(...wrong.map((what) => `link ${story}: ${what}`), `${presentOps(own)}\n  ${state}`);
  }
  return [...found, ...checkCounters(ops, guessed), ...stuck.map((what) => `not possible in time: ${what}`)];
}

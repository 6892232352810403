// The rules of the tokens of one linked tool: one successor for each refresh token, revoked for good, and everywhere, and never
// refused while they are good. DESIGN 7; RFC 6749 §6, RFC 7009 §2.2, RFC 9700 §4.14.2.
import { createHash } from 'node:crypto';
import { isOpen, mayHaveHappened, nameOf, type Act, type Op } from './history.js';
import { PLAIN } from './checker-links.js';
import type { ToolKind } from './schedule.js';
import type { LinkTruth } from './truth.js';

/** Shown once, and three times more where the answer was lost; whoever shows it again is taken for a thief. */
const MOST_SHOWN = 4;

const CALLED: Readonly<Partial<Record<Act, string>>> = {
  use: 'access token',
  refresh: 'refresh token',
  renew: 'proof of its key',
};

/** What a refresh token is kept under: the moment that it begins with, if it does, and its hash. */
const keyOf = (token: string): string =>
  (/^[\da-z]{9}\./.exec(token)?.[0] ?? '') + createHash('sha256').update(token).digest('base64url');

/**
 * The polls that showed a code of a redirect, where it was shown more than once, and that got nothing for it: such a one ends what
 * the code has given (RFC 6749 §4.1.2), whichever came first.
 */
function replaysOf(ops: readonly Op[], { door }: ToolKind): Op[] {
  const shown = ops.filter((op) => op.act === 'poll' && !op.isCodeless && op.said !== 'unsent');
  return door === 'redirect' && shown.length > 1 ? shown.filter(({ got }) => !got) : [];
}

/** When the tokens of this tool may have ended, at the earliest: asked to, or because something was shown too often. */
export function mayHaveEndedAt(ops: readonly Op[], kind: ToolKind): number {
  const revoked = ops.filter((op) => ['revoke', 'end-parent'].includes(op.act) && mayHaveHappened(op));
  const overshown = [...groupByShown(ops).values()].flatMap((shown) => shown.slice(MOST_SHOWN));
  const ending = [...revoked, ...overshown, ...replaysOf(ops, kind)];
  return Math.min(Infinity, ...ending.map(({ askedAt }) => askedAt));
}

/** When they had ended, at the latest: what may have ended them was acknowledged, a code that is shown again by its refusal. */
function endedAt(ops: readonly Op[], kind: ToolKind): number {
  const revoked = ops.filter(({ act, said }) => act === 'revoke' && said === 'done');
  const isGiven = ops.some(({ act, got }) => act === 'poll' && got);
  const refused = isGiven ? replaysOf(ops, kind).filter(({ said }) => said === 'spent') : [];
  return Math.min(Infinity, ...[...revoked, ...refused].map((op) => op.endedAt));
}

function groupByShown(ops: readonly Op[]): Map<string, Op[]> {
  const groups = new Map<string, Op[]>();
  for (const op of ops.filter(({ act, said }) => act === 'refresh' && said !== 'unsent'))
    groups.set(op.shown!, [...(groups.get(op.shown!) ?? []), op]);
  return groups;
}

/** Every rule that the tokens of one tool break. */
export function checkTokens(ops: readonly Op[], kind = PLAIN): string[] {
  const wrong: string[] = [];
  const [ended, mayHaveEnded] = [endedAt(ops, kind), mayHaveEndedAt(ops, kind)];
  for (const op of ops.filter(({ act }) => CALLED[act] !== undefined)) {
    const isRefused = op.said === 'refused' || op.said === 'spent';
    const token = `${CALLED[op.act]} ${nameOf(op.shown!)}`;
    // A proof may have been shown before: that is among the rules of what counts once.
    if (isRefused && op.act !== 'renew' && op.endedAt < mayHaveEnded)
      wrong.push(`the good ${token} was refused`);
    if (op.said === 'done' && op.askedAt > ended) wrong.push(`the ${token} was taken after it was revoked`);
    if (['pending', 'denied', 'expired'].includes(op.said))
      wrong.push(`the ${token} was answered ${op.said}`);
  }
  for (const { act, got, askedAt } of ops)
    if (act === 'poll' && got && askedAt > ended)
      wrong.push(`the access token ${nameOf(got.access)} was given again after it was revoked`);
  for (const shown of groupByShown(ops).values()) {
    const got = shown.flatMap((op) => (op.got ? [op.got] : []));
    if (new Set(got.map(({ refresh }) => refresh)).size > 1)
      wrong.push('one refresh token had two successors');
    if (new Set(got.map(({ jti }) => jti)).size > 1) wrong.push('one refresh token gave two access tokens');
  }
  return wrong;
}

/** What the database holds of the tool, beside what was said of it. */
export function checkToolTruth(ops: readonly Op[], { tools }: LinkTruth, kind = PLAIN): string[] {
  const wrong: string[] = [];
  const given = ops.flatMap((op) => (op.got ? [op] : []));
  for (const { refresh, isEnded } of tools) {
    const kept = new Map(refresh.map((row) => [row.hash, row]));
    for (const { got, act } of given) {
      if (got!.refresh === undefined) continue;
      const row = kept.get(keyOf(got!.refresh));
      const token = `the refresh token ${nameOf(got!.refresh)}`;
      if (!row) wrong.push(`${token} was given by a ${act}, and is not kept`);
      else if (row.jti !== got!.jti) wrong.push(`${token} is kept with another access token`);
    }
    if (new Set(refresh.map(({ generation }) => generation)).size !== refresh.length)
      wrong.push('a generation of refresh tokens is kept twice');
    const [ended, mayHaveEnded] = [endedAt(ops, kind) !== Infinity, mayHaveEndedAt(ops, kind) !== Infinity];
    if (ended && !isEnded) wrong.push('it was revoked, acknowledged, and is kept as live');
    if (isEnded && !mayHaveEnded) wrong.push('it is kept as ended, and nobody ended it');
    const attempts = ops.filter((op) => op.act === 'refresh' && (op.got !== undefined || isOpen(op)));
    if (refresh.length > 1 + attempts.length) wrong.push(`${refresh.length} refresh tokens are kept`);
  }
  return wrong;
}

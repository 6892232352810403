// The rules of one link: one reservation, one decision for good, at most one token, none without an approval, none after its time.
// DESIGN 3; RFC 8628 §3.5, §5.5.
import { isWithdrawn } from './checker-by-tool.js';
import { isOpen, mayHaveHappened, type Act, type Op } from './history.js';
import type { ToolKind } from './schedule.js';
import type { LinkTruth } from './truth.js';

/** It polls with a device code, and has no key. */
export const PLAIN: ToolKind = { door: 'device', isKeyed: false };

/** A replica that did not hear of a decision asks again after so long (ten seconds, and a little for a busy machine). */
const STALE_MS = 11_000;

/** Whether it gets the same token again: by its number (PIN-API 3.2), or for a proof of its key, shortly after (DESIGN 3). */
const mayHaveAgain = ({ door, isKeyed }: ToolKind): boolean => door === 'number' || isKeyed;

const inOrder = (ops: readonly Op[]): Op[] => [...ops].sort((one, other) => one.askedAt - other.askedAt);
const earliest = (ops: readonly Op[]): number => Math.min(Infinity, ...ops.map(({ endedAt }) => endedAt));

function sort(ops: readonly Op[], kind: ToolKind) {
  const of = (act: Act): Op[] => inOrder(ops.filter((op) => op.act === act));
  const done = (act: Act): Op[] => of(act).filter(({ said }) => said === 'done');
  /** Done, or perhaps done. */
  const open = (act: Act): Op[] => of(act).filter(mayHaveHappened);
  const polls = of('poll');
  return {
    kind,
    of,
    done,
    open,
    polls,
    /** Those that may have redeemed it. */
    redemptions: polls.filter((op) => op.got !== undefined || (isOpen(op) && !op.isCodeless)),
    tokens: polls.filter(({ got }) => got),
    /** Asked before that moment, so that it may be what made it so. */
    before: (moment: number, some: readonly Op[]): Op[] => some.filter(({ askedAt }) => askedAt < moment),
  };
}

type Sorted = ReturnType<typeof sort>;

function checkDecisions({ kind, of, done, open, polls, tokens, before }: Sorted): string[] {
  const wrong: string[] = [];
  const [approved, denied, expired] = [done('approve'), done('deny'), done('expire')];
  if (approved.length > 0 && denied.length > 0) wrong.push('it was approved and declined, both acknowledged');
  const given = mayHaveAgain(kind) ? namesOf(tokens) : tokens;
  if (given.length > 1) wrong.push(`${given.length} tokens were given for one approval`);
  // Signed again from what is kept, with keys whose signatures are always the same.
  if (kind.door === 'number' && new Set(tokens.map(({ got }) => got!.access)).size > 1)
    wrong.push('a token that is read again is not the same');
  for (const { how } of done('misuse'))
    wrong.push(`somebody got something who had only seen what another had${how ? `: ${how}` : ''}`);
  for (const token of tokens) {
    if (before(token.endedAt, open('approve')).length === 0)
      wrong.push('a token was given without an approval');
    if (denied.length > 0) wrong.push('a token was given for a link that was declined');
    if (token.askedAt > earliest(expired)) wrong.push('a token was given after its time was over');
  }
  for (const approval of approved) {
    const isFirst = !before(approval.endedAt, open('approve')).some((other) => other !== approval);
    if (isFirst && approval.askedAt > earliest(expired))
      wrong.push('it was approved after its time was over');
    const sawDenied = polls.filter(({ said }) => said === 'denied');
    if (approval.askedAt > earliest(sawDenied))
      wrong.push('it was approved after a poll had said that it was declined');
  }
  /** A token approves what is pending alone; it is told no more than that it is not. */
  const decidedBefore = (over: Op) => [...open('reserve'), ...open('approve')].filter((op) => op !== over);
  for (const over of of('approve').filter(({ said }) => said === 'over')) {
    const against = [...open('deny'), ...open('expire'), ...(kind.isByTool ? decidedBefore(over) : [])];
    if (before(over.endedAt, against).length === 0)
      wrong.push('an approval was refused, though nothing speaks against it');
  }
  return wrong;
}

/** Access and refresh token, each time the same. */
const namesOf = (tokens: readonly Op[]): string[] => [
  ...new Set(tokens.map(({ got }) => `${got!.jti} ${got!.refresh ?? ''}`)),
];

function checkReservations({ kind, of, done, open, before }: Sorted): string[] {
  const byTool = kind.isByTool ? open('approve') : [];
  const holders = new Set(done('reserve').map(({ by }) => by));
  const wrong = holders.size > 1 ? [`it is reserved by ${[...holders].join(' and ')}`] : [];
  for (const { by, endedAt, said } of of('reserve')) {
    if (said === 'too-many') wrong.push(`${by} was refused for guessing, and did not guess`);
    const others = before(endedAt, open('reserve')).filter((op) => op.by !== by);
    const isTaken = [...others, ...before(endedAt, [...open('expire'), ...byTool])].length > 0;
    if (said === 'unknown' && !isTaken) wrong.push('a right code was unknown');
  }
  return wrong;
}

/** What a poll may say, given what was acknowledged before it was asked, and what may have happened before it was answered. */
function checkPoll(poll: Op, { kind, done, open, redemptions, before }: Sorted): string[] {
  const wrong: string[] = [];
  const may = (act: Act): boolean => before(poll.endedAt, open(act)).length > 0;
  const decidedAt = earliest([...done('approve'), ...done('deny'), ...done('expire')]);
  const mayBeRedeemed = before(poll.endedAt, redemptions).some((op) => op !== poll);
  // A held one looks at the database when it ends; any other may go by what its replica believes.
  const askedAt = poll.isHeld ? poll.endedAt : poll.askedAt;
  if (poll.said === 'pending' && askedAt > decidedAt + STALE_MS)
    wrong.push('a poll was pending long after the decision');
  if (poll.said === 'denied' && !may('deny')) wrong.push('a poll said that it was declined, and nobody had');
  if (poll.said === 'expired' && !may('expire'))
    wrong.push('a poll said that its time was over, and it was not');
  // A code whose time is over is refused like any other.
  const mayBeSpent = mayBeRedeemed || (kind.door === 'redirect' && may('expire'));
  const mayBeGone =
    (['expire', 'deny', 'revoke', 'end-parent'] as const).some(may) ||
    (kind.door === 'redirect' && mayBeRedeemed);
  if (poll.said === 'gone' && !mayBeGone) wrong.push('a poll said that there is nothing, and there is');
  if (poll.said === 'spent' && !mayBeSpent) wrong.push('a good code was refused as invalid_grant');
  if (poll.said === 'spent' && !may('approve')) wrong.push('a code was spent without an approval');
  return wrong;
}

/** What a poll has said once for good is not taken back by a later one. */
function checkLastWords({ kind, polls }: Sorted): string[] {
  const isRedirect = kind.door === 'redirect';
  // The page behind a redirect says no more of a code that was used, whoever holds it.
  const last = ['denied', 'expired', 'spent', ...(isRedirect ? [] : ['gone'])];
  const isLast = ({ said, got }: Op): boolean => !got && last.includes(said);
  return polls
    .filter(isLast)
    .flatMap((word) =>
      polls
        .filter(
          (later) =>
            later.askedAt > word.endedAt && (later.got || (isLast(later) && later.said !== word.said)),
        )
        .map(({ said }) => `a poll said ${word.said} and a later one ${said}`),
    );
}

/** Every rule that the ops of one link break. */
export function checkLink(ops: readonly Op[], kind = PLAIN): string[] {
  const sorted = sort(ops, kind);
  const wrong = [...checkReservations(sorted), ...checkDecisions(sorted), ...checkLastWords(sorted)];
  return [...wrong, ...sorted.polls.flatMap((poll) => checkPoll(poll, sorted))];
}

function allowedStates({ kind, done, open, tokens, redemptions }: Sorted): string[] {
  if (tokens.length > 0) return ['redeemed'];
  const mayBeRedeemed = redemptions.length > 0;
  if (done('deny').length > 0) return ['denied'];
  // Its tool comes too late where the one has ended that approved it.
  const withdrawn = open('end-parent').length > 0 ? ['denied'] : [];
  if (done('approve').length > 0)
    return [...(mayBeRedeemed ? ['approved', 'redeemed'] : ['approved']), ...withdrawn];
  const reserved = done('reserve').length > 0 ? ['reserved'] : ['pending', 'reserved'];
  const undecided = kind.door === 'redirect' ? ['asked'] : reserved;
  return [
    ...undecided,
    ...(open('approve').length > 0 ? ['approved', 'redeemed'] : []),
    ...(open('deny').length > 0 ? ['denied'] : withdrawn),
  ];
}

/** What the database holds of a link whose start was acknowledged, beside what was said of it. */
export function checkLinkTruth(ops: readonly Op[], kept: LinkTruth | undefined, kind = PLAIN): string[] {
  if (!kept) return ['it was started, acknowledged, and is not kept'];
  const sorted = sort(ops, kind);
  const { state, tools, audit } = kept;
  const wrong: string[] = [];
  const allowed = allowedStates(sorted);
  if (!allowed.includes(state)) wrong.push(`it is kept as ${state}, and can only be ${allowed.join(' or ')}`);
  const expected = {
    approved: ['approved', 'redeemed'].includes(state) || isWithdrawn(kept) ? 1 : 0,
    denied: state === 'denied' && !isWithdrawn(kept) ? 1 : 0,
    withdrawn: isWithdrawn(kept) ? 1 : 0,
  };
  for (const [event, count] of Object.entries(expected))
    if ((audit[event] ?? 0) !== count)
      wrong.push(`${event} is recorded ${audit[event] ?? 0} times, not ${count}`);
  if (tools.length !== (state === 'redeemed' ? 1 : 0))
    wrong.push(`${tools.length} linked tools are kept of it`);
  for (const { redemptionsRecorded } of tools)
    if (redemptionsRecorded !== 1) wrong.push(`its redemption is recorded ${redemptionsRecorded} times`);
  return wrong;
}

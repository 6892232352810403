// The rules of a link that another tool approves with its token: that counts once, only while nobody has entered its code, and
// what comes of it ends with that tool. DESIGN 3; PIN-API 3.3 and "Decided".
import { mayHaveHappened, nameOf, type Act, type Op } from './history.js';
import type { LinkTruth } from './truth.js';

const done = (ops: readonly Op[], act: Act): Op[] => ops.filter((op) => op.act === act && op.said === 'done');

/** When the tool that approved it had ended, at the latest. */
const parentEndedAt = (ops: readonly Op[]): number =>
  Math.min(Infinity, ...done(ops, 'end-parent').map(({ endedAt }) => endedAt));

const GIVES_OR_TAKES: readonly Act[] = ['poll', 'renew', 'use'];

export function checkByTool(ops: readonly Op[]): string[] {
  const approvals = done(ops, 'approve').length;
  const wrong = approvals > 1 ? [`one link was approved ${approvals} times with a token`] : [];
  if (approvals > 0 && done(ops, 'reserve').length > 0)
    wrong.push('it was reserved, and approved with a token, both acknowledged');
  const ended = parentEndedAt(ops);
  const mayHaveEnded = ops.filter((op) => op.act === 'end-parent' && mayHaveHappened(op));
  for (const { said, askedAt, endedAt } of ops.filter(({ act }) => act === 'approve')) {
    if (said === 'done' && askedAt > ended)
      wrong.push('it was approved with the token of a tool that had ended');
    if (said === 'refused' && !mayHaveEnded.some((op) => op.askedAt < endedAt))
      wrong.push('an approval with a good token was refused');
  }
  for (const { act, got, said, shown, askedAt } of ops) {
    const token = act === 'use' ? shown : got?.access;
    const counts = GIVES_OR_TAKES.includes(act) && said === 'done' && token !== undefined;
    if (counts && askedAt > ended)
      wrong.push(`the token ${nameOf(token)} counted after the tool had ended that linked it`);
  }
  return wrong;
}

/** What the database holds, beside what was said. */
export function checkByToolTruth(ops: readonly Op[], { tools }: LinkTruth): string[] {
  const isOrphan = parentEndedAt(ops) < Infinity && tools.some(({ isEnded }) => !isEnded);
  return isOrphan ? ['the tool that linked it has ended, acknowledged, and it is kept as live'] : [];
}

/** Approved, and taken back before its tool came for the token. */
export const isWithdrawn = ({ state, audit }: Pick<LinkTruth, 'state' | 'audit'>): boolean =>
  state === 'denied' && (audit['withdrawn'] ?? 0) > 0;

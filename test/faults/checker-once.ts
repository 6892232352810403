// The rules of what counts once, wherever it is shown: a proof of a tool's own key that names a nonce, and a request that was pushed.
// Of two who show it at once, one gets something; whoever shows it first is not refused. PIN-API 5; RFC 9126 §2.2, §7.3.
import { isOpen, mayHaveHappened, type Act, type Op } from './history.js';

const CALLED: Readonly<Partial<Record<Act, string>>> = { renew: 'proof', begin: 'pushed request' };

/** Another showing of the same, which may be what it counted for before this one was answered. */
const mayHaveCounted = (op: Op, shown: readonly Op[]): boolean =>
  shown.some((other) => other !== op && mayHaveHappened(other) && other.askedAt < op.endedAt);

/** `mayHaveEndedAt`: from when a tool may have ended; its proofs are refused from then on. */
export function checkOnce(ops: readonly Op[], mayHaveEndedAt: number): string[] {
  const wrong: string[] = [];
  const shown = ops.filter(({ act, said }) => CALLED[act] !== undefined && said !== 'unsent');
  for (const what of new Set(shown.map((op) => op.shown))) {
    const same = shown.filter((op) => op.shown === what);
    const called = CALLED[same[0]!.act]!;
    const counted = same.filter(({ said }) => said === 'done');
    if (counted.length > 1) wrong.push(`one ${called} counted ${counted.length} times`);
    const refused = same.filter((op) => !isOpen(op) && op.said !== 'done' && op.endedAt < mayHaveEndedAt);
    if (refused.some((op) => !mayHaveCounted(op, same))) wrong.push(`a good ${called} was refused`);
  }
  return wrong;
}

// What a fault excuses: 503 with `Retry-After` of whoever cannot reach the database, and broken connections of whoever was killed,
// while it lasts and until it is whole again. Nothing excuses any other answer, and nothing a Redis or a clock.
import type { Excuse } from './fault-hands.js';
import { presentOps, type Op, type Said } from './history.js';

const NEVER: readonly Said[] = ['wrong', 'silence', 'hasty'];

function isExcused({ said, replica, askedAt, endedAt, act }: Op, excuses: readonly Excuse[]): boolean {
  // It was not sent to a replica: there was no page to send it from, or it is time's work.
  if (replica < 0 || act === 'expire') return true;
  return excuses.some(({ unavailable, broken, from, until }) => {
    const isThen = endedAt >= from && askedAt <= until;
    return isThen && (said === 'unavailable' ? unavailable : broken).includes(replica);
  });
}

export function checkAnswers(ops: readonly Op[], excuses: readonly Excuse[]): string[] {
  const never = ops.filter(({ said }) => NEVER.includes(said));
  const unexcused = ops.filter(
    (op) => ['unavailable', 'lost', 'unsent'].includes(op.said) && !isExcused(op, excuses) && !isFollowUp(op),
  );
  return [
    ...never.map((op) => `nobody may ever get this answer:\n${presentOps([op])}`),
    ...unexcused.map((op) => `no fault excuses this answer:\n${presentOps([op])}`),
  ];
}

/** The page before it was not to be had; that one is judged. */
const isFollowUp = ({ said, detail }: Op): boolean =>
  said === 'unsent' && detail?.startsWith('no page') === true;

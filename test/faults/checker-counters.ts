// The counters of wrong user codes and wrong second factors: they never go down, hold every wrong try that was answered as one,
// and no more than were made; nobody is answered more often than the budget lets them (CHECKLIST 3.1, 3.3).
import { isOpen, type Op } from './history.js';
import type { CounterSample } from './truth.js';

export interface Guessed {
  readonly samples: readonly CounterSample[];
}

/** Wrong user codes of one account in ten minutes (CHECKLIST 3.1). */
const MOST_CODES = 5;

/** A try whose answer was lost may be at work for so long after nobody waits for it. */
const AT_WORK_MS = 5000;

/**
 * How many charges may have been taken back between two samples: of tries that were answered 503, or never. They are charged
 * before anything is looked at, and nobody has learnt anything of a code that was not looked at.
 */
const takenBack = (tries: readonly Op[], from: number, until: number): number =>
  tries.filter((op) => isOpen(op) && op.askedAt <= until && op.endedAt + AT_WORK_MS >= from).length;

const lowered = (
  samples: readonly CounterSample[],
  what: 'userCodes' | 'secondFactors',
  excused: (from: number, until: number) => number,
): string[] =>
  samples.slice(1).flatMap((sample, index) => {
    const before = samples[index]!;
    if (sample[what] >= before[what] - excused(before.at, sample.at)) return [];
    const when = `${before.at.toFixed(0)} and ${sample.at.toFixed(0)} ms`;
    return [`the counter of ${what} went from ${before[what]} to ${sample[what]} between ${when}`];
  });

export function checkCounters(ops: readonly Op[], { samples }: Guessed): string[] {
  const last = samples.at(-1);
  if (!last) return ['no counter could be read'];
  const tries = (act: Op['act']) => ops.filter((op) => op.act === act && op.said !== 'unsent');
  const answered = (act: Op['act']) => tries(act).filter(({ said }) => said === 'unknown').length;
  const refused = (act: Op['act']) => tries(act).filter(({ said }) => said === 'too-many').length;
  const wrong = [
    ...lowered(samples, 'userCodes', (from, until) => takenBack(tries('guess'), from, until)),
    ...lowered(samples, 'secondFactors', () => 0),
  ];
  const [codes, factors] = [answered('guess'), answered('wrong-code')];
  if (codes > MOST_CODES) wrong.push(`${codes} wrong user codes were answered, of ${MOST_CODES}`);
  if (last.userCodes < codes)
    wrong.push(`${codes} wrong user codes were answered, ${last.userCodes} were counted`);
  if (last.userCodes > tries('guess').length)
    wrong.push(`${last.userCodes} user codes were counted, fewer were tried`);
  if (last.secondFactors < factors)
    wrong.push(`${factors} wrong second factors were answered, ${last.secondFactors} were counted`);
  if (last.secondFactors > tries('wrong-code').length)
    wrong.push(`${last.secondFactors} second factors were counted, fewer were tried`);
  if (refused('guess') > 0 && last.userCodes < MOST_CODES)
    wrong.push(`a user code was refused as one too many, and only ${last.userCodes} were counted`);
  return wrong;
}

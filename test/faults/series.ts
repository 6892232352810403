// A series of rounds on one set of replicas, each drawn from its seed. It ends at the first round that is wrong, and says how to
// run that one again. `FAULT_ROUNDS` and `FAULT_SEED` choose another series, `FAULT_REPORT=1` shows a line for each round.
import { runRound, type Place, type RoundReport } from './rounds.js';
import { drawSchedule, type Schedule } from './schedule.js';

/** What every run of everything makes; a thousand are asked for by the variable. */
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 50);
const SEED = Number(process.env['FAULT_SEED'] ?? 20260301);
const MOST_SECONDS_A_ROUND = 60;

/** One in five is without a Redis between the replicas; a round that is run again says by its seed which it was. */
export const seedsOf = (kind: 'with Redis' | 'without'): number[] =>
  Array.from({ length: ROUNDS }, (_, index) => SEED + index).filter(
    (seed) => (seed % 5 === 0) === (kind === 'without'),
  );

/** For a series that hangs. */
export const longestMs = (seeds: readonly number[]): number =>
  (60 + MOST_SECONDS_A_ROUND * seeds.length) * 1000;

function present({ faults }: Schedule, report: RoundReport): string {
  const { seed, seconds, ops, tokens, unavailable, lost, recoverySeconds, stalledSeconds } = report;
  const counts = `${ops} ops, ${tokens} tokens, ${unavailable} × 503, ${lost} lost`;
  const times = `${seconds.toFixed(1)} s, whole after ${recoverySeconds.toFixed(1)} s, stalled ${stalledSeconds.toFixed(1)} s`;
  return `${seed}: ${times}; ${counts}; ${faults.map(({ kind }) => kind).join(' + ')}\n`;
}

/** Rejects with what is wrong with a round, and with the seed of that one. */
export async function runSeries(place: Place, seeds: readonly number[]): Promise<void> {
  let tokens = 0;
  for (const seed of seeds) {
    const hasRedis = place.servers.redis !== undefined;
    const schedule = drawSchedule({ seed, hasRedis, replicas: place.fleet.replicas.length });
    const again = `Run it again with FAULT_SEED=${seed} FAULT_ROUNDS=1. ${JSON.stringify(schedule.faults)}`;
    const report = await runRound(schedule, place).catch((cause: unknown) => {
      throw new Error(again, { cause });
    });
    tokens += report.tokens;
    if (process.env['FAULT_REPORT']) process.stdout.write(present(schedule, report));
    if (report.wrong.length === 0) continue;
    const said = place.fleet.replicas.flatMap((replica) => replica.faults()).slice(-20);
    throw new Error([again, present(schedule, report), ...report.wrong, ...said].join('\n'));
  }
  // Rounds in which nothing was linked would prove nothing.
  expect(tokens).toBeGreaterThan(seeds.length > 1 ? seeds.length : -1);
}

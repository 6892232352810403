// What is drawn for the rounds of every run: that each fault comes, and that a round can be run again.
import { drawSchedule, FAULTS_OF_REDIS, FAULTS_OF_REPLICAS } from './schedule.js';
import { seedsOf } from './series.js';

const drawn = (kind: 'with Redis' | 'without', seeds = seedsOf(kind)) =>
  seeds.map((seed) => drawSchedule({ seed, replicas: 3, hasRedis: kind === 'with Redis' }));

describe('the rounds of a run', () => {
  it('hold each fault at least twice among fifty (CHECKLIST 4)', () => {
    const seeds = Array.from({ length: 50 }, (_, index) => 20260301 + index);
    const isWithout = (seed: number): boolean => seed % 5 === 0;
    const rounds = [
      ...drawn(
        'with Redis',
        seeds.filter((seed) => !isWithout(seed)),
      ),
      ...drawn('without', seeds.filter(isWithout)),
    ];
    const times = new Map<string, number>();
    for (const { kind } of rounds.flatMap(({ faults }) => faults))
      times.set(kind, (times.get(kind) ?? 0) + 1);
    for (const kind of [...FAULTS_OF_REPLICAS, ...FAULTS_OF_REDIS])
      expect(times.get(kind) ?? 0).toBeGreaterThanOrEqual(2);
  });

  it('hold a link of each way each, and what alternates on both sides among fifty', () => {
    const rounds = Array.from({ length: 50 }, (_, index) =>
      drawSchedule({ seed: 20260301 + index, replicas: 3, hasRedis: true }),
    );
    for (const { stories } of rounds) {
      expect(stories.some(({ door, isKeyed, isByTool }) => door === 'number' && isKeyed && !isByTool)).toBe(
        true,
      );
      expect(stories.filter(({ isByTool }) => isByTool)).toHaveLength(1);
    }
    const byTool = rounds.flatMap(({ stories }) => stories.filter(({ isByTool }) => isByTool));
    const sides = rounds.flatMap(({ stories }) =>
      stories.map(({ door, isKeyed, isByTool, isPushed }) =>
        JSON.stringify({ door, isKeyed, isByTool, isPushed }),
      ),
    );
    // By device and by number, with a key and without; by another tool likewise; by redirect each of these, pushed and not.
    expect(new Set(sides).size).toBe(10);
    expect(new Set(byTool.map(({ parentEnds }) => parentEnds)).size).toBe(5);
    expect(byTool.filter(({ decision }) => decision.startsWith('approve')).length).toBeGreaterThan(20);
  });

  it('are the same for the same seed', () => {
    const [one] = drawn('with Redis', [20260307]);
    expect(drawn('with Redis', [20260307])).toEqual([one]);
  });
});

// The rank test of the timing report, against an example worked by hand.
import { compareRanks, quantiles } from './ranks.js';

describe('quantiles', () => {
  it('lie between neighbours in proportion, in whatever order the numbers come', () => {
    expect(quantiles([4, 1, 3, 2], [0, 0.5, 1])).toEqual([1, 2.5, 4]);
    expect(quantiles([10, 20], [0.25])).toEqual([12.5]);
  });
});

describe('the rank test', () => {
  it('finds heaps that are the same alike', () => {
    const same = [1, 2, 2, 3];
    expect(compareRanks(same, same).p).toBeCloseTo(1, 6);
    expect(compareRanks([7, 7], [7, 7]).chance).toBe(0.5);
  });

  it('counts how often one is larger, a tie for a half', () => {
    // 5 > 1, 2, 3; 2 > 1 and ties with 2: 4.5 of 6.
    expect(compareRanks([5, 2], [1, 2, 3]).chance).toBeCloseTo(4.5 / 6, 12);
  });

  it('says how likely a difference as large is by accident', () => {
    // U = 0 of 100: z = -50 / sqrt(10 * 10 * 21 / 12) = -3.780, two-sided p = 0.000157.
    const low = Array.from({ length: 10 }, (_, index) => index);
    const { chance, p } = compareRanks(
      low,
      low.map((value) => value + 100),
    );
    expect(chance).toBe(0);
    expect(p).toBeCloseTo(0.000157, 6);
  });
});

// What may be said of two heaps of times: quantiles, and the Mann-Whitney rank test with ties (normal approximation).
// Ranks, because times have long tails: one stall would move a mean, and says nothing about the answers.

/** The quantiles of some numbers, between neighbours in proportion. */
export function quantiles(numbers: readonly number[], shares: readonly number[]): number[] {
  const sorted = [...numbers].sort((a, b) => a - b);
  return shares.map((share) => {
    const place = (sorted.length - 1) * share;
    const [low, high] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
    return low + (high - low) * (place - Math.floor(place));
  });
}

/**
 * `chance`: that a number drawn from `some` is larger than one drawn from `others` (a tie counts half); one half where
 * they are alike. `p`: the probability, two-sided, of a chance at least as far from one half if they were alike.
 */
export function compareRanks(
  some: readonly number[],
  others: readonly number[],
): { readonly chance: number; readonly p: number } {
  const all = [
    ...some.map((value) => ({ value, isSome: true })),
    ...others.map((value) => ({ value, isSome: false })),
  ].sort((a, b) => a.value - b.value);
  const [n, m, total] = [some.length, others.length, all.length];
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < total;) {
    let end = start;
    while (end < total && all[end]!.value === all[start]!.value) end += 1;
    const count = end - start;
    const rank = (start + 1 + end) / 2;
    for (let place = start; place < end; place++) if (all[place]!.isSome) rankSum += rank;
    ties += count ** 3 - count;
    start = end;
  }
  const wins = rankSum - (n * (n + 1)) / 2;
  const deviation = Math.sqrt(((n * m) / 12) * (total + 1 - ties / (total * (total - 1))));
  const z = deviation === 0 ? 0 : (wins - (n * m) / 2) / deviation;
  return { chance: wins / (n * m), p: Math.min(1, 2 * upperTail(Math.abs(z))) };
}

/** The share of a normal distribution above z, to about 1e-7 (Abramowitz and Stegun 26.2.17). */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const terms = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = terms.reduceRight((rest, term) => (rest + term) * t, 0);
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}

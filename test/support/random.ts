// Chance with a seed, so that a series that fails can be run again.

export type Random = ReturnType<typeof createRandom>;

/** Draws from 0 up to 1 (mulberry32), and what is made of that. */
export function createRandom(seed: number) {
  function draw(): number {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (limit: number): number => Math.floor(draw() * limit);
  return {
    draw,
    /** A whole number from 0 up to `limit`, without it. */
    below,
    between: (least: number, most: number): number => least + below(most - least + 1),
    chance: (share: number): boolean => draw() < share,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[below(items.length)]!;
    },
    shuffled<Item>(items: readonly Item[]): Item[] {
      const left = [...items];
      return items.map(() => left.splice(below(left.length), 1)[0]!);
    },
  };
}

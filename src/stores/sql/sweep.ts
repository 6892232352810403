// How much is forgotten at once. On SQLite everybody waits for whoever writes, so a sweep takes a few rows at a time, in a
// transaction of its own each, and those who wait have their turn in between.

/** Rows. Each lies on pages of its own in several indexes: so many are about a millisecond, with the flush to the disk. */
export const SWEPT_AT_ONCE = 32;

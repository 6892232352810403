// How much is forgotten at once. On SQLite everybody waits for whoever writes, so a sweep takes a few rows at a time, in a
// transaction of its own each, and those who wait have their turn in between.

/** Rows: two or three milliseconds of one core. */
export const SWEPT_AT_ONCE = 200;

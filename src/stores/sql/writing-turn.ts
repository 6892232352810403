// Who may write to an SQLite file next, of those in this process that do: SQLite lets one write at a time, and a second one
// that tries would hold up the whole event loop while it waits.

export type WritingTurn = ReturnType<typeof createWritingTurn>;

export function createWritingTurn() {
  const waiting: (() => void)[] = [];
  let isTaken = false;
  return {
    /** Calls `begin` as soon as nobody else is at it, those who asked first before; it is theirs until they `leave`. */
    take(begin: () => void): void {
      if (isTaken) waiting.push(begin);
      else {
        isTaken = true;
        begin();
      }
    },

    /** Whether somebody waits for whoever has it. */
    isWanted: (): boolean => waiting.length > 0,

    leave(): void {
      const next = waiting.shift();
      if (next) next();
      else isTaken = false;
    },
  };
}

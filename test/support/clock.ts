// The clock of the tests: it stands still until a test moves it. Nothing under test reads the machine's own clock.

export interface TestClock {
  /** What is handed to the code under test. Each call gives a new `Date`. */
  readonly now: () => Date;
  readonly advance: (seconds: number) => void;
  readonly set: (date: Date) => void;
}

/** Makes a clock that stands at `start`, by default noon UTC on a fixed day, so that runs are alike. */
export function createTestClock(start: Date = new Date('2026-01-15T12:00:00Z')): TestClock {
  let milliseconds = start.getTime();
  return {
    now: () => new Date(milliseconds),
    advance: (seconds) => {
      milliseconds += seconds * 1000;
    },
    set: (date) => {
      milliseconds = date.getTime();
    },
  };
}

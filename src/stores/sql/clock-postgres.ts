// The time of the database, kept by a process between two looks at it: replicas whose own clocks disagree, or jump, agree here.
// Only how much time passes is the process's own, on a clock that nobody sets. DESIGN 4, CHECKLIST 4 (clock skew).

/** A clock that runs a second a day wrong is a thousandth of a millisecond off by the next look. */
const LOOKED_AT_EVERY_MS = 10_000;
/** The first of them waits for a connection, and would leave a busy machine a tenth of a second wrong. */
const FIRST_LOOKS = 3;

export interface DatabaseClockDependencies {
  /** What time it is there, in milliseconds since 1970. */
  readonly ask: () => Promise<number>;
  /** Milliseconds of a clock that never jumps. */
  readonly elapsed?: () => number;
}

export type DatabaseClock = ReturnType<typeof createDatabaseClock>;

export function createDatabaseClock({ ask, elapsed = () => performance.now() }: DatabaseClockDependencies) {
  /** How far the database's clock is ahead of `elapsed`. */
  let ahead: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;

  /** The answer was made between the question and its arrival: what is known already stays, as far as it fits in there. */
  async function look(): Promise<void> {
    const askedAt = elapsed();
    const time = await ask();
    const [least, most] = [time - elapsed(), time - askedAt];
    ahead = ahead === undefined ? (least + most) / 2 : Math.min(Math.max(ahead, least), most);
  }

  /** A database that is gone tells no time; it goes on as it went. */
  function lookAgain(): void {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(() => undefined)
      .finally(() => (isLooking = false));
  }

  return {
    look,

    /** Looks a few times at once, and then now and then until it is closed. Rejects where one of the first looks fails. */
    async open(): Promise<void> {
      for (let looks = 0; looks < FIRST_LOOKS; looks++) await look();
      timer = setInterval(lookAgain, LOOKED_AT_EVERY_MS).unref();
    },

    now(): Date {
      if (ahead === undefined) throw new Error('the clock was read before it was set');
      return new Date(elapsed() + ahead);
    },

    close: (): void => clearInterval(timer),
  };
}

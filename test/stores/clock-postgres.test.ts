// The clock that a process keeps after the database's (src/stores/sql/clock-postgres.ts): what it knows after each look, and
// that a machine whose own clock is wrong does not matter. Replicas with clocks an hour apart are in test/faults.
import { createDatabaseClock } from '../../src/stores/sql/clock-postgres.js';

/** A database that answers after `away` and `back` milliseconds, of which nobody but the test knows the parts. */
function createPlace() {
  const place = { elapsed: 1000, ahead: 5_000_000, away: 0, back: 0, laterAway: 0, isGone: false };
  const clock = createDatabaseClock({
    elapsed: () => place.elapsed,
    ask: async () => {
      if (place.isGone) throw new Error('nobody is there');
      place.elapsed += place.away;
      place.away = place.laterAway || place.away;
      const time = place.elapsed + place.ahead;
      place.elapsed += place.back;
      return time;
    },
  });
  const error = (): number => clock.now().getTime() - (place.elapsed + place.ahead);
  return { place, clock, error };
}

describe('the clock of the database', () => {
  it('is known to half of what the answer took, and goes on between two looks (CHECKLIST 4, clock skew)', async () => {
    const { place, clock, error } = createPlace();
    Object.assign(place, { away: 10, back: 2 });
    await clock.look();
    expect(Math.abs(error())).toBeLessThanOrEqual(6);
    const before = clock.now().getTime();
    place.elapsed += 1234;
    expect(clock.now().getTime() - before).toBe(1234);
  });

  it('is not made worse by an answer that took long', async () => {
    const { place, clock, error } = createPlace();
    await clock.look();
    Object.assign(place, { away: 0, back: 900 });
    await clock.look();
    expect(error()).toBe(0);
  });

  it('is right from the start, though the first answer waits for a connection', async () => {
    const { place, clock, error } = createPlace();
    Object.assign(place, { away: 300, back: 2, laterAway: 2 });
    await clock.open();
    clock.close();
    expect(Math.abs(error())).toBeLessThanOrEqual(2);
  });

  it('follows the database where that is set, or another server takes its place', async () => {
    const { place, clock, error } = createPlace();
    Object.assign(place, { away: 3, back: 3 });
    await clock.look();
    for (const step of [3_600_000, -7_200_000]) {
      place.ahead += step;
      await clock.look();
      expect(Math.abs(error())).toBeLessThanOrEqual(6);
    }
  });

  it('goes on as it went while the database is gone, and says nothing before the first look', async () => {
    const { place, clock, error } = createPlace();
    expect(() => clock.now()).toThrow('before it was set');
    await clock.look();
    place.isGone = true;
    await expect(clock.look()).rejects.toThrow('nobody is there');
    place.elapsed += 60_000;
    expect(error()).toBe(0);
  });

  it('rejects where the first look fails: nobody begins without knowing the time', async () => {
    const { place, clock } = createPlace();
    place.isGone = true;
    await expect(clock.open()).rejects.toThrow('nobody is there');
    clock.close();
  });
});

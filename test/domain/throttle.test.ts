// Named budgets (domain/throttle.ts) over a real database: what is counted, for how long, and what happens where nothing can
// be counted. CHECKLIST 3.1, 3.2; RFC 8628 §5.1.
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { BUDGETS, createThrottle, type ThrottleDependencies } from '../../src/domain/throttle.js';
import { isRefusal, type DomainError } from '../../src/domain/vocabulary.js';
import { createMemoryCounters } from '../../src/stores/ephemeral/counters.js';
import { createBudgetStore } from '../../src/stores/sql/budgets.js';
import { StoreUnavailable, type Sql } from '../../src/stores/sql/statement.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const START = new Date('2026-01-15T12:00:00Z');
const createStores = (sql: Sql) => ({ budgets: createBudgetStore(sql) });
const open: { close(): void }[] = [];
afterEach(() => open.splice(0).forEach((database) => database.close()));

function openThrottle(
  options: { limits?: ThrottleDependencies['limits']; maxPages?: number; start?: Date } = {},
) {
  const { limits = {}, maxPages, start = START } = options;
  const database = openTestDatabase(createStores, maxPages === undefined ? {} : { maxPages });
  open.push(database);
  const clock = createTestClock(start);
  const { inTransaction, stores } = database;
  const coarse = createMemoryCounters({ now: clock.now });
  const dependencies = { now: clock.now, budgets: stores.budgets, inTransaction, coarse, limits };
  return { clock, database, dependencies, throttle: createThrottle(dependencies) };
}

type Opened = ReturnType<typeof openThrottle>;

/** The refusal that the work ends with; fails where it ends well. */
async function refusalOf(work: Promise<unknown>): Promise<DomainError> {
  const error = await work.then(
    () => undefined,
    (fault: unknown) => fault,
  );
  if (!isRefusal(error)) throw new Error('it was not refused', { cause: error });
  return error;
}

const spendAll = async (
  { throttle }: Opened,
  spender: string,
  times: number = BUDGETS['user-code-by-account'].limit,
): Promise<void> => {
  for (let time = 0; time < times; time++) await throttle.spend('user-code-by-account', spender);
};

describe('an exact budget', () => {
  it('lets five wrong user codes of an account through in ten minutes, and refuses the sixth (RFC 8628 §5.1)', async () => {
    const { throttle } = openThrottle();
    const spent: number[] = [];
    for (let time = 0; time < 5; time++) spent.push(await throttle.spend('user-code-by-account', 'a'));
    expect(spent).toEqual([1, 2, 3, 4, 5]);
    expect((await refusalOf(throttle.spend('user-code-by-account', 'a'))).code).toBe('too-many');
  });

  it('is committed before it answers: another throttle over the same database counts on', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a');
    const other = createThrottle(opened.dependencies);
    expect(await other.isSpent('user-code-by-account', 'a')).toBe(true);
    expect((await refusalOf(other.spend('user-code-by-account', 'a'))).code).toBe('too-many');
  });

  it('counts each spender and each name by itself', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a');
    await expect(opened.throttle.spend('user-code-by-account', 'b')).resolves.toBe(1);
    await expect(opened.throttle.spend('user-code-by-account-daily', 'a')).resolves.toBe(1);
  });

  it('gives the last place to one of many who ask at once', async () => {
    const { throttle } = openThrottle();
    const settled = await Promise.allSettled(
      Array.from({ length: 200 }, () => throttle.spend('user-code-by-account', 'a')),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    for (const result of settled)
      if (result.status === 'rejected') expect(isRefusal(result.reason, 'too-many')).toBe(true);
  });

  it('keeps what was counted where the surrounding work fails (Vikunja CVE-2026-35597)', async () => {
    const { throttle, database } = openThrottle();
    const failing = async (): Promise<void> => {
      await throttle.spend('user-code-by-account', 'a');
      await database.inTransaction(async ({ budgets }) => {
        await budgets.add('elsewhere', 'a', START, new Date(START.getTime() + 1000));
        throw new Error('the password was wrong');
      });
    };
    for (let time = 0; time < 5; time++) await expect(failing()).rejects.toThrow('the password was wrong');
    expect(await database.stores.budgets.findSpent('elsewhere', 'a', START)).toBe(0);
    expect((await refusalOf(failing())).code).toBe('too-many');
  });

  it('keeps what was counted beside a neighbour in the same commit who fails', async () => {
    const { throttle, database } = openThrottle();
    const neighbour = database.inTransaction(async () => {
      throw new Error('elsewhere');
    });
    await Promise.allSettled([neighbour, throttle.spend('user-code-by-account', 'a')]);
    await expect(throttle.spend('user-code-by-account', 'a')).resolves.toBe(2);
  });

  it('is cleared by nothing but time: no success gives anything back (CHECKLIST 3.2)', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a');
    // Only coarse budgets can be given back; the type says so, and the store has no way.
    await opened.throttle.giveBack('user-code-by-account' as 'live-links-by-network', 'a');
    await expect(refusalOf(opened.throttle.spend('user-code-by-account', 'a'))).resolves.toBeDefined();
  });

  it('does not count what it refuses: who keeps asking is let in again when the window has passed', async () => {
    const { throttle, clock } = openThrottle();
    const firstIn = await Promise.all(
      Array.from({ length: 5 }, () => throttle.spend('mail-by-address', 'x@example.com')),
    );
    expect(firstIn).toHaveLength(5);
    for (let minute = 0; minute < 65; minute++) {
      clock.advance(60);
      await refusalOf(throttle.spend('mail-by-address', 'x@example.com'));
    }
    clock.advance(60);
    await expect(throttle.spend('mail-by-address', 'x@example.com')).resolves.toBe(1);
  });
});

describe('spendAhead', () => {
  it('lets no more through than the limit, of any number at once, and keeps what is not taken back', async () => {
    const { throttle } = openThrottle();
    const settled = await Promise.allSettled(
      Array.from({ length: 100 }, () => throttle.spendAhead('user-code-by-account', 'a')),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await throttle.isSpent('user-code-by-account', 'a')).toBe(true);
  });

  it('takes one back, from the slice in which it was spent and from no other', async () => {
    const opened = openThrottle();
    const takeBack = await opened.throttle.spendAhead('user-code-by-account', 'a');
    opened.clock.advance(300);
    await spendAll(opened, 'a', 4);
    expect(await opened.throttle.isSpent('user-code-by-account', 'a')).toBe(true);
    await takeBack();
    await expect(opened.throttle.spend('user-code-by-account', 'a')).resolves.toBe(5);
    const { retryAfterSeconds } = await refusalOf(opened.throttle.spend('user-code-by-account', 'a'));
    expect(retryAfterSeconds).toBe(660);
  });

  it('never takes back more than was spent', async () => {
    const { throttle } = openThrottle();
    const takeBack = await throttle.spendAhead('user-code-by-account', 'a');
    for (let time = 0; time < 3; time++) await takeBack();
    await expect(throttle.spend('user-code-by-account', 'a')).resolves.toBe(1);
  });
});

describe('spendAllAhead', () => {
  const both = [
    ['user-code-by-account', 'a'],
    ['user-code-by-network', 'n'],
  ] as const;

  it('spends of all budgets or of none, of any number at once', async () => {
    const { throttle } = openThrottle();
    const settled = await Promise.allSettled(Array.from({ length: 100 }, () => throttle.spendAllAhead(both)));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    // Those that the account's budget refused have taken nothing of the network's, nor the other way round.
    await expect(throttle.spend('user-code-by-network', 'n')).resolves.toBe(6);
    await expect(throttle.spendAllAhead([...both].reverse())).rejects.toMatchObject({ code: 'too-many' });
    await expect(throttle.spend('user-code-by-network', 'n')).resolves.toBe(7);
  });

  it('takes all of them back', async () => {
    const { throttle } = openThrottle();
    const takeBack = await throttle.spendAllAhead(both);
    await takeBack();
    await expect(throttle.spend('user-code-by-account', 'a')).resolves.toBe(1);
    await expect(throttle.spend('user-code-by-network', 'n')).resolves.toBe(1);
  });
});

describe('isSpent', () => {
  it('spends nothing, however often it is asked', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a', 4);
    for (let time = 0; time < 20; time++) {
      expect(await opened.throttle.isSpent('user-code-by-account', 'a')).toBe(false);
    }
    await expect(opened.throttle.spend('user-code-by-account', 'a')).resolves.toBe(5);
    expect(await opened.throttle.isSpent('user-code-by-account', 'a')).toBe(true);
  });

  it('knows the coarse budgets too', async () => {
    const { throttle } = openThrottle({ limits: { 'live-links-by-network': { limit: 1 } } });
    expect(await throttle.isSpent('live-links-by-network', 'n')).toBe(false);
    await throttle.spend('live-links-by-network', 'n');
    expect(await throttle.isSpent('live-links-by-network', 'n')).toBe(true);
  });

  it('lets go, where it is asked to try, of what a used up budget would refuse, and spends nothing for it', async () => {
    const { throttle } = openThrottle({ limits: { 'mail-by-address': { limit: 1 } } });
    expect(await throttle.trySpend('mail-by-address', 'a')).toBe(true);
    expect(await throttle.trySpend('mail-by-address', 'a')).toBe(false);
    expect(await throttle.trySpend('mail-by-address', 'b')).toBe(true);
  });
});

describe('the window of an exact budget', () => {
  it('gives no second budget at its turn: five tries are all for a code that lives ten minutes (RFC 8628 §5.1)', async () => {
    const opened = openThrottle({ start: new Date(START.getTime() - 1) });
    await spendAll(opened, 'a');
    opened.clock.advance(0.002);
    await refusalOf(opened.throttle.spend('user-code-by-account', 'a'));
    opened.clock.advance(599.998);
    await refusalOf(opened.throttle.spend('user-code-by-account', 'a'));
  });

  it('lets no stretch of ten minutes see more than the limit, whenever it is tried', async () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(pauses, async (milliseconds) => {
        const { throttle, clock } = openThrottle({ start: new Date(START.getTime() + randomInt(600_000)) });
        const allowed: number[] = [];
        for (const pause of milliseconds) {
          clock.advance(pause / 1000);
          await throttle.spend('user-code-by-account', 'a').then(
            () => allowed.push(clock.now().getTime()),
            () => undefined,
          );
        }
        for (const [index, at] of allowed.entries())
          if (index >= 5) expect(at - allowed[index - 5]!).toBeGreaterThanOrEqual(600_000);
      }),
      { numRuns: 10 },
    );
  });

  it('says how long to wait: a second earlier is refused, and then one more is let in', async () => {
    const opened = openThrottle({ start: new Date(START.getTime() + 45_000) });
    const { throttle, clock } = opened;
    await spendAll(opened, 'a', 1);
    clock.advance(200);
    await spendAll(opened, 'a', 4);
    const { retryAfterSeconds } = await refusalOf(throttle.spend('user-code-by-account', 'a'));
    // From the beginning of its slice of one minute, eleven slices: 660 s, of which 245 s have passed.
    expect(retryAfterSeconds).toBe(415);
    clock.advance(414);
    expect((await refusalOf(throttle.spend('user-code-by-account', 'a'))).retryAfterSeconds).toBe(1);
    clock.advance(1);
    await expect(throttle.spend('user-code-by-account', 'a')).resolves.toBe(5);
    await refusalOf(throttle.spend('user-code-by-account', 'a'));
  });

  it('says at least one second, even a moment before the wait is over', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a');
    opened.clock.advance(659.9995);
    const { retryAfterSeconds } = await refusalOf(opened.throttle.spend('user-code-by-account', 'a'));
    expect(retryAfterSeconds).toBe(1);
  });

  it('forgets after a window and a slice of it, and the rows may be removed then and not before', async () => {
    const opened = openThrottle();
    const remove = () =>
      opened.database.inTransaction(({ budgets }) => budgets.removeExpired(opened.clock.now()));
    await spendAll(opened, 'a');
    opened.clock.advance(659.999);
    expect(await remove()).toBe(0);
    opened.clock.advance(0.001);
    await expect(opened.throttle.spend('user-code-by-account', 'a')).resolves.toBe(1);
    expect(await remove()).toBe(1);
    await expect(opened.throttle.spend('user-code-by-account', 'a')).resolves.toBe(2);
  });

  it('follows the settings of the operator', async () => {
    const limits = { 'user-code-by-account': { limit: 2, windowSeconds: 50 } };
    const opened = openThrottle({ limits });
    await spendAll(opened, 'a', 2);
    expect((await refusalOf(opened.throttle.spend('user-code-by-account', 'a'))).retryAfterSeconds).toBe(55);
    opened.clock.advance(55);
    await expect(opened.throttle.spend('user-code-by-account', 'a')).resolves.toBe(1);
  });

  it('loses nothing when the clock is set back', async () => {
    const opened = openThrottle();
    await spendAll(opened, 'a');
    opened.clock.advance(-300);
    await refusalOf(opened.throttle.spend('user-code-by-account', 'a'));
  });
});

describe('a store that cannot count', () => {
  it('means no for exact budgets: a full disk lets no guess through (DESIGN 4)', async () => {
    const { throttle } = openThrottle({ maxPages: 210 });
    const ends = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        throttle.spend('user-code-by-account', `${index}${'x'.repeat(20_000)}`).then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    const refusals = ends.filter((end) => end !== undefined);
    expect(refusals.length).toBeGreaterThan(0);
    for (const refusal of refusals) {
      expect(isRefusal(refusal, 'store-unavailable')).toBe(true);
      expect((refusal as DomainError).retryAfterSeconds).toBeGreaterThan(0);
    }
  });

  it.each(['spend', 'trySpend', 'spendAhead', 'isSpent'] as const)(
    'refuses %s as store-unavailable',
    async (act) => {
      const { dependencies } = openThrottle();
      // Stands for an engine that has gone away: no embedded one stops answering reads.
      const gone = () => Promise.reject(new StoreUnavailable('gone'));
      const throttle = createThrottle({
        ...dependencies,
        budgets: { add: gone, findSpent: gone, findOldest: gone, takeBack: gone, removeExpired: gone },
        inTransaction: gone,
      });
      const refusal = await refusalOf(throttle[act]('user-code-by-account', 'a'));
      expect([refusal.code, refusal.retryAfterSeconds]).toEqual(['store-unavailable', 5]);
    },
  );

  it('lets no fault of another kind pass for permission', async () => {
    const { database, throttle } = openThrottle();
    await database.close();
    open.length = 0;
    await expect(throttle.spend('user-code-by-account', 'a')).rejects.toThrow();
    await expect(throttle.isSpent('user-code-by-account', 'a')).rejects.toThrow();
  });

  it('means yes for coarse budgets: losing them lets nobody in (DESIGN 4)', async () => {
    const { dependencies } = openThrottle({ limits: { 'live-links-by-network': { limit: 1 } } });
    const gone = () => Promise.reject(new Error('no connection'));
    const throttle = createThrottle({ ...dependencies, coarse: { add: gone, find: gone } });
    for (let time = 0; time < 3; time++) await throttle.spend('live-links-by-network', 'n');
    expect(await throttle.isSpent('live-links-by-network', 'n')).toBe(false);
    await expect(throttle.giveBack('live-links-by-network', 'n')).resolves.toBeUndefined();
  });
});

describe('a coarse budget', () => {
  const limits = { 'live-links-by-network': { limit: 3 } };

  it('refuses beyond its limit, with a fair time to ask again', async () => {
    const { throttle } = openThrottle({ limits });
    for (let time = 0; time < 3; time++) await throttle.spend('live-links-by-network', 'n');
    const refusal = await refusalOf(throttle.spend('live-links-by-network', 'n'));
    expect([refusal.code, refusal.retryAfterSeconds]).toEqual(['too-many', 60]);
    await expect(throttle.spend('live-links-by-network', 'another')).resolves.toBe(1);
  });

  it('takes one back for each thing that ended', async () => {
    const { throttle } = openThrottle({ limits });
    for (let time = 0; time < 3; time++) await throttle.spend('live-links-by-network', 'n');
    await throttle.giveBack('live-links-by-network', 'n');
    await expect(throttle.spend('live-links-by-network', 'n')).resolves.toBe(3);
    await refusalOf(throttle.spend('live-links-by-network', 'n'));
  });

  it('does not count what it refused: a tool that hammers does not shut its network out', async () => {
    const { throttle } = openThrottle({ limits });
    for (let time = 0; time < 3; time++) await throttle.spend('live-links-by-network', 'n');
    for (let time = 0; time < 50; time++) await refusalOf(throttle.spend('live-links-by-network', 'n'));
    await throttle.giveBack('live-links-by-network', 'n');
    await expect(throttle.spend('live-links-by-network', 'n')).resolves.toBe(3);
  });
});

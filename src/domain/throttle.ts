// Named budgets: how often something may be tried, by whom, in which time (CHECKLIST 3.1, 3.2).
// Exact budgets are counted in SQL, in a transaction of their own that commits before the answer, and fail closed.
// Coarse ones are counted in memory or Redis and fail open: losing them lets nobody in.
import { DomainError, isRefusal, isUnavailable, type Clock, type InTransaction } from './vocabulary.js';

interface Budget {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly kept: 'exact' | 'coarse';
}

/** The budgets of the house. The two that the operator sets are filled in by wiring. */
export const BUDGETS = {
  /** Links that one network has started and not finished, within a link's life. */
  'live-links-by-network': { limit: 100, windowSeconds: 600, kept: 'coarse' },
  /** Requests by redirect that one network has begun and not finished. */
  'live-authorizations-by-network': { limit: 200, windowSeconds: 600, kept: 'coarse' },
  'registration-by-network': { limit: 20, windowSeconds: 3600, kept: 'exact' },
  'registration-everywhere': { limit: 1000, windowSeconds: 3600, kept: 'exact' },
  'user-code-by-account': { limit: 5, windowSeconds: 600, kept: 'exact' },
  'user-code-by-account-daily': { limit: 20, windowSeconds: 86_400, kept: 'exact' },
  'user-code-by-network': { limit: 10, windowSeconds: 600, kept: 'exact' },
  'user-code-everywhere': { limit: 300, windowSeconds: 600, kept: 'exact' },
  /**
   * Polls of numbers that are nobody's, or another tool's, by networks that made no such link. There are 2^31 - 1 numbers, and
   * 52,560 times ten minutes in a year: 30 wrong ones everywhere hit fewer than one of 1,300 live links in a year.
   */
  'link-number-by-network': { limit: 10, windowSeconds: 600, kept: 'exact' },
  'link-number-everywhere': { limit: 30, windowSeconds: 600, kept: 'exact' },
  'sign-in-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
  /** What is remembered of sign-ins that the budget before this one refused. */
  'refused-sign-in-by-name': { limit: 1, windowSeconds: 600, kept: 'exact' },
  'refused-sign-in-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
  'sign-up-by-network': { limit: 10, windowSeconds: 3600, kept: 'exact' },
  /** Sign-ins through another provider that are begun: each is a row, and may be a request to it. */
  'round-trip-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
  /** Browsers led on to a host behind a proxy: one whose proxy is set up wrong would go round for ever. */
  'host-entry-by-account': { limit: 60, windowSeconds: 600, kept: 'exact' },
  /** Wrong second factors in one signed-in session, whatever it was asked them for: then it ends (CHECKLIST 3.3). */
  'second-factor-by-session': { limit: 5, windowSeconds: 86_400, kept: 'exact' },
  /** Forgotten passwords. The mails have a budget of their own: else whoever signs up with an address could keep its owner out. */
  'reset-by-network': { limit: 20, windowSeconds: 3600, kept: 'exact' },
  'reset-mail-by-address': { limit: 5, windowSeconds: 3600, kept: 'exact' },
  /** Wrong second factors on one link by mail, which stays good; they count in the account's own counters too. */
  'second-factor-by-reset-link': { limit: 5, windowSeconds: 2700, kept: 'exact' },
  /** Challenges for passkeys: each is a row for ten minutes, and whoever opens the sign-in page asks for one. */
  'passkey-challenge-by-network': { limit: 300, windowSeconds: 600, kept: 'exact' },
  'mail-by-address': { limit: 5, windowSeconds: 3600, kept: 'exact' },
  'client-secret-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
  /** Mails about a right password without its code: whoever has the password shall not fill the owner's mailbox. */
  'wrong-code-mail-by-account': { limit: 1, windowSeconds: 3600, kept: 'exact' },
  /** Everybody who is added to a household keeps a number for good. */
  'household-member-by-account': { limit: 50, windowSeconds: 86_400, kept: 'exact' },
  'household-invitation-by-account': { limit: 20, windowSeconds: 86_400, kept: 'exact' },
  /** Each costs as much as a sign-in. How often one profile's PIN may be wrong is counted beside it, for the profile. */
  'profile-switch-by-household': { limit: 60, windowSeconds: 600, kept: 'exact' },
} as const satisfies Record<string, Budget>;

export type BudgetName = keyof typeof BUDGETS;

/** The budgets whose things end, and are then given back. */
type CoarseBudgetName = {
  [Name in BudgetName]: (typeof BUDGETS)[Name]['kept'] extends 'coarse' ? Name : never;
}[BudgetName];
type ExactBudgetName = Exclude<BudgetName, CoarseBudgetName>;

/** Exact counts, kept by slices of a window. */
export interface BudgetStore {
  /** What the spender has spent in slices that start at `since` or later. */
  findSpent(budget: string, spender: string, since: Date): Promise<number>;
  /** The start of the first such slice in which anything was spent. */
  findOldest(budget: string, spender: string, since: Date): Promise<Date | undefined>;
  /** Adds one and answers the new sum of that slice. */
  add(budget: string, spender: string, sliceStartsAt: Date, expiresAt: Date): Promise<number>;
  /** Takes one away from a slice that has any. */
  takeBack(budget: string, spender: string, sliceStartsAt: Date): Promise<void>;
  /** A few of them at a time; none, where none are left. */
  removeExpired(now: Date): Promise<number>;
}

/** Counts that may be lost. `add` with a negative number gives back; a count never goes below nothing. */
export interface CoarseCounter {
  add(key: string, amount: number, windowSeconds: number): Promise<number>;
  find(key: string): Promise<number>;
}

/**
 * A window is counted in slices, and one slice more than it has: whatever its turn, no stretch of time as long as a window
 * sees more than the limit. A user code usually lives for ten minutes, as long as its budget's window: five tries are then
 * all that an account has for one (RFC 8628 §5.1). What is spent counts for one window, and for a slice more at most.
 */
const SLICES = 10;

export type Throttle = ReturnType<typeof createThrottle>;

export interface ThrottleDependencies {
  readonly now: Clock;
  readonly budgets: BudgetStore;
  readonly inTransaction: InTransaction<{ budgets: BudgetStore }>;
  readonly coarse: CoarseCounter;
  /** Settings of the operator, by budget name. */
  readonly limits?: Partial<Record<BudgetName, Partial<Pick<Budget, 'limit' | 'windowSeconds'>>>>;
}

const refusal = (waitMs: number): DomainError =>
  new DomainError('too-many', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) });

/** Coarse counts fade, and nobody knows which thing ends next: a slice is a fair time to ask again. */
const coarseRefusal = ({ windowSeconds }: Budget): DomainError => refusal((windowSeconds * 1000) / SLICES);

/** A store that cannot count means no. */
async function failingClosed<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (isUnavailable(cause)) throw new DomainError('store-unavailable', { cause, retryAfterSeconds: 5 });
    throw cause;
  }
}

export function createThrottle({ now, budgets, inTransaction, coarse, limits = {} }: ThrottleDependencies) {
  const names = Object.keys(BUDGETS) as BudgetName[];
  const known = new Map(
    names.map((name): [BudgetName, Budget] => [name, { ...BUDGETS[name], ...limits[name] }]),
  );
  const budgetOf = (name: BudgetName): Budget => known.get(name)!;

  function slicesOf({ windowSeconds }: Budget) {
    const length = (windowSeconds * 1000) / SLICES;
    const startsAt = Math.floor(now().getTime() / length) * length;
    const expiryOf = (start: number): Date => new Date(start + (SLICES + 1) * length);
    return { since: new Date(startsAt - SLICES * length), startsAt: new Date(startsAt), expiryOf };
  }

  /** The refusal of an exact budget names the moment at which the oldest count is forgotten. */
  async function exactRefusal(store: BudgetStore, name: BudgetName, spender: string): Promise<DomainError> {
    const { since, startsAt, expiryOf } = slicesOf(budgetOf(name));
    const oldest = await store.findOldest(name, spender, since);
    return refusal(expiryOf((oldest ?? startsAt).getTime()).getTime() - now().getTime());
  }

  /** Adds before it looks, so that of two at once only one gets the last place; what is refused is not counted. */
  async function spendInside(
    store: BudgetStore,
    { name, spender, startsAt }: { name: BudgetName; spender: string; startsAt: Date },
  ): Promise<number> {
    const budget = budgetOf(name);
    const { since, expiryOf } = slicesOf(budget);
    await store.add(name, spender, startsAt, expiryOf(startsAt.getTime()));
    const spent = await store.findSpent(name, spender, since);
    if (spent > budget.limit) throw await exactRefusal(store, name, spender);
    return spent;
  }

  const spendExact = (name: BudgetName, spender: string): Promise<number> =>
    failingClosed(() => {
      const { startsAt } = slicesOf(budgetOf(name));
      return inTransaction((stores) => spendInside(stores.budgets, { name, spender, startsAt }));
    });

  async function spendAllAhead(
    asked: readonly (readonly [ExactBudgetName, spender: string])[],
  ): Promise<() => Promise<void>> {
    const charges = asked.map(([name, spender]) => {
      const { startsAt } = slicesOf(budgetOf(name));
      return { name, spender, startsAt };
    });
    await failingClosed(() =>
      inTransaction(async (stores) => {
        for (const charge of charges) await spendInside(stores.budgets, charge);
      }),
    );
    return () =>
      inTransaction(async (stores) => {
        for (const { name, spender, startsAt } of charges)
          await stores.budgets.takeBack(name, spender, startsAt);
      }).catch(() => undefined);
  }

  async function spendCoarse(name: BudgetName, budget: Budget, spender: string): Promise<number> {
    const add = (amount: number): Promise<number> =>
      coarse.add(`${name}:${spender}`, amount, budget.windowSeconds).catch(() => 0);
    const spent = await add(1);
    if (spent <= budget.limit) return spent;
    // Nothing was started, so nothing will end and give this one back.
    await add(-1);
    throw coarseRefusal(budget);
  }

  async function spentOf(name: BudgetName, budget: Budget, spender: string): Promise<number> {
    if (budget.kept === 'coarse') return coarse.find(`${name}:${spender}`).catch(() => 0);
    return failingClosed(() => budgets.findSpent(name, spender, slicesOf(budget).since));
  }

  /**
   * Spends one, and resolves to what is now spent. Refuses `too-many` (with seconds to wait) when the budget is used up,
   * and spends nothing then; `store-unavailable` where an exact budget cannot be counted.
   */
  async function spend(name: BudgetName, spender: string): Promise<number> {
    const budget = budgetOf(name);
    return budget.kept === 'exact' ? spendExact(name, spender) : spendCoarse(name, budget, spender);
  }

  return {
    spend,

    /** The same for what is let go rather than refused: false, and nothing is spent, where the budget is used up. */
    async trySpend(name: BudgetName, spender: string): Promise<boolean> {
      try {
        await spend(name, spender);
        return true;
      } catch (error) {
        if (isRefusal(error, 'too-many')) return false;
        throw error;
      }
    },

    /** Whether the budget is used up, for rules that wait rather than refuse. Refuses `store-unavailable` as `spend` does. */
    async isSpent(name: BudgetName, spender: string): Promise<boolean> {
      const budget = budgetOf(name);
      return (await spentOf(name, budget, spender)) >= budget.limit;
    },

    /**
     * Spends one before anybody knows whether the try will fail, and resolves to what takes it back: of many tries at once,
     * none gets past the limit. Refuses as `spend` does. What cannot be taken back stays spent.
     */
    spendAhead: (name: ExactBudgetName, spender: string): Promise<() => Promise<void>> =>
      spendAllAhead([[name, spender]]),

    /** The same of several budgets, in one transaction: all of them or none. */
    spendAllAhead,

    /**
     * Spends one in the caller's own transaction, where there is one left: false, and nothing is spent, where there is none.
     * For what is let go rather than refused.
     */
    async spendWithin(
      stores: { readonly budgets: BudgetStore },
      name: ExactBudgetName,
      spender: string,
    ): Promise<boolean> {
      const budget = budgetOf(name);
      const { since, startsAt, expiryOf } = slicesOf(budget);
      if ((await stores.budgets.findSpent(name, spender, since)) >= budget.limit) return false;
      await stores.budgets.add(name, spender, startsAt, expiryOf(startsAt.getTime()));
      return true;
    },

    /** Gives one back: the thing it stood for has ended. */
    async giveBack(name: CoarseBudgetName, spender: string): Promise<void> {
      await coarse.add(`${name}:${spender}`, -1, budgetOf(name).windowSeconds).catch(() => undefined);
    },
  };
}

/** Spends one for what the work starts, and gives it back where that fails: then there is nothing that could end. */
export async function spendOn<Done>(
  throttle: Pick<Throttle, 'spend' | 'giveBack'>,
  name: CoarseBudgetName,
  spender: string,
  work: () => Promise<Done>,
): Promise<Done> {
  await throttle.spend(name, spender);
  try {
    return await work();
  } catch (error) {
    await throttle.giveBack(name, spender);
    throw error;
  }
}

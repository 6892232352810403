// Named budgets: how often something may be tried, by whom, in which time (CHECKLIST 3.1, 3.2).
// Exact budgets are counted in SQL, in a transaction of their own that commits before the answer, and fail closed.
// Coarse ones are counted in memory or Redis and fail open: losing them lets nobody in.
import { DomainError, isUnavailable, type Clock, type InTransaction } from './vocabulary.js';

interface Budget {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly kept: 'exact' | 'coarse';
}

/** The budgets of the house. The two that the operator sets are filled in by wiring. */
export const BUDGETS = {
  /** Links that one network has started and not finished, within a link's life. */
  'live-links-by-network': { limit: 100, windowSeconds: 600, kept: 'coarse' },
  'registration-by-network': { limit: 20, windowSeconds: 3600, kept: 'exact' },
  'registration-everywhere': { limit: 1000, windowSeconds: 3600, kept: 'exact' },
  'user-code-by-account': { limit: 5, windowSeconds: 600, kept: 'exact' },
  'user-code-by-account-daily': { limit: 20, windowSeconds: 86_400, kept: 'exact' },
  'user-code-by-network': { limit: 10, windowSeconds: 600, kept: 'exact' },
  'user-code-everywhere': { limit: 300, windowSeconds: 600, kept: 'exact' },
  'sign-in-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
  'sign-up-by-network': { limit: 10, windowSeconds: 3600, kept: 'exact' },
  'mail-by-address': { limit: 5, windowSeconds: 3600, kept: 'exact' },
  'client-secret-by-network': { limit: 60, windowSeconds: 600, kept: 'exact' },
} as const satisfies Record<string, Budget>;

export type BudgetName = keyof typeof BUDGETS;

export interface BudgetStore {
  /** What the spender has spent in the window that starts at `windowStartsAt`. */
  findSpent(budget: string, spender: string, windowStartsAt: Date): Promise<number>;
  /** Adds one and answers the new sum. */
  add(budget: string, spender: string, windowStartsAt: Date, expiresAt: Date): Promise<number>;
  removeExpired(now: Date): Promise<number>;
}

/** Counts that may be lost. `add` with a negative number gives back; a count never goes below nothing. */
export interface CoarseCounter {
  add(key: string, amount: number, windowSeconds: number): Promise<number>;
  find(key: string): Promise<number>;
}

export type Throttle = ReturnType<typeof createThrottle>;

export interface ThrottleDependencies {
  readonly now: Clock;
  readonly budgets: BudgetStore;
  readonly inTransaction: InTransaction<{ budgets: BudgetStore }>;
  readonly coarse: CoarseCounter;
  /** Settings of the operator, by budget name. */
  readonly limits?: Partial<Record<BudgetName, Partial<Pick<Budget, 'limit' | 'windowSeconds'>>>>;
}

export function createThrottle({ now, budgets, inTransaction, coarse, limits = {} }: ThrottleDependencies) {
  const budgetOf = (name: BudgetName): Budget => ({ ...BUDGETS[name], ...limits[name] });

  function windowOf({ windowSeconds }: Budget) {
    const length = windowSeconds * 1000;
    const startsAt = Math.floor(now().getTime() / length) * length;
    return { startsAt: new Date(startsAt), endsAt: new Date(startsAt + length) };
  }

  function refusal(budget: Budget): DomainError {
    const seconds = Math.max(1, Math.ceil((windowOf(budget).endsAt.getTime() - now().getTime()) / 1000));
    return new DomainError('too-many', { retryAfterSeconds: seconds });
  }

  /** Counted in SQL: a store that cannot count means no. */
  async function spendExact(name: BudgetName, budget: Budget, spender: string): Promise<number> {
    const { startsAt, endsAt } = windowOf(budget);
    try {
      return await inTransaction((stores) => stores.budgets.add(name, spender, startsAt, endsAt));
    } catch (cause) {
      if (isUnavailable(cause)) throw new DomainError('store-unavailable', { cause, retryAfterSeconds: 5 });
      throw cause;
    }
  }

  async function spendCoarse(name: BudgetName, budget: Budget, spender: string): Promise<number> {
    try {
      return await coarse.add(`${name}:${spender}`, 1, budget.windowSeconds);
    } catch {
      return 0;
    }
  }

  return {
    /** Spends one; refuses `too-many` (with seconds to wait) when the budget is used up. Resolves to what is now spent. */
    async spend(name: BudgetName, spender: string): Promise<number> {
      const budget = budgetOf(name);
      const spent = await (budget.kept === 'exact' ? spendExact : spendCoarse)(name, budget, spender);
      if (spent > budget.limit) throw refusal(budget);
      return spent;
    },

    /** Refuses `too-many` when the budget is used up already; spends nothing. For budgets that only failures spend. */
    async refuseIfSpent(name: BudgetName, spender: string): Promise<void> {
      const budget = budgetOf(name);
      const spent =
        budget.kept === 'exact'
          ? await budgets.findSpent(name, spender, windowOf(budget).startsAt)
          : await coarse.find(`${name}:${spender}`).catch(() => 0);
      if (spent >= budget.limit) throw refusal(budget);
    },

    /** Whether the budget is used up, for rules that wait rather than refuse. */
    async isSpent(name: BudgetName, spender: string): Promise<boolean> {
      const budget = budgetOf(name);
      return (await budgets.findSpent(name, spender, windowOf(budget).startsAt)) >= budget.limit;
    },

    /** Gives one back to a coarse budget: the thing it stood for has ended. */
    async giveBack(name: BudgetName, spender: string): Promise<void> {
      await coarse.add(`${name}:${spender}`, -1, budgetOf(name).windowSeconds).catch(() => undefined);
    },
  };
}

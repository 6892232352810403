// Keeps the exact budgets (domain/throttle.ts): one row for each spender and window, raised by one statement.
import { statement, type Sql } from './statement.js';
import type { BudgetStore } from '../../domain/throttle.js';

type Window = { budget: string; spender: string; window_starts_at: number };

const selectSpent = statement<Window>()((db, p) =>
  db
    .selectFrom('budgets')
    .select('spent')
    .where('budget', '=', p('budget'))
    .where('spender', '=', p('spender'))
    .where('window_starts_at', '=', p('window_starts_at')),
);

const addOne = statement<Window & { expires_at: number }>()((db, p) =>
  db
    .insertInto('budgets')
    .values({
      budget: p('budget'),
      spender: p('spender'),
      window_starts_at: p('window_starts_at'),
      expires_at: p('expires_at'),
      spent: 1,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['budget', 'spender', 'window_starts_at'])
        .doUpdateSet((row) => ({ spent: row('budgets.spent', '+', 1) })),
    )
    .returning('spent'),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('budgets').where('expires_at', '<=', p('now')),
);

export function createBudgetStore(sql: Sql): BudgetStore {
  return {
    async findSpent(budget, spender, windowStartsAt) {
      const row = await sql.one(selectSpent, { budget, spender, window_starts_at: windowStartsAt.getTime() });
      return row?.spent ?? 0;
    },
    async add(budget, spender, windowStartsAt, expiresAt) {
      const row = await sql.one(addOne, {
        budget,
        spender,
        window_starts_at: windowStartsAt.getTime(),
        expires_at: expiresAt.getTime(),
      });
      return row!.spent;
    },
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}

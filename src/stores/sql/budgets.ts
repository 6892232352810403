// Keeps the exact budgets (domain/throttle.ts): one row for each spender and slice of a window, raised by one statement.
import { statement, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import type { BudgetStore } from '../../domain/throttle.js';

type Spender = { budget: string; spender: string };

const selectSlices = statement<Spender & { since: number }>()((db, p) =>
  db
    .selectFrom('budgets')
    .select(['spent', 'window_starts_at'])
    .where('budget', '=', p('budget'))
    .where('spender', '=', p('spender'))
    .where('window_starts_at', '>=', p('since'))
    .where('spent', '>', 0)
    .orderBy('window_starts_at'),
);

const addOne = statement<Spender & { window_starts_at: number; expires_at: number }>()((db, p) =>
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

const takeOne = statement<Spender & { window_starts_at: number }>()((db, p) =>
  db
    .updateTable('budgets')
    .set((row) => ({ spent: row('spent', '-', 1) }))
    .where('budget', '=', p('budget'))
    .where('spender', '=', p('spender'))
    .where('window_starts_at', '=', p('window_starts_at'))
    .where('spent', '>', 0),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('budgets')
    .where(({ eb, refTuple }) =>
      eb(
        refTuple('budget', 'spender', 'window_starts_at'),
        'in',
        db
          .selectFrom('budgets')
          .select(['budget', 'spender', 'window_starts_at'])
          .where('expires_at', '<=', p('now'))
          .limit(SWEPT_AT_ONCE)
          .$asTuple('budget', 'spender', 'window_starts_at'),
      ),
    ),
);

export function createBudgetStore(sql: Sql): BudgetStore {
  return {
    async findSpent(budget, spender, since) {
      const slices = await sql.all(selectSlices, { budget, spender, since: since.getTime() });
      return slices.reduce((sum, { spent }) => sum + spent, 0);
    },
    async findOldest(budget, spender, since) {
      const oldest = await sql.one(selectSlices, { budget, spender, since: since.getTime() });
      return oldest && new Date(oldest.window_starts_at);
    },
    async add(budget, spender, sliceStartsAt, expiresAt) {
      const row = await sql.one(addOne, {
        budget,
        spender,
        window_starts_at: sliceStartsAt.getTime(),
        expires_at: expiresAt.getTime(),
      });
      return row!.spent;
    },
    async takeBack(budget, spender, sliceStartsAt) {
      await sql.change(takeOne, { budget, spender, window_starts_at: sliceStartsAt.getTime() });
    },
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}

// Batches: what the work asks for is gathered first, and then done in one go, by whoever commits it. So a batch is data that
// can be handed to another thread, or sent to a server without waiting in between.
import type { Sql, Statement, Values } from './statement.js';
import type { InBatch, InTransaction } from '../../domain/vocabulary.js';

export interface Write {
  readonly statement: Statement<never, unknown>;
  readonly values: Values;
}

/** Commits all of them, in their order; false, and nothing done, where one of them changes nothing. */
export type CommitWrites = (writes: readonly Write[]) => Promise<boolean>;

/** Makes `inBatch` for stores that are bound to nothing but the gathering of their writes. */
export function createInBatch<Stores>(
  createStores: (sql: Sql) => Stores,
  commit: CommitWrites,
): InBatch<Stores> {
  /** Of the work that is asking now; it does so within one turn, so there is one at a time. */
  let gathering: { readonly writes: Write[]; readonly done: Promise<number> } | undefined;

  const refuse = (): Promise<never> => Promise.reject(new TypeError('a batch only writes, and all at once'));
  const stores = createStores({
    all: refuse,
    one: refuse,
    change(statement, values) {
      if (!gathering) return refuse();
      gathering.writes.push({ statement, values });
      return gathering.done;
    },
  });

  return async (work) => {
    const writes: Write[] = [];
    let answer = (_changed: number): void => undefined;
    const done = new Promise<number>((resolve) => (answer = resolve));
    gathering = { writes, done };
    let asked: readonly Promise<unknown>[];
    try {
      asked = work(stores);
    } finally {
      gathering = undefined;
    }
    // Where nothing is committed they are never answered.
    const answered = Promise.all(asked);
    answered.catch(() => undefined);
    if (!(await commit(writes))) return false;
    answer(1);
    await answered;
    return true;
  };
}

class Undone extends Error {}

/** Commits writes in a transaction as any other work. */
export async function commitWithin(
  inTransaction: InTransaction<Sql>,
  writes: readonly Write[],
): Promise<boolean> {
  try {
    return await inTransaction(async (sql) => {
      for (const write of writes) {
        if ((await sql.change(write.statement, write.values as never)) > 0) continue;
        // Where nothing was written yet, there is nothing to undo.
        if (write === writes[0]) return false;
        throw new Undone();
      }
      return true;
    });
  } catch (error) {
    if (error instanceof Undone) return false;
    throw error;
  }
}

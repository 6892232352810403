// SQLite in the thread that writes (writing-thread.ts): commits batches on a connection of its own, and tells of each whether it
// was done. It is handed to the thread as a text.
import type Driver from 'better-sqlite3';
import type { SqlValue } from './statement.js';

/** A statement, by its place among those that the thread knows, and its values in their order. */
export type Step = readonly [statement: number, values: readonly SqlValue[]];

export interface Asked {
  /** Statements that it may not know yet. */
  readonly texts: readonly (readonly [statement: number, text: string])[];
  readonly batches: readonly (readonly Step[])[];
}

/** Of the driver. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

/** For each batch whether it was done, or why not. */
export type Answer = readonly (boolean | Fault)[];

export interface Given {
  /** Where the driver is. */
  readonly driver: string;
  readonly file: string;
  readonly pragmas: readonly string[];
}

/** Nothing that is outside of this function can be reached there. */
export function commitBatches(load: NodeJS.Require): void {
  const threads = load('node:worker_threads') as typeof import('node:worker_threads');
  const { parentPort, receiveMessageOnPort } = threads;
  const { driver, file, pragmas } = threads.workerData as Given;
  const database = new (load(driver) as typeof Driver)(file, { fileMustExist: true });
  for (const pragma of pragmas) database.pragma(pragma);
  /** Messages that share a COMMIT at most. */
  const MOST = 8;
  const known: Driver.Statement[] = [];
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const savepoint = database.prepare('SAVEPOINT batch');
  const release = database.prepare('RELEASE batch');
  const undo = database.prepare('ROLLBACK TO batch');

  function toFault(error: unknown): Fault {
    const { code = '', message } = error as Error & { code?: string };
    return { code, message };
  }

  function countDone(batch: readonly Step[]): number {
    let done = 0;
    for (const [statement, values] of batch) {
      if (known[statement]!.run(...values).changes === 0) break;
      done++;
    }
    return done;
  }

  /** The common case, that nothing fails midway, needs no savepoints. Undefined where something did. */
  function runTogether(batches: Asked['batches']): boolean[] | undefined {
    const outcomes: boolean[] = [];
    try {
      for (const batch of batches) {
        const done = countDone(batch);
        if (done > 0 && done < batch.length) return undefined;
        outcomes.push(done === batch.length);
      }
      return outcomes;
    } catch {
      return undefined;
    }
  }

  function runApart(batch: readonly Step[]): boolean | Fault {
    savepoint.run();
    let outcome: boolean | Fault;
    try {
      outcome = countDone(batch) === batch.length;
    } catch (error) {
      // A fault that ended the whole transaction is nobody's alone.
      if (!database.inTransaction) throw error;
      outcome = toFault(error);
    }
    if (outcome !== true) undo.run();
    release.run();
    return outcome;
  }

  function run(batches: Asked['batches']): Answer {
    try {
      begin.run();
      let outcomes: (boolean | Fault)[] | undefined = runTogether(batches);
      if (!outcomes) {
        if (database.inTransaction) rollback.run();
        begin.run();
        outcomes = batches.map(runApart);
      }
      commit.run();
      return outcomes;
    } catch (error) {
      if (database.inTransaction) rollback.run();
      const fault = toFault(error);
      return batches.map(() => fault);
    }
  }

  /** What came while it was busy goes into one COMMIT. */
  function* takeAll(first: Asked | 'end'): Generator<Asked | 'end'> {
    yield first;
    for (let taken = 1; taken < MOST; taken++) {
      const next = receiveMessageOnPort(parentPort!);
      if (!next) return;
      yield next.message as Asked | 'end';
    }
  }

  parentPort!.on('message', (first: Asked | 'end') => {
    const batches: (readonly Step[])[] = [];
    let isEnd = false;
    for (const asked of takeAll(first)) {
      if (asked === 'end') isEnd = true;
      else {
        for (const [statement, text] of asked.texts) known[statement] = database.prepare(text);
        batches.push(...asked.batches);
      }
    }
    if (batches.length > 0) parentPort!.postMessage(run(batches));
    if (!isEnd) return;
    database.close();
    parentPort!.close();
  });
  parentPort!.postMessage('ready');
}

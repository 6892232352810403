// Opens one database and brings it up to date: a connection that writes in grouped transactions, another that reads what
// is committed. Which stores there are is the caller's to say (stores.ts lists them all).
import { availableParallelism } from 'node:os';
import { commitWithin, createInBatch } from './batch.js';
import { LONGEST_LOG, openConnection, sqliteBuilder, type Connection } from './dialect-sqlite.js';
import { missingAfter } from './migrations.js';
import { statement, type Sql } from './statement.js';
import { createGroupedTransactions, type Checkpoint } from './transaction.js';
import { createWalCheckpoints } from './wal-checkpoints.js';
import { createWritingThread } from './writing-thread.js';
import { createWritingTurn } from './writing-turn.js';
import type { InBatch, InTransaction } from '../../domain/vocabulary.js';

export interface Database<Stores> {
  /** For reading what has been committed; a write through these is refused. */
  readonly stores: Stores;
  readonly inTransaction: InTransaction<Stores>;
  readonly inBatch: InBatch<Stores>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  /** The time that counts for whatever is kept here: of the machine, or of the server that several machines share. */
  readonly now: () => Date;
  close(): Promise<void>;
}

export interface DatabaseOptions<Stores> {
  readonly file: string;
  readonly createStores: (sql: Sql) => Stores;
  /** Where fault tests end the process. */
  readonly checkpoint?: Checkpoint;
  /** An upper bound for the file, in pages of 4 KiB: how tests meet a full disk. */
  readonly maxPages?: number;
  /** After how many batches in one second a thread commits them; on one core alone never, unless it is said. */
  readonly batchesInASecond?: number;
  /** No other process serves from this file; one that only administers may write to it now and then. */
  readonly isAlone?: boolean;
}

const selectApplied = statement<Record<string, never>>()((db) =>
  db.selectFrom('house').select('value').limit(1),
);

/**
 * Opens the file, made when missing, and applies the migrations that it lacks, all in one transaction. Throws DatabaseNewer, and
 * leaves the file as it is, where a newer version has changed it.
 */
export function openDatabase<Stores>(options: DatabaseOptions<Stores>): Database<Stores> {
  const { file, createStores, checkpoint, maxPages, isAlone = false } = options;
  const { batchesInASecond = availableParallelism() > 1 ? undefined : Infinity } = options;
  const writing = openConnection(file, { maxPages });
  try {
    migrate(writing);
  } catch (error) {
    writing.close();
    throw error;
  }
  const reading = openConnection(file, { readOnly: true, sharesReads: isAlone });
  const checkpoints = createWalCheckpoints({
    file,
    // With the thread at work the log is long only where that cannot keep up.
    onChange: (isInThread) => writing.setLongestLog(isInThread ? 4 * LONGEST_LOG : LONGEST_LOG),
  });
  const turn = createWritingTurn();
  const inSqlTransaction = createGroupedTransactions<Sql>(writing, writing, {
    turn,
    checkpoint,
    beforeCommit: reading.release,
    afterCommit: checkpoints.note,
  });
  const writingStores = createStores(writing);
  const thread = createWritingThread({
    file,
    maxPages,
    turn,
    batchesInASecond,
    afterCommit(batches) {
      reading.release();
      checkpoints.note(batches);
    },
  });
  return {
    stores: createStores(reading),
    inTransaction: (work) => inSqlTransaction(() => work(writingStores)),
    inBatch: createInBatch(
      createStores,
      (writes) => thread.commit(writes) ?? commitWithin(inSqlTransaction, writes),
    ),
    async ping() {
      await reading.one(selectApplied, {});
    },
    now: () => new Date(),
    async close() {
      await thread.close();
      await checkpoints.close();
      reading.close();
      writing.close();
    },
  };
}

/** Another process that starts at the same moment waits here, and then finds nothing left to do. */
function migrate(connection: Connection): void {
  connection.execute('BEGIN IMMEDIATE');
  try {
    connection.execute(
      'create table if not exists migrations (name text primary key, applied_at bigint not null)',
    );
    for (const migration of missingAfter(connection.names('select name from migrations'))) {
      for (const made of migration.statements(sqliteBuilder)) connection.execute(made.compile().sql);
      connection.execute(
        `insert into migrations (name, applied_at) values ('${migration.name}', ${Date.now()})`,
      );
    }
    connection.execute('COMMIT');
  } catch (error) {
    connection.execute('ROLLBACK');
    throw error;
  }
}

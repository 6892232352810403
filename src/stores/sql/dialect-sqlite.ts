// SQLite: the only file that knows its driver, its pragmas and its error codes.
// One connection writes (transaction.ts queues for it), another reads what has been committed.
import Database from 'better-sqlite3';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import {
  fill,
  StoreUnavailable,
  type Slot,
  type Sql,
  type SqlValue,
  type Statement,
  type Values,
} from './statement.js';
import type { Tables } from './tables.js';

interface Prepared {
  readonly statement: Database.Statement;
  readonly order: readonly Slot<Values>[];
  /** The columns of its rows, which the driver gives as lists: it would look each name up again for each row. */
  readonly columns: readonly string[];
  /** A row of nothing, to be copied and filled: an object that grows column by column becomes a slow one. */
  readonly blank: Readonly<Record<string, SqlValue>>;
}

/**
 * One connection. Values are given to the driver one by one: those of a list it would look up each by itself. `execute` is for texts
 * without parameters: schema changes and transaction control.
 */
export interface Connection extends Sql {
  execute(text: string): void;
  /** The first column of every row, as text. */
  names(text: string): string[];
  isInTransaction(): boolean;
  /** How long the log grows, in pages, before this connection brings it back into the file, in the midst of a COMMIT. */
  setLongestLog(pages: number): void;
  /** Ends the turn's shared look at the database, where there is one: the next read sees what has been committed since. */
  release(): void;
  close(): void;
}

export interface ConnectionOptions {
  readonly maxPages?: number | undefined;
  readonly readOnly?: boolean;
  /**
   * All reads of one turn of the event loop share one look at the database, instead of taking and leaving its locks each. Only
   * where no other process writes, and where whoever commits calls `release` before: else a read could miss what is done.
   */
  readonly sharesReads?: boolean;
}

export const sqliteBuilder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** Faults that say "not now" and nothing about the data (https://sqlite.org/rescode.html). */
const UNAVAILABLE = [
  'SQLITE_BUSY',
  'SQLITE_FULL',
  'SQLITE_IOERR',
  'SQLITE_LOCKED',
  'SQLITE_NOMEM',
  'SQLITE_CANTOPEN',
  'SQLITE_READONLY',
];

/** 16 MB. */
export const LONGEST_LOG = 8000;

export function asStoreFault(error: unknown): unknown {
  const code = error instanceof Database.SqliteError ? error.code : '';
  const isUnavailable = UNAVAILABLE.some((prefix) => code.startsWith(prefix));
  return isUnavailable ? new StoreUnavailable(`SQLite answered ${code}`, { cause: error }) : error;
}

const UNUSABLE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'its folder must be there, and this user must be able to write to both',
  SQLITE_READONLY: 'this user must be able to write to it and to its folder',
  SQLITE_NOTADB: 'it is damaged, or something else; put a backup in its place',
  SQLITE_CORRUPT: 'it is damaged; put a backup in its place',
};

/** Why a file could not be opened, and what helps, in words for an operator; undefined for a fault of any other kind. */
export function whyUnusable(error: unknown): string | undefined {
  const { cause = error } = error as Error;
  const { code = '', message } = cause as Error & { readonly code?: string };
  // The driver looks for the folder itself, and that fault has no code.
  const answer = message.endsWith('directory does not exist') ? 'SQLITE_CANTOPEN' : code;
  const help = UNUSABLE[/^SQLITE_[A-Z]+/.exec(answer)?.[0] ?? ''];
  return help && `${message} (${help})`;
}

/** A fault that another thread's driver has told of. */
export const toDriverError = ({
  message,
  code,
}: {
  readonly message: string;
  readonly code: string;
}): Error => new Database.SqliteError(message, code);

/**
 * What every connection sets itself. synchronous=FULL: a WAL reopened without it runs at NORMAL, and a power loss could then
 * bring a spent code back to life.
 */
export function pragmasOf({ maxPages, readOnly }: Omit<ConnectionOptions, 'sharesReads'>): string[] {
  return [
    'busy_timeout = 5000',
    // Small pages and a longer log: codes and hashes land all over their indexes, and each page so touched is written whole,
    // once to the log and once at a checkpoint. Only a new file takes the page size.
    'page_size = 2048',
    'journal_mode = WAL',
    'synchronous = FULL',
    `wal_autocheckpoint = ${LONGEST_LOG}`,
    'foreign_keys = ON',
    `cache_size = ${readOnly ? -4000 : -8000}`,
    ...(maxPages === undefined ? [] : [`max_page_count = ${maxPages}`]),
    ...(readOnly ? ['query_only = ON'] : []),
  ];
}

/** Opens one connection to a database file, made when missing. */
export function openConnection(file: string, options: ConnectionOptions = {}): Connection {
  const { sharesReads = false } = options;
  const driver = new Database(file);
  for (const pragma of pragmasOf(options)) driver.pragma(pragma);
  const prepared = new Map<Statement<never, unknown>, Prepared>();
  const controls = new Map<string, Database.Statement>();

  function prepare<P extends Values, Row>(statement: Statement<P, Row>): Prepared {
    const key = statement as unknown as Statement<never, unknown>;
    const known = prepared.get(key);
    if (known) return known;
    const { sql, order } = statement.compile(sqliteBuilder);
    const text = driver.prepare(sql);
    const columns = text.reader ? text.raw(true).columns() : [];
    const names = columns.map(({ name }) => name);
    const made = {
      statement: text,
      order: order as readonly Slot<Values>[],
      columns: names,
      blank: JSON.parse(
        `{${names.map((name) => `${JSON.stringify(name)}:null`).join(',')}}`,
      ) as Prepared['blank'],
    };
    prepared.set(key, made);
    return made;
  }

  const begin = driver.prepare('BEGIN');
  const end = driver.prepare('COMMIT');
  let isSharing = false;

  function release(): void {
    isSharing = false;
    // A fault while reading may have ended it.
    if (sharesReads && driver.inTransaction) end.run();
  }

  function share(): void {
    if (!sharesReads || isSharing) return;
    begin.run();
    isSharing = true;
    setImmediate(release);
  }

  return {
    async all<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<Row[]> {
      try {
        const { statement: text, order, columns, blank } = prepare(statement);
        share();
        const rows = text.all(...fill(order, values)) as SqlValue[][];
        return rows.map((row) => toRow<Row>(columns, blank, row));
      } catch (error) {
        throw asStoreFault(error);
      }
    },
    async one<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<Row | undefined> {
      try {
        const { statement: text, order, columns, blank } = prepare(statement);
        share();
        const row = text.get(...fill(order, values)) as SqlValue[] | undefined;
        return row && toRow<Row>(columns, blank, row);
      } catch (error) {
        throw asStoreFault(error);
      }
    },
    async change<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<number> {
      try {
        const { statement: text, order } = prepare(statement);
        return text.run(...fill(order, values)).changes;
      } catch (error) {
        throw asStoreFault(error);
      }
    },
    execute(text) {
      try {
        let control = controls.get(text);
        if (!control) controls.set(text, (control = driver.prepare(text)));
        control.run();
      } catch (error) {
        throw asStoreFault(error);
      }
    },
    names: (text) => driver.prepare(text).pluck().all() as string[],
    isInTransaction: () => driver.inTransaction,
    setLongestLog: (pages) => void driver.pragma(`wal_autocheckpoint = ${pages}`),
    release,
    close() {
      release();
      driver.close();
    },
  };
}

function toRow<Row>(columns: readonly string[], blank: Prepared['blank'], values: readonly SqlValue[]): Row {
  const row: Record<string, SqlValue> = { ...blank };
  for (let i = 0; i < columns.length; i++) row[columns[i]!] = values[i]!;
  return row as Row;
}

// How a table, its later columns and its indexes are written down in the list of migrations, and what is made of that.
// Types are the few that SQLite and PostgreSQL share: text, integer, bigint.
import { sql, type Compilable, type CreateTableBuilder, type Kysely } from 'kysely';
import type { Tables } from './tables.js';

/** Text, integer and time columns of a table, `name?` for those that may be null; the key is one of them. */
export interface Shape {
  readonly key: readonly string[];
  readonly text?: string;
  readonly integer?: string;
  readonly time?: string;
  readonly unique?: readonly string[];
  readonly checks?: readonly string[];
}

/** Columns that a table is given later: those that may be null, and those with a value for the rows that are there. */
export interface Columns {
  readonly text?: string;
  readonly integer?: string;
  readonly flags?: Readonly<Record<string, string | number>>;
  /** Times, which are long ago in the rows that are there. */
  readonly times?: string;
}

export type Index = readonly [table: keyof Tables, columns: readonly string[]];

export function createIndex(db: Kysely<Tables>, [table, columns]: Index): Compilable {
  return db.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns([...columns]);
}

export function addColumns(db: Kysely<Tables>, table: string, columns: Columns): Compilable[] {
  const { text, integer, flags = {}, times } = columns;
  const added = [...named(text, 'text' as const), ...named(integer, 'integer' as const)];
  return [
    ...added.map(({ name, type }) => db.schema.alterTable(table).addColumn(name, type)),
    ...named(times, 'bigint' as const).map(({ name, type }) =>
      db.schema.alterTable(table).addColumn(name, type, (column) => column.notNull().defaultTo(0)),
    ),
    ...Object.entries(flags).map(([name, value]) =>
      db.schema
        .alterTable(table)
        .addColumn(name, typeof value === 'number' ? 'integer' : 'text', (column) =>
          column.notNull().defaultTo(value),
        ),
    ),
  ];
}

export function createTable(db: Kysely<Tables>, table: string, shape: Shape): Compilable {
  let made: CreateTableBuilder<string, string> = db.schema.createTable(table);
  const columns = [
    ...named(shape.text, 'text' as const),
    ...named(shape.integer, 'integer' as const),
    ...named(shape.time, 'bigint' as const),
  ];
  for (const { name, type, mayBeNull } of columns) {
    made = made.addColumn(name, type, (column) => (mayBeNull ? column : column.notNull()));
  }
  made = made.addPrimaryKeyConstraint(`${table}_key`, [...shape.key]);
  for (const column of shape.unique ?? [])
    made = made.addUniqueConstraint(`${table}_${column}_once`, [column]);
  (shape.checks ?? []).forEach((check, index) => {
    made = made.addCheckConstraint(`${table}_check_${index + 1}`, sql.raw(check));
  });
  return made;
}

function named<Type extends string>(list: string | undefined, type: Type) {
  return (list ?? '')
    .split(' ')
    .filter(Boolean)
    .map((word) => ({ name: word.replace('?', ''), type, mayBeNull: word.endsWith('?') }));
}

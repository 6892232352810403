// A statement: one SQL text, built by kysely once and kept, with named parameters filled in at each use.
// Building a query costs ten times what running it does, so nothing is built per request. It owns no connection:
// dialects (dialect-sqlite) run statements.
import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { Tables } from './tables.js';

export type SqlValue = string | number | null;
export type Values = Record<string, SqlValue>;

/** Stands for a value until the statement runs; typed as the column it is compared with. */
export type Parameter<P> = <Name extends keyof P & string>(name: Name) => P[Name];

type Build<P, Row> = (db: Kysely<Tables>, parameter: Parameter<P>) => Compilable<Row>;

export interface Statement<P, Row> {
  /** The text in one dialect, and the order in which the named parameters fill it. */
  compile(db: Kysely<Tables>): { sql: string; order: readonly Slot<P>[] };
  readonly row?: Row;
}

export type Slot<P> = { readonly name: keyof P & string } | { readonly value: SqlValue };

class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Declares a statement: `statement<{ hash: string }>()((db, p) => db.selectFrom('links').where('x', '=', p('hash')))`.
 * The builder runs once for each dialect, so it may not depend on anything but its arguments.
 */
export function statement<P extends Values>() {
  return <Row>(build: Build<P, Row>): Statement<P, Row> => ({
    compile(db) {
      const parameter = ((name: string) => new Placeholder(name)) as unknown as Parameter<P>;
      const compiled: CompiledQuery = build(db, parameter).compile();
      return {
        sql: compiled.sql,
        order: compiled.parameters.map((value) =>
          value instanceof Placeholder ? { name: value.name } : { value: value as SqlValue },
        ),
      };
    },
  });
}

/** The values of a statement in the order in which its text takes them. */
export function fill(order: readonly Slot<Values>[], values: Values): SqlValue[] {
  const filled = new Array<SqlValue>(order.length);
  for (let i = 0; i < order.length; i++) {
    const slot = order[i]!;
    const value = 'name' in slot ? values[slot.name] : slot.value;
    // The driver would take a missing value for null, and a condition for one that holds nowhere.
    if (value === undefined) throw new TypeError('a statement lacks one of its values');
    filled[i] = value;
  }
  return filled;
}

/** Runs statements on one connection, or on any connection of a pool. */
export interface Sql {
  all<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<Row[]>;
  one<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<Row | undefined>;
  /** Resolves to how many rows were changed. */
  change<P extends Values, Row>(statement: Statement<P, Row>, values: P): Promise<number>;
}

/** The store cannot answer now: full, locked, gone. It says nothing about the data. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

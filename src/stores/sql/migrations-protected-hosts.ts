// The tables of hosts behind a proxy, as migration 017 of migrations.ts makes them. What has landed never changes.
import type { Compilable, Kysely } from 'kysely';
import { createIndex, createTable, type Index, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

export const HOST_SHAPES = {
  host_entries: {
    key: ['handle_hash'],
    text: 'handle_hash account_id ticket site visit_hash',
    time: 'created_at expires_at',
  },
  host_sessions: {
    key: ['token_hash'],
    text: 'token_hash account_id ticket site',
    time: 'created_at',
  },
} as const satisfies Record<string, Shape>;

const INDEXES: readonly Index[] = [['host_entries', ['expires_at']]];

export function makeHostTables(db: Kysely<Tables>): Compilable[] {
  return [
    ...Object.entries(HOST_SHAPES).map(([table, shape]) => createTable(db, table, shape)),
    ...INDEXES.map((index) => createIndex(db, index)),
  ];
}

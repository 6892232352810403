// The tables of federated identities, as migration 012 of migrations.ts makes them. What has landed never changes.
import type { Compilable, Kysely } from 'kysely';
import { createIndex, createTable, type Index, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

export const IDENTITY_SHAPES = {
  identities: {
    key: ['identity_id'],
    text: 'identity_id account_id upstream issuer subject shown_as',
    time: 'connected_at last_used_at',
  },
  round_trips: {
    key: ['state_hash'],
    text: 'state_hash browser_hash upstream account_id? sealed_details',
    time: 'expires_at',
  },
  arrivals: { key: ['arrival_hash'], text: 'arrival_hash sealed_details', time: 'expires_at' },
} as const satisfies Record<string, Shape>;

const INDEXES: readonly Index[] = [
  ['identities', ['account_id']],
  ['round_trips', ['expires_at']],
  ['arrivals', ['expires_at']],
];

export function makeIdentityTables(db: Kysely<Tables>): Compilable[] {
  return [
    ...Object.entries(IDENTITY_SHAPES).map(([table, shape]) => createTable(db, table, shape)),
    ...INDEXES.map((index) => createIndex(db, index)),
    // One person elsewhere is one account here: the schema refuses a second even if two arrive at once.
    db.schema.createIndex('identities_one_for_each').unique().on('identities').columns(['issuer', 'subject']),
  ];
}

// The tables of proofs of possession and of services, as migrations 015 and 016 of migrations.ts make them. What has landed
// never changes.
import type { Compilable, Kysely } from 'kysely';
import { addColumns, createIndex, createTable } from './shapes.js';
import type { Tables } from './tables.js';

export function makeProofTables(db: Kysely<Tables>): Compilable[] {
  return [
    createTable(db, 'used_proofs', { key: ['proof_hash'], text: 'proof_hash', time: 'expires_at' }),
    createIndex(db, ['used_proofs', ['expires_at']]),
    ...addColumns(db, 'refresh_tokens', { text: 'key_thumbprint?' }),
  ];
}

export function makeServiceTables(db: Kysely<Tables>): Compilable[] {
  return [
    createTable(db, 'services', {
      key: ['audience'],
      text: 'audience client_id name scopes',
      integer: 'restricted',
      time: 'created_at',
      unique: ['client_id'],
    }),
    ...addColumns(db, 'links', { text: 'resources?' }),
    ...addColumns(db, 'linked_tools', { text: 'resources?' }),
    ...addColumns(db, 'refresh_tokens', { text: 'audience?' }),
  ];
}

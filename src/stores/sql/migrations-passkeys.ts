// The tables of passkeys, as migration 013 of migrations.ts makes them. What has landed never changes.
import type { Compilable, Kysely } from 'kysely';
import { createIndex, createTable } from './shapes.js';
import type { Tables } from './tables.js';

export function makePasskeyTables(db: Kysely<Tables>): Compilable[] {
  return [
    createTable(db, 'passkeys', {
      key: ['passkey_id'],
      text: 'passkey_id account_id credential_id public_key transports name last_used_from?',
      integer: 'backup_eligible backed_up alone',
      // A count has 32 bits without a sign.
      time: 'sign_count created_at last_used_at? stopped_at?',
      // Nobody's passkey is ever a second account's.
      unique: ['credential_id'],
      checks: ['backup_eligible in (0, 1)', 'backed_up in (0, 1)', 'backed_up <= backup_eligible'],
    }),
    createIndex(db, ['passkeys', ['account_id']]),
    createTable(db, 'passkey_challenges', {
      key: ['challenge_hash'],
      text: 'challenge_hash purpose holder_hash account_id? methods',
      time: 'created_at expires_at',
    }),
    createIndex(db, ['passkey_challenges', ['account_id']]),
    createIndex(db, ['passkey_challenges', ['expires_at']]),
  ];
}

// The table of authorizations, as migration 014 of migrations.ts makes it. What has landed never changes.
import { sql, type Compilable, type Kysely } from 'kysely';
import { addColumns, createIndex, createTable, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

const SHAPE: Shape = {
  key: ['authorization_id'],
  text:
    'authorization_id handle_hash state client_id redirect_uri scope code_challenge key_thumbprint? asked network_address ' +
    'network user_agent account_id? subject_id? ticket? household_id? member_kind? methods? code_hash?',
  integer: 'remembered',
  time: 'authenticated_at? created_at decided_at? redeemed_at? expires_at',
  unique: ['handle_hash'],
  checks: [
    "state in ('pushed', 'asked', 'approved', 'denied', 'redeemed')",
    "state not in ('pushed', 'asked') or (account_id is null and code_hash is null)",
    "state <> 'denied' or (account_id is not null and ticket is not null)",
    "state not in ('approved', 'redeemed') or (account_id is not null and subject_id is not null and ticket is not null " +
      'and methods is not null and authenticated_at is not null and decided_at is not null and code_hash is not null)',
    "(state = 'redeemed') = (redeemed_at is not null)",
  ],
};

export function makeAuthorizationTables(db: Kysely<Tables>): Compilable[] {
  return [
    createTable(db, 'authorizations', SHAPE),
    createIndex(db, ['authorizations', ['expires_at']]),
    // Most have been nobody's, or have ended.
    db.schema
      .createIndex('authorizations_approved_by_account_id')
      .on('authorizations')
      .column('account_id')
      .where(sql.ref('state'), '=', 'approved'),
    ...addColumns(db, 'linked_tools', { text: 'redirect_uri?' }),
  ];
}

// The tables of households, as migration 009 of migrations.ts makes them. What has landed never changes.
import { sql, type Compilable, type Kysely } from 'kysely';
import { addColumns, createIndex, createTable, type Index, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

export const HOUSEHOLD_SHAPES = {
  households: {
    key: ['household_id'],
    text: 'household_id account_id',
    time: 'created_at changed_at',
    unique: ['account_id'],
  },
  members: {
    // By the person alone: nobody is in two households.
    key: ['subject_id'],
    text: 'subject_id household_id account_id kind name colour picture restriction pin_hash?',
    integer: 'pin_version pin_failures',
    time: 'pin_failed_at pin_tried_at joined_at changed_at',
    checks: [
      "kind in ('owner', 'full', 'managed', 'guest')",
      "(kind in ('owner', 'full')) = (account_id = subject_id)",
      "restriction in ('none', 'little-kid', 'older-kid', 'teen')",
      'pin_failures between 0 and 10',
    ],
  },
  household_invitations: {
    key: ['invitation_id'],
    text: 'invitation_id token_mac household_id account_id email shown_email',
    time: 'created_at expires_at',
    unique: ['token_mac'],
  },
  switched_sessions: {
    key: ['session_hash'],
    text: 'session_hash ticket begun_by account_id subject_id household_id user_agent network_address',
    integer: 'remembered',
    time: 'created_at last_seen_at expires_at',
  },
} as const satisfies Record<string, Shape>;

const INDEXES: readonly Index[] = [
  ['members', ['household_id']],
  ['members', ['account_id']],
  ['household_invitations', ['account_id']],
  ['household_invitations', ['expires_at']],
  ['switched_sessions', ['begun_by']],
  ['switched_sessions', ['account_id']],
  ['switched_sessions', ['subject_id']],
  ['switched_sessions', ['expires_at']],
];

const STANDING = { text: 'household_id? member_kind?' };

export function makeHouseholdTables(db: Kysely<Tables>): Compilable[] {
  return [
    ...Object.entries(HOUSEHOLD_SHAPES).map(([table, shape]) => createTable(db, table, shape)),
    ...INDEXES.map((index) => createIndex(db, index)),
    db.schema
      .createIndex('members_one_of_each')
      .unique()
      .on('members')
      .columns(['household_id', 'kind'])
      .where('kind', 'in', ['owner', 'guest']),
    db.schema
      .createIndex('household_invitations_one_for_each')
      .unique()
      .on('household_invitations')
      .columns(['household_id', 'email']),
    ...addColumns(db, 'links', STANDING),
    ...addColumns(db, 'linked_tools', STANDING),
    // Most tools belong to nobody's household: the index costs them nothing.
    db.schema
      .createIndex('linked_tools_by_household_id')
      .on('linked_tools')
      .column('household_id')
      .where(sql.ref('household_id'), 'is not', null),
  ];
}

// How the tables come to be: one list, in order, the same for every engine. A migration that has landed never changes.
// How a table is written down here is said in shapes.ts.
import type { Compilable, Kysely } from 'kysely';
import { makeAuthorizationTables } from './migrations-authorizations.js';
import { makeHouseholdTables, type HOUSEHOLD_SHAPES } from './migrations-household.js';
import { makeIdentityTables, type IDENTITY_SHAPES } from './migrations-identities.js';
import { makePasskeyTables } from './migrations-passkeys.js';
import { makePinDoorTables } from './migrations-pin-door.js';
import { makeProofTables, makeServiceTables } from './migrations-services.js';
import { makeHostTables, type HOST_SHAPES } from './migrations-protected-hosts.js';
import { addColumns, createIndex, createTable, type Index, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

export interface Migration {
  readonly name: string;
  statements(db: Kysely<Tables>): Compilable[];
}

/** A later version has changed the tables: what this one would write to them might be wrong. */
export class DatabaseNewer extends Error {
  constructor(names: readonly string[]) {
    super(
      `it was changed by a newer version (${names.join(', ')}): start that one, or go back to the copy from before it`,
    );
    this.name = 'DatabaseNewer';
  }
}

/** What a database lacks that has had the migrations of these names. Throws DatabaseNewer where one is unknown here. */
export function missingAfter(applied: readonly string[]): readonly Migration[] {
  const known = new Set(migrations.map(({ name }) => name));
  const strangers = applied.filter((name) => !known.has(name));
  if (strangers.length > 0) throw new DatabaseNewer(strangers);
  return migrations.filter(({ name }) => !applied.includes(name));
}

type LaterTable =
  | 'device_keys'
  | 'used_nonces'
  | 'known_browsers'
  | 'app_passwords'
  | 'authorizations'
  | 'passkeys'
  | 'passkey_challenges'
  | 'used_proofs'
  | 'services'
  | keyof typeof HOUSEHOLD_SHAPES
  | keyof typeof IDENTITY_SHAPES
  | keyof typeof HOST_SHAPES;

const SHAPES: Record<Exclude<keyof Tables, LaterTable>, Shape> = {
  subjects: {
    key: ['subject_id'],
    text: 'subject_id account_id kind',
    integer: 'public_number',
    time: 'created_at',
    unique: ['public_number'],
  },
  accounts: {
    key: ['account_id'],
    text: 'account_id email username display_name password_hash language? role',
    integer: 'password_length',
    time: 'email_verified_at? password_changed_at created_at closed_at?',
  },
  login_names: { key: ['folded'], text: 'folded account_id kind', integer: 'proved' },
  mail_tokens: {
    key: ['token_mac'],
    text: 'token_mac account_id purpose email sealed_user_code?',
    time: 'created_at expires_at',
  },
  authenticators: {
    // One active and one inert of a kind: the schema refuses a second even if two set-ups end at once.
    key: ['account_id', 'kind', 'state'],
    text: 'authenticator_id account_id kind state sealed_secret',
    integer: 'set_up_tries',
    time: 'last_step created_at',
    unique: ['authenticator_id'],
    checks: ["state in ('inert', 'active')"],
  },
  recovery_codes: {
    key: ['account_id', 'selector'],
    text: 'account_id selector code_hash',
    time: 'used_at?',
  },
  factor_failures: {
    key: ['account_id', 'kind'],
    text: 'account_id kind',
    integer: 'consecutive day day_count',
    time: 'last_at',
  },
  sign_ins: {
    key: ['sign_in_hash'],
    text: 'sign_in_hash account_id methods',
    integer: 'failures',
    time: 'created_at expires_at',
  },
  sessions: {
    key: ['session_hash'],
    text: 'session_hash ticket account_id subject_id methods proof_methods user_agent network_address',
    time: 'authenticated_at proved_at created_at last_seen_at expires_at',
  },
  clients: {
    key: ['client_id'],
    text: 'client_id kind name secret_hash? audience? metadata registered_by',
    time: 'created_at last_used_at?',
    checks: ["(kind = 'confidential') = (secret_hash is not null)"],
  },
  links: {
    key: ['link_id'],
    text:
      'link_id door state client_id device_code_hash? user_code_mac scope network_address network web_origin? ' +
      'user_agent key_thumbprint? arrival? account_id? subject_id? ticket? methods?',
    integer: 'releases',
    time: 'authenticated_at? created_at reserved_at? decided_at? redeemed_at? expires_at',
    unique: ['user_code_mac'],
    checks: [
      "state in ('pending', 'reserved', 'approved', 'denied', 'redeemed')",
      "state <> 'pending' or (account_id is null and ticket is null)",
      "state <> 'reserved' or (account_id is not null and ticket is not null)",
      "state not in ('approved', 'redeemed') or (account_id is not null and subject_id is not null " +
        'and authenticated_at is not null and decided_at is not null)',
      "(state = 'redeemed') = (redeemed_at is not null)",
    ],
  },
  link_intervals: { key: ['link_id'], text: 'link_id', integer: 'interval_seconds' },
  linked_tools: {
    key: ['linked_tool_id'],
    text:
      'linked_tool_id link_id door account_id subject_id client_id name scope audience methods key_thumbprint? ' +
      'access_jti linked_from last_used_from ended_why?',
    time: 'authenticated_at access_issued_at access_expires_at linked_at last_used_at ended_at?',
    // One approval, one linked tool: the schema refuses a second even if the state machine were wrong.
    unique: ['link_id'],
  },
  refresh_tokens: {
    key: ['token_hash'],
    text: 'token_hash linked_tool_id client_id key_id access_jti scope',
    integer: 'generation replays',
    time: 'access_issued_at access_expires_at created_at used_at? expires_at',
  },
  revoked_access_tokens: { key: ['jti'], text: 'jti', time: 'expires_at' },
  signing_keys: {
    key: ['kid'],
    text: 'kid alg state public_jwk sealed_private_jwk',
    time: 'created_at changed_at',
    checks: ["state in ('next', 'active', 'retiring')"],
  },
  budgets: {
    key: ['budget', 'spender', 'window_starts_at'],
    text: 'budget spender',
    integer: 'spent',
    time: 'window_starts_at expires_at',
  },
  outbox: {
    key: ['mail_id'],
    text: 'mail_id recipient notice sealed_details language',
    integer: 'attempts',
    time: 'created_at next_attempt_at expires_at? sent_at?',
  },
  audit: {
    key: ['audit_id'],
    text: 'audit_id account_id? actor event network_address user_agent request_id details',
    time: 'at',
  },
  house: { key: ['name'], text: 'name value', time: 'changed_at' },
};

const INDEXES: readonly Index[] = [
  ['subjects', ['account_id']],
  ['login_names', ['account_id']],
  ['mail_tokens', ['account_id', 'purpose']],
  ['mail_tokens', ['expires_at']],
  ['sign_ins', ['account_id']],
  ['sign_ins', ['expires_at']],
  ['sessions', ['account_id']],
  ['sessions', ['expires_at']],
  ['links', ['expires_at']],
  ['linked_tools', ['account_id', 'linked_at']],
  ['refresh_tokens', ['linked_tool_id', 'generation']],
  ['refresh_tokens', ['expires_at']],
  ['revoked_access_tokens', ['expires_at']],
  ['budgets', ['expires_at']],
  ['outbox', ['next_attempt_at']],
  ['audit', ['account_id', 'at']],
];

export const migrations: readonly Migration[] = [
  {
    name: '001-the-house',
    statements: (db) => [
      ...Object.entries(SHAPES).map(([table, shape]) => createTable(db, table, shape)),
      ...INDEXES.map((index) => createIndex(db, index)),
      db.schema
        .createIndex('signing_keys_one_of_each')
        .unique()
        .on('signing_keys')
        .columns(['alg', 'state'])
        .where('state', '<>', 'retiring'),
    ],
  },
  { name: '002-the-pin-door', statements: makePinDoorTables },
  {
    name: '003-recovery-code-sets',
    statements: (db) => addColumns(db, 'recovery_codes', { flags: { set_id: 'first' } }),
  },
  {
    name: '004-remembered-sessions',
    statements: (db) => [
      ...addColumns(db, 'sessions', { times: 'confirmed_at recent_until', flags: { remembered: 0 } }),
      ...addColumns(db, 'sign_ins', { flags: { remembered: 0 } }),
    ],
  },
  {
    name: '005-credentials',
    statements: (db) => [
      ...addColumns(db, 'mail_tokens', { text: 'shown_email?' }),
      // Few accounts are closed, and few links are anybody's yet.
      db.schema
        .createIndex('accounts_by_closed_at')
        .on('accounts')
        .column('closed_at')
        .where('closed_at', 'is not', null),
      db.schema
        .createIndex('links_by_account_id')
        .on('links')
        .column('account_id')
        .where('account_id', 'is not', null),
    ],
  },
  {
    name: '006-known-browsers',
    statements: (db) => [
      createTable(db, 'known_browsers', {
        key: ['browser_id'],
        text: 'browser_id account_id browser_mac',
        integer: 'failures',
        time: 'failed_at created_at last_used_at',
      }),
      createIndex(db, ['known_browsers', ['account_id', 'browser_mac']]),
      createIndex(db, ['known_browsers', ['browser_mac']]),
    ],
  },
  {
    name: '007-app-passwords',
    statements: (db) => [
      createTable(db, 'app_passwords', {
        key: ['app_password_id'],
        text: 'app_password_id account_id secret_mac name client_id? tool_name? last_used_from?',
        time: 'created_at last_used_at?',
        unique: ['secret_mac'],
      }),
      createIndex(db, ['app_passwords', ['account_id']]),
      ...addColumns(db, 'accounts', { flags: { app_passwords_allowed: 1 } }),
      ...addColumns(db, 'linked_tools', { text: 'app_password_id?' }),
    ],
  },
  {
    name: '008-new-tools',
    statements: (db) => [
      ...addColumns(db, 'linked_tools', { flags: { owner_told: 1 } }),
      // 0 until the owner has been told of it: as good as empty, it holds the tools of the last seconds.
      db.schema
        .createIndex('linked_tools_untold')
        .on('linked_tools')
        .columns(['owner_told', 'linked_at'])
        .where('owner_told', '=', 0),
    ],
  },
  { name: '009-household', statements: makeHouseholdTables },
  {
    name: '010-half-done-in-known-browsers',
    statements: (db) => addColumns(db, 'sign_ins', { flags: { known_browser: 0 } }),
  },
  {
    // A link that is polled by its number draws its user code again: those that are in the air get theirs no more.
    name: '011-drawn-codes',
    statements: (db) => [
      db.schema.alterTable('links').dropColumn('sealed_user_code'),
      ...addColumns(db, 'links', { integer: 'user_code_length?' }),
    ],
  },
  { name: '012-identities', statements: makeIdentityTables },
  { name: '013-passkeys', statements: makePasskeyTables },
  { name: '014-authorizations', statements: makeAuthorizationTables },
  { name: '015-dpop', statements: makeProofTables },
  { name: '016-services', statements: makeServiceTables },
  { name: '017-verified-hosts', statements: makeHostTables },
];

// The tables of the PIN door, as migration 002 of migrations.ts makes them. What has landed never changes.
import { sql, type Compilable, type Kysely } from 'kysely';
import { addColumns, createIndex, createTable, type Columns, type Index, type Shape } from './shapes.js';
import type { Tables } from './tables.js';

/** Links that are polled by their number, and what they leave. */
const NUMBERED_LINKS: Partial<Record<keyof Tables, Columns>> = {
  links: {
    integer: 'public_number?',
    text: 'sealed_user_code? tool_values? forward_address? device_key? parent_tool_id?',
  },
  linked_tools: { text: 'access_kid? tool_values? parent_tool_id? born_with?' },
  accounts: { flags: { fallback_allowed: 1, link_by_token_allowed: 0 } },
  signing_keys: { flags: { ring: 'tokens' } },
};

/** The keys that tools have of their own. */
const DEVICE_KEYS: Record<'device_keys' | 'used_nonces', Shape> = {
  device_keys: {
    key: ['thumbprint', 'client_id'],
    text: 'thumbprint client_id kid alg public_jwk linked_tool_id account_id claims',
    time: 'created_at approved_at',
  },
  used_nonces: { key: ['nonce'], text: 'nonce', time: 'expires_at' },
};

const DEVICE_KEY_INDEXES: readonly Index[] = [
  ['device_keys', ['linked_tool_id']],
  ['device_keys', ['client_id', 'kid']],
  ['used_nonces', ['expires_at']],
];

export function makePinDoorTables(db: Kysely<Tables>): Compilable[] {
  return [
    ...Object.entries(NUMBERED_LINKS).flatMap(([table, columns]) => addColumns(db, table, columns)),
    ...Object.entries(DEVICE_KEYS).map(([table, shape]) => createTable(db, table, shape)),
    ...DEVICE_KEY_INDEXES.map((index) => createIndex(db, index)),
    // Most links have no number, and most linked tools no key and no parent: these indexes cost them nothing.
    ...(
      [
        ['links', 'public_number'],
        ['linked_tools', 'access_kid'],
        ['linked_tools', 'parent_tool_id'],
      ] as const
    ).map(([table, column]) => {
      const made = db.schema.createIndex(`${table}_by_${column}`).on(table).column(column);
      return (column === 'public_number' ? made.unique() : made).where(sql.ref(column), 'is not', null);
    }),
    db.schema.dropIndex('signing_keys_one_of_each'),
    db.schema
      .createIndex('signing_keys_one_of_each_ring')
      .unique()
      .on('signing_keys')
      .columns(['ring', 'alg', 'state'])
      .where('state', '<>', 'retiring'),
  ];
}

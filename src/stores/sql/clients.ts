// Keeps clients (domain/clients.ts): what they said of themselves as one JSON text, everything that is asked for as columns.
import { statement, type Sql } from './statement.js';
import type { ClientsTable } from './tables-clients.js';
import type { Client, ClientMetadata, ClientStore } from '../../domain/clients.js';
import type { ClientId } from '../../domain/vocabulary.js';

const selectById = statement<{ client_id: string }>()((db, p) =>
  db.selectFrom('clients').selectAll().where('client_id', '=', p('client_id')),
);

const selectAll = statement<Record<string, never>>()((db) =>
  db.selectFrom('clients').selectAll().orderBy('created_at').orderBy('client_id'),
);

const insertClient = statement<{ [Column in keyof ClientsTable]: ClientsTable[Column] }>()((db, p) =>
  db.insertInto('clients').values({
    client_id: p('client_id'),
    kind: p('kind'),
    name: p('name'),
    secret_hash: p('secret_hash'),
    audience: p('audience'),
    metadata: p('metadata'),
    registered_by: p('registered_by'),
    created_at: p('created_at'),
    last_used_at: p('last_used_at'),
  }),
);

const NOTED_EVERY_MS = 3_600_000;

/** Of many who come at the same moment one writes: the others, run again where they lost to it, find it done. */
const updateUsed = statement<{ client_id: string; at: number; before: number }>()((db, p) =>
  db
    .updateTable('clients')
    .set({ last_used_at: p('at') })
    .where('client_id', '=', p('client_id'))
    .where((client) =>
      client.or([client('last_used_at', 'is', null), client('last_used_at', '<', p('before'))]),
    ),
);

const deleteById = statement<{ client_id: string }>()((db, p) =>
  db.deleteFrom('clients').where('client_id', '=', p('client_id')),
);

const deleteUnused = statement<{ before: number }>()((db, p) =>
  db
    .deleteFrom('clients')
    .where('registered_by', '=', 'itself')
    .where('last_used_at', 'is', null)
    .where('created_at', '<', p('before')),
);

export function createClientStore(sql: Sql): ClientStore {
  return {
    async find(clientId) {
      const row = await sql.one(selectById, { client_id: clientId });
      return row && toClient(row);
    },
    async findAll() {
      const rows = await sql.all(selectAll, {});
      return rows.map(toClient);
    },
    async insert(client) {
      await sql.change(insertClient, {
        client_id: client.clientId,
        kind: client.kind,
        name: client.name,
        secret_hash: client.secretHash ?? null,
        audience: client.audience ?? null,
        metadata: JSON.stringify(client.metadata),
        registered_by: client.registeredBy,
        created_at: client.createdAt.getTime(),
        last_used_at: client.lastUsedAt?.getTime() ?? null,
      });
    },
    async markUsed(clientId, at) {
      const before = at.getTime() - NOTED_EVERY_MS;
      await sql.change(updateUsed, { client_id: clientId, at: at.getTime(), before });
    },
    async remove(clientId) {
      return (await sql.change(deleteById, { client_id: clientId })) === 1;
    },
    removeUnused: (before) => sql.change(deleteUnused, { before: before.getTime() }),
  };
}

/** Texts that were parsed before: a client's is the same at every request. */
const parsed = new Map<string, ClientMetadata>();
const MOST_PARSED = 1000;

function parseMetadata(text: string): ClientMetadata {
  const known = parsed.get(text);
  if (known) return known;
  if (parsed.size >= MOST_PARSED) parsed.clear();
  const metadata = JSON.parse(text) as ClientMetadata;
  parsed.set(text, metadata);
  return metadata;
}

function toClient(row: ClientsTable): Client {
  return {
    clientId: row.client_id as ClientId,
    kind: row.kind as Client['kind'],
    name: row.name,
    secretHash: row.secret_hash ?? undefined,
    audience: row.audience ?? undefined,
    metadata: parseMetadata(row.metadata),
    registeredBy: row.registered_by as Client['registeredBy'],
    createdAt: new Date(row.created_at),
    lastUsedAt: row.last_used_at === null ? undefined : new Date(row.last_used_at),
  };
}

// Keeps the services that tokens are for (domain/services.ts), by their audience.
import { statement, type Sql } from './statement.js';
import type { ServicesTable } from './tables-clients.js';
import type { Service, ServiceStore } from '../../domain/services.js';
import type { ClientId } from '../../domain/vocabulary.js';

const selectByAudience = statement<{ audience: string }>()((db, p) =>
  db.selectFrom('services').selectAll().where('audience', '=', p('audience')),
);

const selectAll = statement<Record<string, never>>()((db) =>
  db.selectFrom('services').selectAll().orderBy('created_at').orderBy('audience'),
);

const insertService = statement<{ [Column in keyof ServicesTable]: ServicesTable[Column] }>()((db, p) =>
  db
    .insertInto('services')
    .values({
      audience: p('audience'),
      client_id: p('client_id'),
      name: p('name'),
      scopes: p('scopes'),
      restricted: p('restricted'),
      created_at: p('created_at'),
    })
    .onConflict((conflict) => conflict.column('audience').doNothing()),
);

const deleteByAudience = statement<{ audience: string }>()((db, p) =>
  db.deleteFrom('services').where('audience', '=', p('audience')).returningAll(),
);

function toService(row: ServicesTable): Service {
  return {
    audience: row.audience,
    clientId: row.client_id as ClientId,
    name: row.name,
    scopes: row.scopes.split(' ').filter(Boolean),
    isRestricted: row.restricted === 1,
    createdAt: new Date(row.created_at),
  };
}

export function createServiceStore(sql: Sql): ServiceStore {
  return {
    async find(audience) {
      const row = await sql.one(selectByAudience, { audience });
      return row && toService(row);
    },
    async findAll() {
      return (await sql.all(selectAll, {})).map(toService);
    },
    async insert({ audience, clientId, name, scopes, isRestricted, createdAt }) {
      const changed = await sql.change(insertService, {
        audience,
        client_id: clientId,
        name,
        scopes: scopes.join(' '),
        restricted: isRestricted ? 1 : 0,
        created_at: createdAt.getTime(),
      });
      return changed === 1;
    },
    async remove(audience) {
      const row = await sql.one(deleteByAudience, { audience });
      return row && toService(row);
    },
  };
}

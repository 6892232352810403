// A database of an earlier release comes up to date by itself, with everything that is in it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConnection, sqliteBuilder, whyUnusable } from '../../src/stores/sql/dialect-sqlite.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { createKeyStore } from '../../src/stores/sql/keys.js';
import { createLinkStore } from '../../src/stores/sql/links.js';
import { migrations } from '../../src/stores/sql/migrations.js';
import type { LinkId } from '../../src/domain/vocabulary.js';

const folder = mkdtempSync(join(tmpdir(), 'linchpin-migrations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A database as the first release made it. */
function makeOlder(file: string, rows: readonly string[]): void {
  const connection = openConnection(file);
  connection.execute('create table migrations (name text primary key, applied_at bigint not null)');
  for (const made of migrations[0]!.statements(sqliteBuilder)) connection.execute(made.compile().sql);
  connection.execute(`insert into migrations (name, applied_at) values ('${migrations[0]!.name}', 1)`);
  for (const row of rows) connection.execute(row);
  connection.close();
}

it('keeps the links, accounts and keys of the first release, with what is new at its default', async () => {
  const file = join(folder, 'older.sqlite');
  makeOlder(file, [
    `insert into links (link_id, door, state, client_id, device_code_hash, user_code_mac, scope, network_address, network,
       user_agent, releases, created_at, expires_at)
     values ('l', 'oauth', 'pending', 'c', 'd', 'u', '', '203.0.113.7', '203.0.113.7', '', 0, 1, 2)`,
    `insert into signing_keys (kid, alg, state, public_jwk, sealed_private_jwk, created_at, changed_at)
     values ('k', 'EdDSA', 'active', '{}', 's', 1, 1)`,
    `insert into accounts (account_id, email, username, display_name, password_hash, password_length, password_changed_at,
       role, created_at)
     values ('a', 'a@example.com', 'a', 'a', 'h', 12, 1, 'person', 1)`,
  ]);
  const database = openDatabase({
    file,
    createStores: (sql) => ({
      keys: createKeyStore(sql),
      ring: createKeyStore(sql, 'device-keys'),
      links: createLinkStore(sql),
    }),
  });
  expect((await database.stores.keys.findAll()).map(({ kid }) => kid)).toEqual(['k']);
  expect(await database.stores.ring.findAll()).toEqual([]);
  const link = await database.stores.links.find('l' as LinkId);
  expect(link).toMatchObject({ door: 'oauth', state: 'pending' });
  expect(link?.numbered).toBeUndefined();
  await database.close();
  const connection = openConnection(file);
  expect(
    connection.names(
      'select fallback_allowed || link_by_token_allowed || app_passwords_allowed from accounts',
    ),
  ).toEqual(['101']);
  expect(connection.names('select name from migrations order by name')).toEqual(
    migrations.map(({ name }) => name),
  );
  connection.close();
});

it('refuses a database that a newer version has changed, and leaves it as it is', () => {
  const file = join(folder, 'newer.sqlite');
  makeOlder(file, [`insert into migrations (name, applied_at) values ('999-later', 2)`]);
  const before = readFileSync(file);
  expect(() => openDatabase({ file, createStores: () => ({}) })).toThrow(
    /changed by a newer version \(999-later\)/,
  );
  expect(readFileSync(file).equals(before)).toBe(true);
});

it('says in words why a file cannot be the database, and leaves it as it is', () => {
  const file = join(folder, 'not-one.sqlite');
  writeFileSync(file, 'a letter to nobody');
  const refused = (path: string): unknown => {
    try {
      return openDatabase({ file: path, createStores: () => ({}) });
    } catch (error) {
      return whyUnusable(error);
    }
  };
  expect(refused(file)).toMatch(/^file is not a database \(it is damaged/);
  expect(readFileSync(file, 'utf8')).toBe('a letter to nobody');
  expect(refused(join(folder, 'nowhere', 'x.sqlite'))).toMatch(/its folder must be there/);
  expect(whyUnusable(new Error('anything else'))).toBeUndefined();
});

it('has each migration under a name of its own, in order', () => {
  const names = migrations.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
});

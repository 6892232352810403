// What every client store must do (domain/clients.ts): keep clients as they are, and forget only those that nobody used.
import type { Client } from '../../../src/domain/clients.js';
import type { ClientId } from '../../../src/domain/vocabulary.js';
import { createClientStore } from '../../../src/stores/sql/clients.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_000_000 + second * 1000);

const client = (clientId: string, rest: Partial<Client> = {}): Client => ({
  clientId: clientId as ClientId,
  kind: 'public',
  name: `Tool "${clientId}" 📺`,
  secretHash: undefined,
  audience: undefined,
  metadata: { grantTypes: ['refresh_token'], scopes: ['openid', 'a b'], softwareId: 'x' },
  registeredBy: 'itself',
  createdAt: at(0),
  lastUsedAt: undefined,
  ...rest,
});
const confidential = {
  kind: 'confidential',
  secretHash: 'h',
  audience: 'https://api',
  registeredBy: 'operator',
} as const;

describeOnBackends('a client store', ({ open }) => {
  const database = open((sql) => ({ clients: createClientStore(sql) }));
  afterAll(() => database.close());
  const insert = (...all: Client[]) =>
    database.inTransaction(async ({ clients }) => {
      for (const one of all) await clients.insert(one);
    });
  const find = (clientId: string) => database.stores.clients.find(clientId as ClientId);

  it('gives clients back as they were, in the order they were made', async () => {
    const all = [client('a'), client('b', { ...confidential, createdAt: at(1), lastUsedAt: at(2) })];
    await insert(...all);
    expect(await find('a')).toEqual(all[0]);
    expect(await find('b')).toEqual(all[1]);
    expect(await database.stores.clients.findAll()).toEqual(all);
  });

  it('knows an id only as it is written', async () => {
    for (const clientId of ['A', 'a ', '', "a' or '1'='1"]) expect(await find(clientId)).toBeUndefined();
  });

  it('keeps one client by an id', async () => {
    await expect(insert(client('a', { name: 'another' }))).rejects.toThrow();
    expect(await find('a')).toEqual(client('a'));
  });

  it('keeps no confidential client without a secret, and no public one with one', async () => {
    await expect(insert(client('c', { kind: 'confidential' }))).rejects.toThrow();
    await expect(insert(client('c', { secretHash: 'h' }))).rejects.toThrow();
  });

  it('notes when a client was used last, and not again within the hour', async () => {
    const hours = (count: number): Date => new Date(at(9).getTime() + count * 3_600_000);
    for (const [used, noted] of [
      [hours(0), hours(0)],
      [hours(0.9), hours(0)],
      [hours(1.1), hours(1.1)],
    ] as const) {
      await database.inTransaction(({ clients }) => clients.markUsed('a' as ClientId, used));
      expect((await find('a'))?.lastUsedAt).toEqual(noted);
    }
  });

  it('removes those that registered themselves before a moment and were never used, and no others', async () => {
    await insert(
      client('old'),
      client('old and used', { lastUsedAt: at(1) }),
      client('old and made by the operator', confidential),
      client('new', { createdAt: at(5) }),
    );
    expect(await database.inTransaction(({ clients }) => clients.removeUnused(at(5)))).toBe(1);
    const left = (await database.stores.clients.findAll()).map(({ clientId }) => clientId as string);
    expect(left.sort()).toEqual(['a', 'b', 'new', 'old and made by the operator', 'old and used']);
  });

  it('removes a client once', async () => {
    const remove = () => database.inTransaction(({ clients }) => clients.remove('new' as ClientId));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await find('new')).toBeUndefined();
  });
});

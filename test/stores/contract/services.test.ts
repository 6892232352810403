// What every store of services must do (domain/services.ts): one for an audience, given back as it was.
import type { Service } from '../../../src/domain/services.js';
import type { ClientId } from '../../../src/domain/vocabulary.js';
import { createServiceStore } from '../../../src/stores/sql/services.js';
import { describeOnBackends } from '../../support/databases.js';

const service = (name: string, rest: Partial<Service> = {}): Service => ({
  audience: `https://${name}.example`,
  clientId: `client of ${name}` as ClientId,
  name,
  scopes: ['read', 'write'],
  isRestricted: false,
  createdAt: new Date(1_000_000),
  ...rest,
});

describeOnBackends('a store of services', ({ open }) => {
  const database = open((sql) => ({ services: createServiceStore(sql) }));
  afterAll(() => database.close());
  const { inTransaction, stores } = database;
  const insert = (one: Service) => inTransaction(({ services }) => services.insert(one));

  it('gives services back as they were, the oldest first', async () => {
    const young = service('young', { createdAt: new Date(2_000_000), scopes: [], isRestricted: true });
    const old = service('old');
    for (const one of [young, old]) expect(await insert(one)).toBe(true);
    expect(await stores.services.findAll()).toEqual([old, young]);
    for (const one of [young, old]) expect(await stores.services.find(one.audience)).toEqual(one);
    expect(await stores.services.find('https://old.example/')).toBeUndefined();
  });

  it('takes one service for an audience, of any number that are made at once', async () => {
    const made = await Promise.all(
      ['a', 'b', 'c'].map((client) => insert(service('twice', { clientId: client as ClientId }))),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
  });

  it('removes a service once, and says which it was', async () => {
    const gone = service('gone');
    await insert(gone);
    const remove = () => inTransaction(({ services }) => services.remove(gone.audience));
    expect([await remove(), await remove()]).toEqual([gone, undefined]);
  });
});

// What every store of app passwords must do (domain/app-password-records.ts): each is found by its hash alone, belongs to the
// first tool that comes with it, and ends for its own account only.
import { createAppPasswordStore } from '../../../src/stores/sql/app-passwords.js';
import type { AppPassword, AppPasswordId } from '../../../src/domain/app-password-records.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const ANNA = 'anna' as AccountId;
const BERT = 'bert' as AccountId;
const TELEVISION = { clientId: 'pin:television', toolName: 'A television' };
const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000);
const USE = { clientId: 'pin:television', secretMac: 'renewed', at: at(60), from: '203.0.113.7' };

let made = 0;
const newRow = (accountId = ANNA): AppPassword & { secretMac: string } => ({
  appPasswordId: `app password ${++made}` as AppPasswordId,
  accountId,
  secretMac: `mac ${made}`,
  name: `tool ${made}`,
  createdAt: at(made),
  boundTo: undefined,
  lastUsed: undefined,
});

describeOnBackends('a store of app passwords', ({ open }) => {
  const database = open((sql) => ({ appPasswords: createAppPasswordStore(sql) }));
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  async function insert(accountId?: AccountId) {
    const row = newRow(accountId);
    await inTransaction(({ appPasswords }) => appPasswords.insert(row));
    const { secretMac, ...appPassword } = row;
    return { secretMac, appPassword, id: row.appPasswordId };
  }
  const bind = (id: AppPasswordId, to = TELEVISION) =>
    inTransaction(({ appPasswords }) => appPasswords.bind(id, to));
  const use = (id: AppPasswordId, by = USE) => inTransaction(({ appPasswords }) => appPasswords.use(id, by));

  it('finds one by its hash, and all of an account, the newest first', async () => {
    const [first, second] = [await insert(), await insert()];
    await insert(BERT);
    expect(await stores.appPasswords.findByMac(first.secretMac)).toEqual(first.appPassword);
    expect(await stores.appPasswords.findByMac('no such hash')).toBeUndefined();
    expect(await stores.appPasswords.findByAccount(ANNA)).toEqual([second.appPassword, first.appPassword]);
  });

  it('refuses a second one with the same hash', async () => {
    const { secretMac } = await insert();
    const twin = { ...newRow(), secretMac };
    await expect(inTransaction(({ appPasswords }) => appPasswords.insert(twin))).rejects.toThrow();
  });

  it('keeps one that was bound and used as it is', async () => {
    const row = {
      ...newRow(),
      boundTo: TELEVISION,
      lastUsed: { at: at(5), from: '203.0.113.9' },
    };
    await inTransaction(({ appPasswords }) => appPasswords.insert(row));
    expect(await stores.appPasswords.findByMac(row.secretMac)).toMatchObject({
      boundTo: row.boundTo,
      lastUsed: row.lastUsed,
    });
  });

  it('binds one once: of two tools that come at once, the first has it', async () => {
    const { id, secretMac } = await insert();
    const other = { clientId: 'pin:other', toolName: 'Another' };
    expect([await bind(id), await bind(id, other), await bind(id)]).toEqual([true, false, false]);
    expect((await stores.appPasswords.findByMac(secretMac))?.boundTo).toEqual(TELEVISION);
    expect(await bind('none' as AppPasswordId)).toBe(false);
  });

  it('lets only the tool that it is bound to use it, and keeps its hash under the key of today', async () => {
    const { id, secretMac } = await insert();
    expect(await use(id)).toBe(false);
    await bind(id);
    expect(await use(id, { ...USE, clientId: 'pin:other' })).toBe(false);
    expect(await stores.appPasswords.findByMac(secretMac)).toMatchObject({ lastUsed: undefined });
    expect(await use(id)).toBe(true);
    expect(await stores.appPasswords.findByMac(secretMac)).toBeUndefined();
    expect(await stores.appPasswords.findByMac('renewed')).toMatchObject({
      appPasswordId: id,
      lastUsed: { at: at(60), from: '203.0.113.7' },
    });
  });

  it('removes one of its own account, once; then it is neither bound nor used', async () => {
    const { id, secretMac } = await insert();
    const remove = (accountId: AccountId) =>
      inTransaction(({ appPasswords }) => appPasswords.remove(id, accountId));
    expect([await remove(BERT), await remove(ANNA), await remove(ANNA)]).toEqual([false, true, false]);
    expect(await stores.appPasswords.findByMac(secretMac)).toBeUndefined();
    expect([await bind(id), await use(id)]).toEqual([false, false]);
  });
});

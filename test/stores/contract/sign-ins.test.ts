// What every store of half-done sign-ins must do (domain/sign-in-half-done.ts): attempts are counted exactly, and one caller takes it.
import { createSignInStore } from '../../../src/stores/sql/sign-ins.js';
import type { HalfDoneSignIn } from '../../../src/domain/sign-in-half-done.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);

const signIn = (name: string, owner = 'a'): HalfDoneSignIn => ({
  signInHash: name,
  accountId: owner as AccountId,
  methods: ['pwd'],
  failures: 0,
  createdAt: at(0),
  expiresAt: at(600),
  isRemembered: name.startsWith('remembered'),
  isInKnownBrowser: name.startsWith('known'),
});

describeOnBackends('a store of half-done sign-ins', ({ open }) => {
  const database = open((sql) => ({ signIns: createSignInStore(sql) }));
  const { stores, inTransaction } = database;
  afterAll(() => database.close());
  const insert = (kept: HalfDoneSignIn) => inTransaction(({ signIns }) => signIns.insert(kept));
  const charge = (name: string, second = 0) =>
    inTransaction(({ signIns }) => signIns.charge(name, at(second), 5));
  const take = (name: string, second = 0) => inTransaction(({ signIns }) => signIns.take(name, at(second)));

  it('gives one back as it was kept, and refuses a second under the same hash', async () => {
    expect(await insert(signIn('one'))).toBe(true);
    expect(await insert(signIn('one', 'b'))).toBe(false);
    expect(await stores.signIns.find('one')).toEqual(signIn('one'));
    await insert(signIn('remembered'));
    expect(await stores.signIns.find('remembered')).toEqual(signIn('remembered'));
    expect(await stores.signIns.find('none')).toBeUndefined();
  });

  it('removes those that were begun in no known browser, of one account', async () => {
    for (const name of ['known', 'strange']) await insert(signIn(name, 'locked'));
    await insert(signIn('another’s', 'not locked'));
    const remove = () => inTransaction(({ signIns }) => signIns.removeFromStrangers('locked' as AccountId));
    expect([await remove(), await remove()]).toEqual([1, 0]);
    expect(await stores.signIns.find('known')).toEqual(signIn('known', 'locked'));
    expect(await stores.signIns.find('another’s')).toBeDefined();
  });

  it('charges no more than the given number, however many come at once', async () => {
    await insert(signIn('charged'));
    const charges = await Promise.all(Array.from({ length: 20 }, () => charge('charged')));
    expect(charges.flatMap((charged) => (charged ? [charged.failures] : [])).sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it('charges again what was given back, and never goes below nothing', async () => {
    await insert(signIn('given'));
    const giveBack = () => inTransaction(({ signIns }) => signIns.giveBack('given'));
    expect((await charge('given'))?.failures).toBe(1);
    await giveBack();
    await giveBack();
    expect((await charge('given'))?.failures).toBe(1);
  });

  it('charges and hands over nothing that has expired', async () => {
    await insert(signIn('late'));
    expect(await charge('late', 600)).toBeUndefined();
    expect(await take('late', 600)).toBeUndefined();
    expect(await take('late', 599)).toEqual(signIn('late'));
  });

  it('hands one over to one caller only', async () => {
    await insert(signIn('taken'));
    const taken = await Promise.all([take('taken'), take('taken')]);
    expect(taken.filter(Boolean)).toEqual([signIn('taken')]);
    expect(await stores.signIns.find('taken')).toBeUndefined();
  });

  it('keeps it when the transaction that took it fails', async () => {
    await insert(signIn('back'));
    const failing = inTransaction(async ({ signIns }) => {
      await signIns.take('back', at(0));
      throw new Error('after the take');
    });
    await expect(failing).rejects.toThrow('after the take');
    expect(await stores.signIns.find('back')).toEqual(signIn('back'));
  });

  it('removes all of one account, and only those', async () => {
    await insert(signIn('m1', 'mine'));
    await insert(signIn('m2', 'mine'));
    await insert(signIn('o1', 'other'));
    expect(await inTransaction(({ signIns }) => signIns.removeByAccount('mine' as AccountId))).toBe(2);
    expect(await stores.signIns.find('o1')).toBeDefined();
  });

  it('removes what has expired at a moment, and only that', async () => {
    await insert({ ...signIn('x1'), expiresAt: at(10) });
    await insert({ ...signIn('x2'), expiresAt: at(11) });
    expect(await inTransaction(({ signIns }) => signIns.removeExpired(at(10)))).toBe(1);
    expect(await stores.signIns.find('x2')).toBeDefined();
  });
});

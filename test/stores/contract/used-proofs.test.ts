// What every store of used proofs must do (domain/used-proofs.ts): each is used once, whoever tries, until it is forgotten.
import { createUsedProofStore } from '../../../src/stores/sql/used-proofs.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_000_000 + second * 1000);

describeOnBackends('a store of used proofs', ({ open }) => {
  const database = open((sql) => ({ usedProofs: createUsedProofStore(sql) }));
  afterAll(() => database.close());
  const use = (hash: string, until = at(60)) =>
    database.inTransaction(({ usedProofs }) => usedProofs.use(hash, until));
  const removeExpired = (now: Date) =>
    database.inTransaction(({ usedProofs }) => usedProofs.removeExpired(now));

  it('lets each be used once, of any number that try at once (RFC 9449 §11.1)', async () => {
    const tries = await Promise.all(Array.from({ length: 20 }, () => use('one')));
    expect(tries.filter(Boolean)).toHaveLength(1);
    expect(await use('another')).toBe(true);
    expect(await use('one', at(1000))).toBe(false);
  });

  it('does not count a use whose transaction is undone: then nothing was given for it', async () => {
    const undone = database.inTransaction(async ({ usedProofs }) => {
      expect(await usedProofs.use('undone', at(60))).toBe(true);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await use('undone')).toBe(true);
  });

  it('forgets each when its time has come, and no other', async () => {
    await use('late', at(90));
    expect(await removeExpired(at(59))).toBe(0);
    expect(await removeExpired(at(60))).toBe(3);
    expect([await use('one'), await use('late')]).toEqual([true, false]);
  });
});

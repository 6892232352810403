// What every key store must do (domain/keys.ts): one active and one next key of an algorithm, and each move only once.
import type { SigningKeyRow, SigningKeyState } from '../../../src/domain/keys.js';
import type { LinkedTool } from '../../../src/domain/tokens.js';
import type { AccountId, LinkedToolId, LinkId, SubjectId } from '../../../src/domain/vocabulary.js';
import { createKeyStore } from '../../../src/stores/sql/keys.js';
import { createTokenStore } from '../../../src/stores/sql/tokens.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_000_000 + second * 1000);

const key = (kid: string, alg: SigningKeyRow['alg'], state: SigningKeyState, second = 0): SigningKeyRow => ({
  kid,
  alg,
  state,
  publicJwk: { kid, alg, use: 'sig', kty: 'OKP', crv: 'Ed25519', x: 'x' },
  sealedPrivateJwk: `sealed ${kid}`,
  createdAt: at(second),
  changedAt: at(second),
});

describeOnBackends('a key store', ({ open }) => {
  const database = open((sql) => ({ keys: createKeyStore(sql) }));
  afterAll(() => database.close());
  const insert = (row: SigningKeyRow) => database.inTransaction(({ keys }) => keys.insert(row));
  const change = (kid: string, from: SigningKeyState, to: SigningKeyState, second = 9) =>
    database.inTransaction(({ keys }) => keys.changeState(kid, from, to, at(second)));
  const kids = async () => (await database.stores.keys.findAll()).map(({ kid }) => kid).sort();

  it('gives keys back as they were', async () => {
    const rows = [key('a', 'EdDSA', 'active', 2), key('b', 'EdDSA', 'next', 1), key('c', 'RS256', 'active')];
    for (const row of rows) expect(await insert(row)).toBe(true);
    expect(await database.stores.keys.findAll()).toEqual(rows);
  });

  it('takes no second active or next key of one algorithm, nor a key twice, and says so', async () => {
    expect(await insert(key('d', 'EdDSA', 'active'))).toBe(false);
    expect(await insert(key('d', 'EdDSA', 'next'))).toBe(false);
    expect(await insert(key('a', 'ES256', 'active'))).toBe(false);
    expect(await kids()).toEqual(['a', 'b', 'c']);
  });

  it('moves a key only from the state it is in', async () => {
    expect(await change('b', 'retiring', 'active')).toBe(false);
    expect(await change('nothing', 'active', 'retiring')).toBe(false);
    expect(await change('a', 'active', 'retiring')).toBe(true);
    expect(await change('a', 'active', 'retiring')).toBe(false);
    const moved = (await database.stores.keys.findAll()).find(({ kid }) => kid === 'a');
    expect(moved).toEqual({ ...key('a', 'EdDSA', 'retiring', 2), changedAt: at(9) });
  });

  it('lets no two keys of an algorithm become active', async () => {
    expect(await change('b', 'next', 'active')).toBe(true);
    expect(await insert(key('d', 'EdDSA', 'next'))).toBe(true);
    await expect(change('d', 'next', 'active')).rejects.toThrow();
  });

  it('keeps any number of retiring keys, and removes no others', async () => {
    await change('b', 'active', 'retiring');
    const remove = (kid: string) => database.inTransaction(({ keys }) => keys.removeRetiring(kid, at(0)));
    expect([await remove('c'), await remove('d')]).toEqual([false, false]);
    expect([await remove('a'), await remove('a'), await remove('b')]).toEqual([true, false, true]);
    expect(await kids()).toEqual(['c', 'd']);
  });

  it('keeps two rings apart: neither sees, moves or removes the keys of the other, and each has its own of each', async () => {
    const rings = open((sql) => ({ keys: createKeyStore(sql), others: createKeyStore(sql, 'device-keys') }));
    const { inTransaction, stores } = rings;
    const [one, other] = [key('r1', 'EdDSA', 'active'), key('r2', 'EdDSA', 'active')];
    const done = await inTransaction(async ({ keys, others }) => [
      await keys.insert(one),
      await others.insert(other),
      await others.insert(key('r3', 'EdDSA', 'active')),
      await others.changeState('r1', 'active', 'retiring', at(1)),
      await keys.changeState('r1', 'active', 'retiring', at(1)),
      await others.removeRetiring('r1', at(1)),
    ]);
    expect(done).toEqual([true, true, false, false, true, false]);
    expect((await stores.keys.findAll()).map(({ kid }) => kid)).toEqual(['r1']);
    expect(await stores.others.findAll()).toEqual([other]);
    await rings.close();
  });

  it('keeps a retiring key while a long-lived token that names it counts', async () => {
    const both = open((sql) => ({ keys: createKeyStore(sql), tokens: createTokenStore(sql) }));
    const { inTransaction } = both;
    const named = (id: string, expiresAt: Date): LinkedTool => ({
      ...lastingTool,
      linkedToolId: id as LinkedToolId,
      linkId: `link of ${id}` as LinkId,
      firstAccess: { jti: id, issuedAt: at(0), expiresAt },
    });
    const remove = (second: number) => inTransaction(({ keys }) => keys.removeRetiring('k', at(second)));
    await inTransaction(async ({ keys, tokens }) => {
      await keys.insert(key('k', 'EdDSA', 'retiring'));
      await tokens.insertLinkedTool(named('t1', at(100)));
      await tokens.insertLinkedTool(named('t2', at(900)));
      await tokens.insertLinkedTool({ ...named('t3', at(900)), accessKid: 'another' });
    });
    expect([await remove(99), await remove(100)]).toEqual([false, false]);
    await inTransaction(({ tokens }) => tokens.endLinkedTool('t2' as LinkedToolId, at(50), 'unlinked'));
    expect([await remove(99), await remove(100)]).toEqual([false, true]);
    await both.close();
  });
});

const lastingTool: LinkedTool = {
  linkedToolId: 't' as LinkedToolId,
  linkId: 'l' as LinkId,
  door: 'pin',
  accountId: 'a' as AccountId,
  subjectId: 'a' as SubjectId,
  clientId: 'pin:tool',
  name: 'A television',
  scope: '',
  audience: 'https://linchpin.example/api/v2',
  authenticatedAt: at(0),
  methods: ['pwd'],
  keyThumbprint: undefined,
  firstAccess: { jti: 'j', issuedAt: at(0), expiresAt: at(100) },
  linkedAt: at(0),
  linkedFrom: '203.0.113.7',
  lastUsedAt: at(0),
  lastUsedFrom: '203.0.113.7',
  endedAt: undefined,
  accessKid: 'k',
};

// What every store of tools' own keys must do (domain/device-keys.ts): one row for a key of a client, live ones first come first
// served, and each nonce once.
import type { DeviceKey } from '../../../src/domain/device-keys.js';
import type { LinkedTool } from '../../../src/domain/tokens.js';
import type { AccountId, LinkedToolId, LinkId, SubjectId } from '../../../src/domain/vocabulary.js';
import { createDeviceKeyStore } from '../../../src/stores/sql/device-keys.js';
import { createTokenStore } from '../../../src/stores/sql/tokens.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_000_000 + second * 1000);

const key = (thumbprint: string, tool: string, rest: Partial<DeviceKey> = {}): DeviceKey => ({
  thumbprint,
  clientId: 'pin:tv',
  kid: 'k',
  alg: 'EdDSA',
  publicJwk: { kty: 'OKP', crv: 'Ed25519', x: thumbprint },
  linkedToolId: tool as LinkedToolId,
  accountId: 'a' as AccountId,
  claims: { nonce: 'n', scopes: ['username', 'email'] },
  createdAt: at(0),
  approvedAt: at(1),
  ...rest,
});

const toolOf = (id: string): LinkedTool => ({
  linkedToolId: id as LinkedToolId,
  linkId: `link of ${id}` as LinkId,
  door: 'pin',
  accountId: 'a' as AccountId,
  subjectId: 'a' as SubjectId,
  clientId: 'pin:tv',
  name: 'A television',
  scope: '',
  audience: 'x',
  authenticatedAt: at(0),
  methods: [],
  keyThumbprint: undefined,
  firstAccess: { jti: id, issuedAt: at(0), expiresAt: at(900) },
  linkedAt: at(0),
  linkedFrom: '203.0.113.7',
  lastUsedAt: at(0),
  lastUsedFrom: '203.0.113.7',
  endedAt: undefined,
});

describeOnBackends('a store of device keys', ({ open }) => {
  const database = open((sql) => ({ deviceKeys: createDeviceKeyStore(sql), tokens: createTokenStore(sql) }));
  afterAll(() => database.close());
  const { inTransaction, stores } = database;
  const put = (one: DeviceKey) => inTransaction(({ deviceKeys }) => deviceKeys.put(one));
  const live = async (kid: string, limit = 20) =>
    (await stores.deviceKeys.findLive('pin:tv', kid, limit)).map(({ thumbprint }) => thumbprint);

  beforeAll(() =>
    inTransaction(async ({ tokens }) => {
      for (const id of ['t1', 't2', 't3']) await tokens.insertLinkedTool(toolOf(id));
    }),
  );

  it('gives keys back as they were, by key and client, and by tool', async () => {
    const one = key('x1', 't1');
    await put(one);
    await put(key('x1', 't3', { clientId: 'pin:other' }));
    expect(await stores.deviceKeys.find('x1', 'pin:tv')).toEqual(one);
    expect(await stores.deviceKeys.findByTool('t1' as LinkedToolId)).toEqual(one);
    expect(await stores.deviceKeys.find('x1', 'pin:nobody')).toBeUndefined();
    expect(await stores.deviceKeys.find('x2', 'pin:tv')).toBeUndefined();
  });

  it('keeps claims without a nonce', async () => {
    await put(key('x2', 't2', { createdAt: at(5), claims: { nonce: undefined, scopes: [] } }));
    expect((await stores.deviceKeys.find('x2', 'pin:tv'))?.claims).toEqual({ scopes: [] });
  });

  it('puts a key in the place of the same key of the same client', async () => {
    const newer = key('x1', 't2', { kid: 'renamed', accountId: 'b' as AccountId, approvedAt: at(9) });
    await put(newer);
    expect(await stores.deviceKeys.find('x1', 'pin:tv')).toEqual(newer);
    expect(await stores.deviceKeys.findByTool('t1' as LinkedToolId)).toBeUndefined();
    expect((await stores.deviceKeys.find('x1', 'pin:other'))?.linkedToolId).toBe('t3');
    await put(key('x1', 't1'));
  });

  it('finds the keys of live tools under a name, the oldest first, and so many', async () => {
    expect(await live('k')).toEqual(['x1', 'x2']);
    expect(await live('k', 1)).toEqual(['x1']);
    expect(await live('nothing')).toEqual([]);
    await inTransaction(({ tokens }) => tokens.endLinkedTool('t1' as LinkedToolId, at(3), 'unlinked'));
    expect(await live('k')).toEqual(['x2']);
  });

  it('lets a nonce be used once, also by two in one transaction, until it has expired', async () => {
    const use = (nonce: string, second: number) =>
      inTransaction(({ deviceKeys }) => deviceKeys.useNonce(nonce, at(100), at(second)));
    const both = await inTransaction(async ({ deviceKeys }) => [
      await deviceKeys.useNonce('n1', at(100), at(0)),
      await deviceKeys.useNonce('n1', at(100), at(0)),
    ]);
    expect(both).toEqual([true, false]);
    expect([await use('n1', 99), await use('n2', 99)]).toEqual([false, true]);
    expect(await use('n1', 100)).toBe(true);
  });

  it('uses no nonce up when its transaction fails', async () => {
    const failing = inTransaction(async ({ deviceKeys }) => {
      await deviceKeys.useNonce('n3', at(500), at(200));
      throw new Error('after the use');
    });
    await expect(failing).rejects.toThrow('after the use');
    expect(await inTransaction(({ deviceKeys }) => deviceKeys.useNonce('n3', at(500), at(200)))).toBe(true);
  });
});

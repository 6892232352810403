// What every token store must do (domain/tokens.ts): one linked tool for a link, one use for a refresh token, and an end that
// is noted once.
import type { LinkedTool, RefreshToken } from '../../../src/domain/tokens.js';
import type { AccountId, LinkedToolId, LinkId, SubjectId } from '../../../src/domain/vocabulary.js';
import type { DeviceKey } from '../../../src/domain/device-keys.js';
import { createDeviceKeyStore } from '../../../src/stores/sql/device-keys.js';
import { createTokenStore } from '../../../src/stores/sql/tokens.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_000_000 + second * 1000);
const stamp = (jti: string) => ({ jti, issuedAt: at(0), expiresAt: at(900) });

const tool = (id: string, rest: Partial<LinkedTool> = {}): LinkedTool => ({
  linkedToolId: id as LinkedToolId,
  linkId: `link of ${id}` as LinkId,
  door: 'oauth',
  accountId: 'a' as AccountId,
  subjectId: 's' as SubjectId,
  clientId: 'c',
  name: 'A television',
  scope: 'openid profile',
  audience: 'https://linchpin.example',
  authenticatedAt: at(0),
  methods: ['pwd', 'otp'],
  keyThumbprint: undefined,
  firstAccess: stamp(`jti of ${id}`),
  linkedAt: at(0),
  linkedFrom: '203.0.113.7',
  lastUsedAt: at(0),
  lastUsedFrom: '203.0.113.7',
  endedAt: undefined,
  ...rest,
});

const token = (tokenHash: string, rest: Partial<RefreshToken> = {}): RefreshToken => ({
  tokenHash,
  linkedToolId: 't1' as LinkedToolId,
  clientId: 'c',
  generation: 0,
  keyId: 'k',
  access: stamp(`jti of ${tokenHash}`),
  scope: '',
  replays: 0,
  createdAt: at(0),
  usedAt: undefined,
  expiresAt: at(100),
  ...rest,
});

describeOnBackends('a token store', ({ open }) => {
  const database = open((sql) => ({ tokens: createTokenStore(sql) }));
  afterAll(() => database.close());
  const { inTransaction, stores } = database;
  const listed = async (account: string) =>
    (await stores.tokens.findLinkedTools(account as AccountId)).map(
      ({ linkedToolId }) => linkedToolId as string,
    );

  it('gives linked tools back as they were, those of one account, the newest first', async () => {
    const all = [
      tool('t1'),
      tool('t2', { linkedAt: at(2), methods: [], keyThumbprint: 'k', scope: '', door: 'pin' }),
      tool('t3', { accountId: 'b' as AccountId, resources: ['https://b.example', 'https://a.example'] }),
    ];
    await inTransaction(async ({ tokens }) => {
      for (const one of all) await tokens.insertLinkedTool(one);
    });
    for (const one of all) expect(await stores.tokens.findLinkedTool(one.linkedToolId)).toEqual(one);
    expect(await listed('a')).toEqual(['t2', 't1']);
    expect(await stores.tokens.findLinkedTool('nothing' as LinkedToolId)).toBeUndefined();
  });

  it('takes one linked tool for a link: a second approval of it cannot exist', async () => {
    const second = inTransaction(({ tokens }) =>
      tokens.insertLinkedTool(tool('t4', { linkId: tool('t1').linkId })),
    );
    await expect(second).rejects.toThrow();
    expect(await stores.tokens.findLinkedTool('t4' as LinkedToolId)).toBeUndefined();
  });

  it('lists those whose owner has not been told, the oldest first, and each is told of once', async () => {
    const untold = async (limit = 10) =>
      (await stores.tokens.findUntold(limit)).map(({ linkedToolId }) => linkedToolId as string);
    const tell = (id: string) => inTransaction(({ tokens }) => tokens.markTold(id as LinkedToolId));
    // What another tool has linked, or what came in with a password, has a mail of its own.
    await inTransaction(async ({ tokens }) => {
      await tokens.insertLinkedTool(
        tool('by-token', { parentToolId: 't1' as LinkedToolId, endedAt: undefined }),
      );
      await tokens.insertLinkedTool(tool('by-password', { bornWith: 'code' }));
    });
    expect(await untold()).toEqual(['t1', 't3', 't2']);
    expect(await untold(1)).toEqual(['t1']);
    expect((await Promise.all([tell('t1'), tell('t1')])).sort()).toEqual([false, true]);
    expect(await tell('by-password')).toBe(false);
    expect(await untold()).toEqual(['t3', 't2']);
    await inTransaction(async ({ tokens }) => {
      for (const id of ['by-token', 'by-password'])
        await tokens.endLinkedTool(id as LinkedToolId, at(3), 'unlinked');
    });
  });

  it('keeps to which key a refresh token is bound, and whom its access token is for (RFC 9449 §5, RFC 8707)', async () => {
    const bound = token('bound to a key', {
      keyThumbprint: 'k',
      audience: 'https://a.example',
      generation: 7,
      linkedToolId: 'unrelated' as LinkedToolId,
      expiresAt: at(100_000),
    });
    await inTransaction(({ tokens }) => tokens.insertRefreshToken(bound));
    expect(await stores.tokens.findRefreshToken(bound.tokenHash)).toEqual(bound);
    expect(await stores.tokens.findGeneration(bound.linkedToolId, 7)).toEqual(bound);
  });

  it('renames the live tool of its own account only', async () => {
    const rename = (id: string, account: string, name: string) =>
      inTransaction(({ tokens }) => tokens.rename(id as LinkedToolId, account as AccountId, name));
    expect(await rename('t1', 'b', 'x')).toBe(false);
    expect(await rename('t1', 'a', 'Kitchen')).toBe(true);
    expect((await stores.tokens.findLinkedTool('t1' as LinkedToolId))?.name).toBe('Kitchen');
  });

  it('notes when and from where a tool was used last', async () => {
    await inTransaction(({ tokens }) => tokens.markUsed('t1' as LinkedToolId, at(7), '198.51.100.1'));
    const used = await stores.tokens.findLinkedTool('t1' as LinkedToolId);
    expect([used?.lastUsedAt, used?.lastUsedFrom]).toEqual([at(7), '198.51.100.1']);
  });

  it('ends a tool once, and lists and renames it no more', async () => {
    const end = () =>
      inTransaction(({ tokens }) => tokens.endLinkedTool('t2' as LinkedToolId, at(8), 'unlinked'));
    expect([await end(), await end()]).toEqual([true, false]);
    expect((await stores.tokens.findLinkedTool('t2' as LinkedToolId))?.endedAt).toEqual(at(8));
    expect(await listed('a')).toEqual(['t1']);
    expect(
      await inTransaction(({ tokens }) => tokens.rename('t2' as LinkedToolId, 'a' as AccountId, 'x')),
    ).toBe(false);
  });

  it('gives refresh tokens back by their hash, and by generation', async () => {
    const [first, second] = [token('r1'), token('r2', { generation: 1, scope: 'openid' })];
    await inTransaction(async ({ tokens }) => {
      await tokens.insertRefreshToken(first);
      await tokens.insertRefreshToken(second);
    });
    expect(await stores.tokens.findRefreshToken('r1')).toEqual(first);
    expect(await stores.tokens.findGeneration('t1' as LinkedToolId, 1)).toEqual(second);
    expect(await stores.tokens.findGeneration('t2' as LinkedToolId, 1)).toBeUndefined();
    await expect(inTransaction(({ tokens }) => tokens.insertRefreshToken(first))).rejects.toThrow();
  });

  it('lets a refresh token be used once, also by two in the same transaction, and not when it has expired', async () => {
    const use = (hash: string, second: number) =>
      inTransaction(({ tokens }) => tokens.useRefreshToken(hash, at(second)));
    expect(await use('r1', 100)).toBe(false);
    const both = await inTransaction(async ({ tokens }) => [
      await tokens.useRefreshToken('r1', at(10)),
      await tokens.useRefreshToken('r1', at(10)),
    ]);
    expect(both).toEqual([true, false]);
    expect((await stores.tokens.findRefreshToken('r1'))?.usedAt).toEqual(at(10));
    expect(await use('nothing', 1)).toBe(false);
  });

  it('spends nothing when its transaction fails', async () => {
    const failing = inTransaction(async ({ tokens }) => {
      await tokens.useRefreshToken('r2', at(10));
      throw new Error('after the use');
    });
    await expect(failing).rejects.toThrow('after the use');
    expect((await stores.tokens.findRefreshToken('r2'))?.usedAt).toBeUndefined();
  });

  it('lets a used one be presented again only so late and so often, and never an unused one', async () => {
    const replay = (hash: string, usedAfter: number, most = 3) =>
      inTransaction(({ tokens }) => tokens.replayRefreshToken(hash, at(usedAfter), most));
    expect(await replay('r2', 0)).toBe(false);
    expect(await replay('r1', 11)).toBe(false);
    expect([
      await replay('r1', 10),
      await replay('r1', 9),
      await replay('r1', 0),
      await replay('r1', 0),
    ]).toEqual([true, true, true, false]);
  });

  it('knows a revoked access token, however often it is revoked, until it would have expired', async () => {
    const revoke = () => inTransaction(({ tokens }) => tokens.insertRevokedAccess('jti', at(50)));
    await revoke();
    await revoke();
    expect(await stores.tokens.isAccessRevoked('jti')).toBe(true);
    expect(await stores.tokens.isAccessRevoked('other')).toBe(false);
  });

  it('forgets what has expired, and only that', async () => {
    const remove = (second: number) => inTransaction(({ tokens }) => tokens.removeExpired(at(second)));
    expect(await remove(49)).toBe(0);
    expect(await remove(50)).toBe(1);
    expect(await stores.tokens.isAccessRevoked('jti')).toBe(false);
    expect(await remove(100)).toBe(2);
    expect(await stores.tokens.findRefreshToken('r1')).toBeUndefined();
    expect(await listed('a')).toEqual(['t1']);
  });

  it('forgets tools that have ended, and those of which nothing is alive, and no other', async () => {
    const lasting = { firstAccess: { ...stamp('lasting'), expiresAt: at(5000) } };
    const all = [
      tool('ended early', { accountId: 'd' as AccountId }),
      tool('ended late', { accountId: 'd' as AccountId }),
      tool('expired', { accountId: 'd' as AccountId, lastUsedAt: at(999) }),
      tool('used', { accountId: 'd' as AccountId, lastUsedAt: at(1000) }),
      tool('long-lived', { accountId: 'd' as AccountId, ...lasting }),
      tool('refreshable', { accountId: 'd' as AccountId }),
    ];
    await inTransaction(async ({ tokens }) => {
      for (const one of all) await tokens.insertLinkedTool(one);
      await tokens.endLinkedTool('ended early' as LinkedToolId, at(999), 'revoked');
      await tokens.endLinkedTool('ended late' as LinkedToolId, at(1000), 'revoked');
      await tokens.markUsed('ended late' as LinkedToolId, at(1000), '198.51.100.1');
      const linkedToolId = 'refreshable' as LinkedToolId;
      await tokens.insertRefreshToken(token('r9', { linkedToolId, expiresAt: at(6000) }));
    });
    await inTransaction(({ tokens }) => tokens.removeDead(at(1000), at(0)));
    const kept = await Promise.all(all.map(({ linkedToolId }) => stores.tokens.findLinkedTool(linkedToolId)));
    expect(kept.map((found) => found?.linkedToolId)).toEqual([
      undefined,
      'ended late',
      undefined,
      'used',
      'long-lived',
      'refreshable',
    ]);
    expect(await inTransaction(({ tokens }) => tokens.removeDead(at(1000), at(0)))).toBe(0);
  });

  it('gives back everything that is kept of a tool of the PIN door, and finds it by its link', async () => {
    const told = { product: 'p', version: '1', platform: '', platformVersion: '' };
    const one = tool('pin 1', {
      accountId: 'e' as AccountId,
      door: 'pin',
      accessKid: 'kid',
      description: { ...told, device: 'd', deviceName: 'n', deviceVendor: '', model: 'm' },
      parentToolId: 'parent' as LinkedToolId,
      bornWith: 'code',
    });
    await inTransaction(({ tokens }) => tokens.insertLinkedTool(one));
    expect(await stores.tokens.findLinkedTool(one.linkedToolId)).toEqual(one);
    expect(await stores.tokens.findToolOfLink(one.linkId)).toEqual(one);
    expect(await stores.tokens.findToolOfLink('none' as LinkId)).toBeUndefined();
  });

  it('binds a live tool to a key once', async () => {
    const bind = (id: string, thumbprint: string) =>
      inTransaction(({ tokens }) => tokens.bindKey(id as LinkedToolId, thumbprint));
    await inTransaction(async ({ tokens }) => {
      await tokens.insertLinkedTool(tool('bound', { accountId: 'f' as AccountId }));
      await tokens.insertLinkedTool(tool('over', { accountId: 'f' as AccountId }));
      await tokens.endLinkedTool('over' as LinkedToolId, at(1), 'revoked');
    });
    expect([await bind('bound', 'x'), await bind('bound', 'y'), await bind('over', 'z')]).toEqual([
      true,
      false,
      false,
    ]);
    expect((await stores.tokens.findLinkedTool('bound' as LinkedToolId))?.keyThumbprint).toBe('x');
  });

  it('ends the tools that a tool has linked with it, and no others', async () => {
    const parentToolId = 'mother' as LinkedToolId;
    await inTransaction(async ({ tokens }) => {
      await tokens.insertLinkedTool(tool('mother', { accountId: 'g' as AccountId }));
      await tokens.insertLinkedTool(tool('child', { accountId: 'g' as AccountId, parentToolId }));
      await tokens.insertLinkedTool(tool('ended child', { accountId: 'g' as AccountId, parentToolId }));
      await tokens.insertLinkedTool(tool('sister', { accountId: 'g' as AccountId }));
      await tokens.endLinkedTool('ended child' as LinkedToolId, at(3), 'unlinked');
      await tokens.endLinkedTool(parentToolId, at(9), 'revoked');
    });
    const endOf = async (id: string) => (await stores.tokens.findLinkedTool(id as LinkedToolId))?.endedAt;
    expect([await endOf('child'), await endOf('ended child'), await endOf('sister')]).toEqual([
      at(9),
      at(3),
      undefined,
    ]);
  });

  it('forgets no tool whose key was approved since, and forgets keys with their tool', async () => {
    const both = open((sql) => ({ tokens: createTokenStore(sql), deviceKeys: createDeviceKeyStore(sql) }));
    const key = (id: string, approvedAt: Date): DeviceKey => ({
      thumbprint: `thumbprint of ${id}`,
      kid: 'k',
      alg: 'EdDSA',
      publicJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x' },
      clientId: 'c',
      linkedToolId: id as LinkedToolId,
      accountId: 'a' as AccountId,
      claims: { nonce: undefined, scopes: [] },
      createdAt: at(0),
      approvedAt,
    });
    await both.inTransaction(async ({ tokens, deviceKeys }) => {
      for (const [id, second] of [['old', 99] as const, ['new', 100] as const]) {
        await tokens.insertLinkedTool(tool(id));
        await deviceKeys.put(key(id, at(second)));
      }
    });
    const remove = () => both.inTransaction(({ tokens }) => tokens.removeDead(at(5000), at(100)));
    expect([await remove(), await remove()]).toEqual([1, 0]);
    const kept = await Promise.all(
      ['old', 'new'].map((id) => both.stores.deviceKeys.findByTool(id as LinkedToolId)),
    );
    expect(kept.map((one) => one?.linkedToolId)).toEqual([undefined, 'new']);
    await both.close();
  });
});

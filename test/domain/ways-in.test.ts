// The last way into an account stays, whatever is taken away at the same time.
import { createWaysIn } from '../../src/domain/ways-in.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { createAccountStore } from '../../src/stores/sql/accounts.js';
import { createIdentityStore } from '../../src/stores/sql/identities.js';
import { describeOnBackends } from '../support/databases.js';

const ISSUER = 'https://login.work.example';
const waysIn = createWaysIn({ issuers: new Set([ISSUER]) });
const at = new Date('2026-01-15T12:00:00Z');

describeOnBackends('the ways into an account', ({ open }) => {
  const database = open((sql) => ({
    accounts: createAccountStore(sql),
    identities: createIdentityStore(sql),
  }));
  const { inTransaction } = database;
  afterAll(() => database.close());

  let made = 0;
  async function newAccount({ passwordHash = '', issuers = [ISSUER] }): Promise<[AccountId, string[]]> {
    const accountId = `account ${++made}` as AccountId;
    const identityIds = issuers.map((_, index) => `${accountId} identity ${index}`);
    const names = { email: '', username: `name${made}`, displayName: '', language: undefined };
    const times = { createdAt: at, passwordChangedAt: at, emailVerifiedAt: undefined, closedAt: undefined };
    const about = { accountId, publicNumber: made, passwordHash, passwordLength: 0, role: 'person' } as const;
    await inTransaction(async ({ accounts, identities }) => {
      await accounts.insert({ ...about, ...names, ...times });
      for (const [index, issuer] of issuers.entries()) {
        const known = { upstream: 'work', issuer, subject: identityIds[index]!, shownAs: '' };
        const used = { connectedAt: at, lastUsedAt: at };
        await identities.insert({ identityId: identityIds[index]!, accountId, ...known, ...used });
      }
    });
    return [accountId, identityIds];
  }

  const disconnect = (accountId: AccountId, identityId: string) =>
    inTransaction(async (stores) => {
      await waysIn.requireAnotherWayIn(stores, accountId, identityId);
      await stores.identities.remove(identityId, accountId);
      await waysIn.requireAWayIn(stores, accountId);
    });

  it('are a password, and the identities of providers that are known', async () => {
    const [accountId] = await newAccount({
      passwordHash: 'a hash',
      issuers: [ISSUER, ISSUER, 'https://gone.example'],
    });
    expect(await inTransaction((stores) => waysIn.countWaysIn(stores, accountId))).toBe(3);
  });

  it('count passkeys that can sign in alone', async () => {
    const [accountId] = await newAccount({ issuers: [] });
    const passkeys = { countByAccount: async () => 2 };
    expect(await inTransaction((stores) => waysIn.countWaysIn({ ...stores, passkeys }, accountId))).toBe(2);
  });

  it('let one go while another is left', async () => {
    const [accountId, [first]] = await newAccount({ issuers: [ISSUER, ISSUER] });
    await expect(disconnect(accountId, first!)).resolves.toBeUndefined();
  });

  it('never let the last one go, and an identity of a forgotten provider is none', async () => {
    const [accountId, [first, gone]] = await newAccount({ issuers: [ISSUER, 'https://gone.example'] });
    await expect(disconnect(accountId, first!)).rejects.toMatchObject({ code: 'last-way-in' });
    await expect(disconnect(accountId, gone!)).resolves.toBeUndefined();
    await expect(disconnect(accountId, 'another')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('leave one when two are let go at once', async () => {
    const [accountId, ids] = await newAccount({ issuers: [ISSUER, ISSUER] });
    const ended = await Promise.allSettled(ids.map((id) => disconnect(accountId, id)));
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await inTransaction((stores) => waysIn.countWaysIn(stores, accountId))).toBe(1);
  });
});

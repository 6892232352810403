// What every store of credentials must do (domain/account-records-credentials.ts): each change once, from the state it names,
// and an end that leaves nothing of an account but its number, and every other account alone.
import type { AccountRecord } from '../../../src/domain/account-records.js';
import type { AccountId, SubjectId } from '../../../src/domain/vocabulary.js';
import { createStores, type Stores } from '../../../src/stores/sql/stores.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (seconds: number): Date => new Date(1_000_000_000 + seconds * 1000);
const ada = 'ada-id' as AccountId;
const bob = 'bob-id' as AccountId;

const account = (accountId: AccountId, publicNumber: number): AccountRecord => ({
  accountId,
  publicNumber,
  email: `${accountId}@example.org`,
  emailVerifiedAt: at(0),
  username: accountId,
  displayName: accountId,
  passwordHash: `hash of ${accountId}`,
  passwordLength: 20,
  passwordChangedAt: at(0),
  language: undefined,
  role: 'person',
  createdAt: at(0),
  closedAt: undefined,
});

/** A row in each table that holds something of an account. */
async function moveIn({ accounts, proofs, signIns }: Stores, accountId: AccountId): Promise<void> {
  const folded = `${accountId}@example.org`;
  await accounts.claimName({ folded, accountId, kind: 'email', isProved: true });
  const token = { accountId, purpose: 'reset-password', email: folded, sealedUserCode: undefined } as const;
  await accounts.replaceMailToken({ ...token, tokenMac: folded, createdAt: at(0), expiresAt: at(60) });
  await accounts.chargeFailure(accountId, 0, at(0));
  await proofs.putInert({
    ...{ authenticatorId: folded, accountId, sealedSecret: 's', lastStep: 0, createdAt: at(0) },
  });
  const halfDone = { accountId, methods: ['pwd'], failures: 0 } as const;
  const about = { isRemembered: false, isInKnownBrowser: false };
  await signIns.insert({ signInHash: folded, ...halfDone, ...about, createdAt: at(0), expiresAt: at(60) });
}

describeOnBackends('a store of credentials', ({ open }) => {
  const database = open(createStores);
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  beforeAll(() =>
    inTransaction(async (given) => {
      await given.accounts.insert(account(ada, 1));
      await given.accounts.insert(account(bob, 2));
      await moveIn(given, ada);
      await moveIn(given, bob);
    }),
  );

  it('names every password by a later time, also where the clock stands still or was set back', async () => {
    const renew = (from: string, to: string, seconds: number) =>
      inTransaction(({ accounts }) =>
        accounts.replacePassword({ accountId: ada, from, to, length: 30, at: at(seconds) }),
      );
    expect(await renew('hash of ada-id', 'second', 5)).toBe(true);
    expect(await renew('hash of ada-id', 'lost', 6)).toBe(false);
    expect(await renew('second', 'third', 5)).toBe(true);
    const changedAt = (await stores.accounts.find(ada))!.passwordChangedAt;
    expect(changedAt.getTime()).toBe(at(5).getTime() + 1);
    expect((await stores.accounts.find(bob))!.passwordChangedAt).toEqual(at(0));
  });

  it('gives an account another address, and lets only its own old one go', async () => {
    await inTransaction(async ({ credentials }) => {
      expect(await credentials.replaceEmail(ada, 'Ada@example.net', at(7))).toBe(true);
      expect(await credentials.replaceEmail('gone' as AccountId, 'x@example.net', at(7))).toBe(false);
      await credentials.releaseEmail('bob-id@example.org', ada);
    });
    const record = await stores.accounts.find(ada);
    expect([record?.email, record?.emailVerifiedAt]).toEqual(['Ada@example.net', at(7)]);
    expect((await stores.accounts.findNameHolder('bob-id@example.org'))?.accountId).toBe(bob);
    await inTransaction(({ credentials }) => credentials.releaseEmail('ada-id@example.org', ada));
    expect(await stores.accounts.findNameHolder('ada-id@example.org')).toBeUndefined();
  });

  it('closes once, and opens again only what was closed after the moment that is named', async () => {
    const act = <Result>(work: (credentials: Stores['credentials']) => Promise<Result>) =>
      inTransaction(({ credentials }) => work(credentials));
    expect(await act((c) => c.reopen(ada, at(0)))).toBe(false);
    const both = await Promise.all([act((c) => c.close(ada, at(10))), act((c) => c.close(ada, at(10)))]);
    expect(both.sort()).toEqual([false, true]);
    expect(await act((c) => c.replaceEmail(ada, 'x@example.net', at(11)))).toBe(false);
    expect(await act((c) => c.reopen(ada, at(10)))).toBe(false);
    expect(await act((c) => c.reopen(ada, at(9)))).toBe(true);
    expect((await stores.accounts.find(ada))?.closedAt).toBeUndefined();
  });

  it('ends an account that was closed long enough, with all that is its own, and nothing of another', async () => {
    const { accounts, credentials, proofs, signIns } = stores;
    const erase = (by: number) => inTransaction((given) => given.credentials.erase(ada, at(by)));
    expect(await erase(100)).toBe(false);
    await inTransaction((given) => given.credentials.close(ada, at(20)));
    expect(await credentials.findClosed(at(19), 10)).toEqual([]);
    expect(await credentials.findClosed(at(20), 10)).toEqual([ada]);
    expect(await erase(19)).toBe(false);
    expect(await erase(20)).toBe(true);
    expect(await accounts.find(ada)).toBeUndefined();
    expect(await accounts.findFailures(ada)).toBeUndefined();
    expect(await proofs.findAuthenticator(ada, 'inert')).toBeUndefined();
    expect(await signIns.find('ada-id@example.org')).toBeUndefined();
    expect(await accounts.findMailToken('reset-password', 'ada-id@example.org', at(1))).toBeUndefined();

    expect(await accounts.find(bob)).toBeDefined();
    expect(await accounts.findFailures(bob)).toBeDefined();
    expect(await proofs.findAuthenticator(bob, 'inert')).toBeDefined();
    expect(await signIns.find('bob-id@example.org')).toBeDefined();
    expect(await accounts.findMailToken('reset-password', 'bob-id@example.org', at(1))).toBeDefined();
    expect(await inTransaction((given) => given.accounts.insert(account('new' as AccountId, 1)))).toBe(false);
  });

  it('takes addresses, browsers and names out of what is remembered, and nothing else (audit)', async () => {
    const row = {
      event: 'sign-in',
      actor: ada,
      networkAddress: '203.0.113.7',
      userAgent: 'a browser',
    } as const;
    const rest = { requestId: 'r', details: { name: 'my TV' }, at: at(1) };
    await inTransaction(async ({ audit }) => {
      await audit.insert({ ...row, ...rest, accountId: ada });
      await audit.insert({ ...row, ...rest, accountId: bob });
      await audit.forgetPerson(ada);
    });
    const [ofAda] = await stores.audit.findByAccount(ada, 1);
    const [ofBob] = await stores.audit.findByAccount(bob, 1);
    expect(ofAda).toEqual({
      ...row,
      ...rest,
      accountId: ada,
      networkAddress: '',
      userAgent: '',
      details: {},
    });
    expect(ofBob).toEqual({ ...row, ...rest, accountId: bob });
  });

  it('withdraws what an account has under way, and no link that is pending or another person’s (links)', async () => {
    const request = (name: string) => ({
      ...{
        linkId: name as never,
        door: 'oauth' as const,
        clientId: 'tv',
        deviceCodeHash: name,
        userCodeMac: name,
      },
      ...{ scope: '', networkAddress: '', network: '', webOrigin: undefined, userAgent: '' },
      ...{ keyThumbprint: undefined, createdAt: at(0), expiresAt: at(600) },
    });
    const names = ['reserved', 'approved', 'pending', 'of bob'];
    const approval = {
      accountId: ada,
      subjectId: ada as string as SubjectId,
      authenticatedAt: at(0),
      methods: [],
    };
    const withdrawn = await inTransaction(async ({ links }) => {
      for (const name of names) await links.insert(request(name));
      const holder = (accountId: AccountId) => ({ accountId, ticket: 't' as never });
      for (const name of ['reserved', 'approved']) await links.reserve(name, holder(ada), 'typed', at(1));
      await links.reserve('of bob', holder(bob), 'typed', at(1));
      await links.approve('approved' as never, holder(ada), approval, at(2), at(600));
      return links.withdrawByAccount(ada, at(3));
    });
    expect(withdrawn.map(({ linkId }) => linkId as string).sort()).toEqual(['approved', 'reserved']);
    const states = await Promise.all(
      names.map(async (name) => (await stores.links.find(name as never))?.state),
    );
    expect(states).toEqual(['denied', 'denied', 'pending', 'reserved']);
  });
});

// What every account store must do (domain/accounts.ts): one holder for each name, tokens used once, exact counters.
import type { AccountRecord } from '../../../src/domain/account-records.js';
import type { MailToken } from '../../../src/domain/email-verification.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { createAccountStore } from '../../../src/stores/sql/accounts.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (seconds: number): Date => new Date(1_000_000_000 + seconds * 1000);
const ada = 'ada-id' as AccountId;
const bob = 'bob-id' as AccountId;

const account = (accountId: AccountId, publicNumber: number): AccountRecord => ({
  accountId,
  publicNumber,
  email: `${accountId}@example.org`,
  emailVerifiedAt: undefined,
  username: accountId,
  displayName: accountId,
  passwordHash: `hash of ${accountId}`,
  passwordLength: 20,
  language: undefined,
  role: 'person',
  passwordChangedAt: at(0),
  createdAt: at(0),
  closedAt: undefined,
});

const token = (tokenMac: string, accountId: AccountId, email = 'a@example.org'): MailToken => ({
  tokenMac,
  accountId,
  purpose: 'verify-email',
  email,
  sealedUserCode: undefined,
  createdAt: at(0),
  expiresAt: at(60),
});

describeOnBackends('an account store', ({ open }) => {
  const database = open((sql) => ({ accounts: createAccountStore(sql) }));
  const { inTransaction, stores } = database;
  const { accounts } = stores;
  afterAll(() => database.close());

  it('knows whether there is any account, and gives an account back as it was inserted', async () => {
    expect(await accounts.hasAny()).toBe(false);
    const inserted = {
      ...account(ada, 7),
      emailVerifiedAt: at(5),
      language: 'de',
      role: 'operator' as const,
    };
    expect(await inTransaction((s) => s.accounts.insert(inserted))).toBe(true);
    expect(await accounts.hasAny()).toBe(true);
    expect(await accounts.find(ada)).toEqual(inserted);
    expect(await accounts.find(bob)).toBeUndefined();
  });

  it('refuses a public number that is taken, and inserts nothing then', async () => {
    expect(await inTransaction((s) => s.accounts.insert(account(bob, 7)))).toBe(false);
    expect(await accounts.find(bob)).toBeUndefined();
    expect(await inTransaction((s) => s.accounts.insert(account(bob, 8)))).toBe(true);
  });

  it('gives a name to one of two who claim it at once, user names and e-mails alike', async () => {
    const claim = (accountId: AccountId, kind: 'email' | 'username') =>
      inTransaction((s) =>
        s.accounts.claimName({ folded: 'x@example.org', accountId, kind, isProved: false }),
      );
    expect([await claim(ada, 'email'), await claim(bob, 'username')]).toEqual([true, false]);
    expect(await accounts.findNameHolder('x@example.org')).toEqual({ accountId: ada, isProved: false });
    expect((await accounts.findByLoginName('x@example.org'))?.accountId).toBe(ada);
    expect(await accounts.findByLoginName('X@example.org')).toBeUndefined();
  });

  it('lets an unproved address be proved by another, and a proved one by nobody else', async () => {
    const prove = (who: AccountId) => inTransaction((s) => s.accounts.proveName('x@example.org', who));
    expect([await prove(bob), await prove(ada)]).toEqual([true, false]);
    expect(await prove(bob)).toBe(true);
    expect(await accounts.findNameHolder('x@example.org')).toEqual({ accountId: bob, isProved: true });
  });

  it('never gives a user name away as if it were an unproved address', async () => {
    const claim = { folded: 'ada', accountId: ada, kind: 'username' as const, isProved: false };
    await inTransaction((s) => s.accounts.claimName(claim));
    expect(await inTransaction((s) => s.accounts.proveName('ada', bob))).toBe(false);
  });

  it('takes an address off an account only while it is not verified', async () => {
    expect(await inTransaction((s) => s.accounts.forgetEmail(ada))).toBe(false);
    expect(await inTransaction((s) => s.accounts.forgetEmail(bob))).toBe(true);
    expect((await accounts.find(bob))?.email).toBe('');
    expect(await inTransaction((s) => s.accounts.markEmailVerified(bob, at(9)))).toBe(true);
    expect((await accounts.find(bob))?.emailVerifiedAt).toEqual(at(9));
  });

  it('keeps one mail token for each account, and gives it out once, in time', async () => {
    const take = (mac: string, second: number) =>
      inTransaction((s) => s.accounts.takeMailToken('verify-email', mac, at(second)));
    await inTransaction(async (s) => {
      await s.accounts.replaceMailToken(token('first', ada));
      await s.accounts.replaceMailToken(token('second', ada));
      await s.accounts.replaceMailToken(token('other', bob));
    });
    expect(await take('first', 1)).toBeUndefined();
    expect(await take('second', 60)).toBeUndefined();
    expect(await accounts.findMailToken('verify-email', 'second', at(59))).toEqual(token('second', ada));
    const taken = await Promise.all([take('second', 59), take('second', 59)]);
    expect(taken.filter(Boolean)).toEqual([token('second', ada)]);
    await inTransaction((s) => s.accounts.removeMailTokensTo('b@example.org'));
    expect(await inTransaction((s) => s.accounts.removeExpiredMailTokens(at(59)))).toBe(0);
    expect(await inTransaction((s) => s.accounts.removeExpiredMailTokens(at(60)))).toBe(1);
  });

  it('counts a wrong password once for each attempt, and only from the count that was seen', async () => {
    const charge = (seen: number, second: number) =>
      inTransaction((s) => s.accounts.chargeFailure(ada, seen, at(second)));
    expect(await accounts.findFailures(ada)).toBeUndefined();
    for (const seen of [0, 1]) {
      const charges = await Promise.all([charge(seen, seen + 1), charge(seen, seen + 1)]);
      expect(charges.sort()).toEqual([false, true]);
    }
    expect(await accounts.findFailures(ada)).toEqual({ consecutive: 2, lastAt: at(2) });
    await inTransaction((s) => s.accounts.giveFailureBack(ada));
    expect((await accounts.findFailures(ada))?.consecutive).toBe(1);
    await inTransaction((s) => s.accounts.forgiveFailures(ada));
    await inTransaction((s) => s.accounts.giveFailureBack(ada));
    expect((await accounts.findFailures(ada))?.consecutive).toBe(0);
    expect(await charge(0, 9)).toBe(true);
    expect(await accounts.findFailures(ada)).toEqual({ consecutive: 1, lastAt: at(9) });
    expect(await accounts.findFailures(bob)).toBeUndefined();
  });

  it('replaces a password hash only while it is the one that was read', async () => {
    const replace = (from: string) =>
      inTransaction((s) => s.accounts.replacePasswordHash(ada, from, 'new hash'));
    expect([await replace('hash of ada-id'), await replace('hash of ada-id')]).toEqual([true, false]);
    expect((await accounts.find(ada))?.passwordHash).toBe('new hash');
  });

  it('puts another password in the place of the one that was read, once, with its length and its time', async () => {
    const renewed = { accountId: bob, from: 'hash of bob-id', to: 'hash of another', length: 23, at: at(3) };
    const replace = () => inTransaction((s) => s.accounts.replacePassword(renewed));
    expect((await Promise.all([replace(), replace()])).sort()).toEqual([false, true]);
    expect(await accounts.find(bob)).toMatchObject({ passwordHash: 'hash of another', passwordLength: 23 });
    expect((await accounts.find(ada))?.passwordHash).toBe('new hash');
  });

  it('gives the first run to one of two, and only to the newest token', async () => {
    await inTransaction((s) => s.accounts.replaceFirstRun('old', at(0)));
    await inTransaction((s) => s.accounts.replaceFirstRun('new', at(1)));
    const take = (hash: string) => inTransaction((s) => s.accounts.takeFirstRun(hash));
    expect((await Promise.all([take('old'), take('new'), take('new')])).sort()).toEqual([false, false, true]);
    expect(await take('old')).toBe(false);
    expect(await accounts.findFirstRun()).toBeUndefined();
    await inTransaction((s) => s.accounts.replaceFirstRun('again', at(2)));
    await inTransaction((s) => s.accounts.removeFirstRun());
    expect(await accounts.findFirstRun()).toBeUndefined();
  });

  it('changes the language of an account that is there', async () => {
    expect(await inTransaction((s) => s.accounts.changeLanguage(ada, 'en'))).toBe(true);
    expect(await inTransaction((s) => s.accounts.changeLanguage('gone' as AccountId, 'en'))).toBe(false);
    expect((await accounts.find(ada))?.language).toBe('en');
  });
});

// The password check as an attacker would try it: one answer and one argon2id run whatever is wrong, one counter for every
// spelling and door, a cap that no number of attempts at once gets past.
import { createAccounts } from '../../src/domain/accounts.js';
import { MOST_FAILURES, waitSeconds } from '../../src/domain/password-check.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { createPasswords } from '../../src/crypto/passwords.js';
import {
  PASSWORD,
  openTestAccounts,
  origin,
  type TestAccounts,
  type TestAccountSettings,
} from '../support/accounts.js';

let house: TestAccounts;
afterEach(() => house.close());

async function openWithBob(settings: TestAccountSettings = {}) {
  house = openTestAccounts(settings);
  const { accounts } = house;
  const bob = await accounts.createAccount({
    email: 'bob@example.org',
    username: 'Bob',
    password: PASSWORD,
    role: 'person',
    isEmailVerified: true,
  });
  const check = (login: string, password: string) => accounts.checkPassword({ login }, password, origin);
  const failures = async () => (await house.stores.accounts.findFailures(bob.accountId))?.consecutive ?? 0;
  const events = async () =>
    (await house.stores.audit.findByAccount(bob.accountId, 500)).map(({ event }) => event);
  return { ...house, bob, check, failures, events };
}

/** Wrong passwords until the count is reached, each as soon as the wait allows. */
async function failUntil(count: number, { check, failures, clock }: Awaited<ReturnType<typeof openWithBob>>) {
  for (let seen = await failures(); seen < count; seen = await failures()) {
    clock.advance(waitSeconds(seen));
    expect(await check('bob', 'wrong')).toBeUndefined();
  }
}

describe('checkPassword', () => {
  it('gives the account for its own password, by any spelling of its names', async () => {
    const { bob, check } = await openWithBob();
    for (const login of ['Bob', 'BOB', 'bob ', 'bob@example.org', 'BOB@Example.ORG']) {
      expect(await check(login, PASSWORD)).toEqual(bob);
    }
    expect(await check('bob', `${PASSWORD} `)).toBeUndefined();
    expect(await check('bob', PASSWORD.toUpperCase())).toBeUndefined();
  });

  it('counts every spelling and every door in one counter (CVE-2025-24806, CVE-2026-47203)', async () => {
    const { accounts, bob, check, failures, events } = await openWithBob();
    for (const login of ['Bob', 'BOB', 'bob ', 'bob@example.org', 'BOB@Example.ORG'])
      await check(login, 'wrong');
    await accounts.checkPassword({ accountId: bob.accountId }, 'wrong', origin);
    expect(await failures()).toBe(6);
    expect((await events()).filter((event) => event === 'sign-in-failed')).toHaveLength(5);
    expect((await events()).filter((event) => event === 'proof-failed')).toHaveLength(1);
  });

  it('runs argon2id exactly once for a right, wrong, empty or over-long password, and for unknown, waiting, locked and impossible names (Keycloak #12298, #51887)', async () => {
    const opened = await openWithBob();
    const { accounts, check, passwords, inTransaction, bob, clock } = opened;
    const runsOf = async (work: () => Promise<unknown>): Promise<number> => {
      const before = passwords.runs();
      await work();
      return passwords.runs() - before;
    };
    expect(await runsOf(() => check('bob', PASSWORD))).toBe(1);
    expect(await runsOf(() => check('bob', 'wrong'))).toBe(1);
    expect(await runsOf(() => check('bob', ''))).toBe(1);
    expect(await runsOf(() => check('bob', 'x'.repeat(100_000)))).toBe(1);
    expect(await runsOf(() => check('nobody-at-all', PASSWORD))).toBe(1);
    expect(await runsOf(() => check('', PASSWORD))).toBe(1);
    expect(await runsOf(() => check('@@', PASSWORD))).toBe(1);
    expect(await runsOf(() => check('x'.repeat(100_000), PASSWORD))).toBe(1);
    expect(
      await runsOf(() => accounts.checkPassword({ accountId: 'gone' as AccountId }, PASSWORD, origin)),
    ).toBe(1);
    await failUntil(10, opened);
    expect(await runsOf(() => check('bob', PASSWORD))).toBe(1);
    await inTransaction(async (stores) => {
      for (let seen = 10; seen < MOST_FAILURES; seen++) {
        await stores.accounts.chargeFailure(bob.accountId, seen, clock.now());
      }
    });
    expect(await runsOf(() => check('bob', PASSWORD))).toBe(1);
  });

  it('writes as much for an unknown name as for a known one', async () => {
    const { check, inTransaction, dependencies } = await openWithBob();
    let transactions = 0;
    const counted = createAccounts({
      ...dependencies,
      inTransaction: (work) => {
        transactions += 1;
        return inTransaction(work);
      },
    });
    await check('bob', 'wrong');
    const counts: number[] = [];
    for (const login of ['bob', 'nobody-at-all', '@@']) {
      transactions = 0;
      expect(await counted.checkPassword({ login }, 'wrong', origin)).toBeUndefined();
      counts.push(transactions);
    }
    expect(counts).toEqual([2, 2, 2]);
  });

  it('lets nobody in while the tenth and every further failure makes the next try wait, 30 s doubling to an hour (NIST SP 800-63B §3.2.2)', async () => {
    expect([9, 10, 11, 16, 17, 99].map(waitSeconds)).toEqual([0, 30, 60, 1920, 3600, 3600]);
    const opened = await openWithBob();
    const { check, failures, clock, bob } = opened;
    await failUntil(10, opened);
    expect(await check('bob', PASSWORD)).toBeUndefined();
    clock.advance(29);
    expect(await check('bob', PASSWORD)).toBeUndefined();
    // What was not looked at is not counted: an outsider cannot push the account to its lock by knocking.
    expect(await failures()).toBe(10);
    clock.advance(1);
    expect(await check('bob', PASSWORD)).toEqual(bob);
    expect(await failures()).toBe(0);
  });

  it('keeps nobody out until a clock that was set back has caught up (CHECKLIST 4, clock jumps back)', async () => {
    const opened = await openWithBob();
    const { check, clock, bob, failures } = opened;
    await check('bob', 'wrong');
    clock.advance(-24 * 3600);
    expect(await check('bob', PASSWORD)).toEqual(bob);
    await failUntil(11, opened);
    clock.advance(-30);
    expect(await check('bob', PASSWORD)).toBeUndefined();
    expect(await failures()).toBe(11);
    clock.advance(-30);
    expect(await check('bob', PASSWORD)).toEqual(bob);
  });

  it('locks the password after 100 failures in a row, for good, and tells the owner once (NIST SP 800-63B §3.2.2)', async () => {
    const opened = await openWithBob();
    const { accounts, check, clock, readMail, events, bob, inTransaction } = opened;
    await failUntil(MOST_FAILURES - 1, opened);
    expect(await inTransaction((stores) => accounts.isActive(stores, bob.accountId))).toBe(true);
    await failUntil(MOST_FAILURES, opened);
    clock.advance(30 * 24 * 3600);
    expect(await check('bob', PASSWORD)).toBeUndefined();
    expect(await check('bob', 'wrong')).toBeUndefined();
    expect(await readMail()).toMatchObject([{ notice: 'factor-locked', recipient: 'bob@example.org' }]);
    expect((await events()).filter((event) => event === 'password-locked')).toHaveLength(1);
    expect(await inTransaction((stores) => accounts.isActive(stores, bob.accountId))).toBe(false);
    expect(await inTransaction((stores) => accounts.mayReceiveToken(stores, bob.accountId))).toBe(false);
  });

  it('lets at most ten attempts at once look at the password before the wait begins', async () => {
    const { check, failures } = await openWithBob();
    const guesses = await Promise.all(Array.from({ length: 40 }, () => check('bob', 'wrong')));
    expect(guesses.filter(Boolean)).toEqual([]);
    expect(await failures()).toBe(10);
  });

  it('keeps the count when the service starts again', async () => {
    const opened = await openWithBob();
    await failUntil(10, opened);
    const again = createAccounts(opened.dependencies);
    expect(await again.checkPassword({ login: 'bob' }, PASSWORD, origin)).toBeUndefined();
  });

  it('refuses when the gate is full, and counts nothing then', async () => {
    const { check, failures } = await openWithBob({ gate: { concurrency: 1, queueLimit: 0 } });
    const outcomes = await Promise.allSettled([check('bob', PASSWORD), check('bob', PASSWORD)]);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason).toMatchObject({
      code: 'service-busy',
      retryAfterSeconds: expect.any(Number) as number,
    });
    expect(await failures()).toBe(0);
  });

  it('hashes anew at a sign-in when the cost has gone up (CHECKLIST 3.6)', async () => {
    const { bob, dependencies, stores } = await openWithBob();
    const passwords = createPasswords({ keyring: dependencies.keyring, memoryKib: 2048, passes: 2 });
    const dearer = createAccounts({ ...dependencies, passwords });
    const before = (await stores.accounts.find(bob.accountId))?.passwordHash;
    await dearer.checkPassword({ login: 'bob' }, 'wrong', origin);
    expect((await stores.accounts.find(bob.accountId))?.passwordHash).toBe(before);
    expect(await dearer.checkPassword({ login: 'bob' }, PASSWORD, origin)).toBeDefined();
    const after = (await stores.accounts.find(bob.accountId))?.passwordHash;
    expect(after).toContain('m=2048');
    expect(await dearer.checkPassword({ login: 'bob' }, PASSWORD, origin)).toBeDefined();
    expect((await stores.accounts.find(bob.accountId))?.passwordHash).toBe(after);
  });

  it('keeps no password in the clear, and no name of the unknown in the audit', async () => {
    const { check, stores, bob, events } = await openWithBob();
    await check('my password by mistake', 'x');
    const record = await stores.accounts.find(bob.accountId);
    expect(JSON.stringify(record)).not.toContain(PASSWORD);
    expect(record).toMatchObject({ passwordLength: PASSWORD.length });
    expect(await events()).not.toContain('sign-in-failed');
  });
});

describe('mayReceiveToken', () => {
  it('is no for an account that is unknown, or unverified where that is required; isActive lets the latter sign in', async () => {
    const { accounts, inTransaction, bob } = await openWithBob();
    await accounts.signUp({ email: 'eve@example.org', username: 'eve', password: PASSWORD }, origin);
    const eve = (await accounts.findByLogin('eve'))!;
    const ask = (accountId: AccountId) =>
      inTransaction(async (stores) => [
        await accounts.isActive(stores, accountId),
        await accounts.mayReceiveToken(stores, accountId),
      ]);
    expect(await ask(bob.accountId)).toEqual([true, true]);
    expect(await ask(eve.accountId)).toEqual([true, false]);
    expect(await ask('gone' as AccountId)).toEqual([false, false]);
  });
});

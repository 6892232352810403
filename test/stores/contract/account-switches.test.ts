// What every store of an account's switches must do (domain/account-switches.ts): they stand as the schema says until they
// are turned, each by itself, and only for the account that is named.
import { createSwitchStore } from '../../../src/stores/sql/account-switches.js';
import { createAccountStore } from '../../../src/stores/sql/accounts.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

let numbers = 0;

describeOnBackends('a store of switches', ({ open }) => {
  const database = open((sql) => ({ accounts: createAccountStore(sql), switches: createSwitchStore(sql) }));
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  async function newAccount(): Promise<AccountId> {
    const publicNumber = ++numbers;
    const accountId = `account ${publicNumber}` as AccountId;
    await inTransaction(({ accounts }) =>
      accounts.insert({
        accountId,
        publicNumber,
        email: `${publicNumber}@example.org`,
        emailVerifiedAt: undefined,
        username: `person${publicNumber}`,
        displayName: 'A person',
        passwordHash: 'a hash',
        passwordLength: 20,
        language: undefined,
        role: 'person',
        passwordChangedAt: new Date(0),
        createdAt: new Date(1_700_000_000_000),
        closedAt: undefined,
      }),
    );
    return accountId;
  }

  it('begins with the fallback door and app passwords on, and links by token off', async () => {
    expect(await stores.switches.findSwitches(await newAccount())).toEqual({
      fallback: true,
      'link-by-token': false,
      'app-passwords': true,
    });
  });

  it('turns one switch of one account, and tells whether that changed anything', async () => {
    const own = { 'app-passwords': true };
    const [one, other] = [await newAccount(), await newAccount()];
    const turn = (isOn: boolean) =>
      inTransaction(({ switches }) => switches.turnSwitch(one, 'fallback', isOn));
    expect([await turn(false), await turn(false)]).toEqual([true, false]);
    expect(await inTransaction(({ switches }) => switches.turnSwitch(one, 'link-by-token', true))).toBe(true);
    expect(await stores.switches.findSwitches(one)).toEqual({
      fallback: false,
      'link-by-token': true,
      ...own,
    });
    expect(await stores.switches.findSwitches(other)).toEqual({
      fallback: true,
      'link-by-token': false,
      ...own,
    });
    expect(await turn(true)).toBe(true);
    expect(await inTransaction(({ switches }) => switches.turnSwitch(one, 'app-passwords', false))).toBe(
      true,
    );
    expect(await stores.switches.findSwitches(one)).toMatchObject({ 'app-passwords': false });
  });

  it('knows nothing of an account that does not exist', async () => {
    const nobody = 'nobody at all' as AccountId;
    expect(await stores.switches.findSwitches(nobody)).toBeUndefined();
    expect(await inTransaction(({ switches }) => switches.turnSwitch(nobody, 'fallback', true))).toBe(false);
  });
});

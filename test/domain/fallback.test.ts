// The fallback door on a real database, with the real rooms: what lets a tool in, what everything else costs, and that
// nothing tells one refusal from another (CHECKLIST 3.8).
import { randomUUID } from 'node:crypto';
import { createPasswords, PasswordsBusy } from '../../src/crypto/passwords.js';
import { createPasskeyProtocol } from '../../src/crypto/passkeys.js';
import { createKeyring, randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { totpCode } from '../../src/crypto/totp.js';
import { createAccountSwitches } from '../../src/domain/account-switches.js';
import { createAccounts } from '../../src/domain/accounts.js';
import { createAppPasswords } from '../../src/domain/app-passwords.js';
import { createAudit } from '../../src/domain/audit.js';
import { createFallback, type FallbackMode, type FallbackRequest } from '../../src/domain/fallback.js';
import { createKeys } from '../../src/domain/keys.js';
import { createLinkedTools } from '../../src/domain/linked-tools.js';
import { createNotices, type Deliver } from '../../src/domain/notices.js';
import { createPasskeys, type PasskeyId } from '../../src/domain/passkeys.js';
import { createPasswordRule } from '../../src/domain/password-rule.js';
import { createProofs } from '../../src/domain/proofs.js';
import { createKnownBrowsers } from '../../src/domain/known-browsers.js';
import { createSessions } from '../../src/domain/sessions.js';
import { createSignIn } from '../../src/domain/sign-in.js';
import { createThrottle } from '../../src/domain/throttle.js';
import { createTokens } from '../../src/domain/tokens.js';
import { createTokensLasting } from '../../src/domain/tokens-lasting.js';
import { createTokensStanding } from '../../src/domain/tokens-standing.js';
import type { AccountId, Origin } from '../../src/domain/vocabulary.js';
import { createMemoryCounters } from '../../src/stores/ephemeral/counters.js';
import { statement, type Sql } from '../../src/stores/sql/statement.js';
import { createStores } from '../../src/stores/sql/stores.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const PASSWORD = 'seven brass otters hum at dusk';
const ISSUER = 'https://pin.example.org';
const TOOL = {
  ...{ product: 'PhotoSync', version: '1.2', platform: 'Linux', platformVersion: '6' },
  ...{ device: 'PC', deviceName: 'Kitchen', deviceVendor: '', model: '' },
};
let networks = 0;
/** A network that nobody has tried from. */
const newOrigin = (): Origin => {
  const network = `203.0.${networks >> 8}.${networks++ & 255}`;
  return { networkAddress: network, network, userAgent: 'a tool', requestId: 'r' };
};

type Typed = Partial<Pick<FallbackRequest, 'login' | 'password' | 'verificationCode' | 'origin'>>;

/** What no use case does yet: an account is closed. */
function createArrangement(sql: Sql) {
  const closeAccount = statement<{ account_id: string; at: number }>()((db, p) =>
    db
      .updateTable('accounts')
      .set({ closed_at: p('at') })
      .where('account_id', '=', p('account_id')),
  );
  return { close: (accountId: AccountId) => sql.change(closeAccount, { account_id: accountId, at: 1 }) };
}

async function openHouse() {
  const clock = createTestClock();
  const { now } = clock;
  const database = openTestDatabase((sql) => ({ ...createStores(sql), arranging: createArrangement(sql) }));
  const { stores, inTransaction } = database;
  const keyring = createKeyring({ secret: 'a root secret that only these tests know' });
  const sealer = {
    seal: (plaintext: string, context: string) => keyring.seal('totp', plaintext, context),
    open: (sealed: string, context: string) => keyring.open('totp', sealed, context),
  };
  const passwords = createPasswords({ keyring, memoryKib: 1024, passes: 1, queueLimit: 1000 });
  const audit = createAudit({ now });
  const notices = createNotices({ now, newId: randomUUID, sealer });
  const coarse = createMemoryCounters({ now });
  const throttle = createThrottle({ now, budgets: stores.budgets, inTransaction, coarse });
  const random = { newId: randomUUID, newSecret: randomSecret, hash: sha256 };
  const house = { inTransaction, audit, notices, throttle, passwords, now, ...random };
  const emailVerification = 'required' as 'required' | 'optional';
  const accountsDependencies = {
    ...house,
    store: stores.accounts,
    rule: createPasswordRule({ estimateStrength: async () => 4, serviceWords: [] }),
    keyring,
    settings: { signUp: 'open', emailVerification, publicUrl: ISSUER } as const,
  };
  const accounts = createAccounts(accountsDependencies);
  const proofsDependencies = { ...house, store: stores.proofs, sealer, issuer: 'Linchpin' };
  const proofs = createProofs({ ...proofsDependencies, findRecipient: async () => undefined });
  const sessions = createSessions({ ...house, store: stores.sessions });
  const knownBrowsers = createKnownBrowsers({ ...house, keyring });
  const protocol = createPasskeyProtocol({ publicUrl: ISSUER, serviceName: 'Linchpin' });
  const passkeys = createPasskeys({
    ...{ ...house, store: stores.passkeys, protocol },
    findRecipient: async () => undefined,
  });
  const signedIn = { accounts, proofs, passkeys, sessions, knownBrowsers };
  const signIn = createSignIn({ ...house, ...signedIn, store: stores.signIns });
  const accountSwitches = createAccountSwitches({
    ...{ ...house, store: stores.switches, signIn },
    findRecipient: async () => undefined,
  });
  const keys = createKeys({
    ...{ store: stores.keys, inTransaction, audit, sealer, now, issuer: ISSUER },
    ...{ algs: ['EdDSA', 'RS256'], longestTokenSeconds: 900 },
  });
  await keys.open();
  const derivingKeys = {
    currentId: keyring.currentId,
    key: (keyId: string) => keyring.keyOf(keyId, 'refresh'),
  };
  const tokens = createTokens({ keys, derivingKeys, now, newId: randomUUID, issuer: ISSUER });
  const mayUseTokens = async () => true;
  const standing = createTokensStanding({
    ...house,
    store: stores.tokens,
    keys,
    issuer: ISSUER,
    mayUseTokens,
  });
  const tokensLasting = createTokensLasting({
    ...{ ...house, store: stores.tokens, keys, tokens, standing, issuer: ISSUER, ttlDays: 365 },
    readDeviceToken: async () => undefined,
  });

  /** How often a code was computed, since the house was opened. */
  let codesMatched = 0;
  /** What happens while an attempt is being looked at: set by a test, done once. */
  const between: { work?: (() => Promise<unknown>) | undefined } = {};
  const countingProofs = {
    ...proofs,
    matchCode: async (...asked: Parameters<typeof proofs.matchCode>) => {
      codesMatched += 1;
      const step = await proofs.matchCode(...asked);
      const { work } = between;
      between.work = undefined;
      await work?.();
      return step;
    },
  };
  const linkedTools = createLinkedTools({ ...house, store: stores.tokens });
  const appPasswords = createAppPasswords({
    ...{ ...house, store: stores.appPasswords, signIn, sessions, linkedTools, keyring },
    findRecipient: async () => undefined,
  });
  const openDoor = (mode: FallbackMode, given = { accounts }) =>
    createFallback({
      ...{ ...house, ...given, proofs: countingProofs, appPasswords, tokensLasting },
      settings: { mode, publicUrl: ISSUER, emailVerification },
    });
  const doors = { 'with-code': openDoor('with-code'), all: openDoor('all'), off: openDoor('off') };

  let people = 0;
  /** An account with a password, and with an authenticator unless it is said to have none. */
  async function newPerson({ hasAuthenticator = true, isEmailVerified = true, password = PASSWORD } = {}) {
    const username = `person${++people}`;
    const email = `${username}@example.org`;
    const made = { email, username, password, role: 'person', isEmailVerified } as const;
    const account = await accounts.createAccount(made);
    const added = hasAuthenticator
      ? await proofs.addAuthenticator(account.accountId, username, newOrigin())
      : undefined;
    clock.advance(60);
    return { ...account, secret: added?.secret ?? '', recoveryCodes: added?.recoveryCodes ?? [] };
  }
  type Person = Awaited<ReturnType<typeof newPerson>>;

  /** As one that was made on the page. */
  const givePasskey = ({ accountId }: { accountId: AccountId }) =>
    inTransaction((given) =>
      given.passkeys.insert({
        ...{
          passkeyId: randomUUID() as PasskeyId,
          accountId,
          credentialId: randomUUID(),
          publicKey: 'a key',
        },
        ...{ signCount: 0, isBackupEligible: true, isBackedUp: true, isAlone: true, transports: [] },
        ...{ name: 'Blue key', createdAt: now(), lastUsed: undefined, stoppedAt: undefined },
      }),
    );

  const code = ({ secret }: Person) => totpCode(secret, now());
  async function wrongCode(person: Person): Promise<string> {
    const earlier = totpCode(person.secret, new Date(now().getTime() - 30_000));
    const right = [await code(person), await earlier];
    return ['000000', '111111', '222222'].find((candidate) => !right.includes(candidate))!;
  }

  /** Tries what was typed; from a network of its own, unless another is named. */
  const attempt = ({ username }: { username: string }, typed: Typed = {}, mode: FallbackMode = 'with-code') =>
    doors[mode].signInAtFallback({
      ...{ login: username, password: PASSWORD, identifier: 'a-tool', tool: TOOL, origin: newOrigin() },
      ...typed,
    });
  const outcomeOf = async (...asked: Parameters<typeof attempt>) => (await attempt(...asked)).outcome;

  async function eventsOf({ accountId }: { accountId: AccountId }) {
    const rows = await stores.audit.findByAccount(accountId, 1000);
    return rows.map(({ event }) => event);
  }
  const countEvents = async (person: { accountId: AccountId }, name: string) =>
    (await eventsOf(person)).filter((event) => event === name).length;

  /** Arranges so many wrong passwords in a row. */
  async function chargePassword({ accountId }: Person, times: number): Promise<void> {
    for (let seen = 0; seen < times; seen++) {
      await inTransaction((given) => given.accounts.chargeFailure(accountId, seen, now()));
    }
  }
  const wrongPasswords = async ({ accountId }: Person) =>
    (await stores.accounts.findFailures(accountId))?.consecutive ?? 0;

  /** Sends what is due, and gives it. */
  async function readMail() {
    const received: Parameters<Deliver>[0][] = [];
    await notices.sendDue(stores.outbox, inTransaction, async (mail) => void received.push(mail));
    return received;
  }

  return {
    ...{ clock, database, stores, inTransaction, passwords, proofs, keys, signIn, tokensLasting, between },
    ...{
      newPerson,
      givePasskey,
      code,
      wrongCode,
      attempt,
      outcomeOf,
      countEvents,
      chargePassword,
      wrongPasswords,
      readMail,
    },
    ...{ accounts, accountsDependencies, accountSwitches, openDoor, doors },
    codesMatched: () => codesMatched,
    close: (accountId: AccountId) => inTransaction(({ arranging }) => arranging.close(accountId)),
    async changePassword(accountId: AccountId): Promise<void> {
      const { passwordHash } = (await stores.accounts.find(accountId))!;
      const changed = await passwords.hash('another password altogether');
      await inTransaction((given) => given.accounts.replacePasswordHash(accountId, passwordHash, changed));
    },
    switchOff: ({ accountId }: Person) =>
      inTransaction(({ switches }) => switches.turnSwitch(accountId, 'fallback', false)),
  };
}

type House = Awaited<ReturnType<typeof openHouse>>;
type Person = Awaited<ReturnType<House['newPerson']>>;

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.database.close());

describe('a tool that signs in with a password', () => {
  it.each([
    ['with the code appended', (code: string) => ({ password: PASSWORD + code })],
    ['with the code beside it', (code: string) => ({ password: PASSWORD, verificationCode: code })],
    [
      'with spaces in the code beside it',
      (code: string) => ({ verificationCode: `${code.slice(0, 3)} ${code.slice(3)}` }),
    ],
  ])('is let in %s, for 14 days', async (_, typed) => {
    const person = await house.newPerson();
    const found = await house.attempt(person, typed(await house.code(person)));
    if (found.outcome !== 'issued') throw new Error(found.outcome);
    expect(found.account.accountId).toBe(person.accountId);
    expect(found.tool).toMatchObject({
      ...{ accountId: person.accountId, clientId: 'pin:a-tool', door: 'pin', name: 'PhotoSync' },
      ...{ bornWith: 'code', methods: ['pwd', 'otp'], audience: `${ISSUER}/api/v2` },
    });
    const claims = await house.keys.verify(found.token, { typ: 'at+jwt', audience: `${ISSUER}/api/v2` });
    expect(claims).toMatchObject({ sub: person.subjectId, client_id: 'pin:a-tool', acr: 'aal2' });
    expect(claims!.exp - Number(claims!['iat'])).toBe(14 * 86_400);
    const { tool } = await house.tokensLasting.useLastingToken(found.token, newOrigin());
    expect(tool.linkedToolId).toBe(found.tool.linkedToolId);
  });

  it('is remembered, and its owner is told where from, when, and what to do', async () => {
    const person = await house.newPerson();
    await house.readMail();
    const origin = newOrigin();
    await house.attempt(person, { password: PASSWORD + (await house.code(person)), origin });
    expect(await house.countEvents(person, 'fallback-sign-in')).toBe(1);
    expect(await house.readMail()).toEqual([
      {
        mailId: expect.any(String) as string,
        recipient: person.email,
        notice: 'fallback-used',
        language: 'en',
        details: expect.objectContaining({
          username: person.username,
          tool: 'PhotoSync (Kitchen)',
          from: origin.networkAddress,
          at: `${house.clock.now().toISOString().slice(0, 10)} ${house.clock.now().toISOString().slice(11, 16)} UTC`,
          unlinkAddress: `${ISSUER}/account/tools`,
          helpAddress: `${ISSUER}/help/old-tools`,
          factors: 2,
        }) as unknown,
      },
    ]);
  });

  it('says of itself only what a page can show: one line of 80 characters for each word, without marks that turn text', async () => {
    const person = await house.newPerson();
    const tool = { ...TOOL, deviceName: `Den\u202e\n\u0000${'x'.repeat(5000)}`, version: '1\u2028.2' };
    const { username: login } = person;
    const password = PASSWORD + (await house.code(person));
    await house.doors['with-code'].signInAtFallback({
      ...{ login, password, identifier: 'a-tool', tool, origin: newOrigin() },
    });
    const [kept] = await house.stores.tokens.findLinkedTools(person.accountId);
    expect(kept!.description).toEqual({ ...TOOL, deviceName: `Den ${'x'.repeat(76)}`, version: '1 .2' });
  });

  it('is known by any spelling of the login, and by the password in any form of Unicode', async () => {
    const person = await house.newPerson({ password: 'sieben Otter summen h\u00f6rbar' });
    const login = ` ${person.email.toUpperCase()} `;
    const password = `sieben Otter summen ho\u0308rbar${await house.code(person)}`;
    expect(await house.outcomeOf(person, { login, password })).toBe('issued');
  });

  it('takes a password that ends in six digits, with a code behind it', async () => {
    const person = await house.newPerson({ password: 'seven brass otters 123456' });
    const code = await house.code(person);
    expect(await house.outcomeOf(person, { password: 'seven brass otters 123456' })).toBe('refused');
    expect(await house.outcomeOf(person, { password: `seven brass otters 123456${code}` })).toBe('issued');
  });
});

/** Everything that lets nobody in, with the answer, and the two counters afterwards. */
interface Case {
  readonly what: string;
  readonly typed: (person: Person) => Promise<Typed>;
  readonly outcome: 'refused' | 'code-missing' | 'code-wrong';
  readonly costs: 'a password' | 'a code' | 'nothing';
}

const right = async (person: Person) => house.code(person);
const cases: readonly Case[] = [
  {
    what: 'a wrong password with the right code appended',
    typed: async (person) => ({ password: `wrong${await right(person)}` }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a wrong password with the right code beside it',
    typed: async (person) => ({ password: 'wrong', verificationCode: await right(person) }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a wrong password alone',
    typed: async () => ({ password: 'wrong' }),
    outcome: 'refused',
    costs: 'a password',
  },
  { what: 'no password', typed: async () => ({ password: '' }), outcome: 'refused', costs: 'a password' },
  {
    what: 'the right code alone',
    typed: async (person) => ({ password: await right(person) }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a wrong code appended',
    typed: async (person) => ({ password: PASSWORD + (await house.wrongCode(person)) }),
    ...{ outcome: 'refused', costs: 'a code' },
  },
  {
    what: 'the right code appended, and a wrong one beside it',
    typed: async (person) => ({
      password: PASSWORD + (await right(person)),
      verificationCode: await house.wrongCode(person),
    }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  { what: 'no code', typed: async () => ({}), outcome: 'code-missing', costs: 'a code' },
  {
    what: 'an empty code beside it',
    typed: async () => ({ verificationCode: '' }),
    ...{ outcome: 'code-missing', costs: 'a code' },
  },
  {
    what: 'a wrong code beside it',
    typed: async (person) => ({ verificationCode: await house.wrongCode(person) }),
    ...{ outcome: 'code-wrong', costs: 'a code' },
  },
  {
    what: 'eight digits beside it',
    typed: async (person) => ({ verificationCode: `12${await right(person)}` }),
    ...{ outcome: 'code-wrong', costs: 'a code' },
  },
  {
    what: 'eight digits appended',
    typed: async (person) => ({ password: `${PASSWORD}12${await right(person)}` }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a recovery code beside it',
    typed: async ({ recoveryCodes }) => ({ verificationCode: recoveryCodes[0]! }),
    ...{ outcome: 'code-wrong', costs: 'a code' },
  },
  {
    what: 'a recovery code appended',
    typed: async ({ recoveryCodes }) => ({
      password:
        PASSWORD + recoveryCodes.find((recoveryCode) => !/\d{6}$/.test(recoveryCode.replaceAll('-', '')))!,
    }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a space between password and code',
    typed: async (person) => ({ password: `${PASSWORD} ${await right(person)}` }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'NUL in the password',
    typed: async (person) => ({ password: `\0${PASSWORD}${await right(person)}` }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'half a character',
    typed: async (person) => ({ password: `${PASSWORD}\ud800${await right(person)}` }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'an over-long password',
    typed: async () => ({ password: 'x'.repeat(16_000) }),
    ...{ outcome: 'refused', costs: 'a password' },
  },
  {
    what: 'a name that nobody has',
    typed: async (person) => ({ login: 'nobody', password: PASSWORD + (await right(person)) }),
    ...{ outcome: 'refused', costs: 'nothing' },
  },
  {
    what: 'a text that cannot be a name',
    typed: async () => ({ login: '\0'.repeat(9000), password: PASSWORD }),
    ...{ outcome: 'refused', costs: 'nothing' },
  },
];

describe('a tool that is not let in', () => {
  it.each(cases)('after $what: $outcome, which costs $costs', async ({ typed, outcome, costs }) => {
    const person = await house.newPerson();
    await house.chargePassword(person, 3);
    expect(await house.attempt(person, await typed(person))).toEqual({ outcome });
    // What was counted before stays: nothing but a whole sign-in resets it.
    expect(await house.wrongPasswords(person)).toBe(costs === 'a password' ? 4 : 3);
    expect(await house.countEvents(person, 'second-factor-failed')).toBe(costs === 'a code' ? 1 : 0);
    expect(await house.countEvents(person, 'sign-in-failed')).toBe(costs === 'a password' ? 1 : 0);
    // The step of the right code is not used up, whatever it stood beside.
    const password = PASSWORD + (await house.code(person));
    expect(await house.outcomeOf(person, { password })).toBe('issued');
    expect(await house.wrongPasswords(person)).toBe(0);
  });

  it.each(cases)('costs one argon2id verification and one check of a code: $what', async ({ typed }) => {
    const person = await house.newPerson();
    const asked = await typed(person);
    const [runs, codes] = [house.passwords.runs(), house.codesMatched()];
    await house.attempt(person, asked);
    expect([house.passwords.runs() - runs, house.codesMatched() - codes]).toEqual([1, 1]);
  });

  it('costs the same where it is let in, locked, waiting, switched off, closed or without a second factor', async () => {
    const people: Person[] = [];
    for (let made = 0; made < 5; made++) people.push(await house.newPerson());
    people.push(await house.newPerson({ hasAuthenticator: false }));
    const [, locked, waiting, off, closed] = people;
    await house.chargePassword(locked!, 100);
    await house.chargePassword(waiting!, 12);
    await house.switchOff(off!);
    await house.close(closed!.accountId);
    const outcomes: string[] = [];
    for (const person of people) {
      const password = person.secret === '' ? PASSWORD : PASSWORD + (await house.code(person));
      const [runs, codes] = [house.passwords.runs(), house.codesMatched()];
      outcomes.push(await house.outcomeOf(person, { password }));
      expect([house.passwords.runs() - runs, house.codesMatched() - codes]).toEqual([1, 1]);
    }
    expect(outcomes).toEqual(['issued', 'refused', 'refused', 'refused', 'refused', 'refused']);
  });
});

describe('what the counters hold', () => {
  it('refuses a right password and code once the password is locked, and says no more than to a wrong one', async () => {
    const person = await house.newPerson();
    await house.chargePassword(person, 100);
    house.clock.advance(7200);
    expect(await house.outcomeOf(person, { password: PASSWORD + (await house.code(person)) })).toBe(
      'refused',
    );
    expect(await house.outcomeOf(person)).toBe('refused');
    expect(await house.outcomeOf(person, { verificationCode: '123456' })).toBe('refused');
  });

  it('counts a wrong password here and at the sign-in page in one counter, up to the lock at 100', async () => {
    const person = await house.newPerson();
    await house.chargePassword(person, 98);
    house.clock.advance(3600);
    await house.attempt(person, { password: 'wrong' });
    house.clock.advance(3600);
    const login = { login: person.username, password: 'wrong' };
    await expect(house.signIn.startSignIn(login, newOrigin())).rejects.toMatchObject({
      code: 'credentials-wrong',
    });
    expect(await house.wrongPasswords(person)).toBe(100);
    expect(await house.countEvents(person, 'password-locked')).toBe(1);
    house.clock.advance(3600);
    expect(await house.outcomeOf(person, { password: PASSWORD + (await house.code(person)) })).toBe(
      'refused',
    );
  });

  it('lets the owner in with the last try that is left', async () => {
    const person = await house.newPerson();
    await house.chargePassword(person, 99);
    house.clock.advance(3600);
    expect(await house.outcomeOf(person, { password: PASSWORD + (await house.code(person)) })).toBe('issued');
  });

  it('locks the authenticator after 20 wrong codes in a day, however they came, and looks no different then', async () => {
    const person = await house.newPerson();
    const wrong = await house.wrongCode(person);
    const ways: Typed[] = [{}, { verificationCode: wrong }, { password: PASSWORD + wrong }];
    const before: string[] = [];
    for (let tries = 0; tries < 21; tries++) before.push(await house.outcomeOf(person, ways[tries % 3]));
    expect(before.slice(0, 3)).toEqual(['code-missing', 'code-wrong', 'refused']);
    expect(before.slice(18)).toEqual(before.slice(0, 3));
    expect(await house.countEvents(person, 'second-factor-locked')).toBe(1);
    const right = await house.code(person);
    expect(await house.outcomeOf(person, { password: PASSWORD + right })).toBe('refused');
    expect(await house.outcomeOf(person, { verificationCode: right })).toBe('code-wrong');
    expect(await house.outcomeOf(person)).toBe('code-missing');
    expect(await house.wrongPasswords(person)).toBe(0);
    expect(await house.proofs.checkCode(person.accountId, right, newOrigin())).toBe('locked');
  });

  it('lets no number of tries at once past the caps', async () => {
    const person = await house.newPerson();
    const wrong = await house.wrongCode(person);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, () => house.outcomeOf(person, { password: PASSWORD + wrong })),
    );
    expect(new Set(outcomes)).toEqual(new Set(['refused']));
    const rows = await house.stores.audit.findByAccount(person.accountId, 1000);
    const looked = rows.filter(
      ({ event, details }) => event === 'second-factor-failed' && details['isLocked'] === undefined,
    );
    expect(looked.length).toBeLessThanOrEqual(20);
    const other = await house.newPerson();
    await Promise.all(Array.from({ length: 40 }, () => house.attempt(other, { password: 'wrong' })));
    expect(await house.wrongPasswords(other)).toBeLessThanOrEqual(10);
  });

  it('ends what is half done when a wrong code here locks the authenticator (Keycloak #26180)', async () => {
    const person = await house.newPerson();
    for (let tries = 0; tries < 19; tries++) await house.attempt(person);
    const login = { login: person.username, password: PASSWORD };
    const begun = await house.signIn.startSignIn(login, newOrigin());
    if (begun.next !== 'second-factor') throw new Error(begun.next);
    expect(await house.signIn.findSignIn(begun.signInToken)).toBeDefined();
    await house.attempt(person);
    expect(await house.signIn.findSignIn(begun.signInToken)).toBeUndefined();
  });

  it('takes one code once, at this door and at the sign-in page at the same time (better-auth #10387)', async () => {
    for (let times = 0; times < 5; times++) {
      const person = await house.newPerson();
      const login = { login: person.username, password: PASSWORD };
      const begun = await house.signIn.startSignIn(login, newOrigin());
      if (begun.next !== 'second-factor') throw new Error(begun.next);
      const code = await house.code(person);
      const settled = await Promise.allSettled([
        house.attempt(person, { password: PASSWORD + code }),
        house.signIn.finishWithCode(begun.signInToken, code, newOrigin()),
        house.attempt(person, { verificationCode: code }),
      ]);
      const won = settled.filter(
        (one) => one.status === 'fulfilled' && (!('outcome' in one.value) || one.value.outcome === 'issued'),
      );
      expect(won).toHaveLength(1);
    }
  });

  it('refuses a code that was used, and an older one (RFC 6238 §5.2)', async () => {
    const person = await house.newPerson();
    const code = await house.code(person);
    const earlier = await totpCode(person.secret, new Date(house.clock.now().getTime() - 30_000));
    expect(await house.outcomeOf(person, { password: PASSWORD + code })).toBe('issued');
    expect(await house.outcomeOf(person, { password: PASSWORD + code })).toBe('refused');
    expect(await house.outcomeOf(person, { verificationCode: code })).toBe('code-wrong');
    expect(await house.outcomeOf(person, { verificationCode: earlier })).toBe('code-wrong');
  });

  it('tells the owner at most once an hour of a right password without its code', async () => {
    const person = await house.newPerson();
    await house.readMail();
    const wrong = await house.wrongCode(person);
    await house.attempt(person, { password: 'wrong' });
    expect(await house.readMail()).toEqual([]);
    await house.attempt(person);
    await house.attempt(person, { verificationCode: wrong });
    await house.attempt(person, { password: PASSWORD + wrong });
    expect((await house.readMail()).map(({ notice, recipient }) => [notice, recipient])).toEqual([
      ['fallback-wrong-code', person.email],
    ]);
    house.clock.advance(4000);
    await house.attempt(person, { password: PASSWORD + wrong });
    expect(await house.readMail()).toHaveLength(1);
  });

  it('counts a network: 60 failures in ten minutes, and then nothing is looked at', async () => {
    const origin = newOrigin();
    const person = await house.newPerson();
    for (let tries = 0; tries < 60; tries++) await house.attempt(person, { login: `nobody${tries}`, origin });
    const [runs, codes] = [house.passwords.runs(), house.codesMatched()];
    const right = { password: PASSWORD + (await house.code(person)), origin };
    await expect(house.attempt(person, right)).rejects.toMatchObject({ code: 'too-many' });
    expect([house.passwords.runs(), house.codesMatched()]).toEqual([runs, codes]);
    const rows = await house.stores.audit.findByAccount(person.accountId, 100);
    expect(rows.filter(({ event }) => event === 'sign-in-refused')).toHaveLength(1);
    expect(await house.outcomeOf(person, { ...right, origin: newOrigin() })).toBe('issued');
  });

  it('counts nothing while the passwords are busy', async () => {
    const busy = createAccounts({
      ...house.accountsDependencies,
      passwords: {
        hash: house.passwords.hash,
        verify: () => Promise.reject(new PasswordsBusy(3)),
      },
    });
    const door = house.openDoor('with-code', { accounts: busy });
    const person = await house.newPerson();
    const origin = newOrigin();
    for (let tries = 0; tries < 61; tries++) {
      const asked = { login: person.username, password: 'wrong', identifier: 'a-tool', tool: TOOL, origin };
      await expect(door.signInAtFallback(asked)).rejects.toMatchObject({
        code: 'service-busy',
        retryAfterSeconds: 3,
      });
    }
    expect(await house.wrongPasswords(person)).toBe(0);
  });
});

describe('whom the door is for', () => {
  it.each<[mode: FallbackMode, hasAuthenticator: boolean, outcome: string]>([
    ['with-code', true, 'issued'],
    ['with-code', false, 'refused'],
    ['all', true, 'issued'],
    ['all', false, 'issued'],
    ['off', true, 'refused'],
    ['off', false, 'refused'],
  ])('FALLBACK_DOOR=%s, an authenticator: %s, %s', async (mode, hasAuthenticator, outcome) => {
    const person = await house.newPerson({ hasAuthenticator });
    const password = hasAuthenticator ? PASSWORD + (await house.code(person)) : PASSWORD;
    expect(await house.outcomeOf(person, { password }, mode)).toBe(outcome);
  });

  it('does not let a password alone in where the account has an authenticator, whatever the mode', async () => {
    const person = await house.newPerson();
    expect(await house.outcomeOf(person, {}, 'all')).toBe('code-missing');
  });

  it.each<[FallbackMode, Typed]>([
    ['with-code', {}],
    ['all', {}],
    ['all', { verificationCode: '123456' }],
    ['all', { password: `${PASSWORD}123456` }],
  ])(
    'refuses an account whose second factor is a passkey as if the password were wrong: %s, %j',
    async (mode, typed) => {
      const person = await house.newPerson({ hasAuthenticator: false });
      await house.givePasskey(person);
      await house.readMail();
      const [runs, codes] = [house.passwords.runs(), house.codesMatched()];
      expect(await house.attempt(person, typed, mode)).toEqual({ outcome: 'refused' });
      expect([house.passwords.runs() - runs, house.codesMatched() - codes]).toEqual([1, 1]);
      expect(await house.readMail()).toEqual([]);
      expect(await house.stores.tokens.findLinkedTools(person.accountId)).toEqual([]);
    },
  );

  it('takes the code of an authenticator that stands beside passkeys', async () => {
    const person = await house.newPerson();
    await house.givePasskey(person);
    const password = PASSWORD + (await house.code(person));
    expect(await house.outcomeOf(person, { password })).toBe('issued');
  });

  it('says of a tool that came with a password alone that it did', async () => {
    const person = await house.newPerson({ hasAuthenticator: false });
    await house.readMail();
    const found = await house.attempt(person, {}, 'all');
    expect(found).toMatchObject({ tool: { bornWith: 'password', methods: ['pwd'] } });
    expect((await house.readMail()).map(({ details }) => details)).toMatchObject([{ factors: 1 }]);
  });

  const forms = [
    ['the code appended', async (person: Person) => ({ password: PASSWORD + (await house.code(person)) })],
    ['no code', async () => ({})],
    ['a wrong code beside it', async () => ({ verificationCode: 'wrong' })],
  ] as const;

  describe.each([
    [
      'an account whose owner has switched it off',
      async (person: Person) => house.switchOff(person),
      {},
      'with-code',
    ],
    ['every account while the door is off', async () => undefined, {}, 'off'],
    ['an account that is closed', async ({ accountId }: Person) => house.close(accountId), {}, 'with-code'],
    ['an account without a proved address', async () => undefined, { isEmailVerified: false }, 'with-code'],
  ] as const)('is the same answer for %s', (_, arrange, kind, mode) => {
    it.each(forms)('after a right password with %s', async (__, typed) => {
      const person = await house.newPerson(kind);
      await arrange(person);
      await house.readMail();
      expect(await house.attempt(person, await typed(person), mode)).toEqual({ outcome: 'refused' });
      expect(await house.countEvents(person, 'second-factor-failed')).toBe(0);
      expect(await house.readMail()).toEqual([]);
    });
  });
});

describe('what changes while an attempt is looked at', () => {
  it.each<[what: string, work: (person: Person) => Promise<unknown>]>([
    ['the owner switches the door off', (person) => house.switchOff(person)],
    ['the account is closed', ({ accountId }) => house.close(accountId)],
    ['the password is locked', (person) => house.chargePassword(person, 100)],
    ['the password is changed', ({ accountId }) => house.changePassword(accountId)],
    [
      'the code is used elsewhere',
      async (person) => house.proofs.checkCode(person.accountId, await house.code(person), newOrigin()),
    ],
  ])('counts: %s', async (_, work) => {
    const person = await house.newPerson();
    const password = PASSWORD + (await house.code(person));
    house.between.work = () => work(person);
    expect(await house.outcomeOf(person, { password })).toBe('refused');
    expect(await house.stores.tokens.findLinkedTools(person.accountId)).toEqual([]);
  });

  it('counts: a passkey is made while a password alone is on its way', async () => {
    const person = await house.newPerson({ hasAuthenticator: false });
    house.between.work = () => house.givePasskey(person);
    expect(await house.outcomeOf(person, {}, 'all')).toBe('refused');
  });

  it('counts: two-factor is enabled while a password alone is on its way', async () => {
    const person = await house.newPerson({ hasAuthenticator: false });
    house.between.work = () => house.proofs.addAuthenticator(person.accountId, person.username, newOrigin());
    expect(await house.outcomeOf(person, {}, 'all')).toBe('refused');
  });
});

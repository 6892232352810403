// Accounts end to end over a real database: names, sign-up, the first run, and the proof of an address, as an attacker
// would try them. The password check is in password-check.test.ts.
import type { AccountId } from '../../src/domain/vocabulary.js';
import { PASSWORD, openTestAccounts, origin, tokenIn, type TestAccounts } from '../support/accounts.js';

const person = (username: string, email = `${username}@example.org`) => ({
  email,
  username,
  password: PASSWORD,
  language: 'en',
});

let house: TestAccounts;
afterEach(() => house.close());

/** The first account, so that the first run is over; its address is verified. */
async function openWithOwner(settings: Parameters<typeof openTestAccounts>[0] = {}) {
  house = openTestAccounts(settings);
  const { accounts } = house;
  const owner = await accounts.createAccount({
    ...person('Bob', 'Bob@Example.org'),
    role: 'person',
    isEmailVerified: true,
  });
  return { ...house, owner };
}

const idOf = async (login: string): Promise<AccountId> =>
  (await house.accounts.findByLogin(login))!.accountId;

describe('the names of an account', () => {
  it('are found however they are spelt: case, full width, outer space (CVE-2025-24806)', async () => {
    const { accounts, owner } = await openWithOwner();
    for (const login of [
      'Bob',
      'BOB',
      ' bob ',
      'ｂｏｂ',
      'bob@example.org',
      'BOB@EXAMPLE.ORG ',
      'bob＠example.org',
    ]) {
      expect([login, (await accounts.findByLogin(login))?.accountId]).toEqual([login, owner.accountId]);
    }
    for (const login of [
      '',
      ' ',
      'bo b',
      'bob@',
      '@example.org',
      'x'.repeat(100_000),
      'bob@example.org,eve@evil.example',
    ]) {
      expect(await accounts.findByLogin(login)).toBeUndefined();
    }
  });

  it.each([
    ['an e-mail address', 'bob@example.org'],
    ['an address with a full-width @', 'bob＠example.org'],
    ['an address with a small @', 'bob﹫example.org'],
    ['one character', 'b'],
    ['33 characters', 'b'.repeat(33)],
    ['a space inside', 'bob builder'],
    ['a line break', 'bob\nbcc'],
    ['mixed scripts', 'bоb'],
    ['an invisible character', 'bo\u200bb'],
    ['a leading dot', '.bob'],
    ['nothing', ''],
  ])('take no user name that is %s', async (_what, username) => {
    const { accounts } = await openWithOwner();
    const attempt = accounts.signUp(person(username, 'new@example.org'), origin);
    await expect(attempt).rejects.toMatchObject({ code: 'account-name-invalid' });
  });

  it.each([
    'bob',
    'bob@',
    '@example.org',
    'a b@example.org',
    'a@b@c.example',
    'a@example.org\r\nBcc: x@y.example',
    '"a"@example.org',
    '<a@example.org>',
    'a,b@example.org',
    'bоb@example.org',
    'a..b@example.org',
    'a@127.0.0.1',
    'a@-x.example',
    'a@example.org/x',
    `${'a'.repeat(65)}@example.org`,
    `a@${'b.'.repeat(130)}example`,
  ])('take no e-mail address like %j (RFC 5321 §4.1.2)', async (email) => {
    const { accounts } = await openWithOwner();
    await expect(accounts.signUp(person('eve', email), origin)).rejects.toMatchObject({
      code: 'email-invalid',
    });
  });

  it('take an international domain in its ASCII form, so that it has one spelling (RFC 5890 §2.3.2.1)', async () => {
    const { accounts } = await openWithOwner();
    await accounts.signUp(person('eve', 'eve@Exämple.org'), origin);
    expect((await accounts.findByLogin('EVE@exämple.ORG'))?.email).toBe('eve@xn--exmple-cua.org');
  });

  it('are found under an international address as it was typed at sign-up (RFC 5891 §5.2)', async () => {
    const { accounts } = await openWithOwner({ emailVerification: 'optional' });
    const typed = ['ada@straße.example', 'eva@Σίσυφος.example', 'ida@diyarbakır.example'];
    for (const email of typed) {
      const username = email.split('@')[0]!;
      await accounts.signUp(person(username, email), origin);
      expect(await accounts.findByLogin(email)).toMatchObject({ username });
    }
  });

  it('are given to one of two who sign up at once with the same user name', async () => {
    const { accounts } = await openWithOwner();
    const outcomes = await Promise.allSettled(
      ['Eve', 'EVE', 'eve '].map((username, n) =>
        accounts.signUp(person(username, `${n}@example.org`), origin),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'account-name-taken' });
    }
    const left = ['0@example.org', '1@example.org', '2@example.org'].map((email) =>
      accounts.findByLogin(email),
    );
    expect((await Promise.all(left)).filter(Boolean)).toHaveLength(1);
  });
});

describe('sign-up', () => {
  it('makes an account that may only verify where verification is required, and mails a one-time address', async () => {
    const { accounts, readMail } = await openWithOwner();
    expect(await accounts.signUp({ ...person('eve'), language: 'de' }, origin)).toEqual({
      next: 'check-mail',
    });
    const eve = await accounts.findByLogin('eve');
    expect(eve).toMatchObject({
      isEmailVerified: false,
      mayOnlyVerify: true,
      role: 'person',
      language: 'de',
    });
    expect(eve?.subjectId).toBe(eve?.accountId);
    expect(eve?.publicNumber).toBeGreaterThan(0);
    expect(eve?.publicNumber).toBeLessThan(2 ** 31);
    expect(await readMail()).toMatchObject([
      {
        recipient: 'eve@example.org',
        notice: 'verify-email',
        language: 'de',
        details: { username: 'eve', minutes: 1440 },
      },
    ]);
  });

  it('restricts nobody where verification is optional', async () => {
    const { accounts } = await openWithOwner({ emailVerification: 'optional' });
    expect(await accounts.signUp(person('eve'), origin)).toEqual({ next: 'sign-in' });
    expect(await accounts.findByLogin('eve@example.org')).toMatchObject({
      isEmailVerified: false,
      mayOnlyVerify: false,
    });
  });

  it('goes on the same for an address that has an account, and tells its owner only (ASVS 6.3.8)', async () => {
    const { accounts, readMail, passwords, owner, stores } = await openWithOwner();
    const before = passwords.runs();
    const taken = await accounts.signUp(person('eve', 'BOB@example.org'), origin);
    const runsForTaken = passwords.runs() - before;
    const free = await accounts.signUp(person('eva', 'eva@example.org'), origin);
    expect(taken).toEqual(free);
    expect(passwords.runs() - before).toBe(2 * runsForTaken);
    // What can be tried afterwards tells nothing either: both can sign in, to verify and nothing else.
    for (const username of ['eve', 'eva']) {
      const account = await accounts.checkPassword({ login: username }, PASSWORD, origin);
      expect(account).toMatchObject({ username, mayOnlyVerify: true });
      await accounts.sendVerification(account!.accountId, {}, origin);
    }
    const told = (await readMail()).filter(({ recipient }) => recipient !== 'eva@example.org');
    expect(told.map(({ notice, recipient }) => [notice, recipient])).toEqual([
      ['email-already-known', 'Bob@example.org'],
      ['email-already-known', 'Bob@example.org'],
    ]);
    expect(JSON.stringify(told)).not.toMatch(/eve|token/);
    expect((await accounts.findByLogin('bob@example.org'))?.accountId).toBe(owner.accountId);
    const events = (await stores.audit.findByAccount(owner.accountId, 9)).map(({ event }) => event);
    expect(events).toContain('sign-up-with-taken-email');
  });

  it('tells nobody by a later sign-in whether the address had an account (ASVS 6.3.8)', async () => {
    const { accounts } = await openWithOwner();
    await accounts.signUp(
      { ...person('eve', 'bob@example.org'), password: 'five loud geese march on ice' },
      origin,
    );
    await accounts.signUp(
      { ...person('eva', 'eva@example.org'), password: 'five loud geese march on ice' },
      origin,
    );
    for (const login of ['bob@example.org', 'eva@example.org', 'nobody@example.org'])
      expect(await accounts.checkPassword({ login }, 'five loud geese march on ice', origin)).toBeUndefined();
    // A name that is not proved is charged to nobody, as an unknown one is.
    const failures = await house.stores.accounts.findFailures(await idOf('eva'));
    expect(failures).toBeUndefined();
  });

  it('mails one address five times an hour at most, and answers the same beyond (CHECKLIST 2)', async () => {
    const { accounts, readMail, clock } = await openWithOwner();
    for (let n = 0; n < 7; n++) {
      expect(await accounts.signUp(person(`eve${n}`, 'bob@EXAMPLE.org'), origin)).toEqual({
        next: 'check-mail',
      });
    }
    expect(await readMail()).toHaveLength(5);
    clock.advance(3600 * 1.1);
    await accounts.signUp(person('eve9', 'bob@example.org'), origin);
    expect(await readMail()).toHaveLength(1);
  });

  it('is budgeted by network, whatever comes of it', async () => {
    const { accounts } = await openWithOwner();
    for (let n = 0; n < 10; n++) {
      await expect(accounts.signUp(person('bob', `${n}@example.org`), origin)).rejects.toMatchObject({
        code: 'account-name-taken',
      });
    }
    await expect(accounts.signUp(person('eve'), origin)).rejects.toMatchObject({ code: 'too-many' });
    await accounts.signUp(person('eve'), { ...origin, network: '198.51.100.1' });
  });

  it('refuses a weak password with the rule it breaks, and leaves nothing behind', async () => {
    const { accounts, passwords } = await openWithOwner();
    const before = passwords.runs();
    for (const [password, publicDetail] of [
      ['short', 'too-short'],
      ['x'.repeat(300), 'too-long'],
      ['qwertyuiopasdfgh', 'too-easy'],
      ['eve@example.org', 'contains-context'],
    ] as const) {
      const attempt = accounts.signUp({ ...person('eve'), password }, origin);
      await expect(attempt).rejects.toMatchObject({ code: 'password-breaks-rule', publicDetail });
    }
    expect(passwords.runs()).toBe(before);
    expect(await accounts.findByLogin('eve')).toBeUndefined();
  });

  it('is closed by the setting', async () => {
    const { accounts } = await openWithOwner({ signUp: 'closed' });
    await expect(accounts.signUp(person('eve'), origin)).rejects.toMatchObject({ code: 'sign-up-closed' });
  });
});

describe('the first run', () => {
  it('is open while there is no account; sign-up is shut as long', async () => {
    house = openTestAccounts();
    const { accounts } = house;
    expect(await accounts.isFirstRun()).toBe(true);
    await expect(accounts.signUp(person('eve'), origin)).rejects.toMatchObject({ code: 'sign-up-closed' });
    const token = (await accounts.firstRunToken())!;
    const operator = await accounts.createOperator({ ...person('root'), token }, origin);
    expect(operator).toMatchObject({ role: 'operator', username: 'root' });
    expect(await accounts.isFirstRun()).toBe(false);
    expect(await accounts.firstRunToken()).toBeUndefined();
    await accounts.signUp(person('eve'), origin);
  });

  it('knows the newest token only, and keeps its hash', async () => {
    house = openTestAccounts();
    const { accounts, stores } = house;
    const old = (await accounts.firstRunToken())!;
    const token = (await accounts.firstRunToken())!;
    expect(await accounts.isFirstRunToken(old)).toBe(false);
    expect(await accounts.isFirstRunToken(token)).toBe(true);
    expect(await accounts.isFirstRunToken('')).toBe(false);
    expect(await stores.accounts.findFirstRun()).not.toContain(token);
    for (const wrong of [old, '', 'x'.repeat(50_000)]) {
      const attempt = accounts.createOperator({ ...person('root'), token: wrong }, origin);
      await expect(attempt).rejects.toMatchObject({ code: 'first-run-over' });
    }
  });

  it('keeps its token when the form has a fault, and ends with one operator of two at once', async () => {
    house = openTestAccounts();
    const { accounts } = house;
    const token = (await accounts.firstRunToken())!;
    const weak = accounts.createOperator({ ...person('root'), password: 'short', token }, origin);
    await expect(weak).rejects.toMatchObject({ code: 'password-breaks-rule' });
    const outcomes = await Promise.allSettled(
      ['root', 'toor'].map((username) => accounts.createOperator({ ...person(username), token }, origin)),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(lost?.reason).toMatchObject({ code: 'first-run-over' });
    const made = await Promise.all(['root', 'toor'].map((login) => accounts.findByLogin(login)));
    expect(made.filter(Boolean)).toHaveLength(1);
    await expect(accounts.createOperator({ ...person('late'), token }, origin)).rejects.toMatchObject({
      code: 'first-run-over',
    });
  });

  it('is over once an account was made without a browser: its token is dead', async () => {
    house = openTestAccounts();
    const { accounts } = house;
    const token = (await accounts.firstRunToken())!;
    await accounts.createAccount({ ...person('bob'), role: 'operator', isEmailVerified: true });
    expect(await accounts.isFirstRunToken(token)).toBe(false);
    await expect(accounts.createOperator({ ...person('root'), token }, origin)).rejects.toMatchObject({
      code: 'first-run-over',
    });
  });
});

describe('proving an address', () => {
  it('uses the token by posting it, once; looking at it changes nothing (CHECKLIST 2: no state change on GET)', async () => {
    const { accounts, readMail, stores } = await openWithOwner();
    await accounts.signUp({ ...person('eve'), userCode: 'WDJB-MJHT' }, origin);
    const token = tokenIn(await readMail());
    for (let look = 0; look < 3; look++) {
      expect(await accounts.findVerification(token)).toEqual({ email: 'eve@example.org', username: 'eve' });
    }
    expect((await accounts.findByLogin('eve'))?.isEmailVerified).toBe(false);
    const accountId = await idOf('eve');
    const outcomes = await Promise.allSettled([
      accounts.verifyEmail(token, origin),
      accounts.verifyEmail(token, origin),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes.find((outcome) => outcome.status === 'fulfilled')?.value).toEqual({
      accountId,
      userCode: 'WDJB-MJHT',
    });
    expect(await accounts.findAccount(accountId)).toMatchObject({
      isEmailVerified: true,
      mayOnlyVerify: false,
    });
    expect(await accounts.findVerification(token)).toBeUndefined();
    await expect(accounts.verifyEmail(token, origin)).rejects.toMatchObject({ code: 'mail-token-invalid' });
    const events = (await stores.audit.findByAccount(accountId, 9)).map(({ event }) => event);
    expect(events).toEqual(expect.arrayContaining(['account-created', 'email-verified']));
  });

  it('takes a token for 24 hours, and no garbage (NIST SP 800-63B §4.2)', async () => {
    const { accounts, readMail, clock } = await openWithOwner();
    await accounts.signUp(person('eve'), origin);
    const token = tokenIn(await readMail());
    clock.advance(24 * 3600 - 1);
    expect(await accounts.findVerification(token)).toBeDefined();
    clock.advance(1);
    for (const bad of [token, '', 'x', `${token}x`, 'y'.repeat(100_000)]) {
      expect(await accounts.findVerification(bad)).toBeUndefined();
      await expect(accounts.verifyEmail(bad, origin)).rejects.toMatchObject({ code: 'mail-token-invalid' });
    }
    expect(await accounts.removeExpired()).toBe(1);
  });

  it('has one live token for each account: a new mail kills the one before', async () => {
    const { accounts, readMail } = await openWithOwner();
    await accounts.signUp(person('eve'), origin);
    const first = tokenIn(await readMail());
    await accounts.sendVerification(await idOf('eve'), {}, origin);
    const second = tokenIn(await readMail());
    await expect(accounts.verifyEmail(first, origin)).rejects.toMatchObject({ code: 'mail-token-invalid' });
    expect(await accounts.verifyEmail(second, origin)).toEqual({ accountId: await idOf('eve') });
    await accounts.sendVerification(await idOf('eve'), {}, origin);
    expect(await readMail()).toEqual([]);
  });

  it('keeps neither the token nor the user code in the clear', async () => {
    const { accounts, readMail, stores, inTransaction, clock, dependencies } = await openWithOwner();
    await accounts.signUp({ ...person('eve'), userCode: 'WDJB-MJHT' }, origin);
    const [waiting] = await stores.outbox.findDue(clock.now(), 1);
    const token = tokenIn(await readMail());
    expect(waiting?.sealedDetails).not.toMatch(/token|http/);
    const kept = await inTransaction((s) =>
      s.accounts.takeMailToken('verify-email', dependencies.keyring.mac('mail-token', token), clock.now()),
    );
    expect(JSON.stringify(kept)).not.toMatch(new RegExp(`${token}|WDJB`));
  });

  it('lets the owner take the address over from somebody who never proved it, who then cannot sign in by it', async () => {
    const { accounts, readMail, stores } = await openWithOwner();
    await accounts.signUp(
      { ...person('squatter', 'ada@example.org'), password: 'five loud geese march on ice' },
      origin,
    );
    const squattersToken = tokenIn(await readMail());
    await accounts.signUp(person('ada', 'Ada@example.org'), origin);
    const adasMail = await readMail();
    expect(adasMail).toMatchObject([
      { notice: 'verify-email', recipient: 'Ada@example.org', details: { username: 'ada' } },
    ]);
    const squatterId = await idOf('squatter');
    const byMail = (password: string) =>
      accounts.checkPassword({ login: 'ada@example.org' }, password, origin);
    expect(await byMail('five loud geese march on ice')).toBeUndefined();

    await accounts.verifyEmail(tokenIn(adasMail), origin);
    expect(await byMail(PASSWORD)).toMatchObject({ username: 'ada', isEmailVerified: true });
    expect(await byMail('five loud geese march on ice')).toBeUndefined();
    expect(await accounts.findAccount(squatterId)).toMatchObject({ email: '', isEmailVerified: false });
    await expect(accounts.verifyEmail(squattersToken, origin)).rejects.toMatchObject({
      code: 'mail-token-invalid',
    });
    await expect(accounts.sendVerification(squatterId, {}, origin)).rejects.toMatchObject({
      code: 'email-invalid',
    });
    const events = (await stores.audit.findByAccount(squatterId, 20)).map(({ event }) => event);
    expect(events).toContain('email-taken-over');
  });

  it('gives an address to one of two who prove it at once', async () => {
    const { accounts, readMail } = await openWithOwner();
    await accounts.signUp(person('ada', 'x@example.org'), origin);
    const adas = tokenIn(await readMail());
    await accounts.signUp(person('eve', 'x@example.org'), origin);
    const eves = tokenIn(await readMail());
    const outcomes = await Promise.allSettled([
      accounts.verifyEmail(adas, origin),
      accounts.verifyEmail(eves, origin),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((await accounts.findByLogin('x@example.org'))?.username).toBe('ada');
  });

  it('is refused beyond five mails an hour, and for an account that is not there', async () => {
    const { accounts } = await openWithOwner();
    await accounts.signUp(person('eve'), origin);
    const accountId = await idOf('eve');
    for (let n = 1; n < 5; n++) await accounts.sendVerification(accountId, {}, origin);
    await expect(accounts.sendVerification(accountId, {}, origin)).rejects.toMatchObject({
      code: 'too-many',
    });
    await expect(accounts.sendVerification('gone' as AccountId, {}, origin)).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('an account made by the operator', () => {
  it('may have its address vouched for, which takes it from somebody who never proved it, and never from its owner', async () => {
    const { accounts } = await openWithOwner();
    await accounts.signUp(person('squatter', 'ada@example.org'), origin);
    const ada = await accounts.createAccount({ ...person('ada'), role: 'person', isEmailVerified: true });
    expect(ada).toMatchObject({ isEmailVerified: true, mayOnlyVerify: false, role: 'person' });
    expect((await accounts.findByLogin('ada@example.org'))?.accountId).toBe(ada.accountId);
    const again = accounts.createAccount({
      ...person('ada2', 'ada@example.org'),
      role: 'person',
      isEmailVerified: true,
    });
    await expect(again).rejects.toMatchObject({ code: 'account-name-taken' });
    expect(await accounts.findByLogin('ada2')).toBeUndefined();
    const held = accounts.createAccount({
      ...person('ada3', 'ada@example.org'),
      role: 'person',
      isEmailVerified: false,
    });
    await expect(held).rejects.toMatchObject({ code: 'account-name-taken' });
  });

  it('may have a shorter password only where a second factor comes with it (CHECKLIST 3.6)', async () => {
    const { accounts } = await openWithOwner();
    const asked = {
      ...person('ada'),
      password: 'vexquiltjumb',
      role: 'person',
      isEmailVerified: true,
    } as const;
    await expect(accounts.createAccount(asked)).rejects.toMatchObject({ publicDetail: 'too-short' });
    await accounts.createAccount({ ...asked, hasSecondFactor: true });
  });

  it('changes its language, and is unknown when it is not there', async () => {
    const { accounts, owner } = await openWithOwner();
    expect(await accounts.changeLanguage(owner.accountId, 'de')).toBe(true);
    expect(await accounts.findAccount(owner.accountId)).toMatchObject({ language: 'de' });
    expect(await accounts.changeLanguage('gone' as AccountId, 'de')).toBe(false);
  });
});

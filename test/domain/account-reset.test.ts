// Forgotten passwords over the whole house: who gets a link, what it is good for, and how little anybody else learns.
import { randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { createAccountReset } from '../../src/domain/account-reset.js';
import { createMailTokens } from '../../src/domain/mail-tokens.js';
import { createSignIn } from '../../src/domain/sign-in.js';
import { createThrottle } from '../../src/domain/throttle.js';
import { createStores } from '../../src/stores/sql/stores.js';
import type { Sql } from '../../src/stores/sql/statement.js';
import { openTestDatabase } from '../support/databases.js';
import {
  NEW_PASSWORD,
  newOrigin,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
} from '../support/credentials.js';

let test: CredentialsHouse;
beforeAll(async () => {
  test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
});
afterAll(() => test.close());

const reset = (token: string, more: object = {}, newPassword = NEW_PASSWORD) =>
  test.house.accountReset.resetPassword({ token, newPassword, ...more }, newOrigin());

const refused = (code: string) => expect.objectContaining({ code }) as Error;

describe('asking for a new password', () => {
  it('mails a link of 32 bytes that is good for 45 minutes, and keeps only its MAC (CHECKLIST 3.5)', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(await test.house.accountReset.findReset(token)).toEqual({
      accountId: anna.accountId,
      username: anna.username,
      hasSecondFactor: false,
    });
    test.clock.advance(45 * 60 - 1);
    expect(await test.house.accountReset.findReset(token)).toBeDefined();
    test.clock.advance(1);
    expect(await test.house.accountReset.findReset(token)).toBeUndefined();
    await expect(reset(token)).rejects.toEqual(refused('mail-token-invalid'));
  });

  it('keeps one link alive for an account: the newest', async () => {
    const anna = await test.newPerson();
    const older = await test.resetToken(anna);
    const newer = await test.resetToken(anna);
    await expect(reset(older)).rejects.toEqual(refused('mail-token-invalid'));
    await expect(reset(newer)).resolves.toBeDefined();
  });

  it('finds the account by user name too, and however it is spelt', async () => {
    const anna = await test.newPerson();
    await test.house.accountReset.askReset(` ${anna.username.toUpperCase()} `, {}, newOrigin());
    expect(await test.tokenMailedTo(anna.email)).toBeTruthy();
  });

  it('mails nobody at an address that is not proved, nor for an account without a password', async () => {
    const { house } = test;
    const asked = { email: 'unproved@example.com', username: 'unproved', password: PASSWORD };
    await house.accounts.createAccount({ ...asked, role: 'person', isEmailVerified: false });
    await house.accountReset.askReset('unproved@example.com', {}, newOrigin());
    expect(await test.mailsTo('unproved@example.com')).toEqual([]);

    const federated = await test.newPerson();
    const { passwordHash } = (await test.find(federated))!;
    const token = await test.resetToken(federated);
    const to = { accountId: federated.accountId, to: '', length: 0 };
    const take = { ...to, from: passwordHash, at: new Date(0) };
    await house.inTransaction(({ accounts }) => accounts.replacePassword(take));
    await expect(reset(token)).rejects.toEqual(refused('mail-token-invalid'));
    await house.accountReset.askReset(federated.email, {}, newOrigin());
    expect(await test.mailsTo(federated.email)).toEqual([]);
  });

  it('says nothing more than "too many" to a network, and nothing at all about a mailbox that is full', async () => {
    const anna = await test.newPerson();
    for (let asked = 0; asked < 5; asked++) await test.resetToken(anna);
    await expect(test.house.accountReset.askReset(anna.email, {}, newOrigin())).resolves.toBeUndefined();
    expect(await test.mailsTo(anna.email)).toEqual([]);
    const origin = newOrigin();
    for (let asked = 0; asked < 20; asked++) await test.house.accountReset.askReset('nobody', {}, origin);
    await expect(test.house.accountReset.askReset('nobody', {}, origin)).rejects.toEqual(refused('too-many'));
  });
});

describe('the work of asking', () => {
  it('is the same, statement by statement, whether or not there is such an account (Keycloak #26625)', async () => {
    const ran: string[] = [];
    const counted = (sql: Sql): Sql => {
      const noting =
        <Name extends 'all' | 'one' | 'change'>(name: Name) =>
        (statement: never, values: never) => {
          ran.push(`${name} ${Object.keys(values).join(' ')}`);
          return sql[name](statement, values) as never;
        };
      return { all: noting('all'), one: noting('one'), change: noting('change') };
    };
    const database = openTestDatabase((sql) => createStores(counted(sql)));
    const { house } = test;
    const anna = await test.newPerson();
    const { stores, inTransaction } = database;
    const record = (await test.find(anna))!;
    await inTransaction(async ({ accounts }) => {
      await accounts.insert(record);
      const name = { folded: anna.email, accountId: anna.accountId, kind: 'email', isProved: true } as const;
      await accounts.claimName(name);
    });
    const coarse = { add: async () => 0, find: async () => 0 };
    const { now } = test.clock;
    const { keyring } = house;
    let secrets = 0;
    const newSecret = () => `secret-${++secrets}`;
    const asking = createAccountReset({
      ...house,
      store: stores.accounts,
      inTransaction,
      mailTokens: createMailTokens({ store: stores.accounts, keyring, now, newSecret }),
      throttle: createThrottle({ now, budgets: stores.budgets, inTransaction, coarse }),
      access: { endAccess: async () => [] },
      announce: () => undefined,
      settings: { publicUrl: 'https://pin.example.org' },
    });
    const workOf = async (login: string) => {
      ran.length = 0;
      await asking.askReset(login, { userCode: 'WDJBMJHT' }, newOrigin());
      return [...ran];
    };
    const known = await workOf(anna.email);
    expect(known.length).toBeGreaterThan(8);
    expect(await workOf('nobody@example.com')).toEqual(known);
    expect(await workOf('no login at all @')).toEqual(known);
    expect(await stores.outbox.findDue(now(), 10)).toHaveLength(1);
    expect(secrets).toBe(3);
    await database.close();
  });
});

describe('a link by mail', () => {
  it('changes the password once, and signs nobody in', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    test.clock.advance(1);
    await reset(token);
    await expect(test.signIn(anna)).rejects.toEqual(refused('credentials-wrong'));
    await expect(test.signIn(anna, NEW_PASSWORD)).resolves.toBeDefined();
    await expect(reset(token)).rejects.toEqual(refused('mail-token-invalid'));
    expect((await test.mailsTo(anna.email)).map(({ notice }) => notice)).toContain('password-reset');
    expect(await test.eventsOf(anna)).toContain('password-reset');
  });

  it('is used by one of two at once', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    const both = await Promise.allSettled([reset(token), reset(token, {}, 'nine herons read the tide')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = both.find((one) => one.status === 'rejected');
    expect(lost).toMatchObject({ reason: { code: 'mail-token-invalid' } });
  });

  it('stays good when the new password breaks the rule', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    await expect(reset(token, {}, 'too short')).rejects.toEqual(refused('password-breaks-rule'));
    await expect(reset(token, {}, anna.email)).rejects.toEqual(refused('password-breaks-rule'));
    await expect(reset(token)).resolves.toBeDefined();
  });

  it('is dead once the password was changed by other means, or the address', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    test.clock.advance(1);
    const { session } = await test.signIn(anna);
    const asked = { password: PASSWORD, newPassword: NEW_PASSWORD };
    await test.house.accountPassword.changePassword(session, asked, newOrigin());
    await expect(reset(token, {}, 'nine herons read the tide')).rejects.toEqual(
      refused('mail-token-invalid'),
    );
  });

  it('is good for nothing else, nor another link for this (Keycloak CVE-2026-4282)', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    const { accounts, accountClosing } = test.house;
    expect(await accounts.findVerification(token)).toBeUndefined();
    expect(await accountClosing.findKeepable(token)).toBeUndefined();
    await expect(reset('x'.repeat(200))).rejects.toEqual(refused('mail-token-invalid'));
    await expect(reset('')).rejects.toEqual(refused('mail-token-invalid'));
  });

  it('ends every session, half-done sign-in and linked tool, and frees a locked password', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { house } = test;
    const { token: sessionToken } = await test.signIn(anna);
    const begun = await house.signIn.startSignIn({ login: anna.username, password: PASSWORD }, newOrigin());
    const halfDone = begun.next === 'second-factor' ? begun.signInToken : '';
    await test.letToolIn(anna);
    expect(await house.linkedTools.listLinkedTools(anna.accountId)).toHaveLength(1);
    for (let seen = 0; seen < 100; seen++) {
      await house.inTransaction(({ accounts }) =>
        accounts.chargeFailure(anna.accountId, seen, test.clock.now()),
      );
    }

    const token = await test.resetToken(anna);
    const code = await test.freshCode(anna);
    await reset(token, { code });

    expect(await house.sessions.findSession(sessionToken)).toBeUndefined();
    expect(await house.signIn.findSignIn(halfDone)).toBeUndefined();
    expect(await house.linkedTools.listLinkedTools(anna.accountId)).toEqual([]);
    await expect(test.signIn(anna, NEW_PASSWORD)).resolves.toBeDefined();
  });

  it('brings the code along that waited when it was asked for', async () => {
    const anna = await test.newPerson();
    await test.house.accountReset.askReset(anna.email, { userCode: 'WDJBMJHT' }, newOrigin());
    const token = await test.tokenMailedTo(anna.email);
    expect(await reset(token)).toEqual({ accountId: anna.accountId, userCode: 'WDJBMJHT' });
  });
});

describe('a link by mail to an account with a second factor', () => {
  it('asks for it: a mailbox alone opens nothing', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const token = await test.resetToken(anna);
    await expect(reset(token)).rejects.toEqual(refused('code-wrong'));
    await expect(reset(token, { code: await test.wrongCode(anna) })).rejects.toEqual(refused('code-wrong'));
    const used = await test.freshCode(anna);
    await expect(reset(token, { code: used })).resolves.toBeDefined();
    const second = await test.resetToken(anna);
    await expect(reset(second, { code: used })).rejects.toEqual(refused('code-wrong'));
  });

  it('takes a recovery code, once', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const [recoveryCode] = anna.recoveryCodes;
    await reset(await test.resetToken(anna), { recoveryCode });
    test.clock.advance(1);
    const next = await test.resetToken(anna);
    await expect(reset(next, { recoveryCode })).rejects.toEqual(refused('code-wrong'));
  });

  it('waits after five wrong codes, stays good, and leaves the failures in the counters of the account', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const token = await test.resetToken(anna);
    const code = await test.wrongCode(anna);
    for (let tries = 0; tries < 5; tries++) {
      await expect(reset(token, { code })).rejects.toEqual(refused('code-wrong'));
    }
    await expect(reset(token, { code })).rejects.toEqual(refused('too-many'));
    await expect(reset(token, { recoveryCode: anna.recoveryCodes[0] })).rejects.toEqual(refused('too-many'));
    expect(await test.house.accountReset.findReset(token)).toBeDefined();
    const failed = (await test.eventsOf(anna)).filter((event) => event === 'second-factor-failed');
    expect(failed).toHaveLength(5);
  });

  it('takes a recovery code where the authenticator is locked, which it stays', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { house, clock } = test;
    const wrong = await test.wrongCode(anna);
    for (let tries = 0; tries < 20; tries++) await house.proofs.checkCode(anna.accountId, wrong, newOrigin());
    const token = await test.resetToken(anna);
    await expect(reset(token, { code: await test.freshCode(anna) })).rejects.toEqual(
      refused('factor-locked'),
    );
    await reset(token, { recoveryCode: anna.recoveryCodes[0] });
    clock.advance(60);
    expect(await house.proofs.checkCode(anna.accountId, await test.freshCode(anna), newOrigin())).toBe(
      'locked',
    );
  });

  it('asks for one that was added while the form was open', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    const { house } = test;
    const late = createAccountReset({
      ...house,
      store: house.stores.accounts,
      mailTokens: createMailTokens({
        ...house,
        store: house.stores.accounts,
        newSecret: () => 'none',
      }),
      access: { endAccess: async () => [] },
      announce: () => undefined,
      settings: { publicUrl: test.url },
      // It was looked for a moment before it was added.
      proofs: { ...house.proofs, hasSecondFactor: async () => false },
    });
    await house.proofs.addAuthenticator(anna.accountId, anna.username, newOrigin());
    const answer = { token, newPassword: NEW_PASSWORD };
    await expect(late.resetPassword(answer, newOrigin())).rejects.toEqual(refused('code-wrong'));
    expect(await house.accountReset.findReset(token)).toEqual({
      accountId: anna.accountId,
      username: anna.username,
      hasSecondFactor: true,
    });
  });
});

describe('a reset that races', () => {
  it('a sign-in with the old password leaves no session and no half-done sign-in behind it', async () => {
    for (const isCareful of [false, true]) {
      const anna = await test.newPerson({ isCareful });
      const { house } = test;
      const token = await test.resetToken(anna);
      const more = isCareful ? { code: await test.freshCode(anna) } : {};
      const slow = createSignIn({
        ...house,
        store: house.stores.signIns,
        newSecret: randomSecret,
        hash: sha256,
        accounts: {
          ...house.accounts,
          checkPassword: async (...asked: Parameters<typeof house.accounts.checkPassword>) => {
            const account = await house.accounts.checkPassword(...asked);
            await reset(token, more);
            return account;
          },
        },
      });
      const asked = { login: anna.username, password: PASSWORD };
      await expect(slow.startSignIn(asked, newOrigin())).rejects.toEqual(refused('credentials-wrong'));
      expect(await house.sessions.listSessions(anna.accountId)).toEqual([]);
    }
  });

  it('a change of the password: whichever comes first, the session of the other is over', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    const token = await test.resetToken(anna);
    const asked = { password: PASSWORD, newPassword: 'nine herons read the tide' };
    const change = () => test.house.accountPassword.changePassword(session, asked, newOrigin());
    const [changed, wasReset] = await Promise.allSettled([change(), reset(token)]);
    const winners = [changed, wasReset].filter(({ status }) => status === 'fulfilled');
    expect(winners).toHaveLength(1);
    const password = wasReset.status === 'fulfilled' ? NEW_PASSWORD : asked.newPassword;
    await expect(test.signIn(anna, password)).resolves.toBeDefined();
  });
});

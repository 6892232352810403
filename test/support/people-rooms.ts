// Rooms where people sign in: the real ones over a real database, with a cheap argon2id, a clock that stands, and a password
// that everybody shares. What the pages and doors need beside them is in app.ts.
import { randomUUID } from 'node:crypto';
import { createPasswords } from '../../src/crypto/passwords.js';
import { createPasskeyProtocol } from '../../src/crypto/passkeys.js';
import { createKeyring, randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { totpCode } from '../../src/crypto/totp.js';
import { createAccounts } from '../../src/domain/accounts.js';
import { createAudit } from '../../src/domain/audit.js';
import { createNotices } from '../../src/domain/notices.js';
import { createPasskeys } from '../../src/domain/passkeys.js';
import { createPasswordRenewal } from '../../src/domain/password-renewal.js';
import { createPasswordRule } from '../../src/domain/password-rule.js';
import { createProofs } from '../../src/domain/proofs.js';
import { createKnownBrowsers } from '../../src/domain/known-browsers.js';
import { createSessions } from '../../src/domain/sessions.js';
import { createSignIn } from '../../src/domain/sign-in.js';
import { createThrottle } from '../../src/domain/throttle.js';
import { createTwoFactor } from '../../src/domain/two-factor.js';
import { createOperatorHelp } from '../../src/domain/two-factor-operator.js';
import { createTwoFactorPasskeys } from '../../src/domain/two-factor-passkeys.js';
import type { AccountId, Origin } from '../../src/domain/vocabulary.js';
import { createWaysIn } from '../../src/domain/ways-in.js';
import { createCredentialStore } from '../../src/stores/sql/account-credentials.js';
import { createAccountStore } from '../../src/stores/sql/accounts.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createBudgetStore } from '../../src/stores/sql/budgets.js';
import { createIdentityStore } from '../../src/stores/sql/identities.js';
import { createOutboxStore } from '../../src/stores/sql/outbox.js';
import { createPasskeyStore } from '../../src/stores/sql/passkeys.js';
import { createHostSessionStore } from '../../src/stores/sql/protected-hosts.js';
import { createProofStore } from '../../src/stores/sql/proofs.js';
import { createSessionStore } from '../../src/stores/sql/sessions.js';
import { createSignInStore } from '../../src/stores/sql/sign-ins.js';
import { createMemoryCounters } from '../../src/stores/ephemeral/counters.js';
import { createTestClock } from './clock.js';
import { openTestDatabase } from './databases.js';

/** The password of everybody in these rooms. */
export const PASSWORD = 'seven brass otters hum at dusk';
interface Who {
  readonly username: string;
  readonly password?: string;
  readonly origin: Origin;
}

let networks = 0;
/** A network that nobody has tried from. */
export const newOrigin = (): Origin => {
  const network = `203.0.113.${++networks}`;
  return { networkAddress: network, network, userAgent: 'a browser', requestId: 'r' };
};

export type PeopleRooms = ReturnType<typeof openPeopleRooms>;

/** Opens an empty house where people sign in; an address counts as proved unless said otherwise. */
export function openPeopleRooms() {
  const clock = createTestClock();
  const { now } = clock;
  const database = openTestDatabase((sql) => ({
    accounts: createAccountStore(sql),
    audit: createAuditStore(sql),
    budgets: createBudgetStore(sql),
    credentials: createCredentialStore(sql),
    identities: createIdentityStore(sql),
    hostSessions: createHostSessionStore(sql),
    outbox: createOutboxStore(sql),
    passkeys: createPasskeyStore(sql),
    proofs: createProofStore(sql),
    sessions: createSessionStore(sql),
    signIns: createSignInStore(sql),
  }));
  const { stores, inTransaction } = database;
  const keyring = createKeyring({ secret: 'a root secret that only these tests know' });
  const sealer = {
    seal: (plaintext: string, context: string) => keyring.seal('totp', plaintext, context),
    open: (sealed: string, context: string) => keyring.open('totp', sealed, context),
  };
  const passwords = createPasswords({ keyring, memoryKib: 1024, queueLimit: 1000 });
  const audit = createAudit({ now });
  const notices = createNotices({ now, newId: randomUUID, sealer });
  const coarse = createMemoryCounters({ now });
  const throttle = createThrottle({ now, budgets: stores.budgets, inTransaction, coarse });
  const random = { newId: randomUUID, newSecret: randomSecret, hash: sha256 };
  const house = { inTransaction, audit, notices, throttle, passwords, now, ...random };
  const rule = createPasswordRule({ estimateStrength: async () => 4, serviceWords: [] });
  const accountsDependencies = {
    ...house,
    store: stores.accounts,
    rule,
    keyring,
    settings: {
      signUp: 'open',
      emailVerification: 'required',
      publicUrl: 'https://pin.example.org',
    } as const,
  };
  const accounts = createAccounts(accountsDependencies);
  const findRecipient = async (accountId: AccountId) => {
    const account = await accounts.findAccount(accountId);
    if (!account?.isEmailVerified) return undefined;
    return { email: account.email, username: account.username, language: 'en' };
  };
  const proofsDependencies = {
    ...house,
    store: stores.proofs,
    sealer,
    findRecipient,
    issuer: 'Linchpin',
  };
  const proofs = createProofs(proofsDependencies);
  const sessions = createSessions({ ...house, store: stores.sessions });
  const knownBrowsers = createKnownBrowsers({ ...house, keyring });
  const protocol = createPasskeyProtocol({ publicUrl: 'https://pin.example.org', serviceName: 'Linchpin' });
  const passkeys = createPasskeys({ ...house, store: stores.passkeys, protocol, findRecipient });
  const signInDependencies = {
    ...{ ...house, store: stores.signIns, accounts, proofs, passkeys, sessions, knownBrowsers },
  };
  const signIn = createSignIn(signInDependencies);
  const passwordRenewal = createPasswordRenewal({ ...house, store: stores.accounts, rule });
  const twoFactorDependencies = {
    ...{ ...house, accounts, proofs, passkeys, sessions, signIn, passwordRenewal, findRecipient },
  };
  const twoFactor = createTwoFactor(twoFactorDependencies);
  const waysIn = createWaysIn({ issuers: new Set(['https://id.example.net']) });
  const operatorHelp = createOperatorHelp({ ...twoFactorDependencies, waysIn });
  const ownPasskeys = createTwoFactorPasskeys({ ...twoFactorDependencies, protocol, waysIn });

  /** Signing in where something else lands right after the password was found right. */
  const racingSignIn = (meanwhile: () => Promise<void>) =>
    createSignIn({
      ...signInDependencies,
      accounts: {
        ...accounts,
        checkPassword: async (...asked: Parameters<typeof accounts.checkPassword>) => {
          const account = await accounts.checkPassword(...asked);
          await meanwhile();
          return account;
        },
      },
    });

  let people = 0;
  /** An account with a password. */
  async function newPerson({ isEmailVerified = true, password = PASSWORD, hasSecondFactor = false } = {}) {
    const username = `person${++people}`;
    const email = `${username}@example.org`;
    const asked = { email, username, password, role: 'person', isEmailVerified, hasSecondFactor } as const;
    return { ...(await accounts.createAccount(asked)), password, origin: newOrigin() };
  }

  /** An account with a password, an authenticator and recovery codes. */
  async function newCarefulPerson({ password = PASSWORD } = {}) {
    const person = await newPerson({ password, hasSecondFactor: true });
    const added = await proofs.addAuthenticator(person.accountId, person.username, person.origin);
    return { ...person, ...added };
  }

  /** The right password, and the token of the half-done sign-in. */
  async function halfWay(person: Who): Promise<string> {
    const { username: login, password = PASSWORD, origin } = person;
    const begun = await signIn.startSignIn({ login, password }, origin);
    if (begun.next !== 'second-factor') throw new Error('no second factor was asked for');
    return begun.signInToken;
  }

  async function signedIn(person: Who & { secret?: string }) {
    if (person.secret === undefined) {
      const done = await signIn.startSignIn({ login: person.username, password: PASSWORD }, person.origin);
      if (done.next !== 'done') throw new Error('a second factor was asked for');
      return done;
    }
    clock.advance(60);
    return signIn.finishWithCode(await halfWay(person), await code(person.secret), person.origin);
  }

  const code = (secret: string) => totpCode(secret, now());

  async function wrongCode(secret: string): Promise<string> {
    const right = [await code(secret), await totpCode(secret, new Date(now().getTime() - 30_000))];
    return ['000000', '111111', '222222'].find((candidate) => !right.includes(candidate))!;
  }

  async function countEvents(accountId: AccountId, name: string): Promise<number> {
    const rows = await stores.audit.findByAccount(accountId, 1000);
    return rows.filter(({ event }) => event === name).length;
  }

  /** The notices that wait in the outbox for a person, by name. */
  async function mailsTo({ email }: { readonly email: string }): Promise<string[]> {
    const due = await stores.outbox.findDue(now(), 1000);
    return due
      .filter(({ recipient }) => recipient === email)
      .map(({ notice }) => notice)
      .sort();
  }

  /** Arranges an account that is signed in to by other ways only. */
  async function forgetPassword(accountId: AccountId): Promise<void> {
    const from = (await stores.accounts.find(accountId))!.passwordHash;
    await inTransaction((given) => given.accounts.replacePasswordHash(accountId, from, ''));
  }

  /** Arranges so many wrong passwords in a row. */
  async function chargePassword(accountId: AccountId, times: number): Promise<void> {
    for (let seen = 0; seen < times; seen++) {
      await inTransaction((given) => given.accounts.chargeFailure(accountId, seen, now()));
    }
  }

  return {
    ...{
      clock,
      database,
      stores,
      inTransaction,
      passwords,
      accounts,
      accountsDependencies,
      proofs,
      proofsDependencies,
      sessions,
    },
    ...{
      newOrigin,
      throttle,
      signIn,
      signInDependencies,
      racingSignIn,
      newPerson,
      newCarefulPerson,
      halfWay,
      signedIn,
      code,
      wrongCode,
    },
    ...{
      twoFactor,
      twoFactorDependencies,
      operatorHelp,
      passkeys,
      ownPasskeys,
      passwordRenewal,
      countEvents,
      chargePassword,
      forgetPassword,
      mailsTo,
    },
  };
}

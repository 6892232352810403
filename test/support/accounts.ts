// Accounts for tests: the real rooms over a real database, with a cheap argon2id that counts its runs, a clock that stands,
// and a mailbox that reads what the outbox holds.
import { randomUUID } from 'node:crypto';
import { createPasswords } from '../../src/crypto/passwords.js';
import { createKeyring, randomSecret } from '../../src/crypto/secrets.js';
import { createAccounts } from '../../src/domain/accounts.js';
import { createAudit } from '../../src/domain/audit.js';
import { createNotices, type Deliver } from '../../src/domain/notices.js';
import { createPasswordRule } from '../../src/domain/password-rule.js';
import { createThrottle } from '../../src/domain/throttle.js';
import type { Origin } from '../../src/domain/vocabulary.js';
import { createAccountStore } from '../../src/stores/sql/accounts.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createBudgetStore } from '../../src/stores/sql/budgets.js';
import { createIdentityStore } from '../../src/stores/sql/identities.js';
import { createOutboxStore } from '../../src/stores/sql/outbox.js';
import { createProofStore } from '../../src/stores/sql/proofs.js';
import { createTestClock } from './clock.js';
import { estimateStrength } from './costly.js';
import { openTestDatabase } from './databases.js';

export const origin: Origin = {
  networkAddress: '203.0.113.7',
  network: '203.0.113.7',
  userAgent: 'a browser',
  requestId: 'request-1',
};

export const PASSWORD = 'seven brass otters hum at dusk';

export interface TestAccountSettings {
  readonly signUp?: 'open' | 'closed';
  readonly emailVerification?: 'required' | 'optional';
  /** The argon2id gate: how many run at once, and how many may wait. */
  readonly gate?: { readonly concurrency: number; readonly queueLimit: number };
}

export type TestAccounts = ReturnType<typeof openTestAccounts>;
export type ReceivedMail = Parameters<Deliver>[0];

/** Opens an empty house with accounts in it; verification is required unless said otherwise. */
export function openTestAccounts({
  signUp = 'open',
  emailVerification = 'required',
  gate,
}: TestAccountSettings = {}) {
  const clock = createTestClock();
  const { now } = clock;
  const database = openTestDatabase((sql) => ({
    accounts: createAccountStore(sql),
    audit: createAuditStore(sql),
    budgets: createBudgetStore(sql),
    identities: createIdentityStore(sql),
    outbox: createOutboxStore(sql),
    proofs: createProofStore(sql),
  }));
  const { stores, inTransaction } = database;
  const keyring = createKeyring({ secret: 'a root secret for tests, long enough' });
  const cheap = { memoryKib: 1024, passes: 2 };
  const passwords = createPasswords({ keyring, ...cheap, ...gate });
  const audit = createAudit({ now });
  const notices = createNotices({
    now,
    newId: randomUUID,
    sealer: {
      seal: (plaintext, context) => keyring.seal('mail-token', plaintext, context),
      open: (sealed, context) => keyring.open('mail-token', sealed, context),
    },
  });
  const coarse = { add: async () => 0, find: async () => 0 };
  const dependencies = {
    store: stores.accounts,
    inTransaction,
    audit,
    notices,
    throttle: createThrottle({ now, budgets: stores.budgets, inTransaction, coarse }),
    passwords,
    rule: createPasswordRule({ estimateStrength, serviceWords: ['Linchpin'] }),
    keyring,
    now,
    newId: randomUUID,
    newSecret: randomSecret,
    settings: { signUp, emailVerification, publicUrl: 'https://pin.example.org' },
  };

  return {
    accounts: createAccounts(dependencies),
    dependencies,
    clock,
    passwords,
    notices,
    stores,
    inTransaction,

    /** Sends what is due, and gives it. */
    async readMail(): Promise<ReceivedMail[]> {
      const received: ReceivedMail[] = [];
      await notices.sendDue(stores.outbox, inTransaction, async (mail) => void received.push(mail));
      return received;
    },

    close: database.close,
  };
}

/** The one-time token in the address of the last mail that has one. */
export function tokenIn(mails: readonly ReceivedMail[]): string {
  const addresses = mails.map(({ details }) => ('address' in details ? details.address : ''));
  const token = addresses.map((address) => new URL(address).searchParams.get('token')).findLast(Boolean);
  if (!token) throw new Error('no mail holds a token');
  return token;
}

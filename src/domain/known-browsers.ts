// Browsers in which an account has been fully signed in to. Such a browser has a count of wrong passwords of its own, so that
// strangers who guess cannot lock the owner out; a sign-in from any other browser is told to the owner. What is known of a
// browser is a secret in its cookie, kept here as a keyed hash, and changed at every sign-in: a copy is worth nothing after
// the owner's next one. It is no factor, and lets nobody in. Specification: NIST SP 800-63B §3.2.2, CHECKLIST 3.2.
import type { Keyring } from '../crypto/secrets.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import { readUserAgent } from './user-agent.js';
import type { AccountId, Clock, Origin } from './vocabulary.js';

export interface KnownBrowser {
  readonly browserId: string;
  readonly accountId: AccountId;
  readonly browserMac: string;
  /** Wrong passwords in a row, given in it for this account. */
  readonly failures: number;
  readonly failedAt: Date;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
}

export interface KnownBrowserStore {
  findKnownBrowser(accountId: AccountId, browserMac: string): Promise<KnownBrowser | undefined>;
  countKnownBrowsers(accountId: AccountId): Promise<number>;
  insertKnownBrowser(browser: KnownBrowser): Promise<void>;
  /** Every account that knows a browser by the one hash knows it by the other from now on. */
  replaceBrowserMac(from: string, to: string): Promise<void>;
  /** It was signed in with: none of its failures counts any more. */
  markBrowserUsed(browserId: string, at: Date): Promise<void>;
  /** Counts one more; false when the count is not `seen` any more. */
  chargeKnownBrowser(browserId: string, seen: number, at: Date): Promise<boolean>;
  giveBrowserFailureBack(browserId: string): Promise<void>;
  forgiveKnownBrowser(browserId: string): Promise<void>;
  /** Keeps those of the account that were used last, and removes the others. */
  removeOldestBrowsers(accountId: AccountId, keep: number): Promise<void>;
  removeKnownBrowsers(accountId: AccountId): Promise<void>;
}

/** Whom a sign-in is told to, and at what address. */
interface Owner {
  readonly accountId: AccountId;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly username: string;
  readonly language?: string;
  readonly createdAt: Date;
}

const MOST_BROWSERS = 10;
/** Whoever signs in for the first time so soon after an account was made is who made it. */
const NEW_ACCOUNT_SECONDS = 3600;

const macOf = (keyring: Pick<Keyring, 'mac'>, key: string) => keyring.mac('cookie', 'known-browser', key);

/** The hashes under which a browser may be known, by the secret in its cookie: one for each key of the house. */
export const browserMarksOf = (keyring: Pick<Keyring, 'macs'>, key: string): readonly string[] =>
  keyring.macs('cookie', 'known-browser', key);

/** What is known of the browser that a request came from, for this account. */
export async function findBrowserOf(
  { accounts }: { readonly accounts: Pick<KnownBrowserStore, 'findKnownBrowser'> },
  accountId: AccountId,
  { browserMarks = [] }: Pick<Origin, 'browserMarks'>,
): Promise<KnownBrowser | undefined> {
  for (const mark of browserMarks) {
    const found = await accounts.findKnownBrowser(accountId, mark);
    if (found) return found;
  }
  return undefined;
}

export interface KnownBrowsersDependencies {
  readonly notices: Notices;
  readonly keyring: Pick<Keyring, 'mac'>;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
}

export type KnownBrowsers = ReturnType<typeof createKnownBrowsers>;

export function createKnownBrowsers({ notices, keyring, now, newId, newSecret }: KnownBrowsersDependencies) {
  async function tellOwner(stores: { outbox: OutboxStore }, owner: Owner, origin: Origin): Promise<void> {
    if (!owner.isEmailVerified) return;
    const { accountId, email, username, language } = owner;
    const { browser = '', system = '' } = readUserAgent(origin.userAgent ?? '');
    const details = { username, ...whereAndWhen(origin, now()), browser, system };
    const to = { email, language: language ?? 'en', accountId };
    await notices.tell(stores, 'sign-in-unknown-browser', to, details);
  }

  return {
    /**
     * A full sign-in, in its own transaction: from now on its browser is known to the account, the ten used last are, and the
     * owner is told of one that was not. Resolves to the secret for its cookie, which takes the place of any that it had.
     */
    async welcomeBrowser(
      stores: { readonly accounts: KnownBrowserStore; readonly outbox: OutboxStore },
      owner: Owner,
      origin: Origin,
    ): Promise<string> {
      const { accountId, createdAt } = owner;
      const { accounts } = stores;
      const key = newSecret();
      const browserMac = macOf(keyring, key);
      const at = now();
      const known = await findBrowserOf(stores, accountId, origin);
      for (const mark of origin.browserMarks ?? []) await accounts.replaceBrowserMac(mark, browserMac);
      if (known) {
        await accounts.markBrowserUsed(known.browserId, at);
        return key;
      }
      const isFirst = (await accounts.countKnownBrowsers(accountId)) === 0;
      const isNew = at.getTime() - createdAt.getTime() < NEW_ACCOUNT_SECONDS * 1000;
      const times = { failedAt: new Date(0), createdAt: at, lastUsedAt: at };
      await accounts.insertKnownBrowser({ browserId: newId(), accountId, browserMac, failures: 0, ...times });
      await accounts.removeOldestBrowsers(accountId, MOST_BROWSERS);
      if (!isFirst || !isNew) await tellOwner(stores, owner, origin);
      return key;
    },
  };
}

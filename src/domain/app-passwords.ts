// App passwords, the safer sibling of password and code: each belongs to one old tool, is shown once when it is made, opens
// nothing but the fallback door (fallback-app-password), and can be ended by itself. Which tools end with it: linked-tools.
// Specification: CHECKLIST 3.8.2, DESIGN 5 and 6, NIST SP 800-63B §3.1.2.
import { drawCode, type Keyring } from '../crypto/secrets.js';
import {
  APP_PASSWORD_LENGTH,
  APP_PASSWORD_LETTERS,
  showAppPassword,
  type AppPassword,
  type AppPasswordId,
  type AppPasswordStore,
} from './app-password-records.js';
import type { Audit } from './audit.js';
import { cleanClientName } from './clients.js';
import type { Recipient } from './factor-locks.js';
import type { LinkedTools, LinkedToolsStores } from './linked-tools.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface AppPasswordsStores extends LinkedToolsStores {
  readonly appPasswords: AppPasswordStore;
  readonly outbox: OutboxStore;
  readonly sessions: SessionStore;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
}

export interface AppPasswordsDependencies {
  readonly store: Pick<AppPasswordStore, 'findByMac' | 'findByAccount'>;
  readonly inTransaction: InTransaction<AppPasswordsStores>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly linkedTools: Pick<LinkedTools, 'revokeWithin'>;
  readonly keyring: Pick<Keyring, 'mac' | 'macs'>;
  readonly audit: Audit;
  readonly notices: Notices;
  /** Who is told; undefined for an account whose address nobody has proved. */
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
  readonly newId: () => string;
}

/** Nobody has more old tools than can be listed on a page. */
export const MOST_APP_PASSWORDS = 20;

/** What its owner sees of a new one: in groups, this once. */
export interface NewAppPassword {
  readonly appPassword: AppPassword;
  readonly shown: string;
}

export type AppPasswords = ReturnType<typeof createAppPasswords>;

export function createAppPasswords(dependencies: AppPasswordsDependencies) {
  const { store, inTransaction, signIn, sessions, linkedTools, keyring } = dependencies;
  const { audit, notices, findRecipient, now, newId } = dependencies;

  /** Bound to the account: one that somebody else made opens nothing here. */
  const macOf = (accountId: AccountId, letters: string): string =>
    keyring.mac('app-password', accountId, letters);

  async function insert(stores: AppPasswordsStores, accountId: AccountId, name: string, letters: string) {
    const appPassword: AppPassword = {
      appPasswordId: newId() as AppPasswordId,
      accountId,
      name,
      createdAt: now(),
      boundTo: undefined,
      lastUsed: undefined,
    };
    await stores.appPasswords.insert({ ...appPassword, secretMac: macOf(accountId, letters) });
    return appPassword;
  }

  return {
    /** The newest first. */
    listAppPasswords: (accountId: AccountId): Promise<AppPassword[]> => store.findByAccount(accountId),

    /**
     * Makes one, with a fresh proof in the same request; the session goes on under a new token. `full`: there are twenty
     * already. Refuses `client-metadata-invalid` for a name that says nothing (nothing is proved then), what
     * `proveForChange` refuses, and `sign-in-over` when the session has ended meanwhile.
     */
    async makeAppPassword(
      session: Session,
      { name: typed, ...proof }: ChangeProof & { readonly name: string },
      origin: Origin,
    ): Promise<
      ({ readonly outcome: 'made' } & IssuedSession & NewAppPassword) | { readonly outcome: 'full' }
    > {
      const { accountId } = session;
      const name = cleanClientName(typed);
      if (name === '')
        throw new DomainError('client-metadata-invalid', { publicDetail: 'an app password needs a name' });
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const recipient = await findRecipient(accountId);
      const letters = drawCode(APP_PASSWORD_LETTERS, APP_PASSWORD_LENGTH);
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const made = await stores.appPasswords.findByAccount(accountId);
        if (made.length >= MOST_APP_PASSWORDS) return { outcome: 'full' } as const;
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        const appPassword = await insert(stores, accountId, name, letters);
        const details = { appPassword: appPassword.appPasswordId, name };
        await audit.record(stores, {
          event: 'app-password-made',
          accountId,
          actor: accountId,
          origin,
          details,
        });
        if (recipient) {
          const told = { username: recipient.username, name, ...whereAndWhen(origin, now()) };
          await notices.tell(stores, 'app-password-made', { ...recipient, accountId }, told);
        }
        return { outcome: 'made', ...issued, appPassword, shown: showAppPassword(letters) } as const;
      });
    },

    /** Ends one, with the tools that came in with it. Refuses `not-found`, also for another account's. */
    async revokeAppPassword(
      accountId: AccountId,
      appPasswordId: AppPasswordId,
      origin: Origin,
    ): Promise<void> {
      await inTransaction(async (stores) => {
        const made = await stores.appPasswords.findByAccount(accountId);
        const meant = made.find((appPassword) => appPassword.appPasswordId === appPasswordId);
        if (!meant) throw new DomainError('not-found');
        await linkedTools.revokeWithin(stores, meant, origin);
      });
    },

    /** The app password of this account whose letters these are. The same look-ups for an account that is nobody's. */
    async findAppPassword(accountId: AccountId, letters: string): Promise<AppPassword | undefined> {
      let found: AppPassword | undefined;
      for (const mac of keyring.macs('app-password', accountId, letters)) {
        found = (await store.findByMac(mac)) ?? found;
      }
      return found;
    },

    /**
     * Uses one in the caller's transaction. `first`: from now on it is this tool's. `elsewhere`: it is another's, or has been
     * revoked a moment ago; then nothing is written.
     */
    async useAppPassword(
      stores: { readonly appPasswords: AppPasswordStore },
      { appPasswordId, accountId }: AppPassword,
      by: { readonly letters: string; readonly clientId: string; readonly toolName: string },
      origin: Origin,
    ): Promise<'first' | 'again' | 'elsewhere'> {
      const { letters, clientId, toolName } = by;
      const isFirst = await stores.appPasswords.bind(appPasswordId, { clientId, toolName });
      const use = { clientId, secretMac: macOf(accountId, letters), at: now(), from: origin.networkAddress };
      if (!(await stores.appPasswords.use(appPasswordId, use))) return 'elsewhere';
      return isFirst ? 'first' : 'again';
    },
  };
}

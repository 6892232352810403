// What every sign-in ends in, whatever was proved: a session for an account that may have one, its row in the activity, and a
// browser that is known from now on. What has to be proved is decided by the rooms that ask.
// Specification: OWASP ASVS 7.2.4 and 16.3.1.
import type { Account, Accounts, AccountsStore } from './accounts.js';
import type { Audit, AuditEvent, AuditStore } from './audit.js';
import type { KnownBrowsers } from './known-browsers.js';
import type { OutboxStore } from './notices.js';
import type { IssuedSession, Sessions, SessionStore } from './sessions.js';
import { DomainError, type AccountId, type AuthenticationMethod, type Origin } from './vocabulary.js';

interface SignedInStores {
  readonly sessions: SessionStore;
  readonly accounts: AccountsStore;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

export interface SignedInDependencies {
  readonly accounts: Pick<Accounts, 'isActive'>;
  readonly sessions: Pick<Sessions, 'startSession'>;
  readonly knownBrowsers: Pick<KnownBrowsers, 'welcomeBrowser'>;
  readonly audit: Audit;
}

export function createSignedIn({ accounts, sessions, knownBrowsers, audit }: SignedInDependencies) {
  /** In the transaction that gives something to an account: whether it may still have it, and the audit row. */
  async function admit(
    stores: Pick<SignedInStores, 'accounts' | 'audit'>,
    accountId: AccountId,
    event: AuditEvent,
    methods: readonly AuthenticationMethod[],
    origin: Origin,
  ): Promise<void> {
    if (!(await accounts.isActive(stores, accountId))) throw new DomainError('sign-in-over');
    const details = { methods: methods.join(' ') };
    await audit.record(stores, { event, accountId, actor: accountId, origin, details });
  }

  return {
    admit,

    /**
     * A session in the caller's transaction, for whom these proofs have just shown who they are. `provedAt`: since when they are
     * good, where that is not now. Refuses `sign-in-over` for an account that is closed or locked.
     */
    async startSession(
      stores: SignedInStores,
      account: Account,
      methods: readonly AuthenticationMethod[],
      origin: Origin,
      about: { readonly isRemembered?: boolean; readonly provedAt?: Date } = {},
    ): Promise<IssuedSession> {
      const { accountId, subjectId } = account;
      await admit(stores, accountId, 'sign-in', methods, origin);
      const person = { accountId, subjectId, methods, origin, ...about };
      const issued = await sessions.startSession(stores, person);
      return { ...issued, browserKey: await knownBrowsers.welcomeBrowser(stores, account, origin) };
    },
  };
}

// Everything by which somebody is in an account at this moment, and its end in one transaction: sessions, half-done sign-ins,
// links that are under way, linked tools of every door, app passwords. After a reset, or a closing, nobody is left in it.
// Specification: OWASP ASVS 5.0 §7.4, CHECKLIST 3.5.
import type { Audit, AuditStore } from './audit.js';
import type { AuthorizationStore } from './authorizations.js';
import type { KnownBrowserStore } from './known-browsers.js';
import type { LinkedTools, LinkedToolsStores } from './linked-tools.js';
import type { Link, LinkStore } from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import type { SessionStore } from './sessions.js';
import type { SignInStore } from './sign-in-half-done.js';
import type { AccountId, Clock, Origin } from './vocabulary.js';

export interface AccessStores extends LinkedToolsStores {
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
  readonly accounts: Pick<KnownBrowserStore, 'removeKnownBrowsers'>;
  readonly links: LinkStore;
  readonly authorizations: Pick<AuthorizationStore, 'withdrawByAccount'>;
  readonly audit: AuditStore;
}

export interface AccountAccessDependencies {
  readonly linkedTools: Pick<LinkedTools, 'unlinkAllWithin' | 'revokeWithin'>;
  readonly audit: Audit;
  readonly now: Clock;
}

export type AccountAccess = ReturnType<typeof createAccountAccess>;

export function createAccountAccess({ linkedTools, audit, now }: AccountAccessDependencies) {
  return {
    /**
     * Ends it all in the caller's transaction. A link that was approved and not collected yet is withdrawn: it may be the
     * thief's. Resolves to the withdrawn links, which wait for nobody any more.
     */
    async endAccess(stores: AccessStores, accountId: AccountId, origin: Origin): Promise<readonly Link[]> {
      const sessions = await stores.sessions.removeByAccount(accountId, undefined);
      const entry = { event: 'session-ended', accountId, actor: accountId, origin } as const;
      if (sessions > 0) await audit.record(stores, { ...entry, details: { sessions } });
      await stores.signIns.removeByAccount(accountId);
      // The thief's may be among them.
      await stores.accounts.removeKnownBrowsers(accountId);
      await stores.authorizations.withdrawByAccount(accountId, now());
      const links = await stores.links.withdrawByAccount(accountId, now());
      await recordWithdrawn(stores, audit, links, { actor: accountId, origin });
      await linkedTools.unlinkAllWithin(stores, { accountId, origin });
      for (const appPassword of await stores.appPasswords.findByAccount(accountId)) {
        await linkedTools.revokeWithin(stores, appPassword, origin);
      }
      return links;
    },
  };
}

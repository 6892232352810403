// Hosts behind a proxy that asks here who somebody is. A browser signed in here comes to such a host by a one-time handle, and has a
// cookie of that host's own from then on, which is worth something for as long as the session lives that it hangs on, and nowhere else.
// Who is at all let in is said here too. How a proxy asks is the door's; which addresses are meant, protected-hosts-address.ts.
// Specification: OWASP ASVS 7.2 (opaque, random, checked here), RFC 9700 §4.7 (bound to the browser that set out) and §4.11.
import { equal } from '../crypto/secrets.js';
import type { Account } from './account-records.js';
import type { Audit, AuditStore } from './audit.js';
import {
  createProtectedAddresses,
  type AddressesDependencies,
  type ProtectedAddress,
} from './protected-hosts-address.js';
import type { HostSessionStore, Site } from './protected-hosts-records.js';
import type { SessionsElsewhere } from './sessions-elsewhere.js';
import type { Session, Sessions } from './sessions.js';
import type { Throttle } from './throttle.js';
import type { AccountId, Clock, InTransaction, Origin } from './vocabulary.js';

export interface ProtectedHostsDependencies {
  readonly store: HostSessionStore;
  readonly inTransaction: InTransaction<{ hostSessions: HostSessionStore; audit: AuditStore }>;
  readonly audit: Audit;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly sessions: Pick<Sessions, 'findSession'> & SessionsElsewhere;
  readonly findAccount: (accountId: AccountId) => Promise<Account | undefined>;
  readonly hasSecondFactor: (accountId: AccountId) => Promise<boolean>;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
  readonly settings: AddressesDependencies & {
    /** Where the house itself is: its own session counts there. */
    readonly publicUrl: string;
    readonly isSecondFactorRequired: boolean;
  };
}

/** What keeps somebody who is signed in from a protected host. */
export type Hindrance = 'account-closed' | 'address-not-verified' | 'second-factor-missing';

const HANDLE_SECONDS = 60;

export type ProtectedHosts = ReturnType<typeof createProtectedHosts>;

export function createProtectedHosts(dependencies: ProtectedHostsDependencies) {
  const { store, inTransaction, audit, throttle, sessions, findAccount, hasSecondFactor } = dependencies;
  const { now, newSecret, hash, settings } = dependencies;
  const { publicUrl, isSecondFactorRequired } = settings;

  const isOwnSite = (site: Site): boolean => site === publicUrl;

  /** Undefined for whoever may be let in. */
  async function findHindrance(account: Account): Promise<Hindrance | undefined> {
    if (account.isClosed) return 'account-closed';
    if (account.mayOnlyVerify) return 'address-not-verified';
    const isOneShort = isSecondFactorRequired && !(await hasSecondFactor(account.accountId));
    return isOneShort ? 'second-factor-missing' : undefined;
  }

  async function findAdmitted(accountId: AccountId): Promise<Account | undefined> {
    const account = await findAccount(accountId);
    return account && (await findHindrance(account)) === undefined ? account : undefined;
  }

  return {
    ...createProtectedAddresses(settings),
    isOwnSite,
    findHindrance,
    findAdmitted,

    /** Names a browser that has set out from a host, to everybody but that browser. */
    visitHashOf: hash,

    /**
     * Lets a signed-in browser on to a protected host: the handle with which it arrives there, once, within 60 seconds, in the
     * browser of the visit alone; none for our own host, where its session counts. Refuses `too-many`: a proxy that is set up
     * wrong would send it round for ever.
     */
    async startEntry(
      { accountId, ticket }: Pick<Session, 'accountId' | 'ticket'>,
      { site }: ProtectedAddress,
      visitHash: string,
    ): Promise<{ readonly handle?: string }> {
      await throttle.spend('host-entry-by-account', accountId);
      if (isOwnSite(site)) return {};
      const handle = newSecret();
      const at = now();
      const expiresAt = new Date(at.getTime() + HANDLE_SECONDS * 1000);
      const entry = {
        handleHash: hash(handle),
        accountId,
        ticket,
        site,
        visitHash,
        createdAt: at,
        expiresAt,
      };
      await inTransaction(({ hostSessions }) => hostSessions.insertEntry(entry));
      return { handle };
    },

    /**
     * Takes a browser in that has arrived at a host: the token for its cookie there. Undefined for a handle that is unknown,
     * used, over, of another host or another browser; any use spends it.
     */
    async finishEntry(
      shown: { readonly handle: string; readonly visit: string; readonly site: Site },
      origin: Origin,
    ): Promise<string | undefined> {
      const token = newSecret();
      const tokenHash = hash(token);
      return inTransaction(async (stores) => {
        const entry = await stores.hostSessions.takeEntry(hash(shown.handle), now());
        // A handle that was sent to somebody else, in a link, must sign nobody in as its sender (RFC 9700 §4.7).
        if (entry?.site !== shown.site || !equal(entry.visitHash, hash(shown.visit))) return undefined;
        const { accountId, ticket, site, createdAt } = entry;
        await stores.hostSessions.insert({ tokenHash, accountId, ticket, site, createdAt });
        const standing = await stores.hostSessions.findStanding(tokenHash);
        if (!standing) return undefined;
        const details = { host: new URL(site).host };
        await audit.record(stores, { event: 'host-entered', accountId, actor: accountId, origin, details });
        return token;
      });
    },

    /**
     * Who the cookie of a host stands for, and may be let in: our own session on our own host, the host's own elsewhere.
     * Undefined for everybody else: unknown, of another host, signed out since, closed, not verified, without a second factor
     * that is required; and for a browser that acts for a member of a household, which has no session.
     */
    async findVisitor(token: string, site: Site): Promise<Account | undefined> {
      if (isOwnSite(site)) {
        const session = await sessions.findSession(token);
        return session && findAdmitted(session.accountId);
      }
      const standing = await store.findStanding(hash(token));
      // The cookie of one host, stolen there, opens no other.
      if (standing?.site !== site || !(await sessions.isAlive(standing.session))) return undefined;
      return findAdmitted(standing.accountId);
    },
  };
}

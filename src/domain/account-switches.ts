// What the owner of an account allows tools of the older kind to do: sign in with the password, or with one of their own, and
// link further tools with such a sign-in. What each of them means is for the rooms that ask (fallback, links).
// Specification: DESIGN 5 and 6 (a switch is a security change: it takes a fresh proof), PIN-API "Decided".
import type { Audit, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { ProofStore } from './proofs.js';
import type { Session, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

/**
 * `fallback`: a tool may sign in with the password. `link-by-token`: such a tool may link others. `app-passwords`: a tool may
 * sign in with a password of its own.
 */
export type SwitchName = 'fallback' | 'link-by-token' | 'app-passwords';
export type Switches = Readonly<Record<SwitchName, boolean>>;

export interface SwitchStore {
  findSwitches(accountId: AccountId): Promise<Switches | undefined>;
  /** False when it stood so before, or there is no such account. */
  turnSwitch(accountId: AccountId, name: SwitchName, isOn: boolean): Promise<boolean>;
}

export interface AccountSwitchesStores {
  readonly switches: SwitchStore;
  readonly sessions: Pick<SessionStore, 'find'>;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

export interface AccountSwitchesDependencies {
  readonly store: SwitchStore;
  readonly inTransaction: InTransaction<AccountSwitchesStores>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly audit: Audit;
  readonly notices: Notices;
  /** Who is told; undefined for an account whose address nobody has proved. */
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

const ALL_OFF: Switches = { fallback: false, 'link-by-token': false, 'app-passwords': false };

export type AccountSwitches = ReturnType<typeof createAccountSwitches>;

export function createAccountSwitches(dependencies: AccountSwitchesDependencies) {
  const { store, inTransaction, signIn, audit, notices, findRecipient, now } = dependencies;

  return {
    /** How the switches stand; all off for an account that does not exist. */
    async findSwitches(accountId: AccountId): Promise<Switches> {
      return (await store.findSwitches(accountId)) ?? ALL_OFF;
    },

    /**
     * Turns a switch, after a fresh proof given with it, and its owner is told; turning it where it stands is fine, and
     * tells nothing. Refuses as `proveForChange` does: `credentials-wrong`, `code-wrong`, `factor-locked`, `service-busy`; and
     * `sign-in-over` when the session has ended meanwhile.
     */
    async turnSwitch(
      session: Session,
      { name, isOn }: { readonly name: SwitchName; readonly isOn: boolean },
      proof: ChangeProof,
      origin: Origin,
    ): Promise<void> {
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const { accountId } = session;
      const recipient = await findRecipient(accountId);
      await inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        if (!(await stores.sessions.find(session.sessionHash))) throw new DomainError('sign-in-over');
        if (!(await stores.switches.turnSwitch(accountId, name, isOn))) return;
        const entry = { event: 'account-switched', accountId, actor: accountId, origin } as const;
        await audit.record(stores, { ...entry, details: { switch: name, isOn } });
        if (!recipient) return;
        const about = { username: recipient.username, ...whereAndWhen(origin, now()) };
        const details = { ...about, switched: name, turned: isOn ? 'on' : 'off' } as const;
        await notices.tell(stores, 'account-switched', { ...recipient, accountId }, details);
      });
    },
  };
}

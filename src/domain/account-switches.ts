// What the owner of an account allows tools of the older kind to do: sign in with the password, or with one of their own, and
// link further tools with such a sign-in. What each of them means is for the rooms that ask (fallback, links).
// Specification: DESIGN 5 and 6 (a switch is a security change: it takes a fresh proof), PIN-API "Decided".
import type { Audit, AuditStore } from './audit.js';
import type { Session } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { AccountId, InTransaction, Origin } from './vocabulary.js';

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

export interface AccountSwitchesDependencies {
  readonly store: SwitchStore;
  readonly inTransaction: InTransaction<{ switches: SwitchStore; audit: AuditStore }>;
  readonly signIn: Pick<SignIn, 'proveForChange'>;
  readonly audit: Audit;
}

const ALL_OFF: Switches = { fallback: false, 'link-by-token': false, 'app-passwords': false };

export type AccountSwitches = ReturnType<typeof createAccountSwitches>;

export function createAccountSwitches({ store, inTransaction, signIn, audit }: AccountSwitchesDependencies) {
  return {
    /** How the switches stand; all off for an account that does not exist. */
    async findSwitches(accountId: AccountId): Promise<Switches> {
      return (await store.findSwitches(accountId)) ?? ALL_OFF;
    },

    /**
     * Turns a switch, after a fresh proof given with it; turning it where it stands is fine. Refuses as `proveForChange`
     * does: `credentials-wrong`, `code-wrong`, `factor-locked`, `service-busy`.
     */
    async turnSwitch(
      session: Session,
      { name, isOn }: { readonly name: SwitchName; readonly isOn: boolean },
      proof: { readonly password: string; readonly code?: string | undefined },
      origin: Origin,
    ): Promise<void> {
      await signIn.proveForChange(session, proof, origin);
      const { accountId } = session;
      await inTransaction(async (stores) => {
        if (!(await stores.switches.turnSwitch(accountId, name, isOn))) return;
        const entry = { event: 'account-switched', accountId, actor: accountId, origin } as const;
        await audit.record(stores, { ...entry, details: { switch: name, isOn } });
      });
    },
  };
}

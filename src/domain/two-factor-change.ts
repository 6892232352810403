// What every change of a second factor by its owner shares: one transaction with the session's new token, the row in the audit
// log and the mail to the owner; and the ten recovery codes that come with the first factor, whichever kind it is.
// Specification: OWASP ASVS 7.2.4 and 6.3.7, NIST SP 800-63B §4.2.1.1 and §4.6, CHECKLIST 3.4.
import type { Accounts, AccountsStore } from './accounts.js';
import type { Audit, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { whereAndWhen, type NoticeDetails, type Notices, type OutboxStore } from './notices.js';
import type { PasskeyStore } from './passkeys.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { RecoverySet } from './recovery-codes.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { SignInStore } from './sign-in-half-done.js';
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';
import type { WaysInStores } from './ways-in.js';

export interface TwoFactorStores extends Pick<WaysInStores, 'identities'> {
  readonly accounts: AccountsStore;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
  readonly passkeys: PasskeyStore;
  readonly proofs: ProofStore;
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
}

export interface ChangeDependencies {
  readonly inTransaction: InTransaction<TwoFactorStores>;
  readonly accounts: Pick<Accounts, 'isActive'>;
  readonly proofs: Pick<Proofs, 'countRecoveryCodes' | 'drawRecoveryCodes' | 'putRecoverySet'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly signIn: Pick<SignIn, 'requireStillEnough'>;
  readonly audit: Audit;
  readonly notices: Notices;
  /** Who is told; undefined for an account whose address nobody has proved. */
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
}

/** The ten codes, shown this once, and the name of their set. */
export interface NewCodes {
  readonly recoveryCodes: readonly string[];
  readonly setId: string;
}

type Drawn = Awaited<ReturnType<Proofs['drawRecoveryCodes']>>;

type Change =
  | 'two-factor-enabled'
  | 'two-factor-replaced'
  | 'two-factor-turned-off'
  | 'authenticator-added'
  | 'authenticator-removed'
  | 'recovery-codes-renewed'
  | 'passkey-added'
  | 'passkey-renamed'
  | 'passkey-removed';

/** What a change came to: it is remembered, and told, under one name. */
export interface Made<Name extends Change = Change> {
  readonly as: Name;
  /** What the mail says beside who, where and when. */
  readonly told?: Omit<NoticeDetails[Name], keyof NoticeDetails['two-factor-enabled']>;
  readonly details?: Readonly<Record<string, string>>;
}

/** What was proved for a change, and whether the session goes on with it as its fresh proof. */
export interface Proved {
  readonly provedWith: readonly AuthenticationMethod[];
  readonly origin: Origin;
  readonly isFresh?: boolean;
}

/** Undoes the transaction: there are no codes for what would be the first factor. Never leaves this room. */
class CodesMissing extends Error {
  override readonly name = 'CodesMissing';
}

export function createTwoFactorChange(dependencies: ChangeDependencies) {
  const { inTransaction, accounts, proofs, sessions, signIn, audit, notices, findRecipient, now } =
    dependencies;

  /** Makes a change in one transaction: the account may still make it, and the session goes on under a new token. */
  async function change(
    session: Session,
    { provedWith, origin, isFresh = true }: Proved,
    work: (stores: TwoFactorStores) => Promise<Made>,
  ): Promise<IssuedSession> {
    const { accountId } = session;
    const recipient = await findRecipient(accountId);
    return inTransaction(async (stores) => {
      if (!(await accounts.isActive(stores, accountId))) throw new DomainError('sign-in-over');
      await signIn.requireStillEnough(stores, session, provedWith);
      const { as, told = {}, details = {} } = await work(stores);
      const methods = provedWith.join(' ');
      const entry = { event: as, accountId, actor: accountId, origin } as const;
      await audit.record(stores, { ...entry, details: { methods, ...details } });
      if (recipient) {
        const about = { username: recipient.username, ...whereAndWhen(origin, now()), ...told };
        await notices.tell(stores, as, { ...recipient, accountId }, about);
      }
      return sessions.rotateSession(stores, session, { origin, ...(isFresh ? { provedWith } : {}) });
    });
  }

  /**
   * In the transaction that adds a factor: the codes that are left stay; where none is, the drawn ones take their place. True for
   * these.
   */
  async function keepOrPutCodes(
    stores: TwoFactorStores,
    accountId: AccountId,
    set: RecoverySet | undefined,
  ): Promise<boolean> {
    if ((await stores.proofs.countRecoveryCodes(accountId)) > 0) return false;
    if (!set) throw new CodesMissing();
    await proofs.putRecoverySet(stores, accountId, set);
    return true;
  }

  return {
    change,

    /**
     * A change that adds a factor; ten codes come with it where the account has none left. They take a while to draw, so only
     * then, and never inside the transaction.
     */
    async changeWithCodes(
      session: Session,
      proved: Proved,
      work: (stores: TwoFactorStores) => Promise<Made>,
    ): Promise<IssuedSession & Partial<NewCodes>> {
      const { accountId } = session;
      const make = async (drawn: Drawn | undefined) => {
        let isShown = false;
        const issued = await change(session, proved, async (stores) => {
          const made = await work(stores);
          isShown = await keepOrPutCodes(stores, accountId, drawn?.kept);
          return made;
        });
        return drawn && isShown ? { ...issued, recoveryCodes: drawn.shown, setId: drawn.kept.setId } : issued;
      };
      const left = await proofs.countRecoveryCodes(accountId);
      try {
        return await make(left === 0 ? await proofs.drawRecoveryCodes() : undefined);
      } catch (error) {
        // The last factor, and its codes with it, has gone in this moment.
        if (!(error instanceof CodesMissing)) throw error;
        return make(await proofs.drawRecoveryCodes());
      }
    },
  };
}

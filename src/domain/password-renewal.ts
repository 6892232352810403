// Another password in the place of an account's own: checked and hashed ahead, written in the transaction of whatever asks
// for it. Who may do that, and what ends with the old one, is decided by the rooms that ask (two-factor.ts).
// What a good password is: password-rule. Specification: CHECKLIST 3.6.
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { Audit, AuditEvent, AuditStore } from './audit.js';
import type { PasswordStore } from './password-check.js';
import { LEAST_CHARACTERS, passwordLength, type PasswordRule } from './password-rule.js';
import { DomainError, type AccountId, type Clock, type Origin } from './vocabulary.js';

/** A good new password, hashed; nothing is written yet. */
export interface PreparedPassword {
  readonly to: string;
  readonly length: number;
}

export interface PasswordRenewalDependencies {
  readonly store: Pick<AccountStore, 'find'>;
  readonly rule: Pick<PasswordRule, 'requireGoodPassword'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly audit: Audit;
  readonly now: Clock;
}

export type PasswordRenewal = ReturnType<typeof createPasswordRenewal>;

export function createPasswordRenewal({ store, rule, passwords, audit, now }: PasswordRenewalDependencies) {
  async function findRecord(accountId: AccountId): Promise<AccountRecord> {
    const record = await store.find(accountId);
    if (!record) throw new DomainError('not-found');
    return record;
  }

  return {
    /** Whether there is a password that is too short to be the only factor (CHECKLIST 3.6). Refuses `not-found`. */
    async isLongerDue(accountId: AccountId): Promise<boolean> {
      const { passwordHash, passwordLength: length } = await findRecord(accountId);
      return passwordHash !== '' && length < LEAST_CHARACTERS.alone;
    },

    /** Checks and hashes a new password. Refuses `password-breaks-rule`, `service-busy`, `not-found`. */
    async prepare(
      accountId: AccountId,
      password: string,
      { hasSecondFactor }: { readonly hasSecondFactor: boolean },
    ): Promise<PreparedPassword> {
      const { username, email } = await findRecord(accountId);
      await rule.requireGoodPassword({ password, hasSecondFactor, context: [username, email] });
      try {
        return { to: await passwords.hash(password), length: passwordLength(password) };
      } catch (cause) {
        if (!(cause instanceof PasswordsBusy)) throw cause;
        throw new DomainError('service-busy', { cause, retryAfterSeconds: cause.retryAfterSeconds });
      }
    },

    /** The hash of the password as it stands: read after its proof, given to `renew`, and a race has one winner. */
    currentHash: async (accountId: AccountId): Promise<string> => (await findRecord(accountId)).passwordHash,

    /**
     * Writes the new password in the caller's transaction. `from`: the hash of the one that was proved. Refuses
     * `credentials-wrong` when that is not the account's any more. `actor`: the account, or the operator.
     */
    async renew(
      stores: { readonly accounts: PasswordStore; readonly audit: AuditStore },
      {
        accountId,
        from,
        ...prepared
      }: PreparedPassword & { readonly accountId: AccountId; readonly from: string },
      entry: {
        readonly actor: string;
        readonly origin: Origin;
        readonly event?: Extract<AuditEvent, 'password-changed' | 'password-reset' | 'password-set'>;
      },
    ): Promise<void> {
      const isRenewed = await stores.accounts.replacePassword({ accountId, from, ...prepared, at: now() });
      if (!isRenewed) throw new DomainError('credentials-wrong');
      await audit.record(stores, { event: 'password-changed', ...entry, accountId });
    },
  };
}

// Recovery codes: ten for an account, each good once, in the place of the authenticator and never of the password.
// They are shown when they are made and kept as hashes. When they are made, and for whom, proofs.ts says.
// Specification: NIST SP 800-63B §3.1.2 and §4.2.1.1, OWASP ASVS 6.5.1–6.5.2, CHECKLIST 3.4.
import { drawCode, randomSecret } from '../crypto/secrets.js';
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';
import type { Audit } from './audit.js';
import type { FactorFailureStore, FactorLocks, FactorStores, Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices } from './notices.js';

/** The selector finds the one hash that a typed code is compared with: ten comparisons would tell, and cost, too much. */
export interface KeptRecoveryCode {
  readonly selector: string;
  readonly codeHash: string;
}

/** Ten codes that were made together: they live and give way as one. */
export interface RecoverySet {
  readonly setId: string;
  readonly codes: readonly KeptRecoveryCode[];
}

export interface RecoveryCodeStore {
  /** An unused code. */
  findRecoveryCode(accountId: AccountId, selector: string): Promise<KeptRecoveryCode | undefined>;
  /** Which set the account has, its codes used or not. */
  findRecoverySet(accountId: AccountId): Promise<string | undefined>;
  /** All codes of the account, used or not, give way to these. */
  putRecoverySet(accountId: AccountId, set: RecoverySet): Promise<void>;
  /** The same in the place of this very set; false, and nothing changes, when the account has it no more. */
  replaceRecoverySet(accountId: AccountId, from: string, set: RecoverySet): Promise<boolean>;
  removeRecoverySet(accountId: AccountId): Promise<void>;
  /** Uses up this very code; false when it is used, or has given way to another with the same selector. */
  spendRecoveryCode(accountId: AccountId, code: KeptRecoveryCode, at: Date): Promise<boolean>;
  /** How many are unused. */
  countRecoveryCodes(accountId: AccountId): Promise<number>;
}

/** Crockford's 32 characters: no I, L, O or U. 80 bits in all, of which the selector gives 10 away. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODES = 10;
/** CHECKLIST 3.4: with so many left, or fewer, a person is told that it is time to make new ones. */
export const FEW_CODES = 3;
const CODE_LENGTH = 16;
const SELECTOR_LENGTH = 2;
const WELL_FORMED = new RegExp(`^[${ALPHABET}]{${CODE_LENGTH}}$`);

export interface RecoveryCodesDependencies {
  readonly store: RecoveryCodeStore;
  readonly inTransaction: InTransaction<FactorStores & { proofs: RecoveryCodeStore }>;
  readonly locks: FactorLocks;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly now: Clock;
}

export type RecoveryCodes = ReturnType<typeof createRecoveryCodes>;

export function createRecoveryCodes(dependencies: RecoveryCodesDependencies) {
  const { store, inTransaction, locks, audit, notices, passwords, now } = dependencies;

  return {
    /** Ten new codes as they are shown, and what is kept of them; nothing is written. Refuses `service-busy`. */
    async drawRecoveryCodes(): Promise<{ shown: string[]; kept: RecoverySet }> {
      const drawn = new Map<string, string>();
      // Drawn again where a selector comes up twice: each must find one code.
      while (drawn.size < CODES) {
        const code = drawCode(ALPHABET, CODE_LENGTH);
        drawn.set(code.slice(0, SELECTOR_LENGTH), code);
      }
      const codes: KeptRecoveryCode[] = [];
      // One after another: ten places in the gate at once would make everybody else's sign-in wait.
      for (const [selector, code] of drawn) {
        codes.push({ selector, codeHash: await unlessBusy(passwords.hash(code)) });
      }
      return { shown: [...drawn.values()].map(grouped), kept: { setId: randomSecret(16), codes } };
    },

    /** In the caller's transaction: the account's codes are these. New ones have no failures: what was guessed at is dead. */
    async putRecoverySet(
      { proofs }: { readonly proofs: RecoveryCodeStore & FactorFailureStore },
      accountId: AccountId,
      set: RecoverySet,
    ): Promise<void> {
      await proofs.putRecoverySet(accountId, set);
      await proofs.clearFailures(accountId, 'recovery');
    },

    /**
     * In the caller's transaction: puts a new set in the place of the very one that the person saw. False when that one has
     * given way already. New codes, asked for with both factors, have no failures: what was guessed at is dead.
     */
    async renewRecoverySet(
      { proofs }: { readonly proofs: RecoveryCodeStore & FactorFailureStore },
      accountId: AccountId,
      from: string,
      set: RecoverySet,
    ): Promise<boolean> {
      if (!(await proofs.replaceRecoverySet(accountId, from, set))) return false;
      await proofs.clearFailures(accountId, 'recovery');
      return true;
    },

    /**
     * Tries a recovery code as typed, and uses it up if it is right; `left` is how many remain. One argon2id run whatever
     * is typed. Counts in the recovery codes' own counter; its owner is told by mail. Refuses `service-busy`, and then nothing is counted.
     */
    async useRecoveryCode(
      accountId: AccountId,
      typed: string,
      origin: Origin,
      recipient: Recipient | undefined,
    ): Promise<{ outcome: 'right'; left: number } | { outcome: 'wrong' | 'locked' }> {
      const code = cleanRecoveryCode(typed);
      const selector = code?.slice(0, SELECTOR_LENGTH);
      const kept = selector === undefined ? undefined : await store.findRecoveryCode(accountId, selector);
      const { ok } = await unlessBusy(passwords.verify(kept?.codeHash, code ?? 'no code'));
      return inTransaction(async (stores) => {
        const attempt = { accountId, kind: 'recovery', origin, recipient } as const;
        const outcome = await locks.settle(
          stores,
          attempt,
          async () => ok && kept !== undefined && stores.proofs.spendRecoveryCode(accountId, kept, now()),
        );
        if (outcome !== 'right') return { outcome };
        const left = await stores.proofs.countRecoveryCodes(accountId);
        const entry = { event: 'recovery-code-used', accountId, actor: accountId, origin } as const;
        await audit.record(stores, { ...entry, details: { left } });
        // NIST SP 800-63B §4.2.1.1: whoever owns the account learns of each use.
        if (recipient) {
          const details = { username: recipient.username, ...whereAndWhen(origin, now()), left };
          await notices.tell(stores, 'recovery-code-used', { ...recipient, accountId }, details);
        }
        return { outcome, left };
      });
    },
  };
}

/** `XXXX-XXXX-XXXX-XXXX`. */
function grouped(code: string): string {
  return code.replace(/.{4}(?=.)/g, '$&-');
}

/** What was typed, with Crockford's look-alikes read as meant; undefined when no code looks like this. */
function cleanRecoveryCode(typed: string): string | undefined {
  if (typed.length > 100) return undefined;
  const code = typed
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  return WELL_FORMED.test(code) ? code : undefined;
}

async function unlessBusy<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof PasswordsBusy)) throw cause;
    throw new DomainError('service-busy', { cause, retryAfterSeconds: cause.retryAfterSeconds });
  }
}

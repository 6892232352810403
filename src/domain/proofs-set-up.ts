// How authenticators come and go: set up while they are inert, turned on by their first code, put in the place of another,
// turned off. Who may do that, and with which proof, is decided in two-factor.ts.
// Specification: RFC 6238 §5.2, NIST SP 800-63B §3.2.2, OWASP ASVS 6.5, CHECKLIST 3.3.
import { randomSecret } from '../crypto/secrets.js';
import { checkTotp, cleanTotpCode, newTotpSecret, totpAddress } from '../crypto/totp.js';
import type { FactorFailureStore, FactorStores } from './factor-locks.js';
import type { Sealer } from './notices.js';
import type { RecoveryCodeStore } from './recovery-codes.js';
import { DomainError, type AccountId, type Clock, type InTransaction } from './vocabulary.js';

export interface Authenticator {
  readonly authenticatorId: string;
  readonly accountId: AccountId;
  readonly sealedSecret: string;
  /** The last time step whose code was used (RFC 6238 §5.2). */
  readonly lastStep: number;
  readonly createdAt: Date;
}

export interface AuthenticatorStore {
  findAuthenticator(accountId: AccountId, state: 'inert' | 'active'): Promise<Authenticator | undefined>;
  /** Keeps an inert one; an earlier inert one of the account gives way. */
  putInert(authenticator: Authenticator): Promise<void>;
  /** Charges one try at proving an inert one; false when it is gone, or has been tried `most` times. */
  chargeInert(authenticatorId: string, most: number): Promise<boolean>;
  /** Inert to active, with the step that proved it; false when it is gone, not made after `madeAfter`, or another is on. */
  activate(authenticator: Authenticator, step: number, madeAfter: Date): Promise<boolean>;
  /** Raises the last step; false when this step, or a later one, is used already. */
  burnStep(authenticatorId: string, step: number): Promise<boolean>;
  /** False when the account has none that is on. */
  removeActive(accountId: AccountId): Promise<boolean>;
  removeInert(accountId: AccountId): Promise<void>;
}

export interface ProofStore extends AuthenticatorStore, RecoveryCodeStore, FactorFailureStore {
  /** Whether there is an authenticator that is on, or a passkey. A locked one is on; so is a passkey that was stopped. */
  hasSecondFactor(accountId: AccountId): Promise<boolean>;
}

export type SetUpStores = FactorStores & { readonly proofs: ProofStore };

/** An inert authenticator whose code was right, and the step that the code was of. */
export interface ProvedAuthenticator {
  readonly inert: Authenticator;
  readonly step: number;
}

/** What a person puts into the app: the secret in base32, and the otpauth:// address for the QR code. */
export interface ShownAuthenticator {
  readonly secret: string;
  readonly address: string;
}

/** How long a shown secret waits for the code that proves it. */
const INERT_SECONDS = 600;
/** Who has a stolen session, but not the secret on the owner's screen, must not guess its code and be shown the rest. */
const MOST_SET_UP_TRIES = 10;

export interface SetUpDependencies {
  readonly store: AuthenticatorStore;
  readonly inTransaction: InTransaction<SetUpStores>;
  /** Seals the shared secrets at rest. */
  readonly sealer: Sealer;
  readonly now: Clock;
  /** The name that an authenticator app shows. */
  readonly issuer: string;
}

export function createSetUp({ store, inTransaction, sealer, now, issuer }: SetUpDependencies) {
  const inertSince = () => new Date(now().getTime() - INERT_SECONDS * 1000);

  /** Makes an inert one beside what the account has: nothing yet, or the authenticator whose place it shall take. */
  async function putInert(accountId: AccountId, username: string, beside: 'nothing' | 'active') {
    const secret = newTotpSecret();
    const authenticatorId = randomSecret(16);
    const sealedSecret = sealer.seal(secret, authenticatorId);
    const inert: Authenticator = { authenticatorId, accountId, sealedSecret, lastStep: 0, createdAt: now() };
    await inTransaction(async ({ proofs }) => {
      const isOn = (await proofs.findAuthenticator(accountId, 'active')) !== undefined;
      if (isOn && beside === 'nothing') throw new DomainError('factor-already-on');
      if (!isOn && beside === 'active') throw new DomainError('factor-not-on');
      await proofs.putInert(inert);
    });
    const shown: ShownAuthenticator = { secret, address: totpAddress({ issuer, account: username, secret }) };
    return { inert, shown };
  }

  return {
    putInert,

    /**
     * Begins to set up an authenticator. It is good for nothing until a code has proved it, and is dead after ten minutes.
     * Refuses `factor-already-on`.
     */
    async beginAuthenticator(accountId: AccountId, username: string): Promise<ShownAuthenticator> {
      return (await putInert(accountId, username, 'nothing')).shown;
    },

    /** The same beside the one that is on, which stays on until the new one is proved. Refuses `factor-not-on`. */
    async beginReplacement(accountId: AccountId, username: string): Promise<ShownAuthenticator> {
      return (await putInert(accountId, username, 'active')).shown;
    },

    /**
     * Whether this is a code of the authenticator that is being set up; nothing is turned on yet. Refuses `code-wrong`
     * (try again) and `factor-not-on` (nothing is being set up, any more: ten minutes or ten tries are over).
     */
    async proveAuthenticator(accountId: AccountId, code: string): Promise<ProvedAuthenticator> {
      const inert = await store.findAuthenticator(accountId, 'inert');
      if (!inert || inert.createdAt <= inertSince()) throw new DomainError('factor-not-on');
      const { authenticatorId } = inert;
      const mayTry = await inTransaction(({ proofs }) =>
        proofs.chargeInert(authenticatorId, MOST_SET_UP_TRIES),
      );
      if (!mayTry) throw new DomainError('factor-not-on');
      const secret = sealer.open(inert.sealedSecret, authenticatorId);
      const attempt = { secret, code: cleanTotpCode(code), at: now(), afterStep: inert.lastStep };
      const step = await checkTotp(attempt);
      if (step === undefined) throw new DomainError('code-wrong');
      return { inert, step };
    },

    /**
     * In the caller's transaction: the authenticator is on, and the code that proved it is used up. `instead`: it takes the
     * place of the one that is on. What is new has no failures: the locks were on what gave way, and only who had proved
     * another factor could begin. Its recovery codes are put beside it. Refuses `factor-already-on`, and
     * `factor-not-on` when the set-up, or with `instead` the one to give way, is gone.
     */
    async turnOn(
      { proofs }: SetUpStores,
      { inert, step }: ProvedAuthenticator,
      { instead }: { readonly instead: boolean },
    ): Promise<void> {
      const { accountId } = inert;
      if (instead && !(await proofs.removeActive(accountId))) throw new DomainError('factor-not-on');
      if (!(await proofs.activate(inert, step, inertSince()))) {
        const isOn = await proofs.findAuthenticator(accountId, 'active');
        throw new DomainError(isOn ? 'factor-already-on' : 'factor-not-on');
      }
      await proofs.clearFailures(accountId, 'totp');
    },

    /**
     * In the caller's transaction: takes the authenticator off, and what was being set up beside it; and the recovery codes,
     * where no passkey stays. The counters of failures stay. Refuses `factor-not-on`.
     */
    async turnOff({ proofs }: { readonly proofs: ProofStore }, accountId: AccountId): Promise<void> {
      if (!(await proofs.removeActive(accountId))) throw new DomainError('factor-not-on');
      await proofs.removeInert(accountId);
      if (!(await proofs.hasSecondFactor(accountId))) await proofs.removeRecoverySet(accountId);
    },
  };
}

// Second factors behind one interface: an authenticator's one-time codes here, recovery codes beside it, and the locks that
// both stand behind. A factor is proved or it is not; whose account it is and what a proof is good for is not known here.
// Specification: RFC 6238 §5.2, RFC 4226 §7.3, OWASP ASVS 6.5, CHECKLIST 3.3.
import { randomSecret } from '../crypto/secrets.js';
import { checkTotp, cleanTotpCode, newTotpSecret, totpAddress } from '../crypto/totp.js';
import {
  createFactorLocks,
  type FactorFailureStore,
  type FactorLocks,
  type FactorStores,
  type Recipient,
} from './factor-locks.js';
import { createRecoveryCodes, type RecoveryCodeStore } from './recovery-codes.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';
import type { Passwords } from '../crypto/passwords.js';
import type { Audit } from './audit.js';
import type { Notices, Sealer } from './notices.js';

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
}

export interface ProofStore extends AuthenticatorStore, RecoveryCodeStore, FactorFailureStore {}

type CodeOutcome = 'right' | 'wrong' | 'locked';

/** How long a shown secret waits for the code that proves it. */
const INERT_SECONDS = 600;
/** Who has a stolen session, but not the secret on the owner's screen, must not guess its code and be shown the rest. */
const MOST_SET_UP_TRIES = 10;

export interface ProofsDependencies {
  readonly store: ProofStore;
  readonly inTransaction: InTransaction<FactorStores & { proofs: ProofStore }>;
  readonly audit: Audit;
  readonly notices: Notices;
  /** Seals the shared secrets at rest. */
  readonly sealer: Sealer;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  /** Who is told when a factor is locked. */
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
  /** The name that an authenticator app shows. */
  readonly issuer: string;
}

/** One check of a one-time code, in two steps: whether it is right, and what it comes to. */
function createCodeCheck({
  sealer,
  locks,
  now,
}: Pick<ProofsDependencies, 'sealer' | 'now'> & { locks: FactorLocks }) {
  const openSecret = (kept: Authenticator) => sealer.open(kept.sealedSecret, kept.authenticatorId);

  /** The step whose code this is, later than the last used one; undefined for none. One check of a code always. */
  function matchCode(kept: Authenticator | undefined, code: string): Promise<number | undefined> {
    return checkTotp({ secret: kept && openSecret(kept), code, at: now(), afterStep: kept?.lastStep });
  }

  /** In the caller's transaction: charges the attempt, then uses the step up; without a step, the code was wrong. */
  function settleCode(
    stores: FactorStores & { proofs: ProofStore },
    { accountId, authenticatorId }: Authenticator,
    step: number | undefined,
    rest: { readonly origin: Origin; readonly recipient: Recipient | undefined },
  ): Promise<CodeOutcome> {
    const isBurnt = async () => step !== undefined && stores.proofs.burnStep(authenticatorId, step);
    return locks.settle(stores, { accountId, kind: 'totp', ...rest }, isBurnt);
  }

  return { openSecret, matchCode, settleCode };
}

export type Proofs = ReturnType<typeof createProofs>;

export function createProofs(dependencies: ProofsDependencies) {
  const { store, inTransaction, audit, sealer, passwords, findRecipient, now, issuer } = dependencies;
  const locks = createFactorLocks(dependencies);
  const recovery = createRecoveryCodes({ store, inTransaction, locks, audit, passwords, now });

  const inertSince = () => new Date(now().getTime() - INERT_SECONDS * 1000);
  const { openSecret, matchCode, settleCode } = createCodeCheck({ sealer, locks, now });

  async function putInert(accountId: AccountId, username: string) {
    const secret = newTotpSecret();
    const authenticatorId = randomSecret(16);
    const sealedSecret = sealer.seal(secret, authenticatorId);
    const inert: Authenticator = { authenticatorId, accountId, sealedSecret, lastStep: 0, createdAt: now() };
    await inTransaction(async ({ proofs }) => {
      if (await proofs.findAuthenticator(accountId, 'active')) throw new DomainError('factor-already-on');
      await proofs.putInert(inert);
    });
    return { inert, secret, address: totpAddress({ issuer, account: username, secret }) };
  }

  /** Turns an inert authenticator on, with ten new recovery codes. */
  async function enable(inert: Authenticator, step: number, origin: Origin): Promise<string[]> {
    const { accountId } = inert;
    const { shown, kept } = await recovery.drawRecoveryCodes();
    await inTransaction(async (stores) => {
      if (!(await stores.proofs.activate(inert, step, inertSince()))) {
        const isOn = await stores.proofs.findAuthenticator(accountId, 'active');
        throw new DomainError(isOn ? 'factor-already-on' : 'factor-not-on');
      }
      await stores.proofs.replaceRecoveryCodes(accountId, kept);
      await audit.record(stores, { event: 'two-factor-enabled', accountId, actor: accountId, origin });
    });
    return shown;
  }

  return {
    /** Whether the account has a second factor that is on; a locked one is on. */
    async hasSecondFactor(accountId: AccountId): Promise<boolean> {
      return (await store.findAuthenticator(accountId, 'active')) !== undefined;
    },

    /**
     * Begins to set up an authenticator: its secret in base32, and the otpauth:// address for the QR code. It is good for
     * nothing until a code has proved it, and is dead after ten minutes. Refuses `factor-already-on`.
     */
    async beginAuthenticator(
      accountId: AccountId,
      username: string,
    ): Promise<{ secret: string; address: string }> {
      const { secret, address } = await putInert(accountId, username);
      return { secret, address };
    },

    /**
     * Turns the authenticator on that is being set up; resolves to ten recovery codes, shown this once. The code that
     * proves it is used up. Refuses `code-wrong` (try again), `factor-not-on` (nothing is being set up, any more: ten
     * minutes or ten tries are over), `factor-already-on`, `service-busy`.
     */
    async confirmAuthenticator(
      accountId: AccountId,
      code: string,
      origin: Origin,
    ): Promise<{ recoveryCodes: string[] }> {
      const inert = await store.findAuthenticator(accountId, 'inert');
      if (!inert || inert.createdAt <= inertSince()) throw new DomainError('factor-not-on');
      const { authenticatorId } = inert;
      const mayTry = await inTransaction((stores) =>
        stores.proofs.chargeInert(authenticatorId, MOST_SET_UP_TRIES),
      );
      if (!mayTry) throw new DomainError('factor-not-on');
      const attempt = { secret: openSecret(inert), code: cleanTotpCode(code), at: now() };
      const step = await checkTotp({ ...attempt, afterStep: inert.lastStep });
      if (step === undefined) throw new DomainError('code-wrong');
      return { recoveryCodes: await enable(inert, step, origin) };
    },

    /**
     * Gives an account an authenticator that is on at once: for an operator who hands the secret over, and for the demo.
     * No code has been used. Refuses `factor-already-on`, `service-busy`.
     */
    async addAuthenticator(
      accountId: AccountId,
      username: string,
      origin: Origin,
    ): Promise<{ secret: string; address: string; recoveryCodes: string[] }> {
      const { inert, secret, address } = await putInert(accountId, username);
      return { secret, address, recoveryCodes: await enable(inert, inert.lastStep, origin) };
    },

    /**
     * Tries a one-time code, and uses its step up if it is right. A wrong or used one counts, and the count is committed
     * before the answer. On a locked authenticator every code is `locked`; an account without one has only wrong codes.
     */
    async checkCode(accountId: AccountId, code: string, origin: Origin): Promise<CodeOutcome> {
      const kept = await store.findAuthenticator(accountId, 'active');
      const recipient = await findRecipient(accountId);
      const step = await matchCode(kept, cleanTotpCode(code));
      if (!kept) return 'wrong';
      return inTransaction((stores) => settleCode(stores, kept, step, { origin, recipient }));
    },

    /**
     * For a door that settles a code together with something else: the authenticator that is on, the step whose code this
     * is, and what it comes to. Without an account, the look-up and the arithmetic are the same, and nothing is right.
     */
    findAuthenticator: (accountId: AccountId) => store.findAuthenticator(accountId, 'active'),
    matchCode,
    settleCode,

    /**
     * Tries a recovery code as typed, and uses it up if it is right; `left` is how many remain. It has a counter of its
     * own, so that it is the way on when the authenticator is locked. Refuses `service-busy`, and then counts nothing.
     */
    async useRecoveryCode(accountId: AccountId, typed: string, origin: Origin) {
      return recovery.useRecoveryCode(accountId, typed, origin, await findRecipient(accountId));
    },

    /** How many unused recovery codes the account has. */
    countRecoveryCodes: (accountId: AccountId): Promise<number> => store.countRecoveryCodes(accountId),
  };
}

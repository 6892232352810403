// Second factors behind one interface: an authenticator's one-time codes here, how it comes and goes in proofs-set-up.ts,
// recovery codes beside it, and the locks that all second factors stand behind; passkeys are a room of their own (passkeys.ts). A factor is proved or it is not; whose account it is and what a proof is good for is not known here.
// Specification: RFC 6238 §5.2, RFC 4226 §7.3, OWASP ASVS 6.5, CHECKLIST 3.3.
import { checkTotp, cleanTotpCode, newTotpSecret } from '../crypto/totp.js';
import { createFactorLocks, type FactorLocks, type FactorStores, type Recipient } from './factor-locks.js';
import { createSetUp, type Authenticator, type ProofStore } from './proofs-set-up.js';
import { createRecoveryCodes } from './recovery-codes.js';
import type { AccountId, Clock, InTransaction, Origin } from './vocabulary.js';
import type { Passwords } from '../crypto/passwords.js';
import type { Audit } from './audit.js';
import type { Notices, Sealer } from './notices.js';

export type { Authenticator, AuthenticatorStore, ProofStore } from './proofs-set-up.js';

type CodeOutcome = 'right' | 'wrong' | 'locked';

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
  /** Is opened where there is no authenticator, so that the answer takes as long; no code is right for it. */
  const standIn = { authenticatorId: 'nobody', sealedSecret: sealer.seal(newTotpSecret(), 'nobody') };

  /**
   * The step whose code this is, later than the last used one; undefined for none. One secret is opened and one code checked
   * always.
   */
  function matchCode(kept: Authenticator | undefined, code: string): Promise<number | undefined> {
    const { sealedSecret, authenticatorId } = kept ?? standIn;
    const opened = sealer.open(sealedSecret, authenticatorId);
    return checkTotp({ secret: kept && opened, code, at: now(), afterStep: kept?.lastStep });
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

  return { matchCode, settleCode };
}

export type Proofs = ReturnType<typeof createProofs>;

export function createProofs(dependencies: ProofsDependencies) {
  const { store, inTransaction, audit, notices, sealer, passwords, findRecipient, now } = dependencies;
  const locks = createFactorLocks(dependencies);
  const recovery = createRecoveryCodes({ store, inTransaction, locks, audit, notices, passwords, now });

  const setUp = createSetUp(dependencies);
  const { matchCode, settleCode } = createCodeCheck({ sealer, locks, now });

  return {
    /** Whether the account has a second factor that is on, an authenticator or a passkey; a locked one is on. */
    hasSecondFactor: (accountId: AccountId): Promise<boolean> => store.hasSecondFactor(accountId),

    /** Whether one of them is an authenticator: only then can there be a one-time code. */
    async hasAuthenticator(accountId: AccountId): Promise<boolean> {
      return (await store.findAuthenticator(accountId, 'active')) !== undefined;
    },

    beginAuthenticator: setUp.beginAuthenticator,
    beginReplacement: setUp.beginReplacement,
    proveAuthenticator: setUp.proveAuthenticator,
    turnOn: setUp.turnOn,
    turnOff: setUp.turnOff,
    drawRecoveryCodes: recovery.drawRecoveryCodes,
    putRecoverySet: recovery.putRecoverySet,
    renewRecoverySet: recovery.renewRecoverySet,

    /**
     * Gives an account an authenticator that is on at once: for an operator who hands the secret over, and for the demo.
     * No code has been used. Refuses `factor-already-on`, `service-busy`.
     */
    async addAuthenticator(
      accountId: AccountId,
      username: string,
      origin: Origin,
    ): Promise<{ secret: string; address: string; recoveryCodes: string[] }> {
      const { inert, shown } = await setUp.putInert(accountId, username, 'nothing');
      const drawn = await recovery.drawRecoveryCodes();
      await inTransaction(async (stores) => {
        await setUp.turnOn(stores, { inert, step: inert.lastStep }, { instead: false });
        await recovery.putRecoverySet(stores, accountId, drawn.kept);
        await audit.record(stores, { event: 'two-factor-enabled', accountId, actor: 'operator', origin });
      });
      return { ...shown, recoveryCodes: drawn.shown };
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

    /** Names the set that its recovery codes belong to; undefined for an account that has none, used or not. */
    findRecoverySet: (accountId: AccountId): Promise<string | undefined> => store.findRecoverySet(accountId),
  };
}

// Sign-in: a sum of proofs becomes a session. The proofs themselves, with their counters, belong to accounts and proofs; what
// waits between the first and the second is in sign-in-half-done.ts; passkeys, which may be both, in sign-in-passkey.ts. It also
// signs out; stepping a session up is in sign-in-step-up.ts.
// Specification: DESIGN 6, NIST SP 800-63B §3.2.2, OWASP ASVS 6.3 and 7.2.4, CHECKLIST 3.2–3.5.
import { createFreshProofs } from './sign-in-fresh-proof.js';
import { createPasskeySignIn } from './sign-in-passkey.js';
import { createRefusedSignIns } from './sign-in-refused.js';
import { createSignedIn } from './sign-in-session.js';
import { createStepUp } from './sign-in-step-up.js';
import { createHalfDoneSignIns, type HalfDoneSignIn, type SignInStore } from './sign-in-half-done.js';
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';
import type { Account, Accounts, AccountsStore } from './accounts.js';
import type { Audit, AuditStore } from './audit.js';
import type { KnownBrowsers } from './known-browsers.js';
import type { OutboxStore } from './notices.js';
import type { Passkeys, PasskeyStore } from './passkeys.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { BudgetStore, Throttle } from './throttle.js';

export interface SignInStores {
  readonly signIns: SignInStore;
  readonly sessions: SessionStore;
  readonly accounts: AccountsStore;
  readonly audit: AuditStore;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
  readonly passkeys: PasskeyStore;
  readonly outbox: OutboxStore;
  readonly budgets: BudgetStore;
}

type SecondFactors = Pick<Proofs, 'hasSecondFactor' | 'checkCode' | 'useRecoveryCode' | 'countRecoveryCodes'>;

export interface SignInDependencies {
  readonly store: SignInStore;
  readonly inTransaction: InTransaction<SignInStores>;
  readonly accounts: Pick<
    Accounts,
    | 'checkPassword'
    | 'findAccount'
    | 'findPasswordRecord'
    | 'forgiveFailures'
    | 'isActive'
    | 'isPasswordStill'
  >;
  readonly proofs: SecondFactors;
  readonly passkeys: Pick<Passkeys, 'askForPasskey' | 'checkPasskey'>;
  readonly sessions: Pick<
    Sessions,
    'startSession' | 'rotateSession' | 'endSession' | 'isRecent' | 'hasFreshProof'
  >;
  readonly knownBrowsers: Pick<KnownBrowsers, 'welcomeBrowser'>;
  readonly throttle: Pick<Throttle, 'spendAhead' | 'spendWithin' | 'isSpent'>;
  readonly audit: Audit;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export type SignIn = ReturnType<typeof createSignIn>;

export function createSignIn(dependencies: SignInDependencies) {
  const { inTransaction, accounts, proofs, sessions, now } = dependencies;
  const { tryFromNetwork, rememberBusy } = createRefusedSignIns(dependencies);
  const { admit, startSession } = createSignedIn(dependencies);
  const { startHalfDone, endHalfDone, ...halfDone } = createHalfDoneSignIns(dependencies);
  const { findHalfDone, attemptSecondProof } = halfDone;
  const fresh = createFreshProofs({ ...dependencies, endHalfDone });

  /**
   * A session on the password alone; undefined when the account has a second factor, or is closed. Asked in the transaction that begins
   * the session: a sign-in that races the enabling must not come out beside it.
   */
  async function startOnPasswordAlone(
    stores: SignInStores,
    account: Account,
    origin: Origin,
    isRemembered = false,
  ): Promise<IssuedSession | undefined> {
    const hasMore = account.isClosed || (await stores.proofs.hasSecondFactor(account.accountId));
    return hasMore ? undefined : startSession(stores, account, ['pwd'], origin, { isRemembered });
  }

  /** The half-done sign-in becomes a session, once. */
  async function finish(
    { signInHash, accountId }: HalfDoneSignIn,
    method: AuthenticationMethod,
    origin: Origin,
  ): Promise<IssuedSession> {
    const account = await accounts.findAccount(accountId);
    if (!account) throw new DomainError('sign-in-over');
    return inTransaction(async (stores) => {
      const signIn = await stores.signIns.take(signInHash, now());
      if (!signIn) throw new DomainError('sign-in-over');
      const { methods, isRemembered } = signIn;
      return startSession(stores, account, [...methods, method], origin, { isRemembered });
    });
  }

  const { stepUp } = createStepUp({ ...dependencies, fresh, admit });
  const byPasskey = createPasskeySignIn({
    ...{ ...dependencies, tryFromNetwork, ...halfDone, startHalfDone, startSession, finish },
    forgiveFailures: accounts.forgiveFailures,
  });

  return {
    ...{ ...fresh, ...halfDone, startHalfDone, startSession, ...byPasskey, stepUp },

    /**
     * The first step. `login`: e-mail or user name. Without a second factor it is the only one. Refuses
     * `credentials-wrong` (wrong, unknown, locked, closed: one answer), `too-many` (wrong ones from this network),
     * `service-busy`. `keep-account`: it has been closed, and its owner may come back to keep it, and for nothing else.
     */
    async startSignIn(
      asked: { readonly login: string; readonly password: string; readonly isRemembered?: boolean },
      origin: Origin,
    ): Promise<
      | ({ readonly next: 'done' } & IssuedSession)
      | { readonly next: 'second-factor' | 'keep-account'; readonly signInToken: string }
    > {
      const { login, password, isRemembered } = asked;
      const account = await tryFromNetwork(
        { login, origin },
        () => accounts.checkPassword({ login }, password, origin, { mayBeClosed: true }),
        (found) => found === undefined,
      );
      if (!account) throw new DomainError('credentials-wrong');
      return inTransaction(async (stores) => {
        if (!(await accounts.isPasswordStill(stores, account))) throw new DomainError('credentials-wrong');
        const issued = await startOnPasswordAlone(stores, account, origin, isRemembered);
        if (issued) return { next: 'done', ...issued };
        const signInToken = await startHalfDone(stores, account.accountId, origin, { isRemembered });
        return { next: account.isClosed ? 'keep-account' : 'second-factor', signInToken };
      });
    },

    /** Whose second step this is; undefined for a token that is unknown, over, or ten minutes old. */
    async findSignIn(
      signInToken: string,
    ): Promise<{ readonly accountId: AccountId; readonly username: string } | undefined> {
      const signIn = await findHalfDone(signInToken);
      const account = signIn && (await accounts.findAccount(signIn.accountId));
      if (!account || account.isClosed) return undefined;
      return { accountId: account.accountId, username: account.username };
    },

    /**
     * The second step, by one-time code. Refuses `code-wrong`, `factor-locked` (recovery codes are the way on, after a
     * new first step), `sign-in-over` (unknown, ten minutes old, or the fifth wrong code: begin again).
     */
    async finishWithCode(signInToken: string, code: string, origin: Origin): Promise<IssuedSession> {
      const { signIn } = await attemptSecondProof(signInToken, async (accountId) => ({
        outcome: await proofs.checkCode(accountId, code, origin),
      }));
      return finish(signIn, 'otp', origin);
    },

    /** The second step, by a recovery code as typed; `codesLeft` remain. Refuses as `finishWithCode`, and `service-busy`. */
    async finishWithRecoveryCode(
      signInToken: string,
      typed: string,
      origin: Origin,
    ): Promise<IssuedSession & { readonly codesLeft: number }> {
      const { signIn, proof } = await attemptSecondProof<{ outcome: 'right'; left: number }>(
        signInToken,
        async (accountId) => {
          try {
            return await proofs.useRecoveryCode(accountId, typed, origin);
          } catch (error) {
            await rememberBusy(error, { accountId }, origin);
            throw error;
          }
        },
      );
      return { ...(await finish(signIn, 'recovery', origin)), codesLeft: proof.left };
    },

    async signOut(session: Pick<Session, 'sessionHash' | 'accountId'>, origin: Origin): Promise<void> {
      await sessions.endSession(session, origin, 'sign-out');
    },

    /** A session for an account that was made a moment ago in this browser, with its password. For the first run only. */
    async startSessionFor(accountId: AccountId, origin: Origin): Promise<IssuedSession> {
      const account = await accounts.findAccount(accountId);
      const issued = account && (await inTransaction((all) => startOnPasswordAlone(all, account, origin)));
      if (!issued) throw new DomainError('sign-in-over');
      return issued;
    },
  };
}

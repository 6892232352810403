// Signing in with a passkey: alone, where it makes sure who holds it, which is both factors at once; or as the second step after
// the password. What an answer comes to is said in passkeys.ts; what waits between two steps, in sign-in-half-done.ts.
// Specification: WebAuthn Level 3 §7.2 and §1.2 (passkeys), NIST SP 800-63B §2.2.1 and §3.2.2, DESIGN 6.
import type { PasskeyOptions } from '../crypto/passkeys.js';
import type { Account, Accounts } from './accounts.js';
import type { PasskeyOutcome, Passkeys, PasskeyStore } from './passkeys.js';
import type { IssuedSession } from './sessions.js';
import type { HalfDoneAbout, HalfDoneSignIn } from './sign-in-half-done.js';
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

/** Both factors: something that somebody has, and what its authenticator has made sure of. */
const BOTH = ['pop', 'mfa'] as const;

export interface PasskeySignInDependencies<Stores extends { readonly passkeys: PasskeyStore }> {
  readonly inTransaction: InTransaction<Stores>;
  readonly accounts: Pick<Accounts, 'findAccount'>;
  /** None of the wrong passwords counts any more. */
  readonly forgiveFailures: (stores: Stores, accountId: AccountId) => Promise<void>;
  readonly passkeys: Pick<Passkeys, 'askForPasskey' | 'checkPasskey'>;
  readonly tryFromNetwork: <Result>(
    who: { readonly login: string; readonly origin: Origin },
    attempt: () => Promise<Result>,
    isMissed: (result: Result) => boolean,
  ) => Promise<Result>;
  readonly findHalfDone: (signInToken: string) => Promise<HalfDoneSignIn | undefined>;
  readonly startHalfDone: (
    stores: Stores,
    accountId: AccountId,
    origin: Origin,
    about: HalfDoneAbout,
  ) => Promise<string>;
  readonly startSession: (
    stores: Stores,
    account: Account,
    methods: readonly AuthenticationMethod[],
    origin: Origin,
    about: { readonly isRemembered: boolean },
  ) => Promise<IssuedSession>;
  readonly attemptSecondProof: (
    signInToken: string,
    prove: () => Promise<{ readonly outcome: 'right' } | { readonly outcome: 'wrong' | 'locked' }>,
    wrong: 'passkey-wrong',
  ) => Promise<{ readonly signIn: HalfDoneSignIn }>;
  /** The half-done sign-in becomes a session, once. */
  readonly finish: (
    signIn: HalfDoneSignIn,
    method: AuthenticationMethod,
    origin: Origin,
  ) => Promise<IssuedSession>;
}

/** What a browser that is not signed in answers. `browser`: what names it. */
export interface PasskeySignInAsked {
  readonly response: string;
  readonly browser: string;
  readonly isRemembered?: boolean;
}

const atSignIn = (browser: string) =>
  ({ purpose: 'sign-in', holder: `browser ${browser}`, accountId: undefined, mustVerify: true }) as const;

const atSecondStep = ({ signInHash, accountId }: HalfDoneSignIn) =>
  ({ purpose: 'second-step', holder: `sign-in ${signInHash}`, accountId, mustVerify: false }) as const;

export function createPasskeySignIn<Stores extends { readonly passkeys: PasskeyStore }>(
  dependencies: PasskeySignInDependencies<Stores>,
) {
  const { inTransaction, accounts, passkeys, tryFromNetwork, findHalfDone } = dependencies;
  const { startHalfDone, startSession, forgiveFailures, attemptSecondProof, finish } = dependencies;

  /** Refuses `sign-in-over`. */
  async function findWaiting(signInToken: string): Promise<HalfDoneSignIn> {
    const halfDone = await findHalfDone(signInToken);
    if (!halfDone) throw new DomainError('sign-in-over');
    return halfDone;
  }

  function refuseMissed(found: PasskeyOutcome): asserts found is PasskeyOutcome & { outcome: 'right' } {
    if (found.outcome === 'right') return;
    const codes = {
      wrong: 'passkey-wrong',
      locked: 'factor-locked',
      unverified: 'passkey-unverified',
      stopped: 'passkey-stopped',
    } as const;
    throw new DomainError(codes[found.outcome]);
  }

  /** One try at the second step. Refuses what is no guess: `passkey-over`, `passkey-stopped`. */
  async function checkAtSecondStep(
    halfDone: HalfDoneSignIn,
    response: string,
    origin: Origin,
  ): Promise<{ outcome: 'right' } | { outcome: 'wrong' | 'locked' }> {
    const { outcome } = await passkeys.checkPasskey(atSecondStep(halfDone), response, origin);
    if (outcome === 'stopped') throw new DomainError('passkey-stopped');
    return { outcome: outcome === 'unverified' ? 'wrong' : outcome };
  }

  /**
   * The second proof of a half-done sign-in, by a passkey. Refuses `passkey-wrong`, `factor-locked`, `passkey-over`,
   * `passkey-stopped`, and `sign-in-over` (unknown, ten minutes old, or the fifth wrong one).
   */
  async function proveWithPasskey(
    signInToken: string,
    response: string,
    origin: Origin,
  ): Promise<{ readonly signIn: HalfDoneSignIn }> {
    const waiting = await findWaiting(signInToken);
    const check = () => checkAtSecondStep(waiting, response, origin);
    return attemptSecondProof(signInToken, check, 'passkey-wrong');
  }

  return {
    /** What a browser that is not signed in asks for: whichever passkey it has for this place. Refuses as `askForPasskey`. */
    askAtSignIn: (browser: string, origin: Origin): Promise<PasskeyOptions> =>
      passkeys.askForPasskey(atSignIn(browser), origin),

    /** What it asks for in the second step: a passkey of the account whose password was right. Refuses `sign-in-over`. */
    async askAtSecondStep(signInToken: string, origin: Origin): Promise<PasskeyOptions> {
      return passkeys.askForPasskey(atSecondStep(await findWaiting(signInToken)), origin);
    },

    /**
     * Both steps at once. A password that guessers have locked comes free so: whoever has both factors is the owner, and guesses
     * count up to what this proves (NIST SP 800-63B §3.2.2). `keep-account`: it has been closed, and its owner may keep it.
     * Refuses `passkey-wrong` (unknown, another place's, not right: one answer), `passkey-unverified`, `passkey-over`,
     * `passkey-stopped`, `factor-locked`, `too-many` (from this network), `sign-in-over` where it was removed in this moment.
     */
    async signInWithPasskey(
      { response, browser, isRemembered = false }: PasskeySignInAsked,
      origin: Origin,
    ): Promise<
      | ({ readonly next: 'done' } & IssuedSession)
      | { readonly next: 'keep-account'; readonly signInToken: string }
    > {
      const found = await tryFromNetwork(
        { login: '', origin },
        () => passkeys.checkPasskey(atSignIn(browser), response, origin),
        ({ outcome }) => outcome !== 'right',
      );
      refuseMissed(found);
      const { accountId, credentialId } = found.passkey;
      const account = await accounts.findAccount(accountId);
      if (!account) throw new DomainError('sign-in-over');
      return inTransaction(async (stores) => {
        const kept = await stores.passkeys.findByCredential(credentialId);
        if (kept?.accountId !== accountId || kept.stoppedAt) throw new DomainError('sign-in-over');
        await stores.passkeys.markAlone(kept.passkeyId);
        if (account.isClosed) {
          const signInToken = await startHalfDone(stores, accountId, origin, {
            ...{ isRemembered, methods: BOTH },
          });
          return { next: 'keep-account', signInToken } as const;
        }
        await forgiveFailures(stores, accountId);
        const issued = await startSession(stores, account, BOTH, origin, { isRemembered });
        return { next: 'done', ...issued } as const;
      });
    },

    proveWithPasskey,

    /**
     * The second step, by a passkey of the account; the password stands before it, so it need not make sure who holds it.
     * Refuses as `proveWithPasskey`.
     */
    async finishWithPasskey(signInToken: string, response: string, origin: Origin): Promise<IssuedSession> {
      const { signIn } = await proveWithPasskey(signInToken, response, origin);
      return finish(signIn, 'pop', origin);
    },
  };
}

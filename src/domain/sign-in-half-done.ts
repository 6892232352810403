// The half-done sign-in: the first proof was given, the second is awaited. It is kept apart from sessions and has no rights
// at all. How often a code may be tried on one is counted here; the account's own counters, across all, are in factor-locks.
// Specification: OWASP ASVS 6.3, CHECKLIST 3.3–3.4.
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';
import type { Audit, AuditStore } from './audit.js';
import { findBrowserOf, type KnownBrowserStore } from './known-browsers.js';

export interface HalfDoneSignIn {
  readonly signInHash: string;
  readonly accountId: AccountId;
  /** The proofs given so far. */
  readonly methods: readonly AuthenticationMethod[];
  /** Wrong codes, and those still being looked at. */
  readonly failures: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Whether the browser shall stay signed in. */
  readonly isRemembered: boolean;
  /** Begun in a browser that the account knows: a stranger's lock does not end it. */
  readonly isInKnownBrowser: boolean;
}

export interface SignInStore {
  /** False when the hash is taken. */
  insert(signIn: HalfDoneSignIn): Promise<boolean>;
  find(signInHash: string): Promise<HalfDoneSignIn | undefined>;
  /** Charges one attempt and gives the new count; undefined when it is gone, expired, or `mostFailures` are charged. */
  charge(signInHash: string, now: Date, mostFailures: number): Promise<HalfDoneSignIn | undefined>;
  /** Gives an attempt back that came to nothing. */
  giveBack(signInHash: string): Promise<void>;
  /** Removes it and hands it over, to one caller only; undefined when it is gone or expired. */
  take(signInHash: string, now: Date): Promise<HalfDoneSignIn | undefined>;
  removeByAccount(accountId: AccountId): Promise<number>;
  /** Those that were begun in no browser that the account knows. */
  removeFromStrangers(accountId: AccountId): Promise<number>;
  /** A few of them at a time; none, where none are left. */
  removeExpired(now: Date): Promise<number>;
}

const LIFE_SECONDS = 600;
/** On one half-done sign-in; a new one does not reset the account's counters (CHECKLIST 3.3). */
const MOST_FAILURES = 5;

/** What the first proof was, a password unless it is said, and whether the session shall be remembered. */
export interface HalfDoneAbout {
  readonly isRemembered?: boolean | undefined;
  readonly methods?: readonly AuthenticationMethod[];
}

interface HalfDoneStores {
  readonly signIns: SignInStore;
  readonly accounts: Pick<KnownBrowserStore, 'findKnownBrowser'>;
  readonly audit: AuditStore;
}

export interface HalfDoneSignInsDependencies {
  readonly store: SignInStore;
  readonly inTransaction: InTransaction<{ signIns: SignInStore; audit: AuditStore }>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export function createHalfDoneSignIns(dependencies: HalfDoneSignInsDependencies) {
  const { store, inTransaction, audit, now, newSecret, hash } = dependencies;

  async function refuse(
    outcome: 'wrong' | 'locked',
    charged: HalfDoneSignIn,
    wrong: 'code-wrong' | 'passkey-wrong',
  ): Promise<never> {
    if (outcome === 'locked') {
      await inTransaction(async ({ signIns }) => {
        await signIns.take(charged.signInHash, now());
        await signIns.removeFromStrangers(charged.accountId);
      });
      throw new DomainError('factor-locked');
    }
    if (charged.failures < MOST_FAILURES) throw new DomainError(wrong);
    await inTransaction(({ signIns }) => signIns.take(charged.signInHash, now()));
    throw new DomainError('sign-in-over');
  }

  /**
   * A lock ends the half-done sign-ins of the account: none outlives the right to try a code (Keycloak #26180). Those in
   * browsers that it knows have tries of their own, and end when these are used up: else whoever knows the password could end
   * the owner's as fast as they are begun.
   */
  async function endHalfDone(accountId: AccountId): Promise<void> {
    await inTransaction(({ signIns }) => signIns.removeFromStrangers(accountId));
  }

  return {
    endHalfDone,

    /**
     * After a right first proof, in the caller's transaction; resolves to the token that the second step needs within ten
     * minutes.
     */
    async startHalfDone(
      stores: HalfDoneStores,
      accountId: AccountId,
      origin: Origin,
      { isRemembered = false, methods = ['pwd'] }: HalfDoneAbout = {},
    ): Promise<string> {
      const isInKnownBrowser = (await findBrowserOf(stores, accountId, origin)) !== undefined;
      const signInToken = newSecret();
      const createdAt = now();
      const expiresAt = new Date(createdAt.getTime() + LIFE_SECONDS * 1000);
      const kept = { signInHash: hash(signInToken), accountId, methods, failures: 0, createdAt, expiresAt };
      const signIn = { ...kept, isRemembered, isInKnownBrowser };
      if (!(await stores.signIns.insert(signIn))) throw new Error('a sign-in hash came up twice');
      const entry = { event: 'sign-in-half-done', accountId, actor: accountId, origin } as const;
      await audit.record(stores, { ...entry, details: { methods: methods.join(' ') } });
      return signInToken;
    },

    async findHalfDone(signInToken: string): Promise<HalfDoneSignIn | undefined> {
      const signIn = await store.find(hash(signInToken));
      return signIn && signIn.expiresAt > now() && signIn.failures < MOST_FAILURES ? signIn : undefined;
    },

    /**
     * Makes one attempt at the second proof, and resolves when it was right. It is charged before it is made, so that many
     * at once are not more than five, and given back if it was not made after all. Refuses `wrong`, `factor-locked`,
     * and `sign-in-over` (unknown, ten minutes old, or the fifth wrong one), and what `prove` refuses.
     */
    async attemptSecondProof<Right extends { readonly outcome: 'right' }>(
      signInToken: string,
      prove: (accountId: AccountId) => Promise<Right | { readonly outcome: 'wrong' | 'locked' }>,
      wrong: 'code-wrong' | 'passkey-wrong' = 'code-wrong',
    ): Promise<{ signIn: HalfDoneSignIn; proof: Right }> {
      const signInHash = hash(signInToken);
      const charged = await inTransaction(({ signIns }) => signIns.charge(signInHash, now(), MOST_FAILURES));
      if (!charged) throw new DomainError('sign-in-over');
      let proof;
      try {
        proof = await prove(charged.accountId);
      } catch (error) {
        // A fault of ours is not the person's failure. If this fails too, the first fault is the one to tell.
        await inTransaction(({ signIns }) => signIns.giveBack(signInHash)).catch(() => undefined);
        throw error;
      }
      return proof.outcome === 'right' ? { signIn: charged, proof } : refuse(proof.outcome, charged, wrong);
    },
  };
}

// Signing in through another provider: whom its answer means here, and what that comes to. Somebody known gets a session;
// somebody new makes an account, or, where their proved address has one, is asked to sign in to it and connect. Nobody gets
// into an account by an address. How a browser gets there and back is in identities-trips.ts.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.8.1, §6.8.4 and §10.5.2.
import type { Account, Accounts } from './accounts.js';
import type { Audit } from './audit.js';
import type { Arrived, Identities, IdentityStores, Somebody } from './identities.js';
import type { Proofs } from './proofs.js';
import type { IssuedSession, Session, Sessions } from './sessions.js';
import type { SignIn, SignInStores } from './sign-in.js';
import type { Throttle } from './throttle.js';
import { DomainError, type InTransaction, type Origin } from './vocabulary.js';

export type FederatedSignInStores = SignInStores & IdentityStores;

export interface FederatedSignInDependencies {
  readonly inTransaction: InTransaction<FederatedSignInStores>;
  readonly identities: Identities;
  readonly accounts: Pick<
    Accounts,
    'findAccount' | 'findByProvedEmail' | 'isActive' | 'prepareOpening' | 'openWithin'
  >;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
  readonly signIn: Pick<SignIn, 'startSession' | 'startHalfDone'>;
  readonly sessions: Pick<Sessions, 'rotateSession' | 'isRecent' | 'hasFreshProof'>;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly audit: Audit;
}

/** `connect-first`: the address belongs to an account, whose owner is to sign in; `new`: they may make an account. */
export type FederatedOutcome =
  | ({ readonly next: 'done' } & IssuedSession)
  | { readonly next: 'second-factor' | 'keep-account'; readonly signInToken: string }
  | { readonly next: 'connect-first'; readonly arrivalToken: string }
  | { readonly next: 'new'; readonly arrivalToken: string };

/** A proof that nobody has dated is never fresh. */
const LONG_AGO = new Date(0);

export type FederatedSignIn = ReturnType<typeof createFederatedSignIn>;

export function createFederatedSignIn(dependencies: FederatedSignInDependencies) {
  const { inTransaction, identities, accounts, proofs, signIn, sessions, throttle, audit } = dependencies;

  /** Somebody whom no account is connected to. */
  async function arrive(arrived: Arrived): Promise<FederatedOutcome> {
    const { upstream, person } = arrived;
    // An address that was not proved is nobody's: not a word of whether an account has it.
    const owner = person.isEmailVerified ? await accounts.findByProvedEmail(person.email) : undefined;
    if (!owner && !upstream.mayOpenAccounts) throw new DomainError('identity-unknown');
    const arrivalToken = await inTransaction((stores) => identities.keepArrivalWithin(stores, arrived));
    return { next: owner ? 'connect-first' : 'new', arrivalToken };
  }

  async function enter(account: Account, arrived: Somebody, origin: Origin): Promise<FederatedOutcome> {
    const { upstream, person } = arrived;
    const { accountId } = account;
    return inTransaction(async (stores) => {
      // Asked here: a sign-in that races the enabling must not come out beside it.
      const isMoreDue = upstream.asksSecondFactor && (await stores.proofs.hasSecondFactor(accountId));
      const identity = await identities.findWithin(stores, upstream, person);
      // Disconnected in this moment: it is no way in any more.
      if (identity?.accountId !== accountId) throw new DomainError('upstream-stale');
      await identities.markUsedWithin(stores, identity, person);
      if (account.isClosed || isMoreDue) {
        const signInToken = await signIn.startHalfDone(stores, accountId, origin, { methods: ['fed'] });
        return { next: account.isClosed ? 'keep-account' : 'second-factor', signInToken } as const;
      }
      if (!(await accounts.isActive(stores, accountId))) throw new DomainError('account-locked');
      const provedAt = person.authenticatedAt ?? LONG_AGO;
      const issued = await signIn.startSession(stores, account, ['fed'], origin, { provedAt });
      return { next: 'done', ...issued } as const;
    });
  }

  return {
    /**
     * What a sign-in through a provider comes to. Refuses `identity-unknown` where no account is connected and none may be made,
     * `account-locked`, and `upstream-stale` where the identity was disconnected in this moment.
     */
    async finishSignIn(arrived: Arrived, origin: Origin): Promise<FederatedOutcome> {
      const identity = await identities.findIdentity(arrived);
      if (!identity) return arrive(arrived);
      const account = await accounts.findAccount(identity.accountId);
      if (!account) throw new DomainError('upstream-stale');
      return enter(account, arrived, origin);
    },

    /** Who has arrived and may choose what to do; undefined for a token that is unknown, used or ten minutes old. */
    findArrival: identities.findArrival,

    /**
     * Makes an account for who has arrived, and signs in to it. `email` counts only where the provider has proved none. Refuses
     * `upstream-stale`, `identity-unknown` (none may be made), `sign-up-closed`, `identity-taken`, `email-taken`, `email-invalid`,
     * `account-name-invalid`, `account-name-taken`, `too-many`; but for the first, the arrival stays good.
     */
    async openAccount(
      arrivalToken: string,
      asked: {
        readonly username: string;
        readonly email?: string | undefined;
        readonly language: string;
        readonly userCode?: string | undefined;
      },
      origin: Origin,
    ): Promise<IssuedSession & { readonly account: Account }> {
      const arrived = await identities.findArrival(arrivalToken);
      if (!arrived) throw new DomainError('upstream-stale');
      const { upstream, person } = arrived;
      if (!upstream.mayOpenAccounts) throw new DomainError('identity-unknown');
      await throttle.spend('sign-up-by-network', origin.network);
      const { isEmailVerified, displayName } = person;
      const email = isEmailVerified ? person.email : (asked.email ?? '');
      const { username, language, userCode } = asked;
      const wanted = { username, language, userCode, email, isEmailVerified, displayName };
      const prepared = await accounts.prepareOpening(wanted);
      return inTransaction(async (stores) => {
        await identities.takeArrivalWithin(stores, arrivalToken);
        const account = await accounts.openWithin(stores, prepared, origin);
        await identities.connectWithin(stores, account, arrived, origin);
        const provedAt = person.authenticatedAt ?? LONG_AGO;
        return { ...(await signIn.startSession(stores, account, ['fed'], origin, { provedAt })), account };
      });
    },

    /**
     * A round trip that shall prove anew who somebody signed in is. The session goes on under a new token; `isFresh` says
     * whether the provider has shown that they proved it in the last ten minutes. Where nothing of the session is lost by it, it
     * counts as signing in once more. Refuses `identity-other` for anybody else, `account-locked`, `sign-in-over`.
     */
    async prove(
      session: Session,
      { upstream, person }: Somebody,
      origin: Origin,
    ): Promise<IssuedSession & { readonly isFresh: boolean }> {
      const { accountId, authentication } = session;
      const isHalf = upstream.asksSecondFactor && (await proofs.hasSecondFactor(accountId));
      const isOnlyFed = authentication.methods.every((method) => method === 'fed');
      const isWhole = !isHalf && (isOnlyFed || !sessions.isRecent(session));
      const proved = isWhole ? { methods: ['fed'] as const } : { provedWith: ['fed'] as const };
      const provedAt = person.authenticatedAt ?? LONG_AGO;
      const issued = await inTransaction(async (stores) => {
        const identity = await identities.findWithin(stores, upstream, person);
        if (identity?.accountId !== accountId) throw new DomainError('identity-other');
        if (!(await accounts.isActive(stores, accountId))) throw new DomainError('account-locked');
        await identities.markUsedWithin(stores, identity, person);
        const details = { methods: 'fed', name: upstream.label };
        const entry = { event: 'proof-given', accountId, actor: accountId, origin } as const;
        await audit.record(stores, { ...entry, details });
        return sessions.rotateSession(stores, session, { ...proved, provedAt, origin });
      });
      return { ...issued, isFresh: sessions.hasFreshProof(issued.session) };
    },
  };
}

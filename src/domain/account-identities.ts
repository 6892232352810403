// Connecting an account elsewhere to one's own, and disconnecting it: by its owner, with a fresh proof in the same request. The
// last way in stays. What an identity is, and what is told of it: identities.ts; how a browser gets there and back:
// identities-trips.ts.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.3.7, §6.8.1, §7.4.3 and §7.5.1.
import type { Account, Accounts, AccountsStore } from './accounts.js';
import type { Identities, IdentityStores, Offer } from './identities.js';
import type { RoundTrips, TripEnd } from './identities-trips.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import type { SignInStore } from './sign-in-half-done.js';
import { DomainError, type AccountId, type InTransaction, type Origin } from './vocabulary.js';
import type { WaysIn, WaysInStores } from './ways-in.js';

export interface AccountIdentitiesStores
  extends IdentityStores, Omit<WaysInStores, 'accounts' | 'identities'> {
  readonly accounts: AccountsStore;
  readonly sessions: SessionStore;
  readonly signIns: SignInStore;
  readonly proofs: Parameters<SignIn['requireStillEnough']>[0]['proofs'];
}

export interface AccountIdentitiesDependencies {
  readonly inTransaction: InTransaction<AccountIdentitiesStores>;
  readonly identities: Identities;
  readonly trips: Pick<RoundTrips, 'startTrip'>;
  readonly accounts: Pick<Accounts, 'findAccount' | 'isActive'>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly waysIn: WaysIn;
}

type Known = Extract<TripEnd, { readonly outcome: 'known' }>;

export type AccountIdentities = ReturnType<typeof createAccountIdentities>;

export function createAccountIdentities(dependencies: AccountIdentitiesDependencies) {
  const { inTransaction, identities, trips, accounts, signIn, sessions, waysIn } = dependencies;

  async function requireOwner({ accountId }: Session): Promise<Account> {
    const owner = await accounts.findAccount(accountId);
    if (!owner || owner.isClosed) throw new DomainError('sign-in-over');
    return owner;
  }

  return {
    listIdentities: identities.listIdentities,
    offers: identities.offers,

    /** The providers that sign in to this account: through each of them its owner can prove who they are. */
    async offersTo(accountId: AccountId): Promise<readonly Offer[]> {
      const own = await identities.listIdentities(accountId);
      return identities.offers.filter(({ name }) =>
        own.some(({ upstream, isUsable }) => isUsable && upstream === name),
      );
    },

    /**
     * Leads the owner to a provider, to come back and be connected, after a fresh proof. Refuses what `startTrip` and
     * `proveForChange` refuse; where the provider does not answer, nothing of the proof is used up.
     */
    async startConnecting(
      session: Session,
      asked: {
        readonly upstream: string;
        readonly journey: string;
        readonly browserSecret?: string | undefined;
      },
      proof: ChangeProof,
      origin: Origin,
    ): Promise<{ readonly address: string; readonly browserSecret: string; readonly issued: IssuedSession }> {
      const trip = await trips.startTrip({ ...asked, purpose: 'connect', session }, origin);
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const issued = await inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        return sessions.rotateSession(stores, session, { provedWith, origin });
      });
      return { ...trip, issued };
    },

    /** Connects who has come back from that, in the session that began it. Refuses `identity-taken`, `sign-in-over`. */
    async finishConnecting(session: Session, end: Known, origin: Origin): Promise<void> {
      const owner = await requireOwner(session);
      await inTransaction(async (stores) => {
        const isThere = await stores.sessions.find(session.sessionHash);
        const mayGoOn = isThere && (await accounts.isActive(stores, owner.accountId));
        if (!mayGoOn) throw new DomainError('sign-in-over');
        await identities.connectWithin(stores, owner, end, origin);
      });
    },

    /**
     * Connects who has arrived before the owner signed in, with a fresh proof. Refuses `upstream-stale`, `identity-taken`, and what
     * `proveForChange` refuses.
     */
    async connectArrival(
      session: Session,
      arrivalToken: string,
      proof: ChangeProof,
      origin: Origin,
    ): Promise<IssuedSession> {
      const owner = await requireOwner(session);
      const arrived = await identities.findArrival(arrivalToken);
      if (!arrived) throw new DomainError('upstream-stale');
      const provedWith = await signIn.proveForChange(session, proof, origin);
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        await identities.takeArrivalWithin(stores, arrivalToken);
        await identities.connectWithin(stores, owner, arrived, origin);
        return issued;
      });
    },

    /**
     * Disconnects an identity, with a fresh proof. This session goes on under a new token; every other one ends: somebody may
     * have come in by it. Refuses `not-found`, `last-way-in` (before anything of the proof is used up), what `proveForChange`
     * refuses, and `sign-in-over`.
     */
    async disconnect(
      session: Session,
      identityId: string,
      proof: ChangeProof,
      origin: Origin,
    ): Promise<IssuedSession> {
      const owner = await requireOwner(session);
      const { accountId } = owner;
      await inTransaction((stores) => waysIn.requireAnotherWayIn(stores, accountId, identityId));
      const provedWith = await signIn.proveForChange(session, proof, origin);
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        await identities.disconnectWithin(stores, owner, identityId, origin);
        await waysIn.requireAWayIn(stores, accountId);
        await stores.sessions.removeByAccount(accountId, issued.session.sessionHash);
        await stores.signIns.removeByAccount(accountId);
        return issued;
      });
    },
  };
}

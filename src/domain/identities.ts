// Federated identities: which of them an account has, connecting and disconnecting one in the caller's transaction, and who has
// come back from a provider and has no account yet. An identity is issuer and subject; an address never is one.
// Who may connect, and what a sign-in comes to: account-identities.ts, sign-in-federated.ts.
// Specification: DESIGN 6, OWASP ASVS 5.0 §6.8.1 and §10.5.2.
import type { Account } from './account-records.js';
import type { Audit, AuditStore } from './audit.js';
import type { Identity, IdentityStore, RoundTripStore } from './identities-records.js';
import type { Upstream, UpstreamPerson } from './identities-upstream.js';
import { whereAndWhen, type Notices, type OutboxStore, type Sealer } from './notices.js';
import { DomainError, type AccountId, type Clock, type Origin } from './vocabulary.js';

export interface IdentityStores {
  readonly identities: IdentityStore;
  readonly roundTrips: RoundTripStore;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

/** A provider as the pages offer it. */
export interface Offer {
  readonly name: string;
  readonly label: string;
  readonly tellsFreshness: boolean;
}

/** Somebody, as a provider knows them. */
export interface Somebody {
  readonly upstream: Upstream;
  readonly person: UpstreamPerson;
}

/** Somebody who has come back with an identity that no account has. */
export interface Arrived extends Somebody {
  /** Where they were going, in the words of the pages. */
  readonly journey: string;
}

/** An identity as its owner sees it. */
export interface ConnectedIdentity extends Identity {
  readonly label: string;
  /** False where this server does not know its provider any more: then it is no way in. */
  readonly isUsable: boolean;
  readonly tellsFreshness: boolean;
}

export const ARRIVAL_SECONDS = 600;

export interface IdentitiesDependencies {
  readonly store: IdentityStore;
  readonly roundTrips: Pick<RoundTripStore, 'findArrival'>;
  readonly upstreams: readonly Upstream[];
  readonly audit: Audit;
  readonly notices: Notices;
  readonly sealer: Sealer;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export type Identities = ReturnType<typeof createIdentities>;

type Told = Pick<Account, 'accountId' | 'email' | 'isEmailVerified' | 'username'> & {
  readonly language?: string;
};

/** What an identity is called on pages and in mails. */
const shownAs = ({ email, suggestedName, displayName }: UpstreamPerson): string =>
  email || suggestedName || displayName;

export function createIdentities(dependencies: IdentitiesDependencies) {
  const { store, upstreams, audit, notices, sealer, now, newId, newSecret, hash } = dependencies;

  const upstreamOf = (issuer: string): Upstream | undefined =>
    upstreams.find((upstream) => upstream.issuer === issuer);

  function present(identity: Identity): ConnectedIdentity {
    const upstream = upstreamOf(identity.issuer);
    return {
      ...identity,
      label: upstream?.label ?? identity.upstream,
      isUsable: upstream !== undefined,
      tellsFreshness: upstream?.tellsFreshness ?? false,
    };
  }

  async function tell(
    stores: IdentityStores,
    what: 'identity-connected' | 'identity-disconnected',
    owner: Told,
    about: { readonly label: string; readonly shownAs: string },
    origin: Origin,
  ): Promise<void> {
    const { accountId, email, isEmailVerified, username, language } = owner;
    const entry = { event: what, accountId, actor: accountId, origin } as const;
    await audit.record(stores, { ...entry, details: { name: about.label } });
    if (!isEmailVerified) return;
    const details = {
      username,
      ...whereAndWhen(origin, now()),
      upstream: about.label,
      identity: about.shownAs,
    };
    await notices.tell(stores, what, { email, language: language ?? 'en', accountId }, details);
  }

  return {
    /** The providers of the settings, in their order. */
    offers: upstreams.map(({ name, label, tellsFreshness }): Offer => ({ name, label, tellsFreshness })),

    /** Those of an account, the first connected first. */
    async listIdentities(accountId: AccountId): Promise<ConnectedIdentity[]> {
      return (await store.findByAccount(accountId)).map(present);
    },

    /** Whose identity this is. */
    findIdentity: ({ upstream, person }: Somebody): Promise<Identity | undefined> =>
      store.find(upstream.issuer, person.subject),

    /** The same, asked inside the caller's transaction. */
    findWithin: (
      stores: Pick<IdentityStores, 'identities'>,
      { issuer }: Pick<Upstream, 'issuer'>,
      { subject }: Pick<UpstreamPerson, 'subject'>,
    ): Promise<Identity | undefined> => stores.identities.find(issuer, subject),

    async markUsedWithin(
      stores: Pick<IdentityStores, 'identities'>,
      { identityId }: Identity,
      person: UpstreamPerson,
    ): Promise<void> {
      await stores.identities.markUsed(identityId, { at: now(), shownAs: shownAs(person) });
    },

    /**
     * Connects it to the account, whose owner is told; one that it has already is fine, and tells nothing. Refuses
     * `identity-taken` where another account has it.
     */
    async connectWithin(
      stores: IdentityStores,
      owner: Told,
      { upstream, person }: Somebody,
      origin: Origin,
    ): Promise<void> {
      const { accountId } = owner;
      const at = now();
      const identity: Identity = {
        identityId: newId(),
        accountId,
        upstream: upstream.name,
        issuer: upstream.issuer,
        subject: person.subject,
        shownAs: shownAs(person),
        connectedAt: at,
        lastUsedAt: at,
      };
      if (await stores.identities.insert(identity)) {
        return tell(stores, 'identity-connected', owner, { ...identity, label: upstream.label }, origin);
      }
      const holder = await stores.identities.find(upstream.issuer, person.subject);
      if (holder?.accountId !== accountId) throw new DomainError('identity-taken');
    },

    /** Disconnects it, and its owner is told. Refuses `not-found`. Whether a way in is left is for the caller to ask. */
    async disconnectWithin(
      stores: IdentityStores,
      owner: Told,
      identityId: string,
      origin: Origin,
    ): Promise<void> {
      const { accountId } = owner;
      const identities = await stores.identities.findByAccount(accountId);
      const found = identities.find((identity) => identity.identityId === identityId);
      const isGone = found && (await stores.identities.remove(identityId, accountId));
      if (!isGone) throw new DomainError('not-found');
      await tell(stores, 'identity-disconnected', owner, present(found), origin);
    },

    /** Keeps who has come back, for ten minutes; resolves to the token for the browser. */
    async keepArrivalWithin(
      stores: Pick<IdentityStores, 'roundTrips'>,
      { upstream, person, journey }: Arrived,
    ): Promise<string> {
      const token = newSecret();
      const arrivalHash = hash(token);
      const { authenticatedAt } = person;
      const kept = { upstream: upstream.name, person, journey, authenticatedAt: authenticatedAt?.getTime() };
      await stores.roundTrips.insertArrival({
        arrivalHash,
        sealedDetails: sealer.seal(JSON.stringify(kept), arrivalHash),
        expiresAt: new Date(now().getTime() + ARRIVAL_SECONDS * 1000),
      });
      return token;
    },

    /** Who a token stands for; undefined for one that is unknown, used or over. */
    async findArrival(token: string): Promise<Arrived | undefined> {
      const arrivalHash = hash(token);
      const found = await dependencies.roundTrips.findArrival(arrivalHash, now());
      if (!found) return undefined;
      const kept = JSON.parse(sealer.open(found.sealedDetails, arrivalHash)) as {
        readonly upstream: string;
        readonly person: UpstreamPerson;
        readonly journey: string;
        readonly authenticatedAt?: number;
      };
      const upstream = upstreams.find(({ name }) => name === kept.upstream);
      const at = kept.authenticatedAt;
      const authenticatedAt = at === undefined ? undefined : new Date(at);
      const { journey } = kept;
      return upstream && { upstream, journey, person: { ...kept.person, authenticatedAt } };
    },

    /** Uses the token up. Refuses `upstream-stale` when somebody was faster, or it is over. */
    async takeArrivalWithin(stores: Pick<IdentityStores, 'roundTrips'>, token: string): Promise<void> {
      if (!(await stores.roundTrips.takeArrival(hash(token), now()))) throw new DomainError('upstream-stale');
    },
  };
}

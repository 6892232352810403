// Round trips: a browser that is sent to a provider and comes back, once, within ten minutes, and to nobody else's browser. What
// it carries is kept here, sealed; the provider sees the state, and of the rest nothing. Who has come back, and what that is
// worth, is decided by who asked: identities.ts, sign-in-federated.ts.
// Specification: RFC 6749 §10.12, RFC 9700 §2.1 and §4.7, OpenID Connect Core 1.0 §15.5.2.
import type { Audit, AuditStore } from './audit.js';
import type { RoundTripStore } from './identities-records.js';
import type { Upstream, UpstreamPerson } from './identities-upstream.js';
import type { Sealer } from './notices.js';
import type { Session } from './sessions.js';
import type { Throttle } from './throttle.js';
import {
  DomainError,
  type AccountId,
  type BrowserTicket,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

/** `sign-in`: by nobody yet. `connect`, `prove`: by somebody signed in, and only in that session. */
export type TripPurpose = 'sign-in' | 'connect' | 'prove';

export interface Trip {
  readonly purpose: TripPurpose;
  /** Where the person was going, in the words of the pages. */
  readonly journey: string;
  readonly accountId?: AccountId;
  readonly ticket?: BrowserTicket;
}

/** How it ended. `why` it did not is in the log. */
export type TripEnd = { readonly trip: Trip; readonly upstream: Upstream } & (
  | { readonly outcome: 'known'; readonly person: UpstreamPerson }
  | { readonly outcome: 'declined' | 'refused' | 'unavailable' }
);

interface Details extends Trip {
  readonly nonce: string;
  readonly codeVerifier: string;
}

export const TRIP_SECONDS = 600;
/** Longer than any of ours; a longer one is somebody's own, and is left behind: half of one may be none at all. */
const LONGEST_JOURNEY = 8000;

export interface RoundTripsDependencies {
  readonly inTransaction: InTransaction<{ roundTrips: RoundTripStore; audit: AuditStore }>;
  readonly upstreams: readonly Upstream[];
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly audit: Audit;
  readonly sealer: Sealer;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
  /** Told of each trip that ended otherwise than it should, for the operator. */
  readonly onFault: (upstream: string, outcome: string, why: string) => void;
}

export type RoundTrips = ReturnType<typeof createRoundTrips>;

export function createRoundTrips(dependencies: RoundTripsDependencies) {
  const { inTransaction, upstreams, throttle, audit, sealer, now, newSecret, hash, onFault } = dependencies;

  function requireUpstream(name: string): Upstream {
    const found = upstreams.find((upstream) => upstream.name === name);
    if (!found) throw new DomainError('not-found');
    return found;
  }

  async function takeTrip(
    upstream: Upstream,
    state: string | undefined,
    browserSecret: string | undefined,
  ): Promise<Details | undefined> {
    if (!state || !browserSecret) return undefined;
    const asked = { stateHash: hash(state), browserHash: hash(browserSecret), upstream: upstream.name };
    const trip = await inTransaction(({ roundTrips }) => roundTrips.takeTrip(asked, now()));
    return trip && (JSON.parse(sealer.open(trip.sealedDetails, trip.stateHash)) as Details);
  }

  return {
    /**
     * Begins one: the address to send the browser to, and the secret for its cookie, which stays the same while it has one.
     * `session`: of whoever begins it signed in. Refuses `not-found` (no such provider), `too-many` (by network) and
     * `upstream-unavailable`.
     */
    async startTrip(
      asked: {
        readonly upstream: string;
        readonly purpose: TripPurpose;
        readonly journey: string;
        /** They shall prove there anew who they are; so they shall in any case where a proof is what it is for. */
        readonly isFresh?: boolean | undefined;
        readonly session?: Pick<Session, 'accountId' | 'ticket'> | undefined;
        readonly browserSecret?: string | undefined;
      },
      origin: Origin,
    ): Promise<{ readonly address: string; readonly browserSecret: string }> {
      const upstream = requireUpstream(asked.upstream);
      await throttle.spend('round-trip-by-network', origin.network);
      const secrets = { state: newSecret(), nonce: newSecret(), codeVerifier: newSecret() };
      const led = await upstream.leadThere(secrets, {
        isFresh: asked.purpose === 'prove' || asked.isFresh === true,
      });
      if (led.outcome !== 'ready') {
        onFault(upstream.name, led.outcome, led.why);
        throw new DomainError('upstream-unavailable');
      }
      const { session, purpose, browserSecret = newSecret() } = asked;
      const whose = session && purpose !== 'sign-in' ? session : undefined;
      const details: Details = {
        ...{ purpose, journey: asked.journey.length > LONGEST_JOURNEY ? '' : asked.journey },
        ...(whose ? { accountId: whose.accountId, ticket: whose.ticket } : {}),
        ...{ nonce: secrets.nonce, codeVerifier: secrets.codeVerifier },
      };
      const stateHash = hash(secrets.state);
      await inTransaction(({ roundTrips }) =>
        roundTrips.insertTrip({
          stateHash,
          browserHash: hash(browserSecret),
          upstream: upstream.name,
          accountId: whose?.accountId,
          sealedDetails: sealer.seal(JSON.stringify(details), stateHash),
          expiresAt: new Date(now().getTime() + TRIP_SECONDS * 1000),
        }),
      );
      return { address: led.address, browserSecret };
    },

    /**
     * Ends one, by the answer that a browser has brought from the provider of that name. It is used up before anything is made
     * of the answer. Refuses `upstream-stale` for one that this browser did not begin, that is over, or used; also where
     * somebody else has signed in in the meantime. Nothing else is a refusal: how it ended is said in `outcome`.
     */
    async endTrip(
      answer: {
        readonly upstream: string;
        readonly fields: ReadonlyMap<string, string>;
        readonly browserSecret: string | undefined;
        readonly session?: Pick<Session, 'accountId' | 'ticket'> | undefined;
      },
      origin: Origin,
    ): Promise<TripEnd> {
      const upstream = requireUpstream(answer.upstream);
      const state = answer.fields.get('state');
      const taken = await takeTrip(upstream, state, answer.browserSecret);
      if (!taken || state === undefined) throw new DomainError('upstream-stale');
      const { nonce, codeVerifier, ...trip } = taken;
      const isOurs = trip.purpose === 'sign-in' || trip.ticket === answer.session?.ticket;
      if (!isOurs) throw new DomainError('upstream-stale');
      const read = await upstream.readAnswer(answer.fields, { state, nonce, codeVerifier });
      if (read.outcome === 'known') return { trip, upstream, ...read };
      const { outcome, why } = read;
      onFault(upstream.name, outcome, why);
      const whose = trip.accountId ? { accountId: trip.accountId } : {};
      const details = { name: upstream.label, outcome, purpose: trip.purpose };
      const entry = {
        event: 'upstream-failed',
        ...whose,
        actor: trip.accountId ?? 'anyone',
        origin,
      } as const;
      await inTransaction((stores) => audit.record(stores, { ...entry, details }));
      return { trip, upstream, outcome };
    },
  };
}

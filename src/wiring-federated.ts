// The rooms of federated sign-in: handed what they declare they need, over the rooms of people that wiring-rooms.ts opens, and
// the providers of the settings.
import type { Config } from './config.js';
import { randomSecret, sha256 } from './crypto/secrets.js';
import { createAccountIdentities } from './domain/account-identities.js';
import type { Accounts } from './domain/accounts.js';
import { createIdentities } from './domain/identities.js';
import { createRoundTrips } from './domain/identities-trips.js';
import type { Proofs } from './domain/proofs.js';
import type { Sessions } from './domain/sessions.js';
import type { SignIn } from './domain/sign-in.js';
import { createFederatedSignIn } from './domain/sign-in-federated.js';
import { createWaysIn } from './domain/ways-in.js';
import { createUpstreams } from './outside/upstream.js';
import { sealerOf, type Ground, type WiringOptions } from './wiring-ground.js';

export interface FederatedRoomsGiven {
  readonly accounts: Accounts;
  readonly proofs: Proofs;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
}

export function openFederatedRooms(
  { publicUrl, upstreams: settings }: Config,
  ground: Ground,
  given: FederatedRoomsGiven,
  { upstreamPlaces: places, upstreamBudgetSeconds: budgetSeconds }: WiringOptions,
) {
  const { stores, log, now, keyring } = ground;
  const upstreams = createUpstreams(settings, {
    publicUrl,
    now: () => now().getTime(),
    places,
    budgetSeconds,
  });
  const shared = {
    ...ground,
    ...given,
    upstreams,
    sealer: sealerOf(keyring, 'upstream'),
    newSecret: randomSecret,
    hash: sha256,
    waysIn: createWaysIn({ issuers: new Set(upstreams.map(({ issuer }) => issuer)) }),
    onFault: (upstream: string, outcome: string, why: string) =>
      log.warn({ upstream, outcome, why }, 'a sign-in through another provider did not come about'),
  };
  const trips = createRoundTrips(shared);
  const identities = createIdentities({ ...shared, store: stores.identities, roundTrips: stores.roundTrips });
  const rooms = { ...shared, identities, trips };
  return {
    trips,
    waysIn: shared.waysIn,
    accountIdentities: createAccountIdentities(rooms),
    federatedSignIn: createFederatedSignIn(rooms),
  };
}

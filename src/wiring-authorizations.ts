// The rooms of authorizations: handed what they declare they need, over the rooms of people, tools and links that wiring-rooms.ts
// opens.
import type { Config } from './config.js';
import { randomSecret } from './crypto/secrets.js';
import { createAuthorizationsForPerson } from './domain/authorizations-person.js';
import type { AuthorizationCheckpoint } from './domain/authorizations-redemption.js';
import { createAuthorizationsForTool } from './domain/authorizations-tool.js';
import type { Clients } from './domain/clients.js';
import type { ForWhomDependencies } from './domain/links-for-whom.js';
import type { Decider } from './domain/links-person.js';
import type { Services } from './domain/services.js';
import type { Sessions } from './domain/sessions.js';
import type { Tokens } from './domain/tokens.js';
import type { AccountId } from './domain/vocabulary.js';
import type { Stores } from './stores/sql/stores.js';
import type { Ground } from './wiring-ground.js';

export interface AuthorizationRoomsGiven extends ForWhomDependencies<Stores> {
  readonly clients: Clients;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly services: Services;
  readonly describeDecider: (accountId: AccountId) => Promise<Decider | undefined>;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly checkpoint?: AuthorizationCheckpoint;
}

export function openAuthorizationRooms(config: Config, ground: Ground, given: AuthorizationRoomsGiven) {
  const { stores, keyring } = ground;
  const shared = { ...ground, ...given };
  return {
    authorizations: createAuthorizationsForTool({ ...shared, newSecret: randomSecret }),
    authorizationsForPerson: createAuthorizationsForPerson({
      ...shared,
      store: stores.authorizations,
      tokenStore: stores.tokens,
      codeMacs: (authorizationId, handle) => keyring.macs('authorization-code', authorizationId, handle),
      pageMac: (authorizationId, ticket, madeAt) =>
        keyring.mac('review-page', 'authorization', authorizationId, ticket, madeAt),
      isSecondFactorRequired: config.twoFactor === 'required',
      isVerificationRequired: config.emailVerification === 'required',
    }),
  };
}

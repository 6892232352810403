// Every store of the house, bound to one connection. A transaction hands all of them to its work.
import { createCredentialStore } from './account-credentials.js';
import { createAccountStore } from './accounts.js';
import { createSwitchStore } from './account-switches.js';
import { createAppPasswordStore } from './app-passwords.js';
import { createAuditStore } from './audit.js';
import { createAuthorizationStore } from './authorizations.js';
import { createBudgetStore } from './budgets.js';
import { createClientStore } from './clients.js';
import { createDeviceKeyStore } from './device-keys.js';
import { createInvitationStore } from './household-invitations.js';
import { createProfilePinStore } from './household-pins.js';
import { createHouseholdStore } from './households.js';
import { createIdentityStore, createRoundTripStore } from './identities.js';
import { createKeyStore } from './keys.js';
import { createLinkStore } from './links.js';
import { createNumberedLinkStore } from './links-numbered.js';
import { createMemberAccessStore } from './member-access.js';
import { createOutboxStore } from './outbox.js';
import { createPasskeyStore } from './passkeys.js';
import { createProofStore } from './proofs.js';
import { createServiceStore } from './services.js';
import { createHostSessionStore } from './protected-hosts.js';
import { createSessionStore } from './sessions.js';
import { createSignInStore } from './sign-ins.js';
import type { Sql } from './statement.js';
import { createSwitchedSessionStore } from './switched-sessions.js';
import { createTokenStore } from './tokens.js';
import { createUsedProofStore } from './used-proofs.js';

export type Stores = ReturnType<typeof createStores>;

export function createStores(sql: Sql) {
  return {
    accounts: createAccountStore(sql),
    appPasswords: createAppPasswordStore(sql),
    audit: createAuditStore(sql),
    authorizations: createAuthorizationStore(sql),
    budgets: createBudgetStore(sql),
    clients: createClientStore(sql),
    credentials: createCredentialStore(sql),
    deviceKeyRing: createKeyStore(sql, 'device-keys'),
    deviceKeys: createDeviceKeyStore(sql),
    hostSessions: createHostSessionStore(sql),
    households: { ...createHouseholdStore(sql), ...createProfilePinStore(sql) },
    identities: createIdentityStore(sql),
    invitations: createInvitationStore(sql),
    keys: createKeyStore(sql),
    links: createLinkStore(sql),
    memberAccess: createMemberAccessStore(sql),
    numberedLinks: createNumberedLinkStore(sql),
    outbox: createOutboxStore(sql),
    passkeys: createPasskeyStore(sql),
    proofs: createProofStore(sql),
    roundTrips: createRoundTripStore(sql),
    services: createServiceStore(sql),
    sessions: createSessionStore(sql),
    signIns: createSignInStore(sql),
    switchedSessions: createSwitchedSessionStore(sql),
    switches: createSwitchStore(sql),
    tokens: createTokenStore(sql),
    usedProofs: createUsedProofStore(sql),
  };
}

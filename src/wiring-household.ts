// The rooms of the household: handed what they declare they need, over the rooms of people, tools and links that wiring-rooms.ts
// opens.
import { randomUUID } from 'node:crypto';
import type { Config } from './config.js';
import type { Passwords } from './crypto/passwords.js';
import { randomSecret, sha256 } from './crypto/secrets.js';
import type { Accounts } from './domain/accounts.js';
import { createHousehold } from './domain/household.js';
import { createHouseholdInvitations } from './domain/household-invitations.js';
import { createProfilePins } from './domain/household-pins.js';
import { createProfileSwitch } from './domain/household-switch.js';
import type { LinksForPerson } from './domain/links-person.js';
import type { Proofs } from './domain/proofs.js';
import type { Sessions } from './domain/sessions.js';
import { createSwitchedSessions } from './domain/sessions-switched.js';
import type { SignIn } from './domain/sign-in.js';
import type { TokensLasting } from './domain/tokens-lasting.js';
import type { Ground } from './wiring-ground.js';

export interface HouseholdRoomsGiven {
  readonly accounts: Accounts;
  readonly passwords: Passwords;
  readonly proofs: Proofs;
  readonly sessions: Sessions;
  readonly signIn: Pick<SignIn, 'proveOwner'>;
  readonly linksForPerson: LinksForPerson;
  readonly tokensLasting: TokensLasting;
}

export function openHouseholdRooms({ publicUrl }: Config, ground: Ground, given: HouseholdRoomsGiven) {
  const { stores } = ground;
  const { accounts, passwords, proofs, sessions, signIn, linksForPerson, tokensLasting } = given;
  const shared = {
    ...ground,
    passwords,
    sessions,
    tokensLasting,
    store: stores.households,
    findAccount: accounts.findAccount,
    proveOwner: signIn.proveOwner,
    mayReceiveToken: accounts.mayReceiveToken,
    hasSecondFactor: proofs.hasSecondFactor,
    announce: linksForPerson.announceDecided,
    newSecret: randomSecret,
    // Neither a household nor who is in it shall tell when it was made.
    newId: randomUUID,
    newSubjectId: randomUUID,
    settings: { publicUrl },
  };
  const switchedSessions = createSwitchedSessions({
    ...shared,
    store: stores.switchedSessions,
    hash: sha256,
  });
  return {
    switchedSessions,
    household: createHousehold(shared),
    householdInvitations: createHouseholdInvitations({ ...shared, store: stores.invitations }),
    profilePins: createProfilePins(shared),
    profileSwitch: createProfileSwitch({ ...shared, switchedSessions, newId: ground.newId }),
  };
}

// The rooms in which an account's owner changes a credential or closes it: handed what they declare they need, over the rooms
// of people and of links that wiring-rooms.ts opens.
import type { Config } from './config.js';
import { randomSecret } from './crypto/secrets.js';
import { createAccountAccess } from './domain/account-access.js';
import { createAccountClosing } from './domain/account-closing.js';
import { createAccountEmail } from './domain/account-email.js';
import { createAccountPassword } from './domain/account-password.js';
import { createAccountReset } from './domain/account-reset.js';
import type { Accounts } from './domain/accounts.js';
import { createHouseholdEnding } from './domain/household-ending.js';
import type { LinkedTools } from './domain/linked-tools.js';
import type { LinksForPerson } from './domain/links-person.js';
import { createMailTokens } from './domain/mail-tokens.js';
import type { Passkeys } from './domain/passkeys.js';
import type { PasswordRenewal } from './domain/password-renewal.js';
import type { ProofsDependencies, Proofs } from './domain/proofs.js';
import type { Sessions } from './domain/sessions.js';
import type { SignIn } from './domain/sign-in.js';
import type { Ground } from './wiring-ground.js';

export interface CredentialRoomsGiven {
  readonly accounts: Accounts;
  readonly proofs: Proofs;
  readonly passkeys: Passkeys;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  readonly passwordRenewal: PasswordRenewal;
  readonly findRecipient: ProofsDependencies['findRecipient'];
  readonly linkedTools: LinkedTools;
  readonly linksForPerson: LinksForPerson;
}

export function openCredentialRooms({ publicUrl }: Config, ground: Ground, given: CredentialRoomsGiven) {
  const { stores, audit, now } = ground;
  const { linkedTools, linksForPerson, accounts } = given;
  const mailTokens = createMailTokens({ ...ground, store: stores.accounts, newSecret: randomSecret });
  const shared = {
    ...ground,
    ...given,
    store: stores.accounts,
    credentials: stores.credentials,
    mailTokens,
    access: createAccountAccess({ linkedTools, audit, now }),
    announce: linksForPerson.announceDecided,
    household: createHouseholdEnding(ground),
    giveAddress: accounts.giveAddress,
    findAccount: accounts.findAccount,
    settings: { publicUrl },
  };
  return {
    accountPassword: createAccountPassword(shared),
    accountReset: createAccountReset(shared),
    accountEmail: createAccountEmail(shared),
    accountClosing: createAccountClosing(shared),
  };
}

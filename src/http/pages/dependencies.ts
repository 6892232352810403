// What the pages ask of the rooms below them: the use cases each page calls, and the operator's settings that change
// what a page says. It owns no behaviour; wiring fills it in.
import type { AccountClosing } from '../../domain/account-closing.js';
import type { AccountEmail } from '../../domain/account-email.js';
import type { AccountIdentities } from '../../domain/account-identities.js';
import type { AccountPassword } from '../../domain/account-password.js';
import type { AccountReset } from '../../domain/account-reset.js';
import type { AccountSwitches } from '../../domain/account-switches.js';
import type { Accounts } from '../../domain/accounts.js';
import type { Activity } from '../../domain/activity.js';
import type { AppPasswords } from '../../domain/app-passwords.js';
import type { AuthorizationsForPerson } from '../../domain/authorizations-person.js';
import type { FallbackMode } from '../../domain/fallback.js';
import type { Households } from '../../domain/household.js';
import type { HouseholdInvitations } from '../../domain/household-invitations.js';
import type { ProfilePins } from '../../domain/household-pins.js';
import type { ProfileSwitch } from '../../domain/household-switch.js';
import type { RoundTrips } from '../../domain/identities-trips.js';
import type { LinkedTools } from '../../domain/linked-tools.js';
import type { LinksForPerson } from '../../domain/links-person.js';
import type { Sealer } from '../../domain/notices.js';
import type { NewTools } from '../../domain/new-tools.js';
import type { Passkeys } from '../../domain/passkeys.js';
import type { Proofs } from '../../domain/proofs.js';
import type { ProtectedHosts } from '../../domain/protected-hosts.js';
import type { Sessions } from '../../domain/sessions.js';
import type { SwitchedSessions } from '../../domain/sessions-switched.js';
import type { SignIn } from '../../domain/sign-in.js';
import type { FederatedSignIn } from '../../domain/sign-in-federated.js';
import type { TwoFactor } from '../../domain/two-factor.js';
import type { TwoFactorPasskeys } from '../../domain/two-factor-passkeys.js';
import type { Clock } from '../../domain/vocabulary.js';
import type { Guards } from '../guards.js';
import type { Handover } from '../request-handover.js';

export interface PagesDependencies {
  readonly accounts: Pick<
    Accounts,
    | 'isFirstRun'
    | 'isFirstRunToken'
    | 'createOperator'
    | 'signUp'
    | 'sendVerification'
    | 'findVerification'
    | 'verifyEmail'
    | 'findAccount'
    | 'checkPassword'
    | 'changeLanguage'
  >;
  readonly accountSwitches: AccountSwitches;
  readonly appPasswords: Pick<AppPasswords, 'listAppPasswords' | 'makeAppPassword' | 'revokeAppPassword'>;
  readonly accountPassword: AccountPassword;
  readonly accountIdentities: AccountIdentities;
  readonly trips: RoundTrips;
  readonly federatedSignIn: FederatedSignIn;
  readonly accountReset: AccountReset;
  readonly accountEmail: AccountEmail;
  readonly accountClosing: AccountClosing;
  readonly proofs: Pick<
    Proofs,
    'hasSecondFactor' | 'hasAuthenticator' | 'countRecoveryCodes' | 'findRecoverySet'
  >;
  readonly passkeys: Pick<Passkeys, 'hindrance' | 'hasPasskey'>;
  readonly ownPasskeys: TwoFactorPasskeys;
  readonly signIn: Pick<
    SignIn,
    | 'startSignIn'
    | 'findSignIn'
    | 'finishWithCode'
    | 'finishWithRecoveryCode'
    | 'signOut'
    | 'stepUp'
    | 'startSessionFor'
    | 'isFromLastCode'
    | 'askAtSignIn'
    | 'askAtSecondStep'
    | 'askForProof'
    | 'signInWithPasskey'
    | 'finishWithPasskey'
  >;
  readonly twoFactor: TwoFactor;
  readonly sessions: Pick<
    Sessions,
    'hasFreshProof' | 'isRecent' | 'listSessions' | 'nameOf' | 'endNamed' | 'endAllSessions' | 'rememberDays'
  >;
  readonly switchedSessions: Pick<SwitchedSessions, 'listSwitched' | 'endSwitched'>;
  readonly household: Omit<Households, 'editorOfToken' | 'describePerson'>;
  readonly householdInvitations: HouseholdInvitations;
  readonly profilePins: ProfilePins;
  readonly profileSwitch: Pick<ProfileSwitch, 'switchSession'>;
  readonly activity: Activity;
  readonly protectedHosts: Pick<ProtectedHosts, 'readAddress' | 'findHindrance' | 'startEntry'>;
  readonly newTools: Pick<NewTools, 'findNewTool' | 'disownTool'>;
  readonly links: LinksForPerson;
  readonly authorizations: AuthorizationsForPerson;
  /** What the OAuth door hands over. */
  readonly handover: Handover;
  readonly linkedTools: LinkedTools;
  /** Seals the pending code, and the authenticator that is being set up, with keys of their own purpose. */
  readonly sealer: Sealer;
  /** The keyed hashes of what a browser is known by. */
  readonly browserMarks: (browserKey: string) => readonly string[];
  readonly now: Clock;
  readonly guards: Guards;
  readonly settings: PageSettings;
  /** The folder with templates, catalogues and static files. */
  readonly viewsFolder: string;
}

export interface PageSettings {
  readonly publicUrl: string;
  readonly twoFactor: 'offered' | 'required';
  readonly signUp: 'open' | 'closed';
  /** How long a token of the PIN door lives, unless its tool is unlinked sooner. */
  readonly lastingTokenDays: number;
  /** False without SMTP_URL: mails go to a folder of the server. */
  readonly maySendMail: boolean;
  /** The hosts behind a proxy to which tools are let in by their tokens. */
  readonly toolHosts: readonly string[];
  /** FALLBACK_DOOR. */
  readonly fallbackDoor: FallbackMode;
  /** With PIN_LINK: the owner of an account may let tools link others. */
  readonly maySwitchLinkByToken: boolean;
  /** With DEMO_PAGE: the client that the page plays. */
  readonly demo?: { readonly clientId: string } | undefined;
}

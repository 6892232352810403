// Every page of the pages' door, each handed what it declares it needs; and the few things that several share. Under which address
// each is reached, and who may come there, is said in routes.ts.
import { createAccountPages } from './account.js';
import { createActivityPage } from './activity.js';
import { createAppPasswordPages } from './app-passwords.js';
import { createAuthPage } from './auth.js';
import { createSignOutPages } from './authorize-sign-out.js';
import { createAuthorizePages } from './authorize.js';
import { createClosingPages } from './closing.js';
import { createCodeEntry } from './code-entry.js';
import { createContinuePages } from './continue.js';
import { createDemoPages } from './demo.js';
import type { PagesDependencies } from './dependencies.js';
import { createEmailPages } from './email.js';
import { createHelpPages } from './help.js';
import { createHomePage } from './home.js';
import { createHouseholdEditing } from './household-editing.js';
import { createInvitationPages } from './household-invitations.js';
import { createMemberPages } from './household-members.js';
import { createProfilePinPages } from './household-pins.js';
import { createSwitchPages } from './household-switch.js';
import { createHouseholdPages } from './household.js';
import { createJourneys } from './journey.js';
import { createLinkPages } from './link.js';
import { createNotMePages } from './not-me.js';
import { createOldToolsPages } from './old-tools.js';
import { createPasskeyOptions } from './passkey-options.js';
import { createPasskeySignInPages } from './passkey-sign-in.js';
import { createPasskeyPages } from './passkeys.js';
import { createPasswordPages } from './password.js';
import { createDigitsWarning } from './password-digits.js';
import { createFirstPasswordPages } from './password-first.js';
import { createPendingCodes } from './pending-code.js';
import { createAskedProofs } from './proof-form.js';
import type { Renderer } from './render.js';
import { createResetPages } from './reset.js';
import { createReviewPages } from './review.js';
import { createFederatedGroup } from './routes-federated.js';
import { createSessionPages } from './sessions.js';
import { createSignInPages } from './sign-in.js';
import { createSignUpPages } from './sign-up.js';
import { createStepUpPages } from './step-up.js';
import { createToolPages } from './tools.js';
import { createTwoFactorPages } from './two-factor.js';
import { createTwoFactorChangePages } from './two-factor-changes.js';
import { createTwoFactorSteps } from './two-factor-steps.js';
import { createVerifyEmailPages } from './verify-email.js';
import { createEntrance } from './visitor.js';
import { createWaysBack } from './way-back.js';

export type Pages = ReturnType<typeof createPageGroups>;

export function createPageGroups(dependencies: PagesDependencies, renderer: Renderer) {
  const pendingCodes = createPendingCodes(dependencies);
  const journeys = createJourneys({ ...dependencies, pendingCodes });
  const codeEntry = createCodeEntry({ ...dependencies, pendingCodes });
  const enter = createEntrance(dependencies.guards);
  const leadOn = createDigitsWarning({ ...dependencies, renderer });
  const asking = createAskedProofs(dependencies);
  const oldTools = createOldToolsPages({ ...dependencies, asking, renderer });
  const waysBack = createWaysBack({ ...dependencies, renderer });
  const shared = { ...dependencies, waysBack, pendingCodes, codeEntry, journeys };
  const given = { ...shared, enter, leadOn, asking, oldTools, renderer };
  const steps = createTwoFactorSteps(given);
  const editing = createHouseholdEditing(dependencies);
  const signIn = createSignInPages(given);
  const federated = createFederatedGroup({ ...given, signInPages: signIn });
  return {
    home: createHomePage(given),
    signIn,
    passkeySignIn: createPasskeySignInPages({ ...given, signInPages: signIn }),
    passkeyOptions: createPasskeyOptions(given),
    passkeys: createPasskeyPages({ ...given, steps }),
    ...federated,
    password: createPasswordPages({ ...given, first: createFirstPasswordPages(given) }),
    reset: createResetPages(given),
    email: createEmailPages(given),
    closing: createClosingPages(given),
    signUp: createSignUpPages(given),
    verifyEmail: createVerifyEmailPages(given),
    auth: createAuthPage(given),
    onward: createContinuePages(given),
    link: createLinkPages(given),
    review: createReviewPages(given),
    authorize: createAuthorizePages(given),
    signOut: createSignOutPages(given),
    stepUp: createStepUpPages(given),
    account: createAccountPages({ ...given, ...federated }),
    steps,
    twoFactor: createTwoFactorPages({ ...given, steps }),
    changes: createTwoFactorChangePages({ ...given, steps }),
    oldTools,
    appPasswords: createAppPasswordPages(given),
    tools: createToolPages(given),
    sessions: createSessionPages(given),
    activity: createActivityPage(given),
    notMe: createNotMePages(given),
    household: createHouseholdPages({ ...given, editing }),
    members: createMemberPages({ ...given, editing }),
    pins: createProfilePinPages({ ...given, editing }),
    invitations: createInvitationPages({ ...given, editing }),
    switching: createSwitchPages(given),
    help: createHelpPages(given),
    demo: createDemoPages(given),
  };
}

// The pages' door: every page and every form of it in one table, with who may come there.
// What stands before the table (headers, session, language, forged forms) is in door.ts.
import type { Middleware } from 'koa';
import type { PagesDependencies } from './dependencies.js';
import { createDoor, type Route } from './door.js';
import { createLanguages } from './language.js';
import { createRenderer } from './render.js';
import { answersOf, federatedTable } from './routes-federated.js';
import { createAssets } from './static.js';
import { createPageGroups, type Pages } from './page-groups.js';

/** What the owner of an account sees and changes of it. */
function accountTable(pages: Pages): readonly Route[] {
  const { account, twoFactor, steps, changes, oldTools, appPasswords, tools, sessions, activity, notMe } =
    pages;
  return [
    ['GET', '/account', 'account', account.show],
    ['GET', '/account/language', 'account', account.show],
    ['POST', '/account/language', 'account', account.changeLanguage],
    ['GET', '/account/security', 'security', account.showSecurity],
    ['GET', '/account/security/two-factor', 'two-factor', twoFactor.show],
    ['POST', '/account/security/two-factor', 'two-factor', twoFactor.begin],
    ['GET', '/account/security/two-factor/confirm', 'two-factor', twoFactor.show],
    ['POST', '/account/security/two-factor/confirm', 'two-factor', twoFactor.confirm],
    ['GET', '/account/security/two-factor/stored', 'two-factor', steps.showStored],
    ['POST', '/account/security/two-factor/stored', 'two-factor', steps.finish, steps.storedSeen],
    ['GET', '/account/security/two-factor/replace', 'replace', changes.showReplace],
    ['POST', '/account/security/two-factor/replace', 'replace', changes.beginReplacing],
    ['GET', '/account/security/two-factor/replace/confirm', 'replace', changes.showReplace],
    ['POST', '/account/security/two-factor/replace/confirm', 'replace', changes.confirmReplacing],
    ['GET', '/account/security/two-factor/off', 'off', changes.showOff],
    ['POST', '/account/security/two-factor/off', 'off', changes.turnOff],
    ['GET', '/account/security/recovery-codes', 'codes', changes.showRenew],
    ['POST', '/account/security/recovery-codes', 'codes', changes.renew, changes.renewSeen],
    ['GET', '/account/security/old-tools', 'security', oldTools.show],
    ['POST', '/account/security/old-tools', 'security', oldTools.turn],
    ['GET', '/account/security/old-tools/links', 'security', oldTools.showLinks],
    ['POST', '/account/security/old-tools/links', 'security', oldTools.turnLinks],
    ['GET', '/account/security/app-passwords', 'app-passwords', appPasswords.show],
    ['POST', '/account/security/app-passwords', 'app-passwords', appPasswords.make],
    ['GET', '/account/security/app-passwords/switch', 'security', oldTools.showAppPasswords],
    ['POST', '/account/security/app-passwords/switch', 'security', oldTools.turnAppPasswords],
    ['GET', '/account/security/app-passwords/revoke', 'app-passwords', appPasswords.askRevoke],
    ['POST', '/account/security/app-passwords/revoke', 'app-passwords', appPasswords.revoke],
    ['GET', '/account/tools', 'tools', tools.show],
    ['GET', '/account/tools/rename', 'tools', tools.show],
    ['POST', '/account/tools/rename', 'tools', tools.rename],
    ['GET', '/account/tools/unlink', 'tools', tools.askUnlink],
    ['POST', '/account/tools/unlink', 'tools', tools.unlink],
    ['GET', '/account/tools/unlink-all', 'tools', tools.askUnlinkAll],
    ['POST', '/account/tools/unlink-all', 'tools', tools.unlinkAll],
    ['GET', '/account/sessions', 'sessions', sessions.show],
    ['GET', '/account/sessions/end', 'sessions', sessions.show],
    ['POST', '/account/sessions/end', 'sessions', sessions.end],
    ['GET', '/account/sessions/end-others', 'sessions', sessions.show],
    ['POST', '/account/sessions/end-others', 'sessions', sessions.endOthers],
    ['GET', '/account/sessions/end-all', 'sessions', sessions.show],
    ['POST', '/account/sessions/end-all', 'sessions', sessions.endAll],
    ['GET', '/account/activity', 'activity', activity.show],
    ['GET', '/not-me', 'anyone', notMe.show],
    ['POST', '/not-me', 'anyone', notMe.submit],
  ];
}

/** Passkeys: signing in with one, and those of an account. */
function passkeyTable({ passkeys, passkeyOptions, passkeySignIn }: Pages): readonly Route[] {
  return [
    ['GET', '/passkeys/options', 'anyone', passkeyOptions.show],
    ['POST', '/passkeys/options', 'anyone', passkeyOptions.ask],
    ['GET', '/sign-in/passkey', 'anyone', passkeySignIn.show],
    ['POST', '/sign-in/passkey', 'anyone', passkeySignIn.submit],
    ['GET', '/account/security/passkeys', 'passkeys', passkeys.show],
    ['GET', '/account/security/passkeys/new', 'new-passkey', passkeys.showNew],
    ['POST', '/account/security/passkeys/new', 'new-passkey', passkeys.begin],
    ['GET', '/account/security/passkeys/made', 'passkeys', passkeys.show],
    ['POST', '/account/security/passkeys/made', 'passkeys', passkeys.finish],
    ['GET', '/account/security/passkeys/rename', 'passkeys', passkeys.showRename],
    ['POST', '/account/security/passkeys/rename', 'passkeys', passkeys.rename],
    ['GET', '/account/security/passkeys/remove', 'passkeys', passkeys.showRemove],
    ['POST', '/account/security/passkeys/remove', 'passkeys', passkeys.remove],
  ];
}

/** The people at home, and who of them a browser acts for. */
function householdTable({ household, members, pins, invitations, switching }: Pages): readonly Route[] {
  return [
    ['GET', '/account/household', 'household', household.show],
    ['GET', '/account/household/new', 'new-member', members.showNew],
    ['POST', '/account/household/new', 'new-member', members.add],
    ['GET', '/account/household/member', 'member', members.show],
    ['POST', '/account/household/member', 'member', members.edit],
    ['GET', '/account/household/member/pin', 'household', household.show],
    ['POST', '/account/household/member/pin', 'member', members.setPin],
    ['GET', '/account/household/unlock', 'household', household.show],
    ['POST', '/account/household/unlock', 'household', members.unlock],
    ['GET', '/account/household/remove', 'member', members.askRemove],
    ['POST', '/account/household/remove', 'member', members.remove],
    ['GET', '/account/household/guest', 'household', household.show],
    ['POST', '/account/household/guest', 'household', household.turnGuest],
    ['GET', '/account/household/leave', 'household', household.askLeave],
    ['POST', '/account/household/leave', 'household', household.leave],
    ['GET', '/account/household/invite', 'invite', invitations.showInvite],
    ['POST', '/account/household/invite', 'invite', invitations.invite],
    ['GET', '/account/household/withdraw', 'household', household.show],
    ['POST', '/account/household/withdraw', 'household', invitations.withdraw],
    ['GET', '/account/household/pin', 'own-pin', pins.showOwn],
    ['POST', '/account/household/pin', 'own-pin', pins.changeOwn],
    ['GET', '/pin-reset', 'pin-reset', pins.showReset],
    ['POST', '/pin-reset', 'pin-reset', pins.reset],
    ['GET', '/household/invitation', 'anyone', invitations.show],
    ['POST', '/household/invitation', 'anyone', invitations.decide],
    ['GET', '/household', 'anyone', switching.showStart],
    ['GET', '/household/switch', 'switch', switching.show],
    ['POST', '/household/switch', 'switch', switching.submit],
  ];
}

/** The credentials of an account, and its end: changed by its owner, signed in or by a link in a mail. */
function credentialTable({ password, reset, email, closing }: Pages): readonly Route[] {
  return [
    ['GET', '/account/password', 'password', password.show],
    ['POST', '/account/password', 'password', password.change],
    ['GET', '/account/password/tools', 'password', password.askTools],
    ['GET', '/forgot-password', 'anyone', reset.showForgot],
    ['POST', '/forgot-password', 'anyone', reset.ask],
    ['GET', '/forgot-password/sent', 'anyone', reset.showSent],
    ['GET', '/reset-password', 'anyone', reset.show],
    ['POST', '/reset-password', 'anyone', reset.reset],
    ['GET', '/account/email', 'email', email.show],
    ['POST', '/account/email', 'email', email.ask],
    ['GET', '/account/email/sent', 'email', email.showSent],
    ['GET', '/account/email/confirm', 'anyone', email.showConfirm],
    ['POST', '/account/email/confirm', 'person', email.confirm],
    // Also for an account that may only verify.
    ['GET', '/account/close', 'person', closing.show],
    ['POST', '/account/close', 'person', closing.close],
    ['GET', '/account/closed', 'anyone', closing.showClosed],
    ['GET', '/keep-account', 'anyone', closing.showKeep],
    ['POST', '/keep-account', 'anyone', closing.keep],
  ];
}

/** Where a tool sends somebody: each page carries what they came for, and finds the way back to it. */
function authorizeTable({ authorize, signOut }: Pages): readonly Route[] {
  return [
    ['GET', '/authorize', 'anyone', authorize.enter],
    ['GET', '/authorize/review', 'anyone', authorize.show],
    ['POST', '/authorize/review', 'anyone', authorize.decide],
    ['GET', '/authorize/another-account', 'anyone', authorize.show],
    ['POST', '/authorize/another-account', 'anyone', authorize.useAnotherAccount],
    ['GET', '/authorize/answer', 'anyone', authorize.showAnswer],
    ['GET', '/authorize/refused', 'anyone', authorize.showRefused],
    ['GET', '/authorize/sign-out', 'anyone', signOut.show],
    ['POST', '/authorize/sign-out', 'anyone', signOut.submit],
  ];
}

function pageTable(pages: Pages, upstreams: readonly string[]): readonly Route[] {
  const { home, signIn, signUp, verifyEmail, auth, link, review, stepUp } = pages;
  const { help, demo, onward } = pages;
  return [
    ['GET', '/', 'anyone', home.show],
    ['GET', '/first-run', 'anyone', signUp.showFirstRun],
    ['POST', '/first-run', 'anyone', signUp.submitFirstRun],
    ['GET', '/auth', 'anyone', auth.show],
    ['GET', '/pin', 'anyone', link.showOlder],
    ['GET', '/link', 'anyone', link.show],
    ['POST', '/link', 'anyone', link.submit],
    ['GET', '/link/review', 'review', review.show],
    ['POST', '/link/review', 'review', review.decide],
    ['GET', '/link/another-account', 'review', review.show],
    ['POST', '/link/another-account', 'review', review.useAnotherAccount],
    ['GET', '/link/done', 'link', review.showDone],
    ['GET', '/step-up', 'account', stepUp.show],
    ['POST', '/step-up', 'account', stepUp.submit],
    ['GET', '/sign-in', 'anyone', signIn.show],
    ['POST', '/sign-in', 'anyone', signIn.submit],
    ['GET', '/sign-in/code', 'anyone', signIn.showCode],
    ['POST', '/sign-in/code', 'anyone', signIn.submitCode],
    ['GET', '/sign-in/recovery', 'anyone', signIn.showRecovery],
    ['POST', '/sign-in/recovery', 'anyone', signIn.submitRecovery],
    ['GET', '/sign-in/recovered', 'person', signIn.showRecovered],
    ['GET', '/sign-in/few-codes', 'person', signIn.showFewCodes],
    ['POST', '/sign-out', 'anyone', signIn.signOut],
    ['GET', '/sign-up', 'anyone', signUp.show],
    ['POST', '/sign-up', 'anyone', signUp.submit],
    ['GET', '/verify-email', 'anyone', verifyEmail.show],
    ['POST', '/verify-email', 'anyone', verifyEmail.submit],
    ['GET', '/verify-email/again', 'anyone', verifyEmail.show],
    ['POST', '/verify-email/again', 'person', verifyEmail.sendAgain],
    ...authorizeTable(pages),
    ...accountTable(pages),
    ...credentialTable(pages),
    ...passkeyTable(pages),
    ...householdTable(pages),
    ['GET', '/continue', 'anyone', onward.enter],
    ['GET', '/continue/on', 'anyone', onward.goOn],
    ['GET', '/continue/no-cookie', 'anyone', onward.showNoCookie],
    ...federatedTable(pages, upstreams),
    ['GET', '/help/two-factor', 'anyone', help.showTwoFactor],
    ['GET', '/help/old-tools', 'anyone', help.showOldTools],
    ['GET', '/demo', 'anyone', demo.show],
    ['GET', '/demo/qr', 'anyone', demo.showQr],
  ];
}

/**
 * Makes the pages' door: the last in the house, since it also answers for every address that nobody else knows.
 * Reads every template, catalogue and static file now, and none later.
 */
export function createPages(dependencies: PagesDependencies): { middleware: Middleware } {
  const { viewsFolder } = dependencies;
  const languages = createLanguages(`${viewsFolder}/language`);
  const assets = createAssets(viewsFolder);
  const renderer = createRenderer({ ...dependencies, assets });
  const upstreams = dependencies.accountIdentities.offers.map(({ name }) => name);
  const table = pageTable(createPageGroups(dependencies, renderer), upstreams);
  const answers = answersOf(upstreams);
  return { middleware: createDoor({ ...dependencies, languages, assets, renderer, table, answers }) };
}

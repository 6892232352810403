// The rooms of the house over one database: each is handed what it declares it needs. wiring.ts puts doors and jobs around
// them, and the admin CLI uses them as they are.
import { randomUUID } from 'node:crypto';
import { ConfigError, type Config } from './config.js';
import { createPasswords } from './crypto/passwords.js';
import { randomSecret, SecretUnreadable, sha256 } from './crypto/secrets.js';
import { createAccountSwitches } from './domain/account-switches.js';
import { createAccounts } from './domain/accounts.js';
import { createActivity } from './domain/activity.js';
import { createAppPasswords } from './domain/app-passwords.js';
import { createClients } from './domain/clients.js';
import { createFallback } from './domain/fallback.js';
import { createApprovals } from './domain/household-approvals.js';
import { createKeys } from './domain/keys.js';
import { createKnownBrowsers } from './domain/known-browsers.js';
import { createLinkedTools } from './domain/linked-tools.js';
import { createLinksForPerson } from './domain/links-person.js';
import { createLinksForTool } from './domain/links-tool.js';
import { createPasswordRenewal } from './domain/password-renewal.js';
import { createNewTools } from './domain/new-tools.js';
import { createPasswordRule } from './domain/password-rule.js';
import { createProofs } from './domain/proofs.js';
import { createSessions } from './domain/sessions.js';
import { createSignIn } from './domain/sign-in.js';
import { ACCESS_TOKEN_SECONDS, createTokens } from './domain/tokens.js';
import { createTokensRefresh } from './domain/tokens-refresh.js';
import { createTokensStanding } from './domain/tokens-standing.js';
import { createTwoFactor } from './domain/two-factor.js';
import { DomainError, type AccountId } from './domain/vocabulary.js';
import { createWaiting } from './domain/waiting.js';
import { createPasswordStrength } from './outside/password-strength.js';
import { openAuthorizationRooms } from './wiring-authorizations.js';
import { openDecisions } from './wiring-decisions.js';
import { openGround, sealerOf, SERVICE_NAME, type Ground, type WiringOptions } from './wiring-ground.js';
import { openCredentialRooms } from './wiring-credentials.js';
import { openFederatedRooms } from './wiring-federated.js';
import { openFactorRooms, openPasskeys } from './wiring-passkeys.js';
import { openHouseholdRooms } from './wiring-household.js';
import { openServiceRooms } from './wiring-services.js';
import { openDeviceTokens, openNumberedRooms } from './wiring-numbered.js';
import { openProtectedHosts } from './wiring-protected-hosts.js';

export { sealerOf, SERVICE_NAME, type WiringOptions } from './wiring-ground.js';

/** The rooms of tools: what they are, what they hold, what signs it. */
function openToolRooms(config: Config, ground: Ground, options: WiringOptions) {
  const { stores, inTransaction, keyring, audit, now, newId, throttle } = ground;
  const issuer = config.publicUrl;
  const keys = createKeys({
    store: stores.keys,
    inTransaction,
    audit,
    sealer: sealerOf(keyring, 'signing-key'),
    now,
    issuer,
    algs: config.signingAlgs,
    longestTokenSeconds: ACCESS_TOKEN_SECONDS,
    newSigningKey: options.newSigningKey,
  });
  const clients = createClients({
    ...ground,
    store: stores.clients,
    throttle,
    newSecret: randomSecret,
    issuer,
  });
  const { services, dpop } = openServiceRooms(config, ground, clients);
  const derivingKeys = {
    currentId: keyring.currentId,
    key: (keyId: string) => keyring.keyOf(keyId, 'refresh'),
  };
  const tokens = createTokens({ keys, derivingKeys, now, newId, issuer });
  const linkedTools = createLinkedTools({ store: stores.tokens, inTransaction, audit, now });
  const newTools = createNewTools({ ...ground, store: stores.tokens, linkedTools, settings: config });
  return { keys, clients, services, dpop, tokens, linkedTools, newTools };
}

/** The rooms of people: who they are, what they prove, where they are signed in. */
function openPeopleRooms(config: Config, ground: Ground, options: WiringOptions) {
  const { stores, keyring } = ground;
  const passwords = createPasswords({ keyring, ...options.passwordCost });
  const strength = createPasswordStrength({
    busy: () => new DomainError('service-busy', { retryAfterSeconds: 5 }),
  });
  const { signUp, emailVerification, publicUrl } = config;
  const estimateStrength = options.estimateStrength ?? strength.estimate;
  const rule = createPasswordRule({ estimateStrength, serviceWords: [SERVICE_NAME] });
  const accounts = createAccounts({
    ...ground,
    store: stores.accounts,
    passwords,
    rule,
    // The `sub` of tokens: it shall not tell when its account was made.
    newId: randomUUID,
    newSecret: randomSecret,
    settings: { signUp, emailVerification, publicUrl },
  });
  const findRecipient = async (accountId: AccountId) => {
    const account = await accounts.findAccount(accountId);
    // An address that nobody has proved is somebody else's, or none at all any more.
    if (!account?.isEmailVerified) return undefined;
    return { email: account.email, username: account.username, language: account.language ?? 'en' };
  };
  const proofs = createProofs({
    ...ground,
    store: stores.proofs,
    sealer: sealerOf(keyring, 'totp'),
    passwords,
    findRecipient,
    issuer: SERVICE_NAME,
  });
  const held = { newSecret: randomSecret, hash: sha256 };
  const { rememberDays } = config;
  const sessions = createSessions({ ...ground, ...held, store: stores.sessions, rememberDays });
  const knownBrowsers = createKnownBrowsers({ ...ground, ...held });
  const { passkeyProtocol, passkeys } = openPasskeys(config, ground, findRecipient);
  const signedIn = { accounts, proofs, passkeys, sessions, knownBrowsers };
  const signIn = createSignIn({ ...ground, ...held, ...signedIn, store: stores.signIns });
  const accountSwitches = createAccountSwitches({ ...ground, store: stores.switches, signIn, findRecipient });
  const activity = createActivity({ store: stores.audit });
  const passwordRenewal = createPasswordRenewal({ ...ground, store: stores.accounts, rule, passwords });
  const given = { ...ground, ...signedIn, signIn, passwordRenewal, findRecipient };
  const twoFactor = createTwoFactor(given);
  const rooms = {
    accounts,
    findRecipient,
    proofs,
    passkeys,
    passkeyProtocol,
    sessions,
    signIn,
    accountSwitches,
    activity,
    knownBrowsers,
    twoFactor,
    passwordRenewal,
  };
  return { passwords, strength, ...rooms };
}

/** Links and what they leave, between tools and people. */
function openLinkRooms(
  config: Config,
  ground: Ground,
  toolRooms: ReturnType<typeof openToolRooms>,
  people: ReturnType<typeof openPeopleRooms>,
  options: WiringOptions,
) {
  const { keys, services, tokens } = toolRooms;
  const { accounts, proofs } = people;
  const { stores, keyring, log } = ground;
  const { gate, wakeUps, decisions } = openDecisions(config, ground);
  const waiting = createWaiting({ wakeUps });
  const { mayReceiveToken } = accounts;
  const checkpoint = options.checkpoint ? { checkpoint: options.checkpoint } : {};
  const given = {
    ...ground,
    ...checkpoint,
    ...createApprovals(stores),
    services,
    gate,
    wakeUps,
    waiting,
    mayReceiveToken,
    userCodeMac: (userCode: string) => keyring.mac('user-code', userCode),
    userCodeMacs: (userCode: string) => keyring.macs('user-code', userCode),
    describeDecider: async (accountId: AccountId) => {
      const account = await accounts.findAccount(accountId);
      if (!account || account.isClosed) return undefined;
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      return { isVerified: account.isEmailVerified, createdAt: account.createdAt, hasSecondFactor };
    },
    onAlarm: (message: string) => log.warn({ alarm: true }, message),
  };
  const linksForTool = createLinksForTool({
    ...given,
    tokens,
    newSecret: randomSecret,
    onFault: (error) => log.error({ err: error }, 'a raised poll interval could not be kept'),
    ttlSeconds: config.linkTtlSeconds,
    intervalSeconds: options.pollIntervalSeconds ?? 5,
  });
  const linksForPerson = createLinksForPerson({
    ...given,
    store: stores.links,
    clients: stores.clients,
    pageMac: (linkId, ticket, madeAt) => keyring.mac('review-page', linkId, ticket, madeAt),
    isSecondFactorRequired: config.twoFactor === 'required',
    isVerificationRequired: config.emailVerification === 'required',
  });
  const { deviceKeyRing, deviceTokens } = openDeviceTokens(config, ground, accounts);
  const tokensRefresh = createTokensRefresh({ ...ground, tokens, services, mayReceiveToken });
  const tokensStanding = createTokensStanding({
    ...ground,
    store: stores.tokens,
    keys,
    issuer: config.publicUrl,
    readDeviceToken: deviceTokens.read,
    mayUseTokens: accounts.mayUseTokens,
  });
  const numbered = openNumberedRooms(config, given, { keys, tokens, tokensStanding, deviceTokens }, people);
  const authorizationRooms = openAuthorizationRooms(config, ground, { ...given, ...toolRooms, ...people });
  const rooms = { gate, wakeUps, waiting, linksForTool, linksForPerson, tokensRefresh, tokensStanding };
  return { ...rooms, ...authorizationRooms, decisions, ...numbered, deviceKeyRing };
}

/** Tools that sign in with a password, the account's or their own. */
function openFallback(
  { fallbackDoor: mode, publicUrl, emailVerification }: Config,
  ground: Ground,
  { linkedTools }: ReturnType<typeof openToolRooms>,
  people: ReturnType<typeof openPeopleRooms>,
  { tokensLasting }: ReturnType<typeof openLinkRooms>,
) {
  const settings = { mode, publicUrl, emailVerification };
  const { appPasswords: store } = ground.stores;
  const appPasswords = createAppPasswords({ ...ground, ...people, store, linkedTools });
  const fallback = createFallback({ ...ground, ...people, appPasswords, tokensLasting, settings });
  return { appPasswords, fallback };
}

export type Rooms = Ground &
  ReturnType<typeof openToolRooms> &
  ReturnType<typeof openPeopleRooms> &
  ReturnType<typeof openLinkRooms> &
  ReturnType<typeof openCredentialRooms> &
  ReturnType<typeof openHouseholdRooms> &
  ReturnType<typeof openFederatedRooms> &
  ReturnType<typeof openProtectedHosts> &
  ReturnType<typeof openFactorRooms> &
  ReturnType<typeof openFallback>;

/** The first that is opened of what is sealed: a secret that is not the database's is noticed here, at the start. */
async function openKeys({ database }: Ground, rings: readonly { open(): Promise<void> }[]): Promise<void> {
  try {
    for (const ring of rings) await ring.open();
  } catch (error) {
    await database.close();
    if (!(error instanceof SecretUnreadable)) throw error;
    const problem =
      'is not the one that the signing keys in the database are sealed with: set that one, or name it as LINCHPIN_SECRET_PREVIOUS beside this one';
    throw new ConfigError([{ name: 'LINCHPIN_SECRET', problem }]);
  }
}

/** Opens every room. Signing keys are made where there are none yet. */
export async function openRooms(config: Config, options: WiringOptions): Promise<Rooms> {
  const ground = await openGround(config, options);
  const toolRooms = openToolRooms(config, ground, options);
  const people = openPeopleRooms(config, ground, options);
  const linkRooms = openLinkRooms(config, ground, toolRooms, people, options);
  await openKeys(ground, [toolRooms.keys, linkRooms.deviceKeyRing]);
  await linkRooms.decisions?.open();
  const fallbackRooms = openFallback(config, ground, toolRooms, people, linkRooms);
  const credentialRooms = openCredentialRooms(config, ground, { ...toolRooms, ...people, ...linkRooms });
  const householdRooms = openHouseholdRooms(config, ground, { ...people, ...linkRooms });
  const federatedRooms = openFederatedRooms(config, ground, people, options);
  const factorRooms = openFactorRooms({ ...ground, ...people, ...federatedRooms });
  const hostRooms = openProtectedHosts(config, ground, people);
  const account = { ...credentialRooms, ...fallbackRooms, ...federatedRooms, ...factorRooms };
  const upper = { ...account, ...householdRooms, ...hostRooms };
  return { ...ground, ...toolRooms, ...people, ...linkRooms, ...upper };
}

// The rooms of the house over one database: each is handed what it declares it needs. wiring.ts puts doors and jobs around
// them, and the admin CLI uses them as they are.
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import type { Config } from './config.js';
import { createPasswords } from './crypto/passwords.js';
import {
  createKeyring,
  randomSecret,
  sha256,
  timeOrderedId,
  type Keyring,
  type Purpose,
} from './crypto/secrets.js';
import { createAccountSwitches } from './domain/account-switches.js';
import { createAccounts } from './domain/accounts.js';
import { createAudit } from './domain/audit.js';
import { createClients } from './domain/clients.js';
import { createKeys } from './domain/keys.js';
import { createLinkedTools } from './domain/linked-tools.js';
import type { LinkCheckpoint } from './domain/links.js';
import { createLinksForPerson } from './domain/links-person.js';
import { createLinksForTool } from './domain/links-tool.js';
import { createNotices, type Deliver, type Sealer } from './domain/notices.js';
import { createPasswordRule } from './domain/password-rule.js';
import { createProofs } from './domain/proofs.js';
import { createSessions } from './domain/sessions.js';
import { createSignIn } from './domain/sign-in.js';
import { createThrottle, type ThrottleDependencies } from './domain/throttle.js';
import { ACCESS_TOKEN_SECONDS, createTokens } from './domain/tokens.js';
import { createTokensRefresh } from './domain/tokens-refresh.js';
import { createTokensStanding } from './domain/tokens-standing.js';
import { DomainError, type Clock } from './domain/vocabulary.js';
import { createWaiting } from './domain/waiting.js';
import { createLog } from './http/observe.js';
import { createPasswordStrength } from './outside/password-strength.js';
import { createMemoryCounters } from './stores/ephemeral/counters.js';
import { createMemoryPollGate } from './stores/ephemeral/poll-gate.js';
import { createMemoryWakeUps } from './stores/ephemeral/wake-ups.js';
import { openDatabase, type Database } from './stores/sql/database.js';
import { createStores, type Stores } from './stores/sql/stores.js';
import type { Checkpoint } from './stores/sql/transaction.js';

/** What tests and the bench change; nothing here is a setting. */
export interface WiringOptions {
  readonly now?: Clock;
  readonly limits?: ThrottleDependencies['limits'];
  /** Seconds between polls; 5 for everybody but the bench. */
  readonly pollIntervalSeconds?: number;
  readonly passwordCost?: { readonly memoryKib: number; readonly passes: number };
  /** Takes the place of SMTP and the outbox folder. */
  readonly deliver?: Deliver;
  readonly logTo?: DestinationStream;
  readonly checkpoint?: Checkpoint & LinkCheckpoint;
  readonly maxPages?: number;
  /** Where the templates are; only code that is bundled elsewhere needs to say. */
  readonly viewsFolder?: string;
}

export const SERVICE_NAME = 'Linchpin';

export function sealerOf(keyring: Keyring, purpose: Purpose): Sealer {
  return {
    seal: (plaintext, context) => keyring.seal(purpose, plaintext, context),
    open: (sealed, context) => keyring.open(purpose, sealed, context),
  };
}

/** The rooms that everybody uses: clock, database, keys of the house, budgets, memory of what happened. */
function openGround(config: Config, options: WiringOptions) {
  const now = options.now ?? (() => new Date());
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const database: Database<Stores> = openDatabase({
    file: config.databaseFile,
    createStores,
    ...(options.checkpoint ? { checkpoint: options.checkpoint } : {}),
    ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
  });
  const { stores, inTransaction } = database;
  const newId = (): string => timeOrderedId(now());
  const keyring = createKeyring({
    secret: config.secret,
    ...(config.secretPrevious === undefined ? {} : { previous: config.secretPrevious }),
  });
  const log = createLog({ level: config.logLevel, ...(options.logTo ? { destination: options.logTo } : {}) });
  const throttle = createThrottle({
    now,
    budgets: stores.budgets,
    inTransaction,
    coarse: createMemoryCounters({ now }),
    limits: {
      'live-links-by-network': { limit: config.liveLinksPerNetwork, windowSeconds: config.linkTtlSeconds },
      ...options.limits,
    },
  });
  const audit = createAudit({ now });
  const notices = createNotices({ now, newId, sealer: sealerOf(keyring, 'outbox') });
  return { now, database, stores, inTransaction, keyring, log, throttle, audit, notices, newId };
}

type Ground = ReturnType<typeof openGround>;

/** The rooms of tools: what they are, what they hold, what signs it. */
function openToolRooms(config: Config, ground: Ground) {
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
  });
  const clients = createClients({
    ...ground,
    store: stores.clients,
    throttle,
    newSecret: randomSecret,
    issuer,
  });
  const derivingKeys = {
    currentId: keyring.currentId,
    key: (keyId: string) => keyring.keyOf(keyId, 'refresh'),
  };
  const tokens = createTokens({ keys, derivingKeys, now, newId, issuer });
  const linkedTools = createLinkedTools({ store: stores.tokens, inTransaction, audit, now });
  return { keys, clients, tokens, linkedTools };
}

/** The rooms of people: who they are, what they prove, where they are signed in. */
function openPeopleRooms(config: Config, ground: Ground, options: WiringOptions) {
  const { stores, keyring } = ground;
  const passwords = createPasswords({ keyring, ...options.passwordCost });
  const strength = createPasswordStrength({
    busy: () => new DomainError('service-busy', { retryAfterSeconds: 5 }),
  });
  const { signUp, emailVerification, publicUrl } = config;
  const accounts = createAccounts({
    ...ground,
    store: stores.accounts,
    passwords,
    rule: createPasswordRule({ estimateStrength: strength.estimate, serviceWords: [SERVICE_NAME] }),
    // The `sub` of tokens: it shall not tell when its account was made.
    newId: randomUUID,
    newSecret: randomSecret,
    settings: { signUp, emailVerification, publicUrl },
  });
  const proofs = createProofs({
    ...ground,
    store: stores.proofs,
    sealer: sealerOf(keyring, 'totp'),
    passwords,
    findRecipient: async (accountId) => {
      const account = await accounts.findAccount(accountId);
      // An address that nobody has proved is somebody else's, or none at all any more.
      if (!account?.isEmailVerified) return undefined;
      return { email: account.email, username: account.username, language: account.language ?? 'en' };
    },
    issuer: SERVICE_NAME,
  });
  const held = { newSecret: randomSecret, hash: sha256 };
  const sessions = createSessions({ ...ground, ...held, store: stores.sessions });
  const signIn = createSignIn({ ...ground, ...held, store: stores.signIns, accounts, proofs, sessions });
  const accountSwitches = createAccountSwitches({ ...ground, store: stores.switches, signIn });
  return { passwords, strength, accounts, proofs, sessions, signIn, accountSwitches };
}

/** Links and what they leave, between tools and people. */
function openLinkRooms(
  config: Config,
  ground: Ground,
  { keys, clients, tokens }: ReturnType<typeof openToolRooms>,
  { accounts, proofs }: ReturnType<typeof openPeopleRooms>,
  options: WiringOptions,
) {
  const { stores, keyring, log, now } = ground;
  const gate = createMemoryPollGate({ now });
  const wakeUps = createMemoryWakeUps();
  const waiting = createWaiting({ wakeUps });
  const { mayReceiveToken } = accounts;
  const checkpoint = options.checkpoint ? { checkpoint: options.checkpoint } : {};
  const given = { ...ground, ...checkpoint, store: stores.links, gate, wakeUps, waiting, mayReceiveToken };
  const linksForTool = createLinksForTool({
    ...given,
    tokens,
    newSecret: randomSecret,
    userCodeMac: (userCode) => keyring.mac('user-code', userCode),
    onFault: (error) => log.error({ err: error }, 'a raised poll interval could not be kept'),
    ttlSeconds: config.linkTtlSeconds,
    intervalSeconds: options.pollIntervalSeconds ?? 5,
  });
  const linksForPerson = createLinksForPerson({
    ...given,
    clients: stores.clients,
    userCodeMacs: (userCode) => keyring.macs('user-code', userCode),
    pageMac: (linkId, ticket, madeAt) => keyring.mac('review-page', linkId, ticket, madeAt),
    describeDecider: async (accountId) => {
      const account = await accounts.findAccount(accountId);
      if (!account || account.isClosed) return undefined;
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      return { isVerified: account.isEmailVerified, createdAt: account.createdAt, hasSecondFactor };
    },
    isSecondFactorRequired: config.twoFactor === 'required',
    isVerificationRequired: config.emailVerification === 'required',
    onAlarm: (message) => log.warn({ alarm: true }, message),
  });
  const tokensRefresh = createTokensRefresh({ ...ground, tokens, clients, mayReceiveToken });
  const tokensStanding = createTokensStanding({
    ...ground,
    store: stores.tokens,
    keys,
    issuer: config.publicUrl,
    mayUseTokens: async (accountId) => (await accounts.findAccount(accountId))?.isClosed === false,
  });
  return { gate, wakeUps, waiting, linksForTool, linksForPerson, tokensRefresh, tokensStanding };
}

export type Rooms = Ground &
  ReturnType<typeof openToolRooms> &
  ReturnType<typeof openPeopleRooms> &
  ReturnType<typeof openLinkRooms>;

/** Opens every room. Signing keys are made where there are none yet. */
export async function openRooms(config: Config, options: WiringOptions): Promise<Rooms> {
  const ground = openGround(config, options);
  const toolRooms = openToolRooms(config, ground);
  const people = openPeopleRooms(config, ground, options);
  const linkRooms = openLinkRooms(config, ground, toolRooms, people, options);
  await toolRooms.keys.open();
  return { ...ground, ...toolRooms, ...people, ...linkRooms };
}

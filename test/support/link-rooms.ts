// The rooms around a link, over a real database and a clock that tests move: enough to start, decide and redeem links
// without HTTP. Accounts are only ids here; what an upper room would say of them is in `standing`.
import type { SigningAlg } from '../../src/crypto/jwt.js';
import { createKeyring, randomSecret } from '../../src/crypto/secrets.js';
import { createAudit } from '../../src/domain/audit.js';
import { createClients, type Client } from '../../src/domain/clients.js';
import { createDpop } from '../../src/domain/dpop.js';
import { createKeys } from '../../src/domain/keys.js';
import { createLinksForPerson } from '../../src/domain/links-person.js';
import { createLinksForTool } from '../../src/domain/links-tool.js';
import type { LinkCheckpoint } from '../../src/domain/links.js';
import { createServices } from '../../src/domain/services.js';
import { createThrottle, type ThrottleDependencies } from '../../src/domain/throttle.js';
import { createTokensRefresh } from '../../src/domain/tokens-refresh.js';
import { createTokensStanding, type DeviceTokenRead } from '../../src/domain/tokens-standing.js';
import { createTokens } from '../../src/domain/tokens.js';
import type {
  AccountId,
  BrowserTicket,
  LinkId,
  Origin,
  SessionHash,
  SubjectId,
} from '../../src/domain/vocabulary.js';
import { createWaiting } from '../../src/domain/waiting.js';
import type { Session } from '../../src/domain/sessions.js';
import { createMemoryCounters } from '../../src/stores/ephemeral/counters.js';
import { createMemoryPollGate } from '../../src/stores/ephemeral/poll-gate.js';
import { createMemoryWakeUps } from '../../src/stores/ephemeral/wake-ups.js';
import { createAppPasswordStore } from '../../src/stores/sql/app-passwords.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createBudgetStore } from '../../src/stores/sql/budgets.js';
import { createClientStore } from '../../src/stores/sql/clients.js';
import type { Database } from '../../src/stores/sql/database.js';
import { createDeviceKeyStore } from '../../src/stores/sql/device-keys.js';
import { createKeyStore } from '../../src/stores/sql/keys.js';
import { createNumberedLinkStore } from '../../src/stores/sql/links-numbered.js';
import { createLinkStore } from '../../src/stores/sql/links.js';
import { createServiceStore } from '../../src/stores/sql/services.js';
import type { Sql } from '../../src/stores/sql/statement.js';
import { createTokenStore } from '../../src/stores/sql/tokens.js';
import { createUsedProofStore } from '../../src/stores/sql/used-proofs.js';
import { createTestClock } from './clock.js';
import { openTestDatabase } from './databases.js';

export const ISSUER = 'https://linchpin.example';

export const createLinkRoomStores = (sql: Sql) => ({
  appPasswords: createAppPasswordStore(sql),
  audit: createAuditStore(sql),
  budgets: createBudgetStore(sql),
  clients: createClientStore(sql),
  deviceKeyRing: createKeyStore(sql, 'device-keys'),
  deviceKeys: createDeviceKeyStore(sql),
  keys: createKeyStore(sql),
  links: createLinkStore(sql),
  numberedLinks: createNumberedLinkStore(sql),
  services: createServiceStore(sql),
  tokens: createTokenStore(sql),
  usedProofs: createUsedProofStore(sql),
});
export type LinkRoomStores = ReturnType<typeof createLinkRoomStores>;
type Stores = LinkRoomStores;

export interface LinkRoomsOptions {
  readonly database?: Database<Stores>;
  readonly clock?: ReturnType<typeof createTestClock>;
  readonly secret?: string;
  readonly checkpoint?: LinkCheckpoint;
  readonly limits?: ThrottleDependencies['limits'];
  readonly isSecondFactorRequired?: boolean;
  readonly issuer?: string;
  readonly algs?: readonly SigningAlg[];
}

export const originFrom = (networkAddress = '203.0.113.7'): Origin => ({
  networkAddress,
  network: networkAddress,
  userAgent: 'a tool',
  requestId: 'r',
});

export async function openLinkRooms(options: LinkRoomsOptions = {}) {
  const { issuer = ISSUER, algs = ['EdDSA'] } = options;
  const clock = options.clock ?? createTestClock(new Date('2026-03-01T12:00:00Z'));
  const { now } = clock;
  const database = options.database ?? openTestDatabase(createLinkRoomStores);
  const { stores, inTransaction, inBatch } = database;
  const keyring = createKeyring({ secret: options.secret ?? 's'.repeat(40) });
  const audit = createAudit({ now });
  const throttle = createThrottle({
    now,
    budgets: stores.budgets,
    inTransaction,
    coarse: createMemoryCounters({ now }),
    limits: options.limits ?? {},
  });
  const newId = () => randomSecret(16);
  const keys = createKeys({
    store: stores.keys,
    inTransaction,
    audit,
    sealer: {
      seal: (t, c) => keyring.seal('signing-key', t, c),
      open: (s, c) => keyring.open('signing-key', s, c),
    },
    now,
    issuer,
    algs,
    longestTokenSeconds: 900,
  });
  await keys.open();
  const clients = createClients({
    store: stores.clients,
    inTransaction,
    throttle,
    audit,
    now,
    newId,
    newSecret: randomSecret,
    issuer,
  });
  const services = createServices({
    store: stores.services,
    inTransaction,
    clients,
    audit,
    now,
    issuer,
    reserved: [issuer, `${issuer}/api/v2`],
  });
  const dpop = createDpop({ inTransaction, now, nonceMacs: (slot) => keyring.macs('dpop-nonce', slot) });
  /** What the upper rooms would say: who may not receive tokens, who is unverified, who has a second factor. */
  const standing = { barred: new Set<string>(), unverified: new Set<string>(), twoFactor: new Set<string>() };
  const mayReceiveToken = async (_: Stores, accountId: AccountId) => !standing.barred.has(accountId);
  const tokens = createTokens({
    keys,
    derivingKeys: { currentId: keyring.currentId, key: (keyId) => keyring.keyOf(keyId, 'refresh') },
    now,
    newId,
    issuer,
  });
  const gate = createMemoryPollGate({ now });
  const wakeUps = createMemoryWakeUps();
  const waiting = createWaiting({ wakeUps });
  const alarms: string[] = [];
  const checkpoint = options.checkpoint ? { checkpoint: options.checkpoint } : {};
  const tool = createLinksForTool({
    stores,
    inTransaction,
    inBatch,
    tokens,
    services,
    throttle,
    audit,
    gate,
    waiting,
    now,
    newId,
    newSecret: randomSecret,
    userCodeMac: (code) => keyring.mac('user-code', code),
    mayReceiveToken,
    onFault: (error) => {
      throw error;
    },
    ttlSeconds: 600,
    intervalSeconds: 5,
    ...checkpoint,
  });
  /** Nobody here is in a household. */
  const forSelfOnly = {
    listForWhom: async (accountId: AccountId, scope: string) => [
      {
        ...{ subjectId: accountId as string as SubjectId, kind: undefined, name: accountId },
        ...{ isSelf: true, scopes: scope.split(' ').filter(Boolean) },
      },
    ],
    findApproved: async (_: unknown, accountId: AccountId) => ({
      ...{ subjectId: accountId as string as SubjectId, household: undefined, narrow: undefined },
    }),
  };
  const person = createLinksForPerson({
    store: stores.links,
    services,
    clients: stores.clients,
    inTransaction,
    throttle,
    audit,
    gate,
    wakeUps,
    now,
    userCodeMacs: (code) => keyring.macs('user-code', code),
    pageMac: (linkId, ticket, madeAt) => keyring.mac('review-page', linkId, ticket, madeAt),
    describeDecider: async (accountId) => ({
      isVerified: !standing.unverified.has(accountId),
      hasSecondFactor: standing.twoFactor.has(accountId),
      createdAt: new Date(0),
    }),
    mayReceiveToken,
    ...forSelfOnly,
    isSecondFactorRequired: options.isSecondFactorRequired ?? false,
    isVerificationRequired: true,
    onAlarm: (message) => alarms.push(message),
    ...checkpoint,
  });
  const tokensRefresh = createTokensRefresh({ inTransaction, tokens, audit, services, now, mayReceiveToken });
  /** What opens a token of a tool with a key of its own, once there is a room for these. */
  const deviceTokens: { read: (token: string) => Promise<DeviceTokenRead | undefined> } = {
    read: async () => undefined,
  };
  const tokensStanding = createTokensStanding({
    readDeviceToken: (token) => deviceTokens.read(token),
    store: stores.tokens,
    inTransaction,
    audit,
    keys,
    now,
    issuer,
    mayUseTokens: async (accountId) => !standing.barred.has(accountId),
  });

  async function newClient(): Promise<Client> {
    return (await clients.createByOperator({ name: 'A television', isConfidential: false })).client;
  }

  /** A signed-in browser whose proof was given a moment ago. */
  function sessionOf(
    account: string,
    browser = 'browser 1',
    methods: Session['proofMethods'] = ['pwd'],
  ): Session {
    return {
      sessionHash: `${account} ${browser}` as SessionHash,
      ticket: `${account} ${browser}` as BrowserTicket,
      accountId: account as AccountId,
      subjectId: account as SubjectId,
      confirmedAt: now(),
      recentUntil: new Date(now().getTime() + 3_600_000),
      isRemembered: false,
      authentication: { at: now(), methods },
      provedAt: now(),
      proofMethods: methods,
      userAgent: 'a browser',
      networkAddress: '203.0.113.9',
      createdAt: now(),
      lastSeenAt: now(),
      expiresAt: new Date(now().getTime() + 86_400_000),
    };
  }

  /** The page field of a review page that was made two seconds ago. */
  async function pageOf(linkId: LinkId, session: Session): Promise<string> {
    const review = await person.findForReview({ linkId, session, origin: originFrom() });
    clock.advance(2);
    return review?.page ?? '';
  }

  return {
    clock,
    database,
    keyring,
    keys,
    clients,
    services,
    dpop,
    tool,
    person,
    tokens,
    tokensRefresh,
    tokensStanding,
    gate,
    wakeUps,
    waiting,
    throttle,
    audit,
    newId,
    mayReceiveToken,
    ...forSelfOnly,
    deviceTokens,
    checkpoints: checkpoint,
    standing,
    alarms,
    newClient,
    sessionOf,
    pageOf,
    close: () => database.close(),
  };
}

export type LinkRooms = Awaited<ReturnType<typeof openLinkRooms>>;

// Linchpin as it is wired for everybody, on a SQLite file that is durable on disk, or as one of several on PostgreSQL and Redis; with
// a poll interval of 0 and its budgets out of the way. Approving goes to the store directly: a person's click is not what is measured.
import { availableParallelism } from 'node:os';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import argon2 from 'argon2';
import { redisUrl } from '../../src/config-redis.js';
import { DEVICE_CODE_GRANT } from '../../src/domain/clients.js';
import { keyOfDeviceCode, type Approval, type Holder } from '../../src/domain/links.js';
import type { BrowserTicket } from '../../src/domain/vocabulary.js';
import { tuneEngine } from '../../src/engine.js';
import { wire } from '../../src/wiring.js';
import { createSample, IDENTIFIER, obeyOrders, pickAtRandom, readOptions, REDIRECT_URI } from './contract.js';
import { makeCode } from './linchpin-codes.js';
import { createPeople } from './linchpin-people.js';

const PASSWORD = 'quartz lantern bicycle 42';
/** PostgreSQL has a connection for each, and does not group them. */
const [AT_ONCE_GROUPED, AT_ONCE_SHARED] = [500, 32];
const NO_LIMIT = { limit: 1_000_000_000 };

tuneEngine();
const { port, intervalSeconds, folder, shared, isOpenId = false } = readOptions();
const SCOPE = isOpenId ? 'openid profile' : 'profile';
const atOnce = shared ? AT_ONCE_SHARED : AT_ONCE_GROUPED;
const publicUrl = shared?.publicUrl ?? `http://localhost:${port}`;
let standsAt: number | undefined;
const house = await wire(
  {
    publicUrl,
    port,
    host: '127.0.0.1',
    allowHttp: false,
    trustedProxies: [],
    verifyHosts: [],
    verifyTokens: true,
    dataDir: folder,
    databaseFile: join(folder, 'linchpin.sqlite'),
    databaseUrl: shared?.databaseUrl,
    databaseConnections: 12,
    redis: shared && redisUrl.parse(shared.redisUrl),
    workers: 1,
    secret: 'a secret for the bench that is long enough',
    secretPrevious: undefined,
    smtpUrl: undefined,
    mailFrom: 'Linchpin <linchpin@localhost>',
    signUp: 'open',
    emailVerification: 'optional',
    twoFactor: 'offered',
    linkTtlSeconds: 600,
    rememberDays: 30,
    upstreams: [],
    liveLinksPerNetwork: 100_000_000,
    signingAlgs: ['EdDSA', 'ES256', 'RS256'],
    pinTokenTtlDays: 365,
    pinIssuer: publicUrl,
    pinAudience: publicUrl,
    pinLink: false,
    fallbackDoor: 'with-code',
    auditDays: 400,
    demoPage: false,
    logLevel: 'error',
  },
  {
    pollIntervalSeconds: intervalSeconds,
    // Its thread, and the memory of that, would end in the midst of what is measured.
    estimateStrength: async () => 4,
    // The time of a shared database is its own.
    ...(shared ? {} : { now: () => new Date(standsAt ?? Date.now()) }),
    viewsFolder: 'views',
    limits: {
      'user-code-by-account': NO_LIMIT,
      'user-code-by-account-daily': NO_LIMIT,
      'user-code-by-network': NO_LIMIT,
      'user-code-everywhere': NO_LIMIT,
    },
  },
);
const { accounts, clients, gate, inTransaction, linksForTool, wakeUps } = house;

const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'bench' };
const names = { email: 'bench@example.com', username: 'bench', password: PASSWORD };
// Whichever server starts first makes them for all that share the database.
const account =
  (await accounts.findByLogin(names.username)) ??
  (await accounts.createAccount({ ...names, role: 'person', isEmailVerified: true }));
const known = (await clients.listClients()).find(({ name }) => name === 'Bench');
const client =
  known ??
  (await clients.registerClient(
    {
      name: 'Bench',
      metadata: {
        grantTypes: [DEVICE_CODE_GRANT, 'authorization_code'],
        scopes: SCOPE.split(' '),
        ...(isOpenId ? { idTokenAlg: 'EdDSA' as const } : {}),
        redirectUris: [REDIRECT_URI],
      },
    },
    origin,
  ));

/** Does the work for every item, so many at a time that commits are full. */
async function forEach<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let next = 0; next < items.length; next += atOnce) {
    results.push(...(await Promise.all(items.slice(next, next + atOnce).map(work))));
  }
  return results;
}

async function pending({ count, sample }: { count: number; sample: number }): Promise<string[]> {
  const codes = createSample<string>(sample);
  const startOne = async (): Promise<void> =>
    codes.give((await linksForTool.startLink({ client, scope: SCOPE, origin })).deviceCode);
  // None is kept but the sample: what the process weighs is links, and not the orders of this bench.
  for (let left = count; left > 0; left -= atOnce)
    await Promise.all(Array.from({ length: Math.min(left, atOnce) }, startOne));
  return pickAtRandom(codes.kept, sample);
}

async function approveOne(deviceCode: string): Promise<void> {
  const { linkId, deviceCodeHash } = keyOfDeviceCode(deviceCode);
  const { accountId, subjectId } = account;
  const holder: Holder = { accountId, ticket: 'bench' as BrowserTicket };
  const approval: Approval = { accountId, subjectId, authenticatedAt: new Date(), methods: ['pwd', 'otp'] };
  await inTransaction(async ({ links }) => {
    const link = (await links.find(linkId))!;
    await links.reserve(link.userCodeMac, holder, 'typed', new Date());
    await links.approve(link.linkId, holder, approval, new Date(), new Date());
  });
  gate.decide(deviceCodeHash);
  wakeUps.wake(deviceCodeHash);
}

const tool = {
  ...{ product: 'Bench', version: '', platform: 'Linux', platformVersion: '', device: '' },
  ...{ deviceName: 'bench', deviceVendor: '', model: '' },
};

async function pendingNumbers({ count, sample }: { count: number; sample: number }): Promise<number[]> {
  const numbers = await forEach(Array.from({ length: count }), async () => {
    const asked = { identifier: IDENTIFIER, tool, isStrong: false, origin };
    return (await house.linksByNumber.startNumberedLink(asked)).number;
  });
  return pickAtRandom(numbers, sample);
}

async function approveUserCode({ userCode }: { userCode: string }): Promise<null> {
  const person = { accountId: account.accountId, subjectId: account.subjectId, origin };
  const { session } = await inTransaction((stores) =>
    house.sessions.startSession(stores, { ...person, methods: ['pwd', 'otp'] }),
  );
  const asked = { userCode, session, arrival: 'typed', origin } as const;
  const about = { linkId: (await house.linksForPerson.reserveLink(asked)).linkId, session, origin };
  const review = await house.linksForPerson.findForReview(about);
  if (!review) throw new Error('A link cannot be reviewed.');
  await delay(2000); // no decision counts in the first second of a page
  await house.linksForPerson.approveLink({ ...about, page: review.page });
  return null;
}

async function lastingTokens({ count }: { count: number }): Promise<string[]> {
  return forEach(
    Array.from({ length: count }, (_, at) => `${IDENTIFIER}-${at}`),
    async (identifier) => {
      const asked = { account, identifier, tool, isWithCode: true, origin };
      const opened = await inTransaction((stores) => house.tokensLasting.openForFallback(stores, asked));
      return await house.tokensLasting.signLasting(opened);
    },
  );
}

async function sweep(): Promise<{ links: number; ms: number }> {
  const startedAt = performance.now();
  const links = await linksForTool.removeExpired();
  await house.jobs.runNow('forget what has expired');
  await house.jobs.runNow('forget old authorizations');
  return { links, ms: performance.now() - startedAt };
}

async function inMilliseconds(count: number, atOnce: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - startedAt;
}

const people = createPeople(house, { client, like: account.accountId, origin, forEach });
const bareHash = await argon2.hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });

// As the service itself is opened: connections may be silent for a while.
createServer({ keepAliveTimeout: 65_000 }, (req, res) => house.app(req, res)).listen(port, '127.0.0.1', () =>
  obeyOrders(
    {
      issuePath: '/oauth/device_authorization',
      pollPath: '/oauth/token',
      redeemPath: '/oauth/token',
      clientId: client.clientId,
      scope: SCOPE,
      jwksPath: '/.well-known/jwks.json',
      proofAddress: `${publicUrl}/oauth/token`,
      numbersPath: '/api/v2/pins',
      userPath: '/api/v2/user',
    },
    {
      ...{ pending, pendingNumbers, approveUserCode, lastingTokens },
      ...people,
      held: async () => house.waiting.count(),
      async setClock({ at }) {
        standsAt = at;
        return null;
      },
      sweep,
      codes: ({ count }) =>
        forEach(Array.from({ length: count }), () => makeCode(house, client, account.accountId)),
      proofNonce: async () => house.dpop.currentNonce(),
      async approve({ codes }) {
        await forEach(codes, approveOne);
        return null;
      },
      // Twice as many as there are cores: while one waits for the disk, another computes.
      signIn: ({ count }) =>
        inMilliseconds(count, 2 * availableParallelism(), () =>
          house.signIn.startSignIn({ login: 'bench', password: PASSWORD }, origin),
        ),
      verifyPassword: ({ count }) =>
        inMilliseconds(count, availableParallelism(), () => argon2.verify(bareHash, PASSWORD)),
    },
  ),
);

// A whole house for tests: the real wiring over a real database, which is a file of SQLite unless stories are told on PostgreSQL
// (.config/jest.js), behind a real server on a free loopback port, with the clock and the mailbox in the test's hands.
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import supertest from 'supertest';
import type { Config } from '../../src/config.js';
import type { Deliver } from '../../src/domain/notices.js';
import { wire, type House } from '../../src/wiring.js';
import type { WiringOptions } from '../../src/wiring-rooms.js';
import { createTestClock } from './clock.js';
import { createKeyRack, estimateStrength } from './costly.js';
import { newFolder } from './folder.js';
import { createPlace, writeMigrated } from './migrated.js';

export interface TestHouseOptions extends Omit<WiringOptions, 'now' | 'deliver'> {
  readonly config?: Partial<Config>;
  readonly clock?: ReturnType<typeof createTestClock>;
}

export type Mail = Parameters<Deliver>[0];

/** Cheap on purpose: what a password costs is measured by the bench, not paid by every test. */
const CHEAP = { memoryKib: 1024, passes: 1 };

export async function startTestHouse({
  config = {},
  clock = createTestClock(),
  ...options
}: TestHouseOptions = {}) {
  const folder = newFolder('house');
  const opened: { house?: House } = {};
  const server: Server = createServer((req, res) => opened.house!.app(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://localhost:${port}`;
  const mails: Mail[] = [];
  const mailServer = { isDown: false };
  const databaseFile = join(folder, 'linchpin.sqlite');
  const place = await createPlace();
  if (!place) writeMigrated(databaseFile);
  const house = await wire(
    {
      publicUrl: url,
      port,
      host: '127.0.0.1',
      allowHttp: false,
      trustedProxies: [],
      verifyHosts: [],
      verifyTokens: true,
      dataDir: folder,
      databaseFile,
      databaseUrl: place?.url,
      databaseConnections: 6,
      redis: undefined,
      workers: 1,
      secret: 'a secret for tests that is long enough',
      secretPrevious: undefined,
      smtpUrl: undefined,
      mailFrom: 'Linchpin <linchpin@localhost>',
      signUp: 'open',
      emailVerification: 'optional',
      twoFactor: 'offered',
      rememberDays: 30,
      upstreams: [],
      linkTtlSeconds: 600,
      liveLinksPerNetwork: 100,
      signingAlgs: ['EdDSA', 'ES256', 'RS256'],
      pinTokenTtlDays: 365,
      pinIssuer: url,
      pinAudience: url,
      pinLink: false,
      fallbackDoor: 'with-code',
      auditDays: 400,
      demoPage: false,
      logLevel: 'silent',
      ...config,
    },
    {
      passwordCost: CHEAP,
      estimateStrength,
      newSigningKey: createKeyRack(),
      ...options,
      now: clock.now,
      deliver: async (mail) => {
        if (mailServer.isDown) throw new Error('nobody listens there');
        mails.push(mail);
      },
    },
  );

  opened.house = house;

  return {
    house,
    clock,
    url,
    folder,
    server,
    /** What was delivered so far; `sendMail` delivers what is due. */
    mails,
    /** Where the job delivers to; `sendMail` does so in any case. */
    mailServer,
    async sendMail(): Promise<void> {
      const { newTools, notices, stores, inTransaction } = house;
      await newTools.tellOwners();
      await notices.sendDue(stores.outbox, inTransaction, async (mail) => void mails.push(mail));
    },
    request: supertest(server),
    /** A browser of its own, with its own cookies. */
    newAgent: () => supertest.agent(server),
    /** An account that is ready to sign in, made as the operator's command makes it. */
    newAccount: (name = 'anna', password = 'quartz lantern bicycle 42') =>
      house.accounts.createAccount({
        email: `${name}@example.com`,
        username: name,
        password,
        role: 'person',
        isEmailVerified: true,
      }),
    async close(): Promise<void> {
      house.drain();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await house.close();
      await place?.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type TestHouse = Awaited<ReturnType<typeof startTestHouse>>;

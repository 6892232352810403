// Where the concrete parts of the house meet: the rooms behind their doors, the clock's tasks beside
// them (the rooms themselves: wiring-rooms.ts). It decides nothing; each part is handed what it declares it needs.
import { join } from 'node:path';
import type { RequestListener } from 'node:http';
import { createApp } from './app.js';
import type { Config } from './config.js';
import { randomSecret } from './crypto/secrets.js';
import { browserMarksOf } from './domain/known-browsers.js';
import { type Deliver } from './domain/notices.js';
import { untilNone } from './domain/vocabulary.js';
import { createGuards, OPEN_TO_SCRIPTS } from './http/guards.js';
import { PENDING_BODY, SLOW_DOWN_BODY } from './http/oauth/errors.js';
import { createOAuthDoor } from './http/oauth/routes.js';
import { createCounters, createHealth, createObserve } from './http/observe.js';
import { createPages } from './http/pages/routes.js';
import { createPinDoor } from './http/pins/routes.js';
import { createHandover } from './http/request-handover.js';
import { createOriginReader, createProxyTrust } from './http/request-origin.js';
import { createVerifyDoor } from './http/verify/routes.js';
import { createJobs } from './jobs.js';
import { createMail } from './outside/mail.js';
import { createMailText } from './outside/mail-text.js';
import { openRooms, sealerOf, SERVICE_NAME, type Rooms, type WiringOptions } from './wiring-rooms.js';

/** `views` stands beside `src`, and beside the folder of the built files. */
const BESIDE = join(import.meta.dirname, '..', 'views');

export type House = Awaited<ReturnType<typeof wire>>;

/** The client that the demo page plays, made at the first start with that page. */
async function findDemoClient({ clients }: Rooms): Promise<{ clientId: string }> {
  const name = 'The demo page';
  const known = (await clients.listClients()).find(
    (client) => client.registeredBy === 'operator' && client.name === name,
  );
  return known ?? (await clients.createByOperator({ name, isConfidential: false })).client;
}

const handoverOf = ({ keyring, now }: Rooms) =>
  createHandover({ sealer: sealerOf(keyring, 'handover'), now });

function openOAuthDoor(
  config: Config,
  rooms: Rooms,
  reportFault: Parameters<typeof createOAuthDoor>[0]['reportFault'],
) {
  const { household, linksForTool, keys, clients, services, dpop, tokensRefresh, tokensStanding } = rooms;
  return createOAuthDoor({
    links: linksForTool,
    clients,
    services,
    dpop,
    tokensRefresh,
    tokensStanding,
    keys,
    household,
    authorizations: rooms.authorizations,
    handover: handoverOf(rooms),
    issuer: config.publicUrl,
    reportFault,
  });
}

function openPinDoor(
  config: Config,
  rooms: Rooms,
  reportFault: Parameters<typeof createPinDoor>[0]['reportFault'],
) {
  const { linksByNumber, tokensLasting, deviceKeys, fallback, proofs, sessions, linkedTools, now } = rooms;
  const { household, householdInvitations, profilePins, profileSwitch } = rooms;
  return createPinDoor({
    linksByNumber,
    tokensLasting,
    dpop: rooms.dpop,
    deviceKeys,
    fallback,
    proofs,
    sessions,
    linkedTools,
    household,
    householdInvitations,
    profilePins,
    profileSwitch,
    now,
    publicUrl: config.publicUrl,
    serviceName: SERVICE_NAME,
    reportFault,
  });
}

function openVerifyDoor(
  { trustedProxies, publicUrl, verifyHosts, verifyTokens: mayUseTokens }: Config,
  { protectedHosts, tokensStanding, household }: Rooms,
  reportFault: Parameters<typeof createVerifyDoor>[0]['reportFault'],
) {
  return createVerifyDoor({
    protectedHosts,
    tokensStanding,
    household,
    isFromTrustedProxy: createProxyTrust({ trustedProxies }),
    publicUrl,
    isOpen: verifyHosts.length > 0,
    mayUseTokens,
    newSecret: randomSecret,
    reportFault,
  });
}

function openPagesDoor(
  config: Config,
  rooms: Rooms,
  viewsFolder: string,
  demo: { clientId: string } | undefined,
) {
  const { keyring, sessions, switchedSessions } = rooms;
  const guards = createGuards({
    sessions,
    switchedSessions,
    publicUrl: config.publicUrl,
    mac: (...parts) => keyring.mac('csrf', ...parts),
    macs: (...parts) => keyring.macs('csrf', ...parts),
    newSecret: randomSecret,
  });
  return createPages({
    // Most rooms are called there what they are called here.
    ...rooms,
    links: rooms.linksForPerson,
    authorizations: rooms.authorizationsForPerson,
    handover: handoverOf(rooms),
    browserMarks: (key) => browserMarksOf(keyring, key),
    sealer: sealerOf(keyring, 'pending-code'),
    guards,
    settings: {
      publicUrl: config.publicUrl,
      twoFactor: config.twoFactor,
      signUp: config.signUp,
      toolHosts: config.verifyTokens ? config.verifyHosts : [],
      fallbackDoor: config.fallbackDoor,
      maySwitchLinkByToken: config.pinLink,
      lastingTokenDays: config.pinTokenTtlDays,
      maySendMail: config.smtpUrl !== undefined,
      demo,
    },
    viewsFolder,
  });
}

/** What runs by the clock. */
function openJobs(config: Config, rooms: Rooms, deliver: Deliver, mail: ReturnType<typeof openMail>) {
  const { stores, inTransaction, notices, keys, deviceKeyRing, clients, accounts } = rooms;
  const { linksForTool, linkedTools, newTools, log, now } = rooms;
  async function purge(): Promise<void> {
    const at = now();
    await inTransaction(async (inside) => {
      await inside.sessions.removeExpired(at);
      await inside.hostSessions.removeExpired(at);
      await inside.invitations.removeExpiredInvitations(at);
      await inside.roundTrips.removeExpired(at);
      await inside.passkeys.removeExpired(at);
      await inside.outbox.removeExpired(at);
    });
    // Of these there may be many.
    for (const name of ['signIns', 'tokens', 'usedProofs', 'budgets'] as const)
      await untilNone(() => inTransaction((inside) => inside[name].removeExpired(at)));
  }
  const sendMail = async (): Promise<void> => {
    const { failed } = await notices.sendDue(stores.outbox, inTransaction, deliver);
    for (const { mailId, notice, isGivenUp, cause } of failed) {
      if (isGivenUp)
        log.error({ mailId, notice, err: cause }, 'a mail was refused for good, and is given up');
      else log.warn({ mailId, notice, err: cause }, 'a mail could not be sent; it will be tried again');
    }
  };
  const forgetAudit = () =>
    untilNone(() =>
      inTransaction(({ audit }) =>
        audit.removeBefore(new Date(now().getTime() - config.auditDays * 86_400_000)),
      ),
    );
  return createJobs({
    log,
    now,
    tasks: [
      { name: 'tell owners of new tools', everySeconds: 5, run: newTools.tellOwners },
      { name: 'send mail', everySeconds: 5, run: sendMail },
      { name: 'look at the signing keys', everySeconds: 30, run: keys.refresh },
      { name: 'tend the signing keys', everySeconds: 3600, run: keys.tend },
      { name: "look at the keys of tools' tokens", everySeconds: 30, run: deviceKeyRing.refresh },
      { name: "tend the keys of tools' tokens", everySeconds: 3600, run: deviceKeyRing.tend },
      { name: 'forget what has expired', everySeconds: 60, run: purge },
      { name: 'forget old links', everySeconds: 60, run: linksForTool.removeExpired },
      { name: 'forget old authorizations', everySeconds: 60, run: rooms.authorizations.removeExpired },
      { name: 'end closed accounts', everySeconds: 3600, run: rooms.accountClosing.endClosed },
      { name: 'forget unproved addresses', everySeconds: 600, run: accounts.removeExpired },
      { name: 'forget unused tools', everySeconds: 3600, run: clients.removeUnused },
      { name: 'forget dead linked tools', everySeconds: 86_400, run: linkedTools.removeDead },
      { name: 'forget old activity', everySeconds: 86_400, run: forgetAudit },
      { name: 'forget old mails in the folder', everySeconds: 86_400, run: mail.removeOldFiles },
    ],
  });
}

function openMail(config: Config, { log, now }: Rooms, viewsFolder: string) {
  return createMail({
    smtpUrl: config.smtpUrl,
    from: config.mailFrom,
    outboxFolder: join(config.dataDir, 'outbox'),
    render: createMailText({
      folder: join(viewsFolder, 'mail'),
      serviceName: SERVICE_NAME,
      publicUrl: config.publicUrl,
    }),
    now,
    announce: (file) => log.info({ file }, 'a mail was written to a file, since SMTP_URL is not set'),
  });
}

/** Opens the house. It does not listen: `app` answers whatever a server hands it. Jobs start with `jobs.start()`. */
export async function wire(config: Config, options: WiringOptions = {}) {
  const { viewsFolder = BESIDE } = options;
  const rooms = await openRooms(config, options);

  const counters = createCounters();
  const readOrigin = createOriginReader({ trustedProxies: config.trustedProxies });
  const observe = createObserve({ log: rooms.log, counters, originOf: readOrigin });
  const { redis, decisions } = rooms;
  const isDegraded = () => redis !== undefined && (redis.isAway() || decisions?.isListening() !== true);
  const health = createHealth({ ping: rooms.database.ping, isDegraded });
  const demo = config.demoPage ? await findDemoClient(rooms) : undefined;
  const oauth = openOAuthDoor(config, rooms, observe.reportFault);
  const pins = openPinDoor(config, rooms, observe.reportFault);
  const app: RequestListener = createApp({
    observe,
    health,
    doors: [oauth, pins, openVerifyDoor(config, rooms, observe.reportFault)],
    pages: openPagesDoor(config, rooms, viewsFolder, demo),
    pollLane: {
      pollGate: rooms.linksForTool.pollGate,
      answers: { pending: PENDING_BODY, 'too-soon': SLOW_DOWN_BODY },
      headers: { ...oauth.headers, ...OPEN_TO_SCRIPTS },
      counters,
    },
    numberPollLane: {
      ...pins.pendingPolls,
      pollNumberGate: rooms.linksByNumber.pollNumberGate,
      networkOf: (req) => readOrigin(req, '').network,
      counters,
    },
  });
  const mail = openMail(config, rooms, viewsFolder);
  const jobs = openJobs(config, rooms, options.deliver ?? mail.deliver, mail);

  return {
    ...rooms,
    app,
    counters,
    health,
    jobs,
    /** Ends held polls and says "not ready", so that the last requests can be finished. */
    drain(): void {
      health.startDraining();
      rooms.waiting.drain();
    },
    async close(): Promise<void> {
      await jobs.stop();
      rooms.strength.close();
      await rooms.decisions?.close();
      await rooms.database.close();
    },
  };
}

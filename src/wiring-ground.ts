// The ground that every room stands on: clock, database, keyring, log, budgets, memory of what happened, and the outbox.
// The rooms themselves are in wiring-rooms.ts.
import { mkdirSync } from 'node:fs';
import type { DestinationStream } from 'pino';
import { ConfigError, type Config } from './config.js';
import {
  createKeyring,
  SecretUnreadable,
  sha256,
  timeOrderedId,
  type Keyring,
  type Purpose,
} from './crypto/secrets.js';
import { createAudit } from './domain/audit.js';
import type { AuthorizationCheckpoint } from './domain/authorizations-redemption.js';
import type { NewSigningKey } from './domain/keys.js';
import type { DrawUserCode } from './domain/links-number-pending.js';
import type { LinkCheckpoint } from './domain/links.js';
import { createNotices, type Deliver, type Sealer } from './domain/notices.js';
import type { EstimateStrength } from './domain/password-rule.js';
import { createThrottle, type ThrottleDependencies } from './domain/throttle.js';
import type { Clock } from './domain/vocabulary.js';
import { createLog, type Log } from './http/observe.js';
import type { UpstreamsDependencies } from './outside/upstream-dialect.js';
import { createMemoryCounters } from './stores/ephemeral/counters.js';
import { createRedisCounters } from './stores/ephemeral/redis-counters.js';
import { createRedisLine, type RedisLine } from './stores/ephemeral/redis-line.js';
import { openPostgres } from './stores/sql/database-postgres.js';
import { openDatabase, type Database } from './stores/sql/database.js';
import { whyUnusable } from './stores/sql/dialect-sqlite.js';
import { DatabaseNewer } from './stores/sql/migrations.js';
import { createStores, type Stores } from './stores/sql/stores.js';
import type { Checkpoint } from './stores/sql/transaction.js';

/** What tests and the bench change; nothing here is a setting. */
export interface WiringOptions {
  readonly now?: Clock;
  readonly limits?: ThrottleDependencies['limits'];
  /** Seconds between polls; 5 for everybody but the bench. */
  readonly pollIntervalSeconds?: number;
  readonly passwordCost?: { readonly memoryKib: number; readonly passes: number };
  /** Takes the place of a thread of the house's own, whose dictionaries take a third of a second to read. */
  readonly estimateStrength?: EstimateStrength;
  /** Takes the place of a new key each time: RSA ones take a core for a while. */
  readonly newSigningKey?: NewSigningKey;
  /** Takes the place of SMTP and the outbox folder. */
  readonly deliver?: Deliver;
  readonly logTo?: DestinationStream;
  readonly checkpoint?: Checkpoint & LinkCheckpoint & AuthorizationCheckpoint;
  readonly maxPages?: number;
  /** Takes the place of where the known providers are, by their names. */
  readonly upstreamPlaces?: UpstreamsDependencies['places'];
  /** How long a provider may take, in all that one round trip asks of it; ten seconds for everybody else. */
  readonly upstreamBudgetSeconds?: number;
  /** Where the templates are; only code that is bundled elsewhere needs to say. */
  readonly viewsFolder?: string;
}

export const SERVICE_NAME = 'Linchpin';

const CLOCKS_APART_SECONDS = 2;

export function sealerOf(keyring: Keyring, purpose: Purpose): Sealer {
  return {
    seal: (plaintext, context) => keyring.seal(purpose, plaintext, context),
    open: (sealed, context) => keyring.open(purpose, sealed, context),
  };
}

export function userCodesOf(keyring: Keyring): DrawUserCode {
  return (linkId, shape, userCodeMac) => {
    const keyId = userCodeMac === undefined ? keyring.currentId : keyring.sealedWith(userCodeMac);
    const code = keyring.codeWith(keyId, 'drawn-code', shape, linkId);
    if (code === undefined) throw new SecretUnreadable();
    return code;
  };
}

/** The rooms that everybody uses: clock, database, keys of the house, budgets, memory of what happened. */
export async function openGround(config: Config, options: WiringOptions) {
  makeFolder(config);
  const database = await openStorage(config, options);
  const now = options.now ?? database.now;
  const { stores, inTransaction, inBatch } = database;
  const newId = (): string => timeOrderedId(now());
  const keyring = createKeyring({
    secret: config.secret,
    ...(config.secretPrevious === undefined ? {} : { previous: config.secretPrevious }),
  });
  const log = createLog({ level: config.logLevel, ...(options.logTo ? { destination: options.logTo } : {}) });
  warnOfClock(database, log);
  const redis = lineToRedis(config, log);
  const throttle = createThrottle({
    now,
    budgets: stores.budgets,
    inTransaction,
    coarse: redis ? createRedisCounters({ line: redis, now }) : createMemoryCounters({ now }),
    limits: {
      'live-links-by-network': { limit: config.liveLinksPerNetwork, windowSeconds: config.linkTtlSeconds },
      ...options.limits,
    },
  });
  const audit = createAudit({ now });
  const notices = createNotices({ now, newId, sealer: sealerOf(keyring, 'outbox') });
  return {
    now,
    database,
    stores,
    inTransaction,
    inBatch,
    keyring,
    log,
    redis,
    throttle,
    audit,
    notices,
    newId,
  };
}

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** It harms nothing here, but tokens are read by others, and logs are compared. */
function warnOfClock({ now }: Pick<Database<Stores>, 'now'>, log: Log): void {
  const aheadSeconds = Math.round((Date.now() - now().getTime()) / 1000);
  if (Math.abs(aheadSeconds) > CLOCKS_APART_SECONDS)
    log.warn({ aheadSeconds }, 'the clock of this machine is not that of the database, which counts here');
}

/** For several processes; one alone has nobody to share anything with. It is opened with the decisions. */
function lineToRedis({ redis, publicUrl, databaseUrl, workers }: Config, log: Log): RedisLine | undefined {
  if (redis === undefined) return undefined;
  if (databaseUrl === undefined && workers === 1) {
    log.info('REDIS_URL is not used: one process on an SQLite file shares nothing with others');
    return undefined;
  }
  return createRedisLine({
    address: redis,
    prefix: `linchpin:${sha256(publicUrl).slice(0, 8)}:`,
    onAway: (cause) => log.warn({ err: cause }, 'Redis does not answer; the service goes on without it'),
    onBack: () => log.info('Redis answers'),
  });
}

function makeFolder({ dataDir }: Config): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError([
      { name: 'DATA_DIR', problem: `must be a folder of this user: ${dataDir} cannot be made (${code})` },
    ]);
  }
}

/** A file that cannot be the database is the operator's to mend; any other fault is passed on as it is. */
function asFileFault(error: unknown, file: string): unknown {
  const why = error instanceof DatabaseNewer ? error.message : whyUnusable(error);
  if (why === undefined) return error;
  return new ConfigError([{ name: 'DATABASE_URL', problem: `${file} cannot be the database: ${why}` }]);
}

/** SQLite, or PostgreSQL where the settings name one. */
async function openStorage(
  { databaseFile: file, databaseUrl: url, databaseConnections: mostConnections, workers }: Config,
  { checkpoint, maxPages }: WiringOptions,
): Promise<Database<Stores>> {
  const given = { createStores, ...(checkpoint ? { checkpoint } : {}) };
  if (url !== undefined) {
    return openPostgres({ ...given, url, mostConnections }).catch((error: Error) => {
      const { message } = error.cause instanceof Error ? error.cause : error;
      throw new ConfigError([
        { name: 'DATABASE_URL', problem: `names a PostgreSQL that cannot be used: ${message}` },
      ]);
    });
  }
  const isAlone = workers === 1;
  try {
    return openDatabase({ ...given, file, isAlone, ...(maxPages === undefined ? {} : { maxPages }) });
  } catch (error) {
    throw asFileFault(error, file);
  }
}

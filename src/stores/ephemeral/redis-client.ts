// Opens a client of Redis: one server, the master that Sentinels name, or a Cluster. It finds its way back by itself and keeps
// no queue: what cannot be sent now is refused now. How long an answer may take is said in redis-line.ts.
// https://redis.io/docs/latest/develop/reference/sentinel-clients/, …/operate/oss_and_stack/reference/cluster-spec/
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';

interface Host {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is; `hosts` are the Sentinels, or nodes of the Cluster that know the others. */
export type RedisAddress = {
  readonly hosts: readonly Host[];
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
} & (
  | { readonly kind: 'single'; readonly database: number }
  | {
      readonly kind: 'sentinel';
      readonly database: number;
      readonly masterName: string;
      readonly sentinelPassword?: string;
    }
  | { readonly kind: 'cluster' }
);

export type RedisClient = Redis | Cluster;

const CONNECT_MS = 2000;
/** A connection on which somebody waits, and nothing comes, is given up after this. */
const SILENT_MS = 2000;
/** How long a connection that we end may take to end politely. */
const FAREWELL_MS = 300;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

const pause = (times: number): number =>
  Math.min(FIRST_PAUSE_MS * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS);

function optionsOf({ username, password, isTls }: RedisAddress) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(isTls ? { tls: {} } : {}),
    protocol: 2,
    connectionName: 'linchpin',
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    disconnectTimeout: FAREWELL_MS,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    // A master that has become a replica: whoever is asked next knows the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

/** Connects at once, and again and again where that fails; `error` comes with each failure and wants a listener. */
export function openRedisClient(address: RedisAddress): RedisClient {
  const options = optionsOf(address);
  const hosts = address.hosts.map((host) => ({ ...host }));
  if (address.kind === 'cluster') {
    return new Cluster(hosts, {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: pause,
      slotsRefreshTimeout: SILENT_MS,
      // Certificates are for names: these must reach TLS as they were given.
      ...(address.isTls ? { dnsLookup: (host, callback) => callback(null, host) } : {}),
    } satisfies ClusterOptions);
  }
  const one = { ...options, db: address.database, enableOfflineQueue: false, retryStrategy: pause };
  if (address.kind === 'single') return new Redis({ ...one, ...hosts[0] } satisfies RedisOptions);
  const { masterName, sentinelPassword, isTls } = address;
  return new Redis({
    ...one,
    sentinels: hosts,
    name: masterName,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(isTls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: pause,
    sentinelCommandTimeout: SILENT_MS,
  } satisfies RedisOptions);
}

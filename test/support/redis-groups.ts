// Redis as more than one server: three Sentinels that watch a master and its replica, and a Cluster of three masters.
import { Redis } from 'ioredis';
import type { RedisAddress } from '../../src/stores/ephemeral/redis-client.js';
import { freePort, startRedis, type Service } from './services.js';

export interface RedisGroup {
  readonly address: RedisAddress;
  /** The servers that keep something; of Sentinels the master first. */
  readonly servers: readonly Service[];
  readonly stop: () => Promise<void>;
}

const portOf = ({ url }: Service): string => new URL(url).port;
const hostOf = ({ url }: Service) => ({ host: '127.0.0.1', port: Number(new URL(url).port) });
const stopping = (services: readonly Service[]) => async (): Promise<void> => {
  await Promise.all(services.map((service) => service.stop()));
};

/** Asks one server again and again, until the answer is right; gives up after twenty seconds. */
async function ask(
  { url }: Service,
  command: readonly [string, ...string[]],
  isRight: (answer: unknown) => boolean = () => true,
): Promise<void> {
  const client = new Redis(url);
  try {
    for (const end = Date.now() + 20_000; Date.now() < end;) {
      const [name, ...parts] = command;
      if (isRight(await client.call(name, ...parts))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${command.join(' ')} was not answered as it should be`);
  } finally {
    client.disconnect();
  }
}

/** Resolves when the Sentinels know each other and the replica, so that they can agree on a failover. */
export async function startSentinels(): Promise<RedisGroup> {
  const password = 'word';
  const sentinelPassword = 'another';
  const keeping = [`masterauth ${password}`];
  const master = await startRedis({ password, lines: keeping });
  const replica = await startRedis({
    password,
    lines: [...keeping, `replicaof 127.0.0.1 ${portOf(master)}`],
  });
  const lines = [
    `sentinel monitor house 127.0.0.1 ${portOf(master)} 2`,
    `sentinel auth-pass house ${password}`,
    `sentinel sentinel-pass ${sentinelPassword}`,
    'sentinel down-after-milliseconds house 1000',
    'sentinel failover-timeout house 5000',
  ];
  const one = () => startRedis({ isSentinel: true, password: sentinelPassword, lines });
  const sentinels = await Promise.all([one(), one(), one()]);
  for (const sentinel of sentinels) {
    await ask(sentinel, ['SENTINEL', 'MASTER', 'house'], (answer) =>
      /"num-slaves","1".*"num-other-sentinels","2"/.test(JSON.stringify(answer)),
    );
  }
  return {
    address: {
      kind: 'sentinel',
      ...{ hosts: sentinels.map(hostOf), isTls: false, password, database: 0 },
      ...{ masterName: 'house', sentinelPassword },
    },
    servers: [master, replica],
    stop: stopping([...sentinels, master, replica]),
  };
}

/** Resolves when all of them know that every slot has its master. */
export async function startCluster(): Promise<RedisGroup> {
  const password = 'word';
  const start = async () => {
    const port = await freePort();
    const lines = ['cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-node-timeout 3000'];
    return {
      port,
      service: await startRedis({ password, lines: [...lines, `cluster-port ${port}`] }),
    };
  };
  const started = [await start(), await start(), await start()] as const;
  const [first, ...others] = started;
  const slots = [0, 5461, 10_923, 16_384];
  for (const [index, { service }] of started.entries()) {
    const range = [String(slots[index]!), String(slots[index + 1]! - 1)];
    await ask(service, ['CLUSTER', 'ADDSLOTSRANGE', ...range]);
  }
  for (const { service, port } of others)
    await ask(first.service, ['CLUSTER', 'MEET', '127.0.0.1', portOf(service), String(port)]);
  const isWhole = (answer: unknown): boolean =>
    /cluster_state:ok[^]*cluster_slots_ok:16384[^]*cluster_known_nodes:3/.test(String(answer));
  for (const { service } of started) await ask(service, ['CLUSTER', 'INFO'], isWhole);
  const servers = started.map(({ service }) => service);
  return {
    address: { kind: 'cluster', hosts: servers.map(hostOf), isTls: false, password },
    servers,
    stop: stopping(servers),
  };
}

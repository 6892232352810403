// Replicas of the built service, each a process of its own with the settings that an operator would give it, and each on wires
// of its own to PostgreSQL and Redis. They are started once, and again only where they were killed.
import { setTimeout as pause } from 'node:timers/promises';
import type { BuiltService, StartedService } from '../support/service.js';
import { freePort } from '../support/services.js';
import { ask } from './asking.js';
import type { ClockOrder } from './settable-clock.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

export const ISSUER = 'https://login.example.com';
export const SECRET = 'a secret of these replicas that is long enough';
const READY = /"msg":"ready"/;
/** CHECKLIST 4: whatever happened, no hand is needed, and it takes no longer. */
export const RECOVERY_MS = 30_000;

export interface FleetAsked {
  readonly service: BuiltService;
  readonly postgresUrl: string;
  readonly redisUrl?: string | undefined;
  readonly count?: number;
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>;
export type Replica = Awaited<ReturnType<typeof startReplica>>;

function behind(url: string, { port }: TcpProxy): string {
  const moved = new URL(url);
  moved.hostname = '127.0.0.1';
  moved.port = String(port);
  return moved.href;
}

async function startReplica(index: number, { service, postgresUrl, redisUrl }: FleetAsked) {
  const wireTo = (url: string) => startTcpProxy(Number(new URL(url).port));
  const postgres = await wireTo(postgresUrl);
  const redis = redisUrl === undefined ? undefined : await wireTo(redisUrl);
  const port = await freePort();
  const env = {
    PORT: String(port),
    PUBLIC_URL: ISSUER,
    LINCHPIN_SECRET: SECRET,
    DATA_DIR: service.newFolder(),
    DATABASE_URL: behind(postgresUrl, postgres),
    ...(redisUrl !== undefined && redis ? { REDIS_URL: behind(redisUrl, redis) } : {}),
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'info',
    DATABASE_CONNECTIONS: '9',
    PIN_LINK: 'on',
  };
  let running: StartedService | undefined;

  async function readiness(): Promise<string> {
    const answer = await ask(port, { method: 'GET', path: '/readyz', from: '127.0.0.1', atMostMs: 3000 });
    return answer.kind === 'answer' ? answer.text : answer.kind;
  }

  return {
    index,
    port,
    postgres,
    redis,

    async start(): Promise<void> {
      running = await service.start(env);
      await running.until(READY);
    },

    /** Not a chance to say anything to anybody. */
    async kill(): Promise<void> {
      running?.child.kill('SIGKILL');
      await running?.ended;
    },

    /** Sets the clock of its machine, as far as this process sees it. */
    async setClock(clockAheadMs: number): Promise<void> {
      const child = running?.child;
      if (!child?.connected) return;
      const isSet = new Promise<void>((resolve) => child.once('message', () => resolve()));
      // One that was killed in this moment has no clock any more.
      child.send({ clockAheadMs } satisfies ClockOrder, () => undefined);
      await Promise.race([isSet, running?.ended]);
    },

    /** Resolves once it says of itself that it is ready, whole; rejects after thirty seconds. */
    async untilReady(): Promise<void> {
      let found = '';
      for (const end = performance.now() + RECOVERY_MS; performance.now() < end; await pause(25)) {
        found = await readiness();
        if (found.includes('"ready"')) return;
      }
      throw new Error(`replica ${index} did not recover within ${RECOVERY_MS / 1000} s: ${found}`);
    },

    /** What it has written that nobody should have to read. */
    faults: (): string[] =>
      (running?.written().err ?? '').split('\n').filter((line) => /"msg":"fault"|"level":"fatal"/.test(line)),

    async stop(): Promise<void> {
      running?.child.kill('SIGTERM');
      await running?.ended;
      await Promise.all([postgres.close(), redis?.close()]);
    },
  };
}

export async function startFleet(asked: FleetAsked) {
  const { count = 3 } = asked;
  const replicas: Replica[] = [];
  for (let index = 0; index < count; index++) replicas.push(await startReplica(index, asked));
  // At once: they race for whatever is to be made first.
  await Promise.all(replicas.map((replica) => replica.start()));
  return {
    replicas: replicas as readonly Replica[],
    portOf: (replica: number): number => replicas[replica]!.port,
    untilReady: async (): Promise<void> =>
      void (await Promise.all(replicas.map((replica) => replica.untilReady()))),
    stop: async (): Promise<void> => void (await Promise.all(replicas.map((replica) => replica.stop()))),
  };
}

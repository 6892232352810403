// Does to the replicas, their servers, wires and clocks what a schedule says, takes it back, and says what could be noticed of it:
// which replicas may be unavailable, which may break connections, and from when to when.
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { LastingPostgres, Service } from '../support/services.js';
import type { Fleet, Replica } from './fleet.js';
import type { Fault, FaultKind } from './schedule.js';
import type { WireFault } from './tcp-proxy.js';

export interface Servers {
  /** Only where it may be ended. */
  readonly postgres?: LastingPostgres | undefined;
  readonly redis?: {
    readonly url: string;
    readonly signal: Service['signal'];
    readonly restart: (downMs: number) => Promise<void>;
  };
}

/** Times are milliseconds of the round. Outside of these, nothing is an excuse. */
export interface Excuse {
  readonly kind: FaultKind;
  /** These may answer 503. */
  readonly unavailable: readonly number[];
  /** Connections to these may be refused, or break. */
  readonly broken: readonly number[];
  readonly from: number;
  readonly until: number;
}

const HOUR_MS = 3_600_000;
/** A pool notices with the next use that a connection is gone. */
const LATE_MS = 500;
const NOBODY: readonly number[] = [];

export function createFaultHands(fleet: Fleet, servers: Servers, elapsed: () => number) {
  const everybody = fleet.replicas.map(({ index }) => index);

  async function kill(victims: readonly Replica[], forMs: number): Promise<void> {
    await Promise.all(victims.map((replica) => replica.kill()));
    await pause(forMs);
    await Promise.all(victims.map((replica) => replica.start()));
  }

  async function onWire(wire: Replica['redis'], fault: WireFault, forMs: number): Promise<void> {
    wire?.set(fault);
    await pause(forMs);
    wire?.set(undefined);
  }

  async function stepClock(replica: Replica, byMs: number, forMs: number): Promise<void> {
    await replica.setClock(byMs);
    await pause(forMs);
    await replica.setClock(0);
  }

  async function restartPostgres(how: 'fast' | 'immediate', forMs: number): Promise<void> {
    await servers.postgres!.halt(how);
    await pause(forMs / 3);
    await servers.postgres!.resume();
  }

  async function flush(): Promise<void> {
    const client = new Redis(servers.redis!.url, { maxRetriesPerRequest: 1, lazyConnect: true });
    client.on('error', () => undefined);
    await client.flushall().catch(() => undefined);
    client.disconnect();
  }

  async function hang({ signal }: NonNullable<Servers['redis']>, forMs: number): Promise<void> {
    signal('SIGSTOP');
    await pause(forMs);
    signal('SIGCONT');
  }

  const delayed = (forMs: number): WireFault => ({ kind: 'delay', byMs: 20 + (forMs % 200) });

  type Deed = {
    readonly unavailable: readonly number[];
    readonly broken: readonly number[];
    do(): Promise<unknown>;
  };

  function deedOf({ kind, replica: index, forMs }: Fault): Deed {
    const victim = fleet.replicas[index]!;
    const other = fleet.replicas[(index + 1) % everybody.length]!;
    const none = { unavailable: NOBODY, broken: NOBODY };
    const one = { unavailable: [index], broken: NOBODY };
    const all = { unavailable: everybody, broken: NOBODY };
    const deeds: Readonly<Record<FaultKind, () => Deed>> = {
      calm: () => ({ ...none, do: async () => undefined }),
      kill: () => ({ unavailable: NOBODY, broken: [index], do: () => kill([victim], forMs) }),
      'kill two': () => ({
        unavailable: NOBODY,
        broken: [index, other.index],
        do: () => kill([victim, other], forMs),
      }),
      'clock an hour ahead': () => ({ ...none, do: () => stepClock(victim, HOUR_MS, 3 * forMs) }),
      'clock an hour behind': () => ({ ...none, do: () => stepClock(victim, -HOUR_MS, 3 * forMs) }),
      'postgres: fast restart': () => ({ ...all, do: () => restartPostgres('fast', forMs) }),
      'postgres: immediate shutdown': () => ({ ...all, do: () => restartPostgres('immediate', forMs) }),
      'postgres: delayed wire': () => ({
        ...one,
        do: () => onWire(victim.postgres, delayed(forMs), 2 * forMs),
      }),
      'postgres: hanging wire': () => ({
        ...one,
        do: () => onWire(victim.postgres, { kind: 'hang' }, forMs),
      }),
      'postgres: cut wire': () => ({ ...one, do: () => onWire(victim.postgres, { kind: 'cut' }, forMs) }),
      'postgres: cut after COMMIT': () => ({
        ...one,
        do: () => onWire(victim.postgres, { kind: 'cut-after-commit' }, 2 * forMs),
      }),
      'redis: stopped': () => ({ ...none, do: async () => servers.redis?.restart(forMs) }),
      'redis: FLUSHALL': () => ({ ...none, do: flush }),
      'redis: hanging': () => ({ ...none, do: async () => servers.redis && hang(servers.redis, forMs) }),
      'redis: delayed wire': () => ({ ...none, do: () => onWire(victim.redis, delayed(forMs), 2 * forMs) }),
      'redis: cut wire': () => ({ ...none, do: () => onWire(victim.redis, { kind: 'cut' }, forMs) }),
    };
    return deeds[kind]();
  }

  return {
    /** Resolves when it was taken back, to when that was; what is excused by it ends when everybody is ready again. */
    async run(fault: Fault): Promise<Omit<Excuse, 'until'>> {
      const { unavailable, broken, do: work } = deedOf(fault);
      await pause(Math.max(0, fault.atMs - elapsed()));
      const from = elapsed();
      await work();
      return { kind: fault.kind, unavailable, broken, from };
    },

    /** Resolves when every replica says that it is whole; that takes no hand, and thirty seconds at most. */
    async untilRecovered(): Promise<number> {
      await fleet.untilReady();
      return elapsed() + LATE_MS;
    },
  };
}

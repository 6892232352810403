// A place for rounds: an empty database, whoever prepares them, and replicas of one build on it. The servers are the caller's.
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabase } from '../support/databases.js';
import type { BuiltService } from '../support/service.js';
import { startRedis } from '../support/services.js';
import type { Servers } from './fault-hands.js';
import { startFleet } from './fleet.js';
import { openRegistrar } from './registrar.js';
import type { Place } from './rounds.js';
import { createTruth } from './truth.js';

export interface PlaceAsked {
  readonly service: BuiltService;
  /** Of a PostgreSQL; the place gets a database of its own there. */
  readonly postgresUrl: string;
  readonly servers: Servers;
  readonly replicas?: number;
}

export async function openPlace({ service, postgresUrl, servers, replicas = 3 }: PlaceAsked) {
  const database = await createDatabase(postgresUrl);
  const registrar = await openRegistrar(database.url, service.newFolder());
  const redisUrl = servers.redis?.url;
  const fleet = await startFleet({ service, postgresUrl: database.url, redisUrl, count: replicas });
  const truth = createTruth(database.url);
  const place: Place = { fleet, registrar, servers, truth };
  return {
    ...place,
    async close(): Promise<void> {
      await fleet.stop();
      await registrar.close();
      await truth.close();
      await database.drop();
    },
  };
}

/** A Redis that can be taken away and comes back, empty. */
export async function openFaultyRedis() {
  let running = await startRedis();
  const { url } = running;
  return {
    url,
    signal: (name: NodeJS.Signals) => running.signal(name),
    async restart(downMs: number): Promise<void> {
      await running.stop();
      await pause(downMs);
      running = await startRedis({ at: url });
    },
    stop: () => running.stop(),
  };
}

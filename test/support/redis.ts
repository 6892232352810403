// For suites that run against Redis. Importing this file is what asks `npm test` to start one.
import type { RedisAddress } from '../../src/stores/ephemeral/redis-client.js';
import { describeWith } from './equipment.js';

/** `body` is given the `redis://` address of a server that is empty when the run starts and shared by its suites. */
export function describeWithRedis(title: string, body: (url: string) => void): void {
  describeWith('redis', title, body);
}

/** What `REDIS_URL` would come to for the address of one server. */
export function redisAddress(url: string): RedisAddress {
  const { hostname, port, password } = new URL(url);
  const hosts = [{ host: hostname, port: Number(port) }];
  return { kind: 'single', hosts, isTls: false, database: 0, ...(password === '' ? {} : { password }) };
}

// For suites that run against Redis. Importing this file is what asks `npm test` to start one.
import { describeWith } from './equipment.js';

/** `body` is given the `redis://` address of a server that is empty when the run starts and shared by its suites. */
export function describeWithRedis(title: string, body: (url: string) => void): void {
  describeWith('redis', title, body);
}

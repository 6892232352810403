// What this process asks of the JavaScript engine: nothing that changes what it does, only what it costs.
import { setFlagsFromString } from 'node:v8';

/**
 * V8 watches what outlives a collection of young objects, and makes objects of that kind old from the start. Requests that wait
 * for the disk look as if they lived long; where it believes that, all that a request leaves is kept until the next collection of
 * everything, and a link costs half as much again to start. Whether it does is chance, early in the life of a process.
 */
export function tuneEngine(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

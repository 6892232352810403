// The order of suites: the longest first, so that no worker is left alone with one at the end. Stories and pages in a real
// browser take long, and series of faults longest; among the others the size of the file tells. A run does not depend on what an earlier one took.
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';

const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

const KINDS = ['/test/faults/', '/test/flows/'];
const kindOf = ({ path }) => [...KINDS, ''].findIndex((folder) => path.includes(folder));

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const sizes = new Map(tests.map((test) => [test, statSync(test.path).size]));
    return [...tests].sort((a, b) => kindOf(a) - kindOf(b) || sizes.get(b) - sizes.get(a));
  }
}

// Writes the totals of a jest run to the file that TEST_TOTALS names, for `npm test` to count.
import { writeFileSync } from 'node:fs';

export default class Totals {
  onRunComplete(_contexts, results) {
    const file = process.env.TEST_TOTALS;
    if (!file) return;
    const totals = {
      passed: results.numPassedTests,
      // A suite that could not even start has no tests to count: it counts as one failure.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(file, JSON.stringify(totals));
  }
}

// One jest run for every suite; `npm test -- links` narrows by path.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const rootDir = join(import.meta.dirname, '..');

const suites = {
  rootDir,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/.config/jest-esbuild.js' },
  // Sources name the file that a build would make (`./x.js`); here the TypeScript file is read instead.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  setupFiles: ['<rootDir>/.config/jest-sqlite.js'],
};

/**
 * Stories again with every house on PostgreSQL: those in which most is written and read. `TEST_STORIES=all` tells every one that
 * does not start processes of its own, whose engine it chooses itself.
 */
const STORIES =
  process.env.TEST_STORIES === 'all'
    ? '!(admin|kill|one-machine|readme|shutdown|replicas*|workers*)'
    : '(authorize|main-job)';

const storiesOnPostgres = {
  ...suites,
  displayName: 'PostgreSQL',
  testMatch: [`<rootDir>/test/flows/${STORIES}.test.ts`],
  setupFiles: [...suites.setupFiles, '<rootDir>/.config/jest-postgres.js'],
};

export default {
  rootDir,
  // Without a PostgreSQL `npm test` says that one is missing, and fails under CI.
  projects: process.env.TEST_POSTGRES_URL ? [suites, storiesOnPostgres] : [suites],
  reporters: ['default', '<rootDir>/.config/jest-totals.js'],
  testSequencer: '<rootDir>/.config/jest-order.js',
  // Two beyond the cores: suites with a browser wait for it half of their time.
  maxWorkers: availableParallelism() + 2,
  // What a worker has loaded and thrown away by then takes a while to give back: more than the half second of the default.
  workerGracefulExitTimeout: 20_000,
  // For a test that hangs; generous, since a real browser starts, and argon2id takes its time, beside other suites.
  testTimeout: 60_000,
};

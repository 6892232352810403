// One jest run for every suite; `npm test -- links` narrows by path.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packagesInOne } from './jest-packages.js';

const rootDir = join(import.meta.dirname, '..');

const suites = {
  rootDir,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/.config/jest-esbuild.js' },
  // Sources name the file that a build would make (`./x.js`); here the TypeScript file is read instead.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1', ...(await packagesInOne(rootDir)) },
  setupFiles: ['<rootDir>/.config/jest-sqlite.js', '<rootDir>/.config/jest-contexts.js'],
};

/**
 * Every story is told again with its houses on PostgreSQL, but for these. Pages are not looked at a second time there: how they
 * look is no matter of the engine.
 */
const TOLD_ONCE = {
  kill: 'what a killed process leaves behind in a file of SQLite; test/faults kills those on PostgreSQL',
  pages: 'what the scripts of the pages do in the browser',
  readme: 'what the README says, of the service as it is without settings',
  replicas: 'on PostgreSQL from the beginning',
  'replicas-redis': 'on PostgreSQL from the beginning',
  tool: 'no house: the tool against a server of another make',
  'tool-pin': 'no house: the tool against a server of another make',
  'tools-page': 'what the page for authors of tools says; the same requests as in other stories',
  'workers-redis': 'what the service makes of a Redis, of which its engine knows nothing',
};

/** And these only with `TEST_STORIES=all`: a run of everything has fifteen minutes, and a browser's minutes are most of them. */
const TOLD_AT_LENGTH = {
  'pages-\\w+(?:-\\w+)*': 'each page of a journey, more for its looks than for what is kept',
  popup: 'windows that wait to be closed',
};
const isAtLength = process.env.TEST_STORIES === 'all';
const leftOut = [...Object.keys(TOLD_ONCE), ...(isAtLength ? [] : Object.keys(TOLD_AT_LENGTH))];

const storiesOnPostgres = {
  ...suites,
  displayName: 'PostgreSQL',
  testMatch: ['<rootDir>/test/flows/*.test.ts'],
  testPathIgnorePatterns: [`/(${leftOut.join('|')})\\.test\\.ts$`],
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

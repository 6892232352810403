// One jest run for every suite; `npm test -- links` narrows by path.
import { availableParallelism } from 'node:os';

export default {
  rootDir: '..',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/.config/jest-esbuild.js' },
  // Sources name the file that a build would make (`./x.js`); here the TypeScript file is read instead.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  setupFiles: ['<rootDir>/.config/jest-sqlite.js'],
  reporters: ['default', '<rootDir>/.config/jest-totals.js'],
  testSequencer: '<rootDir>/.config/jest-order.js',
  // Two beyond the cores: suites with a browser wait for it half of their time.
  maxWorkers: availableParallelism() + 2,
  // What a worker has loaded and thrown away by then takes a while to give back: more than the half second of the default.
  workerGracefulExitTimeout: 20_000,
  // For a test that hangs; generous, since a real browser starts, and argon2id takes its time, beside other suites.
  testTimeout: 60_000,
};

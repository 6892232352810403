// One jest run for every suite; `npm test -- links` narrows by path.
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
  // The default leaves a two-core machine with one worker.
  maxWorkers: '100%',
  // Generous: a real browser starts, and argon2id takes its time, beside other suites.
  testTimeout: 20_000,
};

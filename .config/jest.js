// One jest run for every suite; `npm test -- links` narrows by path.
export default {
  rootDir: '..',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/.config/jest-esbuild.js' },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
};

/** Nest 12 is ESM only, so jest runs with `node --experimental-vm-modules` (see the `test` script). */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  globalSetup: '<rootDir>/test/support/run-id.mjs',
  globalTeardown: '<rootDir>/test/support/run-end.mjs',
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  reporters: ['default', '<rootDir>/test/support/progress-reporter.mjs'],
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/test'],
  testRegex: '\\.(e2e-)?spec\\.ts$',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  // The code blocks of the pages, which test/docs writes there and runs itself.
  testPathIgnorePatterns: ['/node_modules/', '/test/docs/\\.blocks/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.c?ts$': ['ts-jest', { useESM: true }] },
  moduleNameMapper: {
    '^nestjs-mimc$': '<rootDir>/libs/mimc/src/index.ts',
    '^nestjs-mimc/bullmq$': '<rootDir>/libs/mimc/src/bullmq/index.ts',
    '^nestjs-mimc/callback$': '<rootDir>/libs/mimc/src/callback/index.ts',
    '^nestjs-mimc/opentelemetry$': '<rootDir>/libs/mimc/src/opentelemetry/index.ts',
    '^nestjs-mimc/swagger$': '<rootDir>/libs/mimc/src/swagger/index.ts',
    '^nestjs-mimc/terminus$': '<rootDir>/libs/mimc/src/terminus/index.ts',
    '^nestjs-mimc/testing$': '<rootDir>/libs/mimc/src/testing/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^(\\.{1,2}/peers)\\.cjs$': '$1.cts',
  },
  // More than the two cores of a small machine: many suites wait for clocks, Redis and processes.
  maxWorkers: 3,
  // Tests of one suite that are `it.concurrent`: they mostly wait.
  maxConcurrency: 12,
  // ES modules of a suite stay in memory until their process ends.
  workerIdleMemoryLimit: '400MB',
  injectGlobals: false,
  // A limit for tests that hang, not a judgement of speed: the machine may be busy. Less than the silence that ends a run.
  testTimeout: 120_000,
};

import { defineConfig } from '@playwright/test';

/** Browser tests of the sample's console: `npm run test:browser`. */
export default defineConfig({
  testDir: 'test/browser',
  // Not `.spec.ts`: those are jest's.
  testMatch: '**/*.browser.ts',
  globalSetup: './test/browser/support/chromium.ts',
  outputDir: 'dist/test-browser',
  // Each with a server of its own, as the tests of one server share its quota.
  workers: 2,
  retries: 0,
  // Far more than a quiet machine takes: a busy one is not a failure.
  timeout: 480_000,
  expect: { timeout: 60_000 },
  forbidOnly: process.env['CI'] !== undefined,
  reporter: 'list',
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // Its sandbox refuses to run as root.
      chromiumSandbox: process.getuid?.() !== 0,
    },
    trace: 'off',
  },
});

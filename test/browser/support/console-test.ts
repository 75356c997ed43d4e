import { type Page, test as base } from '@playwright/test';
import { startRedis } from '../../support/redis.js';
import { ConsolePage, KEY } from './console-page.js';
import { type SampleProcess, startSample } from './sample-process.js';

/** What every test gets. */
interface Fixtures {
  /** The page of the demo, open and locked. The test fails when anything was blocked by the CSP or failed in a script. */
  console: ConsolePage;
  watched: Page;
  /** Starts a sample of the test's own, which ends with the test. */
  start: typeof startSample;
  /** Of a Redis of the test's own. */
  redisUrl: string;
}

interface WorkerFixtures {
  /** Of the demo; an answer of the emulator is awaited for a second. */
  demoVariables: Record<string, string>;
  /** One for all tests. */
  demo: SampleProcess;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  demoVariables: [
    { MIMC_RESPONSE_TIMEOUT_MS: '1000', SAMPLE_API_KEY: KEY },
    { option: true, scope: 'worker' },
  ],

  demo: [
    async ({ demoVariables }, use) => {
      const demo = await startSample(demoVariables);
      await use(demo);
      await demo.stop();
    },
    { scope: 'worker' },
  ],

  start: async ({ browserName: _browserName }, use) => {
    const started: SampleProcess[] = [];
    await use(async (variables) => {
      const sample = await startSample(variables);
      started.push(sample);
      return sample;
    });
    await Promise.all(started.map((sample) => sample.stop()));
  },

  redisUrl: async ({ browserName: _browserName }, use) => {
    const redis = await startRedis();
    await use(redis.url);
    await redis.stop();
  },

  watched: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // Chromium reports every answer of 4xx and 5xx, and every server that is gone; those are what some tests are about.
      const isAnswer = message.text().startsWith('Failed to load resource: ');
      if (message.type() === 'error' && !isAnswer) complaints.push(message.text());
    });
    await page.exposeFunction('complainOfCsp', (what: string) => complaints.push(`CSP: ${what}`));
    await page.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      complainOfCsp(violatedDirective + ' ' + blockedURI))`);
    await use(page);
    base.expect(complaints).toEqual([]);
  },

  console: async ({ watched, demo }, use) => {
    await watched.goto(`${demo.url}/`);
    await use(new ConsolePage(watched));
  },
});

export { expect } from '@playwright/test';

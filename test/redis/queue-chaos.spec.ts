import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { printReport } from '../stress/chaos-queue/chaos-report.js';
import { runQueueChaos } from '../stress/chaos-queue/chaos-run.js';
import { compiled, COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { mayStartRedis } from '../support/redis.js';

// A quiet machine needs 25 s for both, which run at the same time.
jest.setTimeout(240_000);

// A small version of `npm run chaos:queue`. A Redis that somebody else started cannot be restarted.
(mayStartRedis() ? describe : describe.skip)('queues of two workers, while one fault follows the other', () => {
  beforeAll(compileProcesses, COMPILE_MS);

  it.concurrent.each(['at-most-once', 'at-least-once'] as const)('keep every promise: %s', async (delivery) => {
    const report = await runQueueChaos({
      delivery,
      recipients: 240,
      accountsPerSecond: 150,
      answerMs: 100,
      workers: 2,
      concurrency: 4,
      lockMs: 2_000,
      disturbances: ['full', 'kill', 'cut connections', 'halt', 'NOREPLICAS', 'restart'],
      programs: compiled('test/stress/chaos-queue/'),
    });
    process.stdout.write(`${printReport(report)}\n`);
    expect(report.violations).toEqual([]);
  });
});

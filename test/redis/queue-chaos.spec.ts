import { beforeAll, describe, expect, it } from '@jest/globals';
import { printReport } from '../stress/chaos-queue/chaos-report.js';
import { runQueueChaos } from '../stress/chaos-queue/chaos-run.js';
import { compiled, COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { mayStartRedis } from '../support/redis.js';

/** A quiet machine needs 25 s for each, at the same time. */
const RUN_MS = 240_000;

// A small version of `npm run chaos:queue`. A Redis that somebody else started cannot be restarted.
(mayStartRedis() ? describe : describe.skip)('queues of two workers, while one fault follows the other', () => {
  beforeAll(compileProcesses, COMPILE_MS);

  const modes = ['at-most-once', 'at-least-once'] as const;
  const keepEveryPromise = async (delivery: (typeof modes)[number]) => {
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
  };
  it.concurrent.each(modes)('keep every promise: %s', keepEveryPromise, RUN_MS);
});

import { parseArgs } from 'node:util';
import type { MimcDelivery } from 'nestjs-mimc';
import { printReport } from './chaos-report.js';
import { runQueueChaos } from './chaos-run.js';
import { DISTURBANCES } from './disturbances.js';

/** `npm run chaos:queue`: the full size, unless the options say otherwise. */
const { values } = parseArgs({
  options: {
    recipients: { type: 'string', default: '10000' },
    quota: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '2' },
    workers: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '8' },
    lock: { type: 'string', default: '5000' },
    delivery: { type: 'string', multiple: true, default: ['at-most-once', 'at-least-once'] },
  },
});

/** The most that one mode may take. */
const MODE_MS = 480_000;

for (const delivery of values.delivery) {
  // Ends a run that hangs; what it started ends with this process.
  const limit = setTimeout(() => {
    process.stderr.write(`${delivery}: the run took longer than ${MODE_MS / 60_000} minutes\n`);
    process.exit(1);
  }, MODE_MS);
  const report = await runQueueChaos({
    delivery: delivery as MimcDelivery,
    recipients: Number(values.recipients),
    accountsPerSecond: Number(values.quota),
    answerMs: 30,
    workers: Number(values.workers),
    concurrency: Number(values.concurrency),
    lockMs: Number(values.lock),
    disturbances: Array.from({ length: Number(values.rounds) }, () => DISTURBANCES).flat(),
    programs: new URL('.', import.meta.url),
  });
  clearTimeout(limit);
  process.stdout.write(`\n${printReport(report)}\n`);
  if (report.violations.length > 0) process.exitCode = 1;
}

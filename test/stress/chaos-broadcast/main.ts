import { parseArgs } from 'node:util';
import type { MimcDelivery } from 'nestjs-mimc';
import { printReport } from './chaos-report.js';
import { runBroadcastChaos } from './chaos-run.js';

/** `npm run chaos:broadcast`: the full size, unless the options say otherwise. */
const { values } = parseArgs({
  options: {
    recipients: { type: 'string', default: '200000' },
    'kill-every': { type: 'string', default: '4000' },
    lock: { type: 'string', default: '2000' },
    concurrency: { type: 'string', default: '12' },
  },
});
const deliveries: readonly MimcDelivery[] = ['at-most-once', 'at-least-once'];

/** Ends a run that hangs. */
setTimeout(() => {
  process.stderr.write('The run took longer than eight minutes\n');
  process.exit(2);
}, 480_000).unref();

for (const delivery of deliveries) {
  const report = await runBroadcastChaos({
    delivery,
    recipients: Number(values.recipients),
    workers: 3,
    killEveryMs: Number(values['kill-every']),
    lockMs: Number(values.lock),
    concurrency: Number(values.concurrency),
  });
  process.stdout.write(`\n${printReport(report)}\n`);
  if (report.violations.length > 0) process.exitCode = 1;
}

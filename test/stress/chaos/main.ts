import type { MimcDelivery } from 'nestjs-mimc';
import { printReport } from './chaos-report.js';
import { runChaos } from './chaos-run.js';

/** `npm run chaos [seed]`: the full size. */
const [seed = '20260'] = process.argv.slice(2);
const deliveries: readonly MimcDelivery[] = ['at-most-once', 'at-least-once'];

/** Ends a run that hangs. */
setTimeout(() => {
  process.stderr.write('The run took longer than five minutes\n');
  process.exit(2);
}, 300_000).unref();

for (const delivery of deliveries) {
  const report = await runChaos({
    seed: Number(seed),
    calls: 20_000,
    inFlight: 64,
    rate: 0.2,
    delivery,
    maxHeapGrowth: 4 * 1024 * 1024,
  });
  process.stdout.write(`\n${delivery}, seed ${seed}\n${printReport(report)}\n`);
  if (report.violations.length > 0) process.exitCode = 1;
}

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { run } from './processes.js';
import type { Arrival } from './shared-limiter-process.js';

/**
 * What the limiter over Redis costs, and how much of the quota it uses: `npm run bench:limiter [clients …]`. It needs a
 * `redis-server` on the PATH, or the program that `REDIS_SERVER` names, such as a `valkey-server`.
 */
const LIMIT = 50;
const REQUEST_MS = 50;
const WARM_UP_MS = 4_000;
const MEASURED_MS = 20_000;
const PORT = 17_377;

/** Full use: a unit is held for the request and a second (docs/quota.md). */
const PERFECT = LIMIT / (1 + REQUEST_MS / 1_000);

const given = process.argv.slice(2).map(Number);
const counts = given.length > 0 ? given : [1, 3, 20, 100];

const directory = await mkdtemp(join(tmpdir(), 'nestjs-mimc-bench-'));
const place = ['--port', String(PORT), '--bind', '127.0.0.1', '--dir', directory];
const server = spawn(process.env['REDIS_SERVER'] ?? 'redis-server', [...place, '--save', ''], { stdio: 'ignore' });
process.on('exit', () => server.kill('SIGKILL'));
const admin = new Redis(PORT, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 50 });
admin.on('error', () => {});

async function info(section: string, pattern: RegExp): Promise<number> {
  const found = (await admin.info(section)).matchAll(pattern);
  return [...found].reduce((sum, [, value]) => sum + Number(value), 0);
}

const cpuSeconds = () => info('cpu', /used_cpu_(?:user|sys):([\d.]+)/g);
const scripts = () => info('commandstats', /cmdstat_(?:evalsha|eval):calls=(\d+)/g);

/** The most units within any second. */
function worstSecond(arrivals: readonly Arrival[]): number {
  const sorted = arrivals.toSorted((a, b) => a.at - b.at);
  let [worst, units, first] = [0, 0, 0];
  for (const arrival of sorted) {
    units += arrival.units;
    for (let oldest = sorted[first]; oldest && arrival.at - oldest.at >= 1_000; oldest = sorted[first]) {
      units -= oldest.units;
      first += 1;
    }
    worst = Math.max(worst, units);
  }
  return worst;
}

async function measure(clients: number): Promise<string[]> {
  const app = `bench-${clients}`;
  const shares = clients < 2 ? [clients] : [Math.floor(clients / 2), Math.ceil(clients / 2)];
  const forMs = WARM_UP_MS + MEASURED_MS + 2_000;
  const children = shares.map((share) =>
    run<Arrival[]>('./shared-limiter-process.js', [`redis://127.0.0.1:${PORT}`, app, share, LIMIT, REQUEST_MS, forMs]),
  );
  await sleep(WARM_UP_MS);
  const from = performance.timeOrigin + performance.now();
  const [cpu, calls] = [await cpuSeconds(), await scripts()];
  await sleep(MEASURED_MS);
  const seconds = (performance.timeOrigin + performance.now() - from) / 1_000;
  const [cpuShare, rate] = [((await cpuSeconds()) - cpu) / seconds, ((await scripts()) - calls) / seconds];
  const all = (await Promise.all(children)).flat();
  const measured = all.filter(({ at }) => at >= from && at < from + seconds * 1_000);
  const unitsOf = (lane?: Arrival['lane']) =>
    measured.reduce((sum, arrival) => sum + (lane === undefined || arrival.lane === lane ? arrival.units : 0), 0);
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const use = unitsOf() / seconds;
  return [
    String(clients),
    percent(cpuShare),
    rate.toFixed(0),
    `${use.toFixed(1)} (${percent(use / PERFECT)})`,
    percent(unitsOf('bulk') / unitsOf()),
    String(worstSecond(all)),
  ];
}

try {
  await admin.ping();
  const head = ['Clients', 'Redis CPU', 'scripts/s', 'units/s (of a perfect window)', 'bulk', 'worst second'];
  const say = (cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  say(head);
  say(head.map(() => '---'));
  for (const clients of counts) say(await measure(clients));
} finally {
  admin.disconnect();
  server.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
}

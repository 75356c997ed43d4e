import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Broadcast,
  inPages,
  MimcBroadcastCheckpoint,
  MimcBroadcastOptions,
  MimcBroadcastService,
  MimcModule,
} from 'nestjs-mimc';
import { Ledger } from './ledger.js';

/** `npm run million [people]`: broadcasts in process, with the quota off, to a million and, five times, with an abort. */
const PEOPLE = Number(process.argv[2] ?? 1_000_000);
const MAX_GROWTH = 30 * 1024 * 1024;
const SEEDS = [1, 2, 3, 4, 5];
const options: MimcBroadcastOptions<string> = { chunkSize: 100, concurrency: 32 };

/** Ends a run that hangs. */
setTimeout(() => {
  process.stderr.write('The run took longer than ten minutes\n');
  process.exit(2);
}, 600_000).unref();

const audience = () => inPages(pages());

/** A cursor that gives pages of 1,000. */
async function* pages(): AsyncGenerator<string[]> {
  for (let first = 0; first < PEOPLE; first += 1_000) {
    yield Array.from({ length: Math.min(1_000, PEOPLE - first) }, (_, index) => `user-${first + index}`);
  }
}

async function withBroadcasts(run: (broadcasts: MimcBroadcastService, ledger: Ledger) => Promise<void>): Promise<void> {
  const ledger = await Ledger.start();
  @Module({
    imports: [
      MimcModule.forRoot({
        ...ledger.credentials,
        baseUrl: ledger.url,
        fromAccount: 'news',
        quota: false,
        retry: false,
      }),
    ],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  await run(app.get(MimcBroadcastService), ledger);
  await app.close();
  await ledger.stop();
}

function heap(): number {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc');
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Runs a broadcast and returns by how much the heap grew between 10 % and 90 % of it, in bytes. */
async function heapGrowth(broadcast: Broadcast<string>): Promise<number> {
  let [early, late] = [0, 0];
  for await (const chunk of broadcast) {
    if (!chunk.ok) throw chunk.error;
    if (early === 0 && chunk.offset >= PEOPLE * 0.1) early = heap();
    if (late === 0 && chunk.offset >= PEOPLE * 0.9) late = heap();
  }
  return late - early;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a finding; one that does not hold fails the run. */
function expectThat(holds: boolean, finding: string): void {
  say(`${holds ? 'ok  ' : 'FAIL'} ${finding}`);
  if (!holds) process.exitCode = 1;
}

function tally(counts: readonly number[]): string {
  const times = new Map<number, number>();
  for (const count of counts) times.set(count, (times.get(count) ?? 0) + 1);
  return Array.from(times, ([count, people]) => `${people} people ${count} times`).join(', ');
}

await withBroadcasts(async (broadcasts, ledger) => {
  const begin = performance.now();
  const growth = await heapGrowth(broadcasts.toAccounts(audience(), { msg: 'hello' }, options));
  const seconds = (performance.now() - begin) / 1000;
  const counts = await ledger.counts(PEOPLE);
  say(`${PEOPLE} recipients in ${seconds.toFixed(1)} s, ${Math.round(PEOPLE / seconds)} a second`);
  expectThat(growth < MAX_GROWTH, `the heap grew by ${(growth / 1024 / 1024).toFixed(2)} MB between 10 % and 90 %`);
  expectThat(
    counts.every((count) => count === 1),
    `the ledger: ${tally(counts)}`,
  );
});

for (const seed of SEEDS) {
  await withBroadcasts(async (broadcasts, ledger) => {
    // Weyl's sequence: spread over the run, and the same every time.
    const abortAt = Math.floor(PEOPLE * ((seed * 0.618_033_988_75) % 1));
    const controller = new AbortController();
    const first = broadcasts.toAccounts(audience(), { msg: 'hello' }, { ...options, signal: controller.signal });
    const reported = new Set<string>();
    for await (const chunk of first) {
      if (!chunk.ok) for (const account of chunk.recipients) reported.add(account);
      if (chunk.offset >= abortAt) controller.abort();
    }
    const before = await ledger.counts(PEOPLE);
    const resume = JSON.parse(JSON.stringify(first.checkpoint)) as MimcBroadcastCheckpoint;
    const settled = first.progress.accepted;
    const summary = await broadcasts.toAccounts(audience(), { msg: 'hello' }, { ...options, resume }).drain();
    const after = await ledger.counts(PEOPLE);
    say(`seed ${seed}: aborted after ${settled} recipients, resumed for ${summary.accepted}`);
    expectThat(before.filter((count) => count === 1).length === settled, `before: ${tally(before)}`);
    expectThat(
      [...reported].every((account) => before[Number(account.slice(5))] === 0),
      `${reported.size} reported, none sent`,
    );
    expectThat(
      after.every((count) => count === 1),
      `after: ${tally(after)}`,
    );
  });
}

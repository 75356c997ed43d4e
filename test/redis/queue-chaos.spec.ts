import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { mayStartRedis } from '../support/redis.js';

const run = promisify(execFile);
const SIZE = ['--recipients', '400', '--quota', '100', '--rounds', '1', '--lock', '4000'];

/** More than a run takes on a machine that is many times too busy. */
const LIMIT_MS = 290_000;
const LIMITED = { timeout: LIMIT_MS - 5_000, killSignal: 'SIGKILL' } as const;

// The run kills and halts its Redis.
(mayStartRedis() ? describe : describe.skip)('the durable queues in the chaos of production', () => {
  beforeAll(async () => {
    const nest = join(process.cwd(), 'node_modules/@nestjs/cli/bin/nest.js');
    await run(process.execPath, [nest, 'build', '--path', 'test/stress/chaos-queue/tsconfig.json']);
  }, LIMIT_MS);

  // With at-least-once delivery it is `npm run chaos:queue` that shows it: this one mode takes a minute or two already.
  it(
    'keep their promises, at-most-once',
    async () => {
      const main = 'dist/chaos-queue/test/stress/chaos-queue/main.js';
      // A run in which a promise breaks exits with 1, and its report is in the error.
      const { stdout } = await run(process.execPath, [main, ...SIZE, '--delivery', 'at-most-once'], LIMITED);
      process.stdout.write(stdout);
      expect(stdout).toContain('all promises held');
    },
    LIMIT_MS,
  );
});

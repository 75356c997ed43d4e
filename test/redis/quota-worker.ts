import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MimcError, MimcModule, MimcPushService } from 'nestjs-mimc';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { Test } from '@nestjs/testing';
import type { MimcEmulatorCredentials } from 'nestjs-mimc/testing';

/** The settings of a worker, as JSON in its first argument. */
export interface WorkerTask {
  readonly name: string;
  readonly redis: string;
  readonly baseUrl: string;
  readonly credentials: MimcEmulatorCredentials;
  /** Keeps the quota apart from that of other runs. */
  readonly app: string;
  readonly seed: number;
  readonly seconds: number;
}

/** Calls of random weights from 1 to 10 that wait at any time. */
const ALWAYS_WAITING = 12;

const { name, redis, baseUrl, credentials, app, seed, seconds } = JSON.parse(process.argv[2] ?? '{}') as WorkerTask;

const limiter = new RedisMimcRateLimiter({ connection: redis, app });
const options = { ...credentials, baseUrl, fromAccount: name, limiter, retry: false as const, deadlineMs: 120_000 };
const module = await Test.createTestingModule({ imports: [MimcModule.forRoot(options)] }).compile();
const nest = await module.init();
const push = nest.get(MimcPushService);
const end = new AbortController();
let state = seed;

/** Lehmer's generator: the same weights in each run. */
function weight(): number {
  state = (state * 48_271) % 2_147_483_647;
  return 1 + (state % 10);
}

async function keepPushing(): Promise<void> {
  while (!end.signal.aborted) {
    const toAccounts = Array.from({ length: weight() }, (_, index) => `member-${index}`);
    try {
      await push.toAccounts({ toAccounts, msg: '{}', bizType: name }, { signal: end.signal });
    } catch (error) {
      if (MimcError.is(error) && error.code === 'MIMC_ABORTED') return;
      throw error;
    }
  }
}

process.send?.('ready');
await once(process, 'message');
const running = Array.from({ length: ALWAYS_WAITING }, () => keepPushing());
await sleep(seconds * 1_000);
end.abort();
await Promise.all(running);
await nest.close();
process.disconnect();

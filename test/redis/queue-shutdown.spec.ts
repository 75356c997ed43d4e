import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { secrets } from '../support/push-app.js';
import { mayStartRedis, startRedis, type TestRedis } from '../support/redis.js';
import { bootQueue } from './queue-app.js';

/** Far more than a shutdown takes of `shutdownMs`, and far less than ioredis and BullMQ would wait for Redis. */
const BOUND_MS = 3_000;

// A Redis that somebody else started cannot be halted.
(mayStartRedis() ? describe : describe.skip)('a queue whose Redis does not answer any more', () => {
  let redis: TestRedis;
  let mimc: MimcEmulator;

  beforeEach(async () => {
    redis = await startRedis();
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterEach(async () => {
    redis.thaw();
    await redis.stop();
    await mimc.close();
  });

  it.each([
    ['with a worker', true],
    ['without one', false],
  ])('shuts down within shutdownMs, %s', async (_name, worker) => {
    const queue = { connection: redis.url, worker, shutdownMs: 200 };
    const app = await bootQueue({ mimc: { baseUrl: mimc.url }, queue });
    await app.broadcasts.enqueue({ id: 'b', message: { msg: 'hello' }, audience: ['alice'] });
    await eventually(() => expect(mimc.count('alice')).toBe(worker ? 1 : 0));
    redis.freeze();
    const begunAt = performance.now();
    await app.close();
    expect(performance.now() - begunAt).toBeLessThan(BOUND_MS);
  });
});

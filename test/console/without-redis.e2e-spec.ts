import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BroadcastApp, startBroadcasts } from '../support/broadcast-app.js';
import { eventually } from '../support/eventually.js';
import { reusablePort } from '../support/ports.js';
import { mayStartRedis, startRedis } from '../support/redis.js';

const ifMayStart = mayStartRedis() ? describe : describe.skip;

describe('sample API without its Redis', () => {
  let sample: BroadcastApp;
  let port: number;

  beforeEach(async () => {
    port = await reusablePort();
    sample = await startBroadcasts({}, { REDIS_URL: `redis://127.0.0.1:${port}` });
  });
  afterEach(() => sample.close());

  it('is not ready, and says why', async () => {
    const { body } = await sample.get('/health/ready').expect(503);
    expect(body.error).toEqual({ redis: { status: 'down', message: 'Redis does not answer' } });
    await sample.get('/health/live').expect(200);
  });

  it('answers 503 to all that needs the queue, and says that nothing was sent', async () => {
    // Together: each waits until Redis has not answered for a while.
    const asked = await Promise.all([
      sample.start(),
      sample.upload({ kind: 'accounts', msg: 'hello' }, 'alice\n'),
      sample.get('/broadcasts/b').auth('demo-key', { type: 'bearer' }),
      sample.act('b', 'pause'),
      sample.act('b', 'resume'),
      sample.cancel('b'),
    ]);
    for (const { status, body } of asked) {
      expect({ status, body }).toMatchObject({ status: 503, body: { code: 'MIMC_CONNECT', outcome: 'not-sent' } });
    }
  });

  ifMayStart('that comes later', () => {
    it('is ready then, and sends', async () => {
      const redis = await startRedis({ port });
      try {
        await eventually(() => sample.get('/health/ready').expect(200));
        await sample.start({ id: 'b' }).expect(202);
        await expect(sample.reaches('b', 'done')).resolves.toMatchObject({ progress: { accepted: 2 } });
      } finally {
        await sample.close();
        await redis.stop();
      }
    });

    it('is not ready while it does not answer', async () => {
      const redis = await startRedis({ port });
      try {
        await eventually(() => sample.get('/health/ready').expect(200));
        redis.freeze();
        const [ready, started] = [await sample.get('/health/ready'), await sample.start()];
        redis.thaw();
        expect([ready.status, started.status]).toEqual([503, 503]);
        await eventually(() => sample.get('/health/ready').expect(200));
      } finally {
        await sample.close();
        await redis.stop();
      }
    });
  });
});

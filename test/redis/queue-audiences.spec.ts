import { describe, expect, it } from '@jest/globals';
import type { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { eventually } from '../support/eventually.js';
import { errorOf } from '../support/push-app.js';
import { TcpRelay } from '../support/tcp-relay.js';
import type { QueueAppOptions } from './queue-app.js';
import { accounts, useQueues } from './use-queues.js';

const message = { msg: 'hello' };
const otherAudience = { code: 'MIMC_INVALID', violations: [{ field: 'audience', rule: 'sameAudience' }] };

describe('the audience of a queued broadcast', () => {
  const queues = useQueues();
  const strangers = accounts(30).map((name) => `stranger-${name}`);
  const onlyOf = (index: number) => accounts(10 + index).map((name) => `only-${index}-${name}`);

  const boot = async (options: QueueAppOptions = {}) => (await queues.boot(options)).broadcasts;
  const producer = (connection = queues.redis.url) => boot({ queue: { worker: false, connection } });
  const isOver = (broadcasts: MimcBroadcastQueue, id: string) =>
    eventually(async () => expect(await broadcasts.get(id)).toMatchObject({ ended: true }));

  it('stays as it was completed when the rest of another one arrives late', async () => {
    const relay = await TcpRelay.start(queues.redis.url);
    const [one, late] = [await producer(), await producer(relay.url)];
    let isHeld = false;
    const other = (async function* () {
      // As one job for ten, a whole batch; then the rest, which is on its way while the first audience is completed.
      yield* accounts(2_000);
      await eventually(async () => expect((await one.get('b'))?.counts.read).toBe(2_000));
      relay.hold();
      isHeld = true;
      yield* strangers;
    })();
    const refused = errorOf(late.enqueue({ id: 'b', message, audience: other }));
    await eventually(() => expect(isHeld).toBe(true));
    await one.enqueue({ id: 'b', message, audience: accounts(2_005) });
    relay.release();
    await expect(refused).resolves.toMatchObject(otherAudience);
    await boot({ queue: { concurrency: 16 } });
    await isOver(one, 'b');
    await expect(one.get('b')).resolves.toMatchObject({ counts: { read: 2_005, accepted: 2_005 } });
    // A later broadcast comes after whatever is left of this one.
    await one.enqueue({ id: 'c', message, audience: ['last'] });
    await isOver(one, 'c');
    expect(strangers.filter((account) => queues.mimc.count(account) > 0)).toEqual([]);
    await relay.stop();
  });

  it('is that of one producer at most when several enqueue different ones at the same time', async () => {
    const producers = [await producer(), await producer(), await producer()];
    const ids = Array.from({ length: 10 }, (_, index) => `b${index}`);
    const audienceOf = (index: number) => [...accounts(2_100), ...onlyOf(index)];
    const enqueued = await Promise.all(
      ids.map((id) =>
        Promise.allSettled(producers.map((each, index) => each.enqueue({ id, message, audience: audienceOf(index) }))),
      ),
    );
    const taken = enqueued.map((results) =>
      results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : [])),
    );
    expect(taken.filter((winners) => winners.length > 1)).toEqual([]);
    const rejected = enqueued
      .flat()
      .flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    for (const reason of rejected) expect(reason).toMatchObject(otherAudience);
    const worker = await boot({ queue: { concurrency: 32 } });
    for (const [index, id] of ids.entries()) if (taken[index]?.length === 1) await isOver(worker, id);
    for (const index of producers.keys()) {
      const times = taken.filter(([winner]) => winner === index).length;
      const received = onlyOf(index).map((account) => queues.mimc.count(account));
      expect(new Set(received)).toEqual(new Set([times]));
    }
  });

  it('is sent to in full where an entry that is not a recipient stands inside a request that the worker splits', async () => {
    const broadcasts = await producer();
    const people = accounts(9);
    await broadcasts.enqueue({ id: 'b', message, audience: [...people.slice(0, 5), '', ...people.slice(5)] });
    await boot({ mimc: { quota: { accountsPerSecond: 5 } }, queue: { concurrency: 1 } });
    await isOver(broadcasts, 'b');
    await expect(broadcasts.get('b')).resolves.toMatchObject({ counts: { accepted: 9, invalid: 1, unknown: 0 } });
    expect(people.map((account) => queues.mimc.count(account))).toEqual(people.map(() => 1));
  });
});

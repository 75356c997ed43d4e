import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { MimcPushQueue } from 'nestjs-mimc/bullmq';
import type { MimcEmulator } from 'nestjs-mimc/testing';
import { COMPILE_MS, compileProcesses } from '../support/compiled-processes.js';
import { eventually } from '../support/eventually.js';
import { startProducer } from './queue-processes.js';
import { accounts, endOf, useQueues } from './use-queues.js';

/** Far more than a process takes to start on a busy machine. */
const START_MS = 90_000;

const queues = useQueues({ worker: true, concurrency: 16 });
const { boot } = queues;
const producer = (task: Parameters<typeof startProducer>[1]) => startProducer(queues, task);
let mimc: MimcEmulator;

beforeAll(compileProcesses, COMPILE_MS);
beforeEach(() => void ({ mimc } = queues));

const notOnce = (people: readonly string[]) => people.filter((account) => mimc.count(account) !== 1);

describe('a producer that dies', () => {
  it('while it enqueues has sent to nobody, and once started again everybody gets it once', async () => {
    const size = 6_000;
    const { broadcasts } = await boot();
    const readAt = async () => (await broadcasts.get('produced'))?.counts.read ?? 0;
    for (const killAt of [2_000, 4_000]) {
      const dying = await producer({ adds: 'a broadcast', size, hangAt: killAt + 500 });
      dying.tell('go');
      await eventually(async () => expect(await readAt()).toBeGreaterThanOrEqual(killAt), START_MS);
      await dying.kill();
      await expect(broadcasts.get('produced')).resolves.toMatchObject({ state: 'enqueuing', counts: { accepted: 0 } });
    }
    expect(mimc.requests).toEqual([]);
    const last = await producer({ adds: 'a broadcast', size });
    await expect(last.ask('go')).resolves.toMatchObject({ counts: { read: size } });
    await expect(endOf(broadcasts, 'produced')).resolves.toMatchObject({ counts: { read: size, accepted: size } });
    expect(notOnce(accounts(size))).toEqual([]);
  });

  it('while it adds 1,000 pushes adds them again, and each is sent once', async () => {
    const size = 1_000;
    const { pushes } = await boot();
    for (const killAt of [0, 500]) {
      const dying = await producer({ adds: 'pushes', size, hangAt: killAt + 500 });
      dying.tell('go');
      // Some of them are sent already.
      await eventually(() => expect(mimc.count(`user-${killAt + 50}`)).toBe(1), START_MS);
      await dying.kill();
    }
    const hasty = await producer({ adds: 'pushes', size });
    hasty.tell('go');
    await hasty.kill();
    const last = await producer({ adds: 'pushes', size });
    const sum = (await last.ask('go')) as { added: number; known: number };
    expect(sum.added + sum.known).toBe(size);
    expect(sum.known).toBeGreaterThanOrEqual(600);
    await mustBeSentOnce(pushes, size);
  });

  it('at the same time as another one adds the same pushes changes nothing: each is sent once', async () => {
    const size = 1_000;
    const { pushes } = await boot();
    const both = await Promise.all([1, 2].map(() => producer({ adds: 'pushes', size })));
    const sums = (await Promise.all(both.map((child) => child.ask('go')))) as { added: number; known: number }[];
    expect(sums.map(({ added, known }) => added + known)).toEqual([size, size]);
    expect(sums.reduce((total, { added }) => total + added, 0)).toBe(size);
    await mustBeSentOnce(pushes, size);
  });

  async function mustBeSentOnce(pushes: MimcPushQueue, size: number): Promise<void> {
    for (const id of accounts(size)) expect(await pushes.wait(id)).toMatchObject({ state: 'accepted' });
    expect(notOnce(accounts(size))).toEqual([]);
  }
});

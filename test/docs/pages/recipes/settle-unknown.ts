import { describe, expect, it } from '@jest/globals';
import { MimcBroadcastQueue, MimcPushQueue } from 'nestjs-mimc/bullmq';
import { lastOf, queueBench } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/settle-unknown.md');

type Find = (id: string) => Promise<{ account: string; text: string } | undefined>;

describe('docs/recipes/settle-unknown.md', () => {
  const message = page.ts<{ keyedMessage: (key: string, text: string) => { msg: string } }>('function keyedMessage');
  const settling = page.ts<{
    settle: (broadcasts: MimcBroadcastQueue, pushes: MimcPushQueue, find: Find) => Promise<void>;
  }>('function settle');

  it('sends what is unknown again, with its key, and only once more', async () => {
    const [{ keyedMessage }, { settle }] = [await message(), await settling()];
    const { mimc, app, close } = await queueBench();
    const [broadcasts, pushes] = [app.get(MimcBroadcastQueue), app.get(MimcPushQueue)];
    const find: Find = (id) => Promise.resolve(id === 'shipped-1' ? { account: 'alice', text: 'shipped' } : undefined);
    const lost = { kind: 'reset', when: 'after-read' } as const;
    mimc.failNext(lost, 2);
    for (const [id, toAccount] of [
      ['shipped-1', 'alice'],
      ['hello-1', 'bob'],
    ] as const) {
      await pushes.toAccount({ toAccount, ...keyedMessage(id, 'shipped') }, { id });
      await expect(pushes.wait(id)).resolves.toMatchObject({ state: 'unknown' });
    }
    mimc.failNext(lost);
    await broadcasts.enqueue({ id: 'sale', message: keyedMessage('sale', 'noon'), audience: ['carol'] });
    const ended = () => lastOf(broadcasts.watch('sale', { intervalMs: 20 }));
    await expect(ended()).resolves.toMatchObject({ counts: { unknown: 1 } });

    for (let n = 0; n < 2; n++) {
      await settle(broadcasts, pushes, find);
      await expect(ended()).resolves.toMatchObject({ counts: { unknown: 0, accepted: 1 } });
      await expect(pushes.wait('shipped-1.again')).resolves.toMatchObject({ state: 'accepted' });
    }
    const keys = (account: string) => mimc.inbox(account).map(({ text = '' }) => JSON.parse(text) as object);
    expect(keys('alice')).toEqual(Array.from({ length: 2 }, () => ({ key: 'shipped-1', text: 'shipped' })));
    expect(keys('carol')).toEqual(Array.from({ length: 2 }, () => ({ key: 'sale', text: 'noon' })));
    expect(mimc.count('bob')).toBe(1);
    await close();
  });
});

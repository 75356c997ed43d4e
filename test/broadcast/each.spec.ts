import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  inPages,
  type MimcBroadcastCheckpoint,
  type MimcBroadcastOutcome,
  MimcBroadcastService,
  MimcModule,
  type MimcPersonalPush,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { errorOf, secrets } from '../support/push-app.js';

describe('a broadcast of whole pushes', () => {
  let mimc: MimcEmulator;
  let broadcasts: MimcBroadcastService;
  let close: () => Promise<void>;

  beforeEach(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    const module = await Test.createTestingModule({
      imports: [MimcModule.forRoot({ ...secrets, baseUrl: mimc.url, fromAccount: 'news', quota: false, retry: false })],
    }).compile();
    broadcasts = module.get(MimcBroadcastService);
    close = () => module.close();
  });
  afterEach(async () => {
    await close();
    await mimc.close();
  });

  const personal = (count: number): MimcPersonalPush[] =>
    Array.from({ length: count }, (_, n) => ({ toAccount: `user-${n}`, msg: `Hello ${n}` }));

  it('gives everybody a text of their own, groups too', async () => {
    const audience = [...personal(20), { topicId: 9007199254740993n, msg: 'Hello all' }];
    const summary = await broadcasts.toEach(audience).drain();
    expect(summary).toMatchObject({ read: 21, accepted: 21, stoppedBy: 'end' });
    const texts = Array.from({ length: 20 }, (_, n) => mimc.inbox(`user-${n}`).map(({ msg }) => msg));
    expect(texts).toEqual(Array.from({ length: 20 }, (_, n) => [`Hello ${n}`]));
    expect(mimc.topicInbox('9007199254740993')).toMatchObject([{ msg: 'Hello all' }]);
  });

  it('reports each push with its outcome, and one that breaks a rule as invalid with the rule', async () => {
    mimc.faultWhen(({ body }) => JSON.stringify(body).includes('user-1"'), { kind: 'code', code: 403 });
    const wrong = { toAccount: 'user-9', msg: '' };
    const outcomes: MimcBroadcastOutcome<MimcPersonalPush>[] = [];
    const broadcast = broadcasts.toEach(inPages([[...personal(3), wrong], [null as never]]));
    for await (const outcome of broadcast) outcomes.push(outcome);
    expect(outcomes.toSorted((a, b) => a.offset - b.offset)).toMatchObject([
      { ok: true, recipients: [{ toAccount: 'user-0' }], receipt: { requested: 1, packetIds: [expect.any(String)] } },
      { ok: false, error: { code: 'MIMC_API', outcome: 'refused' } },
      { ok: true },
      { ok: false, recipients: [wrong], error: { code: 'MIMC_INVALID', message: expect.stringContaining('msg') } },
      { ok: false, error: { code: 'MIMC_INVALID', message: expect.stringContaining('audience[4] must be a push') } },
    ]);
    expect(broadcast.summary).toMatchObject({ accepted: 2, refused: 1, invalid: 2 });
  });

  it('is resumed from a checkpoint, which is JSON, and sends to nobody twice', async () => {
    const stop = new AbortController();
    const broadcast = broadcasts.toEach(personal(40), { signal: stop.signal, concurrency: 4 });
    for await (const { offset } of broadcast) if (offset === 10) stop.abort();
    const resume = JSON.parse(JSON.stringify(broadcast.checkpoint)) as MimcBroadcastCheckpoint;
    await broadcasts.toEach(personal(40), { resume }).drain();
    expect(Array.from({ length: 40 }, (_, n) => mimc.count(`user-${n}`))).toEqual(Array.from({ length: 40 }, () => 1));
  });

  it('waits for quota however long that takes, and paces itself to it', async () => {
    await close();
    await mimc.close();
    mimc = await MimcEmulator.start({ credentials: secrets, quota: { accountsPerSecond: 20 } });
    const module = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...secrets, baseUrl: mimc.url, fromAccount: 'news', quota: { accountsPerSecond: 20 } }),
      ],
    }).compile();
    close = () => module.close();
    const summary = await module.get(MimcBroadcastService).toEach(personal(50)).drain();
    expect(summary).toMatchObject({ accepted: 50 });
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(20);
    expect(mimc.totals.throttled).toBe(0);
  });

  it('refuses options that only a broadcast of one message has, and what is not an audience', async () => {
    const given = { chunkSize: 5, dedupeWindow: 10 } as never;
    const wrong = await errorOf((async () => broadcasts.toEach('nobody' as never, given).drain())());
    expect(wrong.violations?.map(({ field }) => field)).toEqual([
      'options.chunkSize',
      'options.dedupeWindow',
      'audience',
    ]);
    expect(mimc.requests).toHaveLength(0);
  });
});

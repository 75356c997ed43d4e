import { describe, expect, it } from '@jest/globals';
import { MimcModule, MimcPushService, type MimcRateLimiter } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { Test } from '@nestjs/testing';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/quota.md');

describe('docs/quota.md', () => {
  const evenPace = page.ts<{ EvenPace: new (perSecond: number) => MimcRateLimiter }>('class EvenPace');

  it('shows a limiter that spaces calls, and refuses what cannot make its deadline', async () => {
    const { EvenPace } = await evenPace();
    const mimc = await MimcEmulator.start();
    const options = { ...mimc.credentials, baseUrl: mimc.url, fromAccount: 'shop', limiter: new EvenPace(20) };
    const app = await Test.createTestingModule({ imports: [MimcModule.forRoot(options)] }).compile();
    const push = app.get(MimcPushService);
    const begin = performance.now();
    await Promise.all([
      push.toAccounts({ toAccounts: ['a', 'b', 'c', 'd'], msg: 'm' }),
      push.toAccount({ toAccount: 'e', msg: 'm' }),
    ]);
    // The second waits 4 / 20 s.
    expect(performance.now() - begin).toBeGreaterThan(195);
    await push.toAccounts({ toAccounts: Array.from({ length: 20 }, (_, n) => `user-${n}`), msg: 'm' });
    const late = push.toAccount({ toAccount: 'f', msg: 'm' }, { deadlineMs: 300 });
    await expect(late).rejects.toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
    await app.close();
    await mimc.close();
  });
});

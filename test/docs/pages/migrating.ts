import { inspect } from 'node:util';
import { HttpModule } from '@nestjs/axios';
import { Module, type Type } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../../support/sample-app.js';
import { boot, envOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/migrating.md');

interface News {
  tell(toAccounts: string[], msg: string): Promise<readonly string[]>;
}

describe('docs/migrating.md', () => {
  const before = page.ts<{ NewsService: Type<News> }>('HttpService');
  const after = page.ts<{ NewsService: Type<News> }>('MimcPushService');
  const module = page.ts<{ NewsModule: Type }>('class NewsModule');
  let mimc: MimcEmulator;

  beforeEach(async () => {
    mimc = await MimcEmulator.start({ quota: true });
  });
  afterEach(() => mimc.close());

  /** What a push before and after comes to. */
  async function both(toAccounts: string[], each: () => void = () => undefined) {
    return withMimcEnv(envOf(mimc), async () => {
      const { NewsService: Old } = await before();
      @Module({ imports: [HttpModule], providers: [Old] })
      class OldModule {}
      const apps = [await boot(OldModule), await boot((await module()).NewsModule)];
      const services = [Old, (await after()).NewsService];
      const results: unknown[] = [];
      for (const [index, service] of services.entries()) {
        each();
        const push = apps[index]?.get<News>(service, { strict: false }).tell(toAccounts, 'hello');
        results.push(await push?.catch((error: unknown) => error));
      }
      for (const app of apps) await app.close();
      return results;
    });
  }

  it('does the same when nothing goes wrong', async () => {
    const [old, now] = await both(['alice', 'bob']);
    expect([old, now]).toEqual([
      [expect.any(String), expect.any(String)],
      [expect.any(String), expect.any(String)],
    ]);
    expect(mimc.count('alice')).toBe(2);
  });

  it('no longer repeats what may have arrived', async () => {
    const counts: number[] = [];
    const results = await both(['alice'], () => {
      counts.push(mimc.count('alice'));
      mimc.clear();
      mimc.failNext({ kind: 'reset', when: 'after-read' }, 3);
    });
    counts.push(mimc.count('alice'));
    expect(counts).toEqual([0, 3, 1]);
    expect(results[1]).toMatchObject({ code: 'MIMC_RESET', outcome: 'unknown' });
  });

  it('understands a refusal', async () => {
    const [old, now] = await both(['alice'], () => mimc.failNext({ kind: 'code', code: 500, message: 'push fail' }));
    expect(String(old)).toContain('TypeError: Cannot read properties of null');
    expect(now).toMatchObject({ code: 'MIMC_API', outcome: 'refused', apiCode: 500, apiMessage: 'push fail' });
  });

  it('holds no credential in its errors', async () => {
    const [old, now] = await both(['alice'], () => mimc.failNext({ kind: 'html' }, 3));
    const { appSecret } = mimc.credentials;
    expect(inspect(old, { depth: 10 })).toContain(appSecret);
    expect(inspect(now, { depth: 10, showHidden: true })).not.toContain(appSecret);
  });

  it('refuses more than a second of quota before anything is sent', async () => {
    const requests: number[] = [];
    const [old, now] = await both(
      Array.from({ length: 60 }, (_, n) => `user-${n}`),
      () => requests.push(mimc.totals.requests),
    );
    expect(String(old)).toContain('TypeError');
    expect(mimc.totals.throttled).toBe(1);
    expect(now).toMatchObject({ code: 'MIMC_INVALID' });
    expect(mimc.totals.requests).toBe(requests[1]);
  });
});

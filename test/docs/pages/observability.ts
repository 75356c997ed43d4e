import type { Type } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { metrics } from '@opentelemetry/api';
import { MimcModule, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { Test } from '@nestjs/testing';
import { withMimcEnv } from '../../support/sample-app.js';
import { startTelemetry } from '../../support/telemetry.js';
import { bench, boot, envOf, optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/observability.md');
const message = { toAccount: 'alice', msg: 'hello' };

describe('docs/observability.md', () => {
  const busy = page.ts<{ isBusy: (push: MimcPushService) => boolean }>('isBusy');
  const subscriber = page.ts<{ printCalls: () => () => void }>('printCalls');
  const observed = page.ts<{ AppModule: Type }>('MimcOpenTelemetryModule.forRoot()');
  const health = page.ts<{ HealthModule: Type }>('class HealthModule');

  it('shows a use of status()', async () => {
    const { isBusy } = await busy();
    const { mimc, app, close } = await bench([], { retry: false });
    const push = app.get(MimcPushService);
    expect(isBusy(push)).toBe(false);
    mimc.failNext({ kind: 'html' }, 6);
    for (let n = 0; n < 6; n++) await expect(push.toAccount(message)).rejects.toThrow('502');
    expect(isBusy(push)).toBe(true);
    await close();
  });

  it('shows a subscriber that prints every call', async () => {
    const log = jest.spyOn(console, 'log').mockReturnValue();
    const stop = (await subscriber()).printCalls();
    const { mimc, app, close } = await bench([]);
    await app.get(MimcPushService).toAccount(message);
    mimc.failNext({ kind: 'code', code: 403 });
    await expect(app.get(MimcPushService).toAccount(message)).rejects.toThrow('403');
    stop();
    const printed = log.mock.calls.map((line) => line.join(' '));
    log.mockRestore();
    expect(printed).toEqual([
      expect.stringMatching(/^p2p ok 1 \d+ ms$/),
      expect.stringMatching(/^p2p MIMC_API 1 \d+ ms$/),
    ]);
    await close();
  });

  it('shows a module that reports to OpenTelemetry', async () => {
    const telemetry = startTelemetry();
    metrics.setGlobalMeterProvider(telemetry.meterProvider);
    const mimc = await MimcEmulator.start();
    const { AppModule } = await observed();
    const app = await withMimcEnv(envOf(mimc), () => boot(AppModule));
    await app.get(MimcPushService, { strict: false }).toAccount(message);
    expect(await telemetry.measured('mimc.recipients')).toMatchObject([{ value: 1 }]);
    await app.close();
    await mimc.close();
    metrics.disable();
  });

  it('shows a health check', async () => {
    const mimc = await MimcEmulator.start();
    const { HealthModule } = await health();
    const imports = [MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }), HealthModule];
    const app = await (
      await Test.createTestingModule({ imports }).compile()
    )
      .createNestApplication({ logger: false })
      .init();
    const { body } = await request(app.getHttpServer()).get('/health').expect(200);
    expect(body).toMatchObject({ status: 'ok', details: { mimc: { status: 'up', consecutiveFailures: 0 } } });
    await app.close();
    await mimc.close();
  });
});

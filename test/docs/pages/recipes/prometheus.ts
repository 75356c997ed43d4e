import type { Type } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { metrics } from '@opentelemetry/api';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';
import { MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { reusablePort } from '../../../support/ports.js';
import { withMimcEnv } from '../../../support/sample-app.js';
import { boot, envOf } from '../../support/apps.js';
import { commandsOf, unknownPackages } from '../../support/package.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/prometheus.md');

describe('docs/recipes/prometheus.md', () => {
  const install = page.fence('sh', 'npm i');
  const telemetry = page.ts<{ meterProvider: MeterProvider }>('setGlobalMeterProvider');
  const modules = page.ts<{ AppModule: Type }>('MimcOpenTelemetryModule.forRoot()');
  const scrape = page.fence('yaml', 'scrape_configs');
  const rules = page.fence('yaml', 'alert:');

  it('installs packages that this repository knows', () => {
    expect(unknownPackages(commandsOf(install))).toEqual([]);
  });

  it('serves what the alert asks for, at the address that is scraped', async () => {
    const port = await reusablePort();
    process.env['METRICS_PORT'] = String(port);
    const { meterProvider } = await telemetry();
    delete process.env['METRICS_PORT'];
    const mimc = await MimcEmulator.start();
    const { AppModule } = await modules();
    const app = await withMimcEnv(envOf(mimc), () => boot(AppModule));
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    const push = app.get(MimcPushService, { strict: false }).toAccount({ toAccount: 'alice', msg: 'hello' });
    await expect(push).rejects.toMatchObject({ outcome: 'unknown' });

    const target = /'(127\.0\.0\.1:9464)'/.exec(scrape.code)?.[1]?.replace('9464', String(port));
    const text = await (await fetch(`http://${target}/metrics`)).text();
    const [, name, selector] = /(mimc_\w+)\{(mimc_outcome="unknown")\}/.exec(rules.code) ?? [];
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(selector ?? '?'));
    expect(series).toEqual([expect.stringMatching(/ 1( \d+)?$/)]);
    await app.close();
    await mimc.close();
    await meterProvider.shutdown();
    metrics.disable();
  });
});

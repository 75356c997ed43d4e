import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  MimcError,
  type MimcErrorCode,
  mimcErrorTable,
  mimcConfig,
  MimcModule,
  MimcPushService,
  toHttpException,
} from 'nestjs-mimc';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../support/sample-app.js';
import { startTelemetry } from '../support/telemetry.js';
import { bootObserved } from '../support/observed-app.js';
import { optionsOf } from './support/apps.js';
import { readPage, ROOT } from './support/markdown.js';
import { membersOf } from './support/declarations.js';

describe('Tables that mirror the code', () => {
  // Reads the declarations of the library, which takes a while.
  beforeAll(() => void membersOf('index.ts', 'MimcError'));

  it('options of the module', () => {
    const path = 'docs/configuration.md';
    const nested = { quota: 'MimcQuotaOptions', retry: 'MimcRetryOptions', timeouts: 'MimcTimeoutOptions' };
    const parts = Object.entries(nested).flatMap(([group, type]) =>
      membersOf('index.ts', type).map((name) => `${group}.${name}`),
    );
    const options = membersOf('index.ts', 'MimcModuleOptions').filter((name) => name !== 'timeouts');
    options.push(...parts);
    expect(firstCells(path, 'Option').toSorted()).toEqual(options.toSorted());
  });

  it('says defaults and limits that the module has', async () => {
    for (const [option, fallback, meaning] of tableOf('docs/configuration.md', 'Option').slice(1)) {
      const [, from, to] = /^([\d,]+) to ([\d,]+)/.exec(meaning ?? '') ?? [];
      if (from === undefined || to === undefined) continue;
      const name = option?.replaceAll('`', '') ?? '';
      for (const right of [number(fallback), number(from), number(to)])
        await expect(boots(name, right)).resolves.toBe(true);
      for (const wrong of [number(from) - 1, number(to) + 1]) await expect(boots(name, wrong)).resolves.toBe(false);
    }
  });

  it('variables of the environment', async () => {
    for (const variable of firstCells('docs/configuration.md', 'Variable')) {
      const unset = await withMimcEnv({}, async () => mimcConfig());
      expect(await withMimcEnv({ [variable]: '7' }, async () => mimcConfig())).not.toEqual(unset);
    }
    const source = readFileSync(join(ROOT, 'libs/mimc/src/module/mimc.config.ts'), 'utf8');
    const variables = new Set([...source.matchAll(/'(MIMC_\w+)'/g)].map(([, name = '']) => name));
    expect(firstCells('docs/configuration.md', 'Variable').toSorted()).toEqual([...variables].toSorted());
  });

  it('codes of errors with their status', () => {
    const rows = tableOf('docs/errors.md', '`code`').slice(1);
    expect(rows.map(([code = '']) => code.replaceAll('`', '')).toSorted()).toEqual(
      Object.keys(mimcErrorTable).toSorted(),
    );
    for (const [code, , , status] of rows) {
      const error = new MimcError({
        code: code?.replaceAll('`', '') as MimcErrorCode,
        outcome: 'refused',
        message: '',
      });
      expect(status).toContain(String(toHttpException(error).getStatus()));
    }
  });

  it.each(['docs/errors.md', 'docs/zh/errors.md'])('has a section for each code, in %s', (path) => {
    const anchors = readPage(path).headings.map(({ anchor }) => anchor);
    const codes = Object.keys(mimcErrorTable).map((code) => code.toLowerCase());
    expect(anchors).toEqual(expect.arrayContaining(codes));
  });

  it('has the same outcomes in both places', () => {
    expect(tableOf('docs/errors.md', '`outcome`')).toEqual(tableOf('README.md', '`outcome`'));
  });

  it.each([
    ['docs/errors.md', 'Field', 'index.ts', 'MimcErrorInit', ['message'], ['retryable']],
    ['docs/configuration.md', 'Call option', 'index.ts', 'PushOptions', [], []],
    ['docs/broadcast.md', 'Option of a broadcast', 'index.ts', 'MimcBroadcastOptions', [], []],
    ['docs/topics.md', 'Option of a call about groups', 'index.ts', 'MimcCallOptions', [], []],
    ['docs/tenants.md', 'Tenants option', 'index.ts', 'MimcTenantsOptions', [], []],
    ['docs/testing.md', 'Option', 'testing/index.ts', 'MimcEmulatorOptions', [], []],
    ['docs/testing.md', 'Field of `callbacks`', 'testing/index.ts', 'MimcEmulatorCallbackOptions', [], []],
    ['docs/callbacks.md', 'Option', 'callback/index.ts', 'MimcCallbackOptions', [], []],
    ['docs/observability.md', 'Option', 'terminus/index.ts', 'MimcHealthOptions', [], []],
    ['docs/swagger.md', 'Option of `ApiMimcErrors`', 'swagger/index.ts', 'ApiMimcErrorsOptions', [], []],
    ['docs/processes.md', 'Option of `RedisMimcRateLimiter`', 'bullmq/index.ts', 'RedisMimcRateLimiterOptions', [], []],
  ])('%s: %s', (path, head, entry, type, without, more) => {
    const members = membersOf(entry, type).filter((name) => !without.includes(name as never));
    expect(firstCells(path, head).toSorted()).toEqual([...members, ...more].toSorted());
  });

  it('options of the queues', () => {
    const options = membersOf('bullmq/index.ts', 'MimcQueueOptions');
    const rows = firstCells('docs/processes.md', 'Option of `MimcQueueModule`');
    expect(rows.toSorted()).toEqual(options.toSorted());
  });

  it('metrics that OpenTelemetry gets', async () => {
    const telemetry = startTelemetry();
    const mimc = await MimcEmulator.start();
    const app = await bootObserved(telemetry, optionsOf(mimc));
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '0' });
    await app.get(MimcPushService).toAccount({ toAccount: 'alice', msg: 'hello' });
    const [, metrics] = JSON.parse(await telemetry.exported()) as [unknown, { descriptor: { name: string } }[]];
    await app.close();
    await mimc.close();
    const names = metrics.map(({ descriptor }) => descriptor.name);
    expect(firstCells('docs/observability.md', 'Metric').toSorted()).toEqual(names.toSorted());
  });

  it('channels of diagnostics', () => {
    const source = readFileSync(join(ROOT, 'libs/mimc/src/delivery/diagnostics.ts'), 'utf8');
    const channels = [...source.matchAll(/hannel(?:<[^>]*>)?\('(mimc:\w+)'\)/g)].map(([, name = '']) => name);
    expect(firstCells('docs/observability.md', 'Channel').toSorted()).toEqual(channels.toSorted());
  });
});

/** The table of a page whose first head begins so, its head included. */
function tableOf(path: string, head: string): readonly (readonly string[])[] {
  const table = readPage(path).tables.find(([first]) => first?.[0] === head);
  if (table === undefined) throw new Error(`${path} has no table ${head}`);
  return table;
}

/** What stands in the first column as code, the head left out; one cell may name several. */
function firstCells(path: string, head: string): string[] {
  const cells = tableOf(path, head)
    .slice(1)
    .map(([cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

function number(text: string | undefined): number {
  return Number(text?.replaceAll(',', ''));
}

/** Whether the module boots with this value of an option, `quota.maxQueued` being one inside another. */
async function boots(option: string, value: number): Promise<boolean> {
  const [outer = '', inner] = option.split('.');
  const given = { [outer]: inner === undefined ? value : { [inner]: value } };
  const options = { appId: '1', appKey: 'key', appSecret: 'secret', ...given };
  try {
    const app = await Test.createTestingModule({ imports: [MimcModule.forRoot(options)] }).compile();
    await app.close();
    return true;
  } catch (error) {
    if (MimcError.is(error) && error.code === 'MIMC_CONFIG') return false;
    throw error;
  }
}

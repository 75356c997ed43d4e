import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { mimcErrorTable, MimcModule } from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcPushQueue, MimcQueueModule } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';
import { type SampleApp, startDemo } from '../../support/sample-app.js';
import { lastOf, optionsOf } from '../support/apps.js';
import { readPage } from '../support/markdown.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/operating.md');

describe('docs/operating.md', () => {
  const shown = readPage(page.path).fences.filter(({ lang }) => lang === 'promql');
  const queries = shown.map(({ code }) => page.fence('promql', code).code);
  const watch = page.ts<{
    needsPerson: (broadcasts: MimcBroadcastQueue, pushes: MimcPushQueue) => Promise<string[]>;
  }>('function needsPerson');
  let sample: SampleApp;
  let series: { name: string; labels: string[] }[];

  beforeAll(async () => {
    sample = await startDemo();
    sample.emulator.failNext({ kind: 'code', code: 429, retryAfter: '0' });
    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' }).expect(202);
    const { text } = await sample.get('/metrics').auth('demo-key', { type: 'bearer' });
    series = [...text.matchAll(/^(\w+)(?:\{(.*)\})? [\d.e+-]+/gm)].map(([, name = '', labels = '']) => ({
      name,
      labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
    }));
  });
  afterAll(() => sample.close());

  it.each(queries)('queries what the sample serves: %s', (query) => {
    const names = [...query.matchAll(/\b(mimc_(?!outcome|code|bucket|endpoint)\w+)/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const labels = new Set(series.filter((one) => one.name === name).flatMap((one) => one.labels));
      expect(series.map((one) => one.name)).toContain(name);
      expect([...labelsOf(query)].filter((label) => !labels.has(label))).toEqual([]);
    }
    expect(depth(query)).toBe(0);
  });

  it('finds what on the queue needs a person', async () => {
    const { needsPerson } = await watch();
    const redis = await startRedis();
    const mimc = await MimcEmulator.start();
    const app = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }),
        MimcQueueModule.forRoot({ connection: redis.url }),
      ],
    }).compile();
    await app.init();
    const [broadcasts, pushes] = [app.get(MimcBroadcastQueue), app.get(MimcPushQueue)];
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '1' });
    await pushes.wait('1');
    await expect(needsPerson(broadcasts, pushes)).resolves.toEqual([]);

    mimc.failNext({ kind: 'reset', when: 'after-read' });
    await pushes.toAccount({ toAccount: 'alice', msg: 'hello' }, { id: '2' });
    await pushes.wait('2');
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    const message = { msg: 'hello' };
    await broadcasts.enqueue({ id: 'a', message, audience: ['bob', 'carol'] });
    await lastOf(broadcasts.watch('a', { intervalMs: 20 }));
    mimc.failNext({ kind: 'status', status: 401 });
    await broadcasts.enqueue({ id: 'b', message, audience: ['dave'] });
    await eventually(async () => expect(await broadcasts.get('b')).toMatchObject({ state: 'paused' }));
    await expect(needsPerson(broadcasts, pushes)).resolves.toEqual([
      'broadcast b is paused: MIMC_AUTH',
      'broadcast a: 2 unknown',
      'push 2: unknown',
    ]);
    await app.close();
    await mimc.close();
    await redis.stop();
  });

  it('names codes and outcomes that exist', () => {
    const values = (label: string) =>
      queries.flatMap((query) =>
        [...query.matchAll(new RegExp(`${label}[!=~]+"([^"]+)"`, 'g'))].flatMap(([, value = '']) => value.split('|')),
      );
    expect(values('mimc_code').filter((code) => !(code in mimcErrorTable))).toEqual([]);
    expect(new Set(values('mimc_outcome'))).toEqual(new Set(['unknown', 'accepted']));
  });
});

/** The labels that a query selects or groups by. */
function* labelsOf(query: string): Generator<string> {
  for (const [, labels = ''] of query.matchAll(/by \(([^)]*)\)/g)) yield* labels.split(/, */);
  for (const [, label = ''] of query.matchAll(/[{,] *(\w+)[!=]~?"/g)) yield label;
}

/** 0 when every bracket is closed, in order. */
function depth(query: string): number {
  const open: string[] = [];
  const pairs: Record<string, string> = { ')': '(', ']': '[', '}': '{' };
  for (const char of query.replaceAll(/"[^"]*"/g, '')) {
    if ('([{'.includes(char)) open.push(char);
    if (char in pairs && open.pop() !== pairs[char]) return -1;
  }
  return open.length;
}

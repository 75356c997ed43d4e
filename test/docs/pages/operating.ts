import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mimcErrorTable } from 'nestjs-mimc';
import { type SampleApp, startDemo } from '../../support/sample-app.js';
import { readPage } from '../support/markdown.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/operating.md');

describe('docs/operating.md', () => {
  const shown = readPage(page.path).fences.filter(({ lang }) => lang === 'promql');
  const queries = shown.map(({ code }) => page.fence('promql', code).code);
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

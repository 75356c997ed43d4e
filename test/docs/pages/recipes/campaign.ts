import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { inPages, type MimcAudience } from 'nestjs-mimc';
import { bench } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/campaign.md');

interface Sql {
  query(text: string, values: readonly string[]): Promise<{ account: string }[]>;
}

interface Audience {
  column: (rows: AsyncIterable<Record<string, string>>, name: string) => AsyncGenerator<string>;
  pages: (sql: Sql) => AsyncGenerator<string[]>;
}

describe('docs/recipes/campaign.md', () => {
  const campaign = page.ts<{
    Campaign: Type<{ run(audience: MimcAudience<string>, file: string): Promise<boolean> }>;
  }>('class Campaign');
  const audience = page.ts<Audience>('function* pages');
  const accounts = Array.from({ length: 2_500 }, (_, n) => `user-${String(n).padStart(4, '0')}`);

  it('continues where it stopped, and sends to everyone once', async () => {
    const { Campaign } = await campaign();
    const { pages } = await audience();
    const sql: Sql = {
      async query(text, [after = '']) {
        expect(text).toContain('WHERE account > $1 ORDER BY account LIMIT 1000');
        const rows = accounts.filter((account) => account > after).slice(0, 1_000);
        return rows.map((account) => ({ account }));
      },
    };
    const { mimc, app, close } = await bench([Campaign], { quota: false });
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    const directory = mkdtempSync(join(tmpdir(), 'nestjs-mimc-docs-'));
    const file = join(directory, 'spring-sale.json');
    const broken = async function* () {
      yield accounts.slice(0, 1_000);
      throw new Error('The database went away');
    };
    mimc.failNext({ kind: 'code', code: 403 });
    await expect(app.get(Campaign).run(inPages(broken()), file)).resolves.toBe(false);
    expect(warn.mock.calls).toEqual([[expect.any(Number), 'MIMC_API', 'refused']]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toBeInstanceOf(Object);
    await expect(app.get(Campaign).run(inPages(pages(sql)), file)).resolves.toBe(true);
    warn.mockRestore();
    const counts = accounts.map((account) => mimc.count(account));
    expect([counts.filter((count) => count === 0).length, Math.max(...counts)]).toEqual([10, 1]);
    rmSync(directory, { recursive: true });
    await close();
  });

  it('reads a column of a table', async () => {
    const { column } = await audience();
    const rows = (async function* (): AsyncGenerator<Record<string, string>> {
      yield { account: ' alice ', phone: '1' };
      yield { phone: '2' };
    })();
    const read: string[] = [];
    for await (const account of column(rows, 'account')) read.push(account);
    expect(read).toEqual(['alice', '']);
  });
});

import type { Type } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import { bench } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

interface OrderNews {
  shipped(toAccount: string, msg: string): Promise<string>;
}

const page = new PageUnderTest('docs/README.md');

describe('docs/README.md', () => {
  const service = page.ts<{ OrderNews: Type<OrderNews> }>('class OrderNews');

  it('shows a push, and what its failure says', async () => {
    const { OrderNews } = await service();
    const { mimc, app, close } = await bench([OrderNews]);
    expect(await app.get(OrderNews).shipped('alice', 'hello')).toBe(mimc.inbox('alice')[0]?.packetId);
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    mimc.failNext({ kind: 'code', code: 403 });
    await expect(app.get(OrderNews).shipped('alice', 'hello')).rejects.toMatchObject({ code: 'MIMC_API' });
    expect(warn.mock.calls).toEqual([['MIMC_API', 'refused']]);
    warn.mockRestore();
    await close();
  });
});

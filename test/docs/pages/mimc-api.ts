import { describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/mimc-api.md');

describe('docs/mimc-api.md', () => {
  const success = page.fence('json', 'packetId');

  it('shows the envelope that the emulator sends', async () => {
    const mimc = await MimcEmulator.start();
    const body = JSON.stringify({ ...mimc.credentials, fromAccount: 'shop', toAccount: 'alice', msg: 'hello' });
    const headers = { 'Content-Type': 'application/json' };
    const reply = await fetch(`${mimc.url}/api/push/p2p/`, { method: 'POST', body, headers });
    const shown = JSON.parse(success.code) as { data: object };
    expect(await reply.json()).toEqual({ ...shown, data: { packetId: expect.any(String) } });
    await mimc.close();
  });
});

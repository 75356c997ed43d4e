import { describe, expect, it } from '@jest/globals';
import { EMULATOR_CREDENTIALS } from 'nestjs-mimc/testing';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/security.md');

describe('docs/security.md', () => {
  const echo = page.ts<{ echoed: () => Promise<string | undefined> }>('function echoed');

  it('shows what is left of an echo: no credential, but account and message', async () => {
    const left = await (await echo()).echoed();
    expect(left).toContain('"appSecret":"[redacted]"');
    const { appKey, appSecret } = EMULATOR_CREDENTIALS;
    for (const value of [appKey, appSecret]) expect(left).not.toContain(value);
    expect(left).toContain('alice');
  });
});

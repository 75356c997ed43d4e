import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../../support/sample-app.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/credentials.md');
page.test('rotateCredentials');

describe('docs/credentials.md', () => {
  const modules = page.ts<{ AppModule: Type }>('class Vault');

  it('shows a module that asks a vault', async () => {
    const { AppModule } = await modules();
    const mimc = await MimcEmulator.start();
    await withMimcEnv({ MIMC_BASE_URL: mimc.url }, async () => {
      const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
      await app.get(MimcPushService).toAccount({ toAccount: 'alice', msg: 'hello' });
      expect(await app.get(MimcPushService).refreshCredentials()).toBe(false);
      await app.close();
    });
    expect(mimc.count('alice')).toBe(1);
    await mimc.close();
  });
});

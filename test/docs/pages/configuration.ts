import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Module, type Type } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { mimcConfig, MimcModule, type MimcModuleOptions, MimcPushService } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { withMimcEnv } from '../../support/sample-app.js';
import { boot, envOf, optionsOf } from '../support/apps.js';
import { ROOT } from '../support/markdown.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/configuration.md');

describe('docs/configuration.md', () => {
  const inCode = page.ts<{ AppModule: Type }>('MimcModule.forRoot({\n      appId');
  const fromEnvInShort = page.ts<{ AppModule: Type }>('MimcModule.forRootAsync(mimcConfig)] })');
  const fromEnv = page.ts<{ AppModule: Type }>('...mimcConfig.asProvider(), isGlobal: true })] })');
  const fromVault = page.ts<{ AppModule: Type }>('class Vault');
  const twoApps = page.ts<{ twoApps: (...options: MimcModuleOptions[]) => Type; Couriers: Type }>('twoApps');

  it('shows options in code', async () => {
    const app = await withMimcEnv({ MIMC_APP_KEY: 'key', MIMC_APP_SECRET: 'secret' }, async () =>
      boot((await inCode()).AppModule),
    );
    expect(app.get(MimcPushService, { strict: false }).status().accounts.unitsPerSecond).toBe(50);
    await app.close();
  });

  it.each([
    ['the environment', fromEnv, {}],
    ['the environment, in short', fromEnvInShort, {}],
    ['a vault', fromVault, { appSecret: 'secret of mimc' }],
  ])('shows options from %s', async (_name, block, credentials) => {
    const mimc = await MimcEmulator.start({ credentials });
    const { AppModule } = await block();
    const { MIMC_APP_SECRET = '', ...others } = envOf(mimc);
    const env = block === fromVault ? others : { ...others, MIMC_APP_SECRET };
    const app = await withMimcEnv(env, () => boot(AppModule));
    await app.get(MimcPushService, { strict: false }).toAccount({ toAccount: 'alice', msg: 'hello' });
    expect(mimc.count('alice')).toBe(1);
    await app.close();
    await mimc.close();
  });

  it('quotes what a wrong boot says', async () => {
    const lineFeed = 'must not begin or end with white space, a line feed or a byte order mark';
    @Module({ imports: [MimcModule.forRootAsync(mimcConfig.asProvider())] })
    class AppModule {}
    const rules = ['appKey (MIMC_APP_KEY) should not be empty', `appSecret (MIMC_APP_SECRET) ${lineFeed}`];
    const message = `MimcModule options: ${rules.join('; ')}`;
    expect(readFileSync(join(ROOT, page.path), 'utf8')).toContain(message);
    const booting = withMimcEnv({ MIMC_APP_ID: '1', MIMC_APP_SECRET: 's\n' }, () => boot(AppModule));
    await expect(booting).rejects.toMatchObject({ code: 'MIMC_CONFIG', message });
  });

  it('shows two apps in one process', async () => {
    const [shop, couriers] = [await MimcEmulator.start(), await MimcEmulator.start()];
    const { twoApps: modules, Couriers } = await twoApps();
    const app = await boot(modules(optionsOf(shop), optionsOf(couriers)));
    await app.get<{ push: MimcPushService }>(Couriers).push.toAccount({ toAccount: 'alice', msg: 'hello' });
    await app.get(MimcPushService, { strict: false }).toAccount({ toAccount: 'bob', msg: 'hello' });
    expect([shop.count('bob'), couriers.count('alice'), shop.count('alice')]).toEqual([1, 1, 0]);
    await app.close();
    await Promise.all([shop.close(), couriers.close()]);
  });
});

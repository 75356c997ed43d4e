import { inspect } from 'node:util';
import { ConsoleLogger, Inject, Injectable, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  getMimcPushToken,
  InjectMimcPush,
  mimcConfig,
  MimcError,
  MimcModule,
  MimcModuleOptions,
  MimcOptionsFactory,
  MimcPushService,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { secrets } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };

describe('MimcModule', () => {
  let mimc: MimcEmulator;
  let options: MimcModuleOptions;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    options = { ...secrets, baseUrl: mimc.url, fromAccount: 'server' };
  });
  afterAll(() => mimc.close());
  afterEach(() => {
    for (const variable of Object.keys(process.env)) if (variable.startsWith('MIMC_')) delete process.env[variable];
  });

  const boot = (...imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>) =>
    Test.createTestingModule({ imports })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();

  @Injectable()
  class Factory implements MimcOptionsFactory {
    createMimcOptions = async () => options;
  }
  @Module({ providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  it.each([
    ['forRoot', () => MimcModule.forRoot(options)],
    ['useFactory', () => MimcModule.forRootAsync({ useFactory: () => options })],
    ['an async useFactory', () => MimcModule.forRootAsync({ useFactory: async () => options })],
    ['useClass', () => MimcModule.forRootAsync({ useClass: Factory })],
    ['useExisting', () => MimcModule.forRootAsync({ useExisting: Factory, imports: [FactoryModule] })],
    [
      'inject and extraProviders',
      () =>
        MimcModule.forRootAsync({
          extraProviders: [{ provide: 'BASE', useFactory: () => mimc.url }],
          inject: ['BASE'],
          useFactory: (baseUrl: string) => ({ ...options, baseUrl }),
        }),
    ],
  ])('is registered by %s', async (_form, register) => {
    const app = await boot(register());
    await expect(app.get(MimcPushService, { strict: false }).toAccount(dto)).resolves.toHaveProperty('packetId');
    await app.close();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a function', () => options],
    ['options as forRoot takes them', { appId: '1' }],
    ['a configuration in parts', { isGlobal: true, KEY: 'mimc' }],
  ])('says what forRootAsync takes when it gets %s', (_name, given) => {
    const message = 'MimcModule.forRootAsync must get useFactory, useClass or useExisting, or a configuration such as';
    expect(() => MimcModule.forRootAsync(given as never)).toThrow(message);
  });

  it('is configured by the environment through mimcConfig', async () => {
    Object.assign(process.env, {
      MIMC_APP_ID: secrets.appId,
      MIMC_APP_KEY: secrets.appKey,
      MIMC_APP_SECRET: secrets.appSecret,
      MIMC_BASE_URL: mimc.url,
      MIMC_FROM_ACCOUNT: 'env',
      MIMC_FROM_RESOURCE: '',
      MIMC_ACCOUNTS_PER_SECOND: '7',
      MIMC_DEADLINE_MS: '5000',
    });
    const app = await boot(ConfigModule.forRoot({ ignoreEnvFile: true }), MimcModule.forRootAsync(mimcConfig));
    const push = app.get(MimcPushService, { strict: false });
    mimc.clear();
    await push.toAccount(dto);
    expect(mimc.inbox('alice')[0]).toMatchObject({ fromAccount: 'env', fromResource: 'server' });
    expect(push.status()).toMatchObject({ accounts: { unitsPerSecond: 7 }, topics: { unitsPerSecond: 20 } });
    await app.close();
  });

  it('is seen by every module when it is global, and by its importers otherwise', async () => {
    @Injectable()
    class Sender {
      constructor(readonly push: MimcPushService) {}
    }
    @Module({ providers: [Sender] })
    class SenderModule {}
    const app = await boot(MimcModule.forRoot({ ...options, isGlobal: true }), SenderModule);
    expect(app.get(Sender, { strict: false }).push).toBeInstanceOf(MimcPushService);
    await app.close();
    await expect(boot(MimcModule.forRoot(options), SenderModule)).rejects.toThrow(/MimcPushService/);
  });

  it('distinguishes several applications in one process by name', async () => {
    @Injectable()
    class Sender {
      constructor(
        readonly main: MimcPushService,
        @InjectMimcPush('shop') readonly shop: MimcPushService,
        @Inject(getMimcPushToken('news')) readonly news: MimcPushService,
      ) {}
    }
    @Module({
      imports: [
        MimcModule.forRoot(options),
        MimcModule.forRoot({ ...options, name: 'shop', fromAccount: 'shop' }),
        MimcModule.forRootAsync({ name: 'news', useFactory: () => ({ ...options, fromAccount: 'news' }) }),
      ],
      providers: [Sender],
    })
    class AppModule {}
    const app = await boot(AppModule);
    const { main, shop, news } = app.get(Sender);
    mimc.clear();
    for (const push of [main, shop, news]) await push.toAccount(dto);
    expect(mimc.inbox('alice').map(({ fromAccount }) => fromAccount)).toEqual(['server', 'shop', 'news']);
    expect(new Set([main, shop, news]).size).toBe(3);
    await app.close();
  });

  it.each<[string, object]>([
    ['appId', { appId: undefined }],
    ['appId', { appId: Number('2882303761517669588') }],
    ['appKey', { appKey: '' }],
    ['appSecret', { appSecret: 5 }],
    ['baseUrl', { baseUrl: 'http://mimc.chat.xiaomi.net' }],
    ['baseUrl', { baseUrl: 'mimc.chat.xiaomi.net' }],
    ['baseUrl', { baseUrl: 'https://user:k3y@mimc.chat.xiaomi.net' }],
    ['baseUrl', { baseUrl: 'https://mimc.chat.xiaomi.net/?a=b' }],
    ['baseUrl', { baseUrl: 'ftp://127.0.0.1' }],
    ['baseUrl', { baseUrl: 'http://127.evil.example' }],
    ['fromAccount', { fromAccount: '' }],
    ['fromResource', { fromResource: 7 }],
    ['quota', { quota: true }],
    ['quota.accountsPerSecond', { quota: { accountsPerSecond: 0 } }],
    ['quota.topicsPerSecond', { quota: { topicsPerSecond: Number.NaN } }],
    ['quota.maxQueued', { quota: { maxQueued: -1 } }],
    ['quota.perSecond', { quota: { perSecond: 5 } }],
    ['retry', { retry: 3 }],
    ['retry.maxAttempts', { retry: { maxAttempts: 0 } }],
    ['retry.baseDelayMs', { retry: { baseDelayMs: '5' } }],
    ['retry.maxDelayMs', { retry: { maxDelayMs: -1 } }],
    ['retry.delivery', { retry: { delivery: 'exactly-once' } }],
    ['timeouts', { timeouts: 5 }],
    ['timeouts.connectMs', { timeouts: { connectMs: 0 } }],
    ['timeouts.responseMs', { timeouts: { responseMs: 2 ** 31 } }],
    ['deadlineMs', { deadlineMs: 1.5 }],
    ['shutdownMs', { shutdownMs: -1 }],
    ['maxMsgBytes', { maxMsgBytes: 0 }],
    ['limiter', { limiter: { acquire() {} } }],
    ['dispatcher', { dispatcher: {} }],
    ['timeout', { timeout: 5 }],
  ])('refuses a wrong %s at boot, by name and without its value: %j', async (field, wrong) => {
    const error: unknown = await boot(MimcModule.forRoot({ ...options, ...wrong })).catch((e) => e);
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent', violations: [{ field }] });
    expect((error as MimcError).message).toContain(field);
    expect(inspect(error)).not.toMatch(/k3y|5111766983588/);
  });

  it('refuses a number in the environment that is none, by the name of the option', async () => {
    Object.assign(process.env, { MIMC_APP_ID: 'a', MIMC_APP_KEY: 'b', MIMC_DEADLINE_MS: '5s' });
    const error: unknown = await boot(MimcModule.forRootAsync(mimcConfig.asProvider())).catch((e) => e);
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field: 'appSecret' }, { field: 'deadlineMs' }] });
  });

  it('shows no secret to code that inspects it, its service or its DI container', async () => {
    const module = MimcModule.forRoot(options);
    const app = await boot(module);
    const push = app.get(MimcPushService, { strict: false });
    await push.toAccount(dto);
    const shown = [module, push, push.status()].flatMap((value) => [
      inspect(value, { depth: 12, showHidden: true }),
      JSON.stringify(value),
    ]);
    expect(shown.join()).not.toContain(secrets.appSecret);
    expect(shown.join()).not.toContain(secrets.appKey);
    await app.close();
  });
});

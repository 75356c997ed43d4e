import { inspect } from 'node:util';
import { Controller, Get, Injectable, Module, Scope } from '@nestjs/common';
import { ModulesContainer, NestFactory, REQUEST } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  MimcBroadcastService,
  MimcModule,
  type MimcModuleOptions,
  MimcPushService,
  type PushOptions,
} from 'nestjs-mimc';
import { MimcQueueModule, RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { MimcEmulator, MimcTestingModule, RecordingMimcPushService } from 'nestjs-mimc/testing';
import { errorOf, secrets } from '../support/push-app.js';

const dto = { toAccount: 'alice', msg: 'hello' };
const quiet = { logger: false, abortOnError: false } as const;

/** Objects that are not options, whatever TypeScript says of some of them. */
const notOptions: [string, object][] = [
  ['an AbortSignal', AbortSignal.abort()],
  ['a Map', new Map([['deadlineMs', 5]])],
  ['a Set', new Set()],
  ['a Date', new Date()],
  ['a list', []],
  ['a promise', Promise.resolve({})],
  ['a URL', new URL('https://mimc.chat.xiaomi.net')],
  ['an error', new Error('no')],
  ['bytes', Buffer.from('{}')],
];

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe('Options of whatever class', () => {
  let mimc: MimcEmulator;
  let options: MimcModuleOptions;
  const apps: { close(): Promise<unknown> }[] = [];

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
    options = { ...secrets, baseUrl: mimc.url, fromAccount: 'server' };
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    mimc.clear();
  });
  afterAll(() => mimc.close());

  async function boot(module: Parameters<typeof NestFactory.createApplicationContext>[0]) {
    const app = await NestFactory.createApplicationContext(module, quiet);
    apps.push(app);
    return app;
  }

  class Settings implements MimcModuleOptions {
    readonly reads: string[] = [];
    appId = secrets.appId;
    appKey = secrets.appKey;
    appSecret = secrets.appSecret;
    get fromAccount() {
      return 'of a getter';
    }
    get baseUrl() {
      return mimc.url;
    }
    get quota() {
      return new Quota();
    }
  }
  class Quota {
    get accountsPerSecond() {
      return 7;
    }
  }
  /** Without a field that is not an option. */
  const settings = <T extends object>(type: new () => T) => Object.assign(new type(), { reads: undefined });

  it.each([
    ['forRoot', () => MimcModule.forRoot(settings(Settings))],
    ['a factory', () => MimcModule.forRootAsync({ useFactory: () => settings(Settings) })],
  ])('are used as they are checked, inherited getters included: %s', async (_name, register) => {
    const push = (await boot(register())).get(MimcPushService);
    await push.toAccount(dto);
    expect(mimc.inbox('alice')[0]).toMatchObject({ fromAccount: 'of a getter' });
    expect(push.status()).toMatchObject({ accounts: { unitsPerSecond: 7 }, topics: { unitsPerSecond: 20 } });
  });

  it.each([
    ['baseUrl', 'http://mimc.example.com', 'baseUrl'],
    ['deadlineMs', -1.5, 'deadlineMs'],
    ['timeouts', Object.create({ connectMs: -1 }), 'timeouts.connectMs'],
    ['retry', Object.create({ maxAttempts: 0 }), 'retry.maxAttempts'],
    ['quota', Object.create({ maxQueued: 'many' }), 'quota.maxQueued'],
  ])('are refused for a wrong %s that they inherit', async (name, wrong, field) => {
    const given = Object.assign(Object.create({ [name]: wrong }) as object, secrets);
    for (const register of [
      () => MimcModule.forRoot(given),
      () => MimcModule.forRootAsync({ useFactory: () => given }),
    ]) {
      expect(await boot(register()).catch((e: unknown) => e)).toMatchObject({
        code: 'MIMC_CONFIG',
        violations: [{ field }],
      });
    }
  });

  it('have each field read once, from the module to a call', async () => {
    const reads: string[] = [];
    const counted = <T extends object>(values: T): T => {
      const target = Object.create(null) as T;
      for (const [name, value] of Object.entries(values)) {
        Object.defineProperty(target, name, { enumerable: true, get: () => (reads.push(name), value as unknown) });
      }
      return target;
    };
    const given = counted({ ...options, quota: counted({ maxQueued: 3 }), retry: counted({ maxAttempts: 1 }) });
    const app = await boot(MimcModule.forRoot(given));
    await app
      .get(MimcPushService)
      .toAccount(counted(dto), counted({ deadlineMs: 5_000, retry: counted({ baseDelayMs: 1 }) }));
    const broadcast = counted({ chunkSize: 2, retry: counted({ maxDelayMs: 9 }) });
    await app
      .get(MimcBroadcastService)
      .toAccounts(['bob'], counted({ msg: 'broadcast' }), broadcast)
      .drain();
    const named = reads.filter((name) => !['retry', 'msg', 'deadlineMs'].includes(name));
    expect(named.toSorted()).toEqual([...new Set(named)].toSorted());
    expect(reads.filter((name) => name === 'retry')).toHaveLength(3);
    expect(reads.filter((name) => name === 'msg')).toHaveLength(2);
    expect(mimc.count('bob')).toBe(1);
  });

  it('honour what a call inherits: a signal of its options, a field of its DTO', async () => {
    class Cancelled implements PushOptions {
      get signal() {
        return AbortSignal.abort();
      }
    }
    const push = (await boot(MimcModule.forRoot(options))).get(MimcPushService);
    expect(await errorOf(push.toAccount(dto, new Cancelled()))).toMatchObject({ code: 'MIMC_ABORTED' });
    expect(mimc.requests).toHaveLength(0);
    class Stored {
      toAccount = 'alice';
      msg = 'stored';
      get isStore() {
        return true;
      }
    }
    await push.toAccount(new Stored());
    expect(mimc.inbox('alice')[0]).toMatchObject({ isStore: true });
  });

  it('honour an own field that is not enumerable', async () => {
    const hidden = Object.defineProperty({}, 'signal', { value: AbortSignal.abort() });
    const push = (await boot(MimcModule.forRoot(options))).get(MimcPushService);
    expect(await errorOf(push.toAccount(dto, hidden))).toMatchObject({ code: 'MIMC_ABORTED' });
  });

  it('take nothing from what every object inherits', async () => {
    const push = (await boot(MimcModule.forRoot(options))).get(MimcPushService);
    const everyObject = Object.getPrototypeOf({}) as object;
    Object.defineProperty(everyObject, 'bizType', { value: 'polluted', configurable: true });
    try {
      await push.toAccount(dto);
    } finally {
      Reflect.deleteProperty(everyObject, 'bizType');
    }
    expect(JSON.stringify(mimc.requests)).not.toContain('polluted');
    expect(mimc.count('alice')).toBe(1);
  });

  it.each(notOptions)('are not %s', async (_name, given) => {
    const push = (await boot(MimcModule.forRoot(options))).get(MimcPushService);
    const broadcasts = new MimcBroadcastService(push);
    const isObject = { code: 'MIMC_INVALID', violations: [{ field: 'options', rule: 'isObject' }] };
    expect(await errorOf(push.toAccount(dto, given))).toMatchObject(isObject);
    expect(thrownBy(() => broadcasts.toAccounts(['a'], { msg: 'm' }, given))).toMatchObject(isObject);
    expect(thrownBy(() => broadcasts.estimate('accounts', 1, given))).toMatchObject(isObject);
    expect(await errorOf(push.toAccount(dto, { retry: given }))).toMatchObject({
      violations: [{ field: 'options.retry' }],
    });
    const config = { code: 'MIMC_CONFIG' };
    for (const wrong of [given as MimcModuleOptions, { ...options, timeouts: given }, { ...options, quota: given }]) {
      expect(await boot(MimcModule.forRoot(wrong)).catch((e: unknown) => e)).toMatchObject(config);
      expect(thrownBy(() => new RecordingMimcPushService(wrong))).toMatchObject(config);
    }
    expect(await boot(MimcTestingModule.forRoot(given)).catch((e: unknown) => e)).toMatchObject(config);
    expect(thrownBy(() => new RedisMimcRateLimiter(given as never))).toMatchObject(config);
    await expect(MimcEmulator.start(given)).rejects.toThrow('options must be a plain object');
    await expect(MimcEmulator.start({ throttle: given })).rejects.toThrow('throttle must be a plain object');
    expect(mimc.requests).toHaveLength(0);
  });

  it.each<[string, object]>([
    ['options', { prot: 5 }],
    ['options', { prot: 1, port: 0 }],
    ['throttle', { throttle: { retryAfter: 5 } }],
    ['credentials', { credentials: { appid: '1' } }],
    ['quota', { quota: { accounts: 5 } }],
    ['chaos', { chaos: { seed: 1, rat: 1 } }],
    ['errorStatus', { errorStatus: 'mirrored' }],
    ['ledger', { ledger: 'count' }],
    ['throttle.status', { throttle: { status: 503 } }],
  ])('of the emulator are refused by name: %s %j', async (name, wrong) => {
    await expect(MimcEmulator.start(wrong)).rejects.toThrow(name);
  });

  it('of the limiter on Redis are refused where they are unknown', () => {
    const wrong = { connection: 'redis://127.0.0.1', app: '1', accountPerSecond: 5 };
    expect(thrownBy(() => new RedisMimcRateLimiter(wrong))).toMatchObject({
      code: 'MIMC_CONFIG',
      violations: [{ field: 'accountPerSecond' }],
    });
  });

  describe('from a factory that is not of the default scope', () => {
    @Injectable({ scope: Scope.REQUEST })
    class OfARequest {
      createMimcOptions = () => options;
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      createMimcOptions = () => options;
    }
    @Controller()
    class Sender {
      constructor(readonly push: MimcPushService) {}
      @Get() go() {
        return this.push.toAccount(dto);
      }
    }
    const appWith = (module: ReturnType<typeof MimcModule.forRoot>) => {
      @Module({ imports: [module, MimcModule.forRoot(options)], controllers: [Sender] })
      class AppModule {}
      return AppModule;
    };

    it.each([
      ['REQUEST', () => MimcModule.forRootAsync({ inject: [REQUEST], useFactory: () => options })],
      ['a request-scoped class', () => MimcModule.forRootAsync({ useClass: OfARequest })],
      [
        'a request-scoped dependency',
        () =>
          MimcModule.forRootAsync({ extraProviders: [OfARequest], inject: [OfARequest], useFactory: () => options }),
      ],
    ])('are refused at boot, and what to use is named: %s', async (_name, register) => {
      const error: unknown = await boot(appWith(register())).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', message: expect.stringContaining('default scope') });
    });

    it('make one service when only the class of the factory is transient', async () => {
      const app = await boot(appWith(MimcModule.forRootAsync({ useClass: Transient })));
      expect(app.get(Sender).push).toBeInstanceOf(MimcPushService);
    });

    it('are refused for the queue too', async () => {
      const queue = MimcQueueModule.forRootAsync({
        inject: [REQUEST],
        useFactory: () => ({ connection: 'redis://127.0.0.1:1', worker: false }),
      });
      @Module({ imports: [MimcModule.forRoot({ ...options, isGlobal: true }), queue] })
      class AppModule {}
      expect(await boot(AppModule).catch((e: unknown) => e)).toMatchObject({
        code: 'MIMC_CONFIG',
        message: expect.stringContaining('MimcQueueModule'),
      });
    });
  });

  it('are not in the container, nor is a secret anywhere in it', async () => {
    const modules = [MimcModule.forRoot(options), MimcModule.forRootAsync({ useFactory: () => options, name: 'shop' })];
    @Module({ imports: modules })
    class AppModule {}
    const app = await boot(AppModule);
    expect(() => app.get('MIMC_MODULE_OPTIONS', { strict: false })).toThrow('MIMC_MODULE_OPTIONS');
    const seen: unknown[] = [];
    for (const module of app.get(ModulesContainer).values()) {
      for (const wrapper of module.providers.values()) seen.push(wrapper.instance, wrapper.metatype);
    }
    expect(seen.some((value) => value instanceof MimcPushService)).toBe(true);
    const shown = seen
      .filter((value) => !(value instanceof ModulesContainer))
      .map((value) => inspect(value, { depth: 4, showHidden: true }))
      .join();
    expect(shown).not.toContain(secrets.appSecret);
    expect(shown).not.toContain(secrets.appKey);
  });
});

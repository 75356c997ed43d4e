import { Test, type TestingModule } from '@nestjs/testing';
import { MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator, type MimcEmulatorOptions } from 'nestjs-mimc/testing';
import { MimcQueueModule } from 'nestjs-mimc/bullmq';
import type { Provider, Type } from '@nestjs/common';
import { startRedis } from '../../support/redis.js';

/** An application with the module and these providers, and an emulator. */
export interface Bench {
  readonly mimc: MimcEmulator;
  readonly app: TestingModule;
  readonly close: () => Promise<void>;
}

/** Options that lead to an emulator. */
export function optionsOf(mimc: MimcEmulator): MimcModuleOptions {
  return { ...mimc.credentials, baseUrl: mimc.url, fromAccount: 'shop' };
}

/** The environment that leads `mimcConfig` to an emulator. */
export function envOf({ url, credentials }: MimcEmulator): Record<string, string> {
  return {
    MIMC_BASE_URL: url,
    MIMC_APP_ID: credentials.appId,
    MIMC_APP_KEY: credentials.appKey,
    MIMC_APP_SECRET: credentials.appSecret,
    MIMC_FROM_ACCOUNT: 'shop',
  };
}

export async function bench(
  providers: Provider[],
  options: Partial<MimcModuleOptions> = {},
  emulated: MimcEmulatorOptions = {},
): Promise<Bench> {
  const mimc = await MimcEmulator.start(emulated);
  const app = await Test.createTestingModule({
    imports: [MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true, ...options })],
    providers,
  }).compile();
  await app.init();
  return { mimc, app, close: () => app.close().then(() => mimc.close()) };
}

/** The same with the queue, which has a Redis of its own. */
export async function queueBench(providers: Provider[] = []): Promise<Bench> {
  const [mimc, redis] = await Promise.all([MimcEmulator.start(), startRedis()]);
  const app = await Test.createTestingModule({
    imports: [
      MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }),
      MimcQueueModule.forRoot({ connection: redis.url }),
    ],
    providers,
  }).compile();
  await app.init();
  const close = async () => {
    await app.close();
    await mimc.close();
    await redis.stop();
  };
  return { mimc, app, close };
}

/** Boots a module that a page shows, as it stands. */
export async function boot(module: Type, ...more: Type[]): Promise<TestingModule> {
  const app = await Test.createTestingModule({ imports: [module, ...more] }).compile();
  return app.init();
}

/** The last of a sequence that ends. */
export async function lastOf<T>(sequence: AsyncIterable<T>): Promise<T | undefined> {
  let last: T | undefined;
  for await (const each of sequence) last = each;
  return last;
}

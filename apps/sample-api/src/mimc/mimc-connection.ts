import { DynamicModule } from '@nestjs/common';
import { mimcConfig, MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { DemoModule } from '../demo/demo.module.js';
import type { MimcTarget } from '../settings/sample-settings.js';

/** The one `MimcModule` of the application; global, so that everything shares its quota. */
export function mimcConnection({ mode, redisUrl }: MimcTarget): DynamicModule {
  if (mode === 'mimc') {
    return MimcModule.forRootAsync({ useFactory: () => withSharedQuota(mimcConfig(), redisUrl), isGlobal: true });
  }
  return MimcModule.forRootAsync({
    imports: [DemoModule],
    inject: [MimcEmulator],
    useFactory: (emulator: MimcEmulator) => withSharedQuota(demoOptions(emulator), redisUrl),
    isGlobal: true,
  });
}

/** Quota, time limits and sender are as the environment says in demo mode too; only where it pushes to is not. */
function demoOptions({ url, credentials }: MimcEmulator): MimcModuleOptions {
  const options = mimcConfig();
  return { ...options, ...credentials, baseUrl: url, fromAccount: options.fromAccount ?? 'sample-api' };
}

/** With Redis the quota is one for all processes of this app. */
function withSharedQuota(options: MimcModuleOptions, redisUrl: string | undefined): MimcModuleOptions {
  if (redisUrl === undefined) return options;
  const { appId: app, quota, timeouts: { connectMs = 3_000, responseMs = 10_000 } = {} } = options;
  const limiter = new RedisMimcRateLimiter({
    connection: redisUrl,
    app,
    ...quota,
    // Never less than an attempt can take.
    leaseMs: connectMs + responseMs + 2_000,
  });
  return { ...options, limiter };
}

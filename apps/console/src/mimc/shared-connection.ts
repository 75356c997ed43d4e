import type { DynamicModule } from '@nestjs/common';
import type { MimcModuleOptions } from 'nestjs-mimc';
import { RedisMimcRateLimiter } from 'nestjs-mimc/bullmq';
import { mimcConnection } from '../../../sample-api/src/mimc/mimc-connection.js';
import type { MimcTarget } from '../settings.js';

/** The sample's `MimcModule`; with Redis all processes of this app share one quota. */
export function sharedConnection({ mode, redisUrl }: MimcTarget): DynamicModule {
  return redisUrl === undefined
    ? mimcConnection(mode)
    : mimcConnection(mode, (options) => withSharedQuota(options, redisUrl));
}

function withSharedQuota(options: MimcModuleOptions, redisUrl: string): MimcModuleOptions {
  const { appId: app, quota, timeouts: { connectMs = 3_000, responseMs = 10_000 } = {} } = options;
  const limiter = new RedisMimcRateLimiter({
    connection: redisUrl,
    app,
    ...quota,
    // Longer than any attempt.
    leaseMs: connectMs + responseMs + 2_000,
  });
  return { ...options, limiter };
}

import { DynamicModule } from '@nestjs/common';
import { mimcConfig, MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { DemoModule } from '../demo/demo.module.js';
import type { SampleSettings } from '../settings/sample-settings.js';

/** The one `MimcModule` of the application; global, so that everything shares its quota. */
export function mimcConnection({ mode }: SampleSettings): DynamicModule {
  if (mode === 'mimc') return MimcModule.forRootAsync({ ...mimcConfig.asProvider(), isGlobal: true });
  return MimcModule.forRootAsync({
    imports: [DemoModule],
    inject: [MimcEmulator],
    useFactory: demoOptions,
    isGlobal: true,
  });
}

/** Quota, time limits and sender are as the environment says in demo mode too; only where it pushes to is not. */
function demoOptions({ url, credentials }: MimcEmulator): MimcModuleOptions {
  const options = mimcConfig();
  return { ...options, ...credentials, baseUrl: url, fromAccount: options.fromAccount ?? 'sample-api' };
}

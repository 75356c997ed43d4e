import type { DynamicModule } from '@nestjs/common';
import { mimcConfig, MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { Settings } from '../settings.js';
import { DemoModule } from './demo.module.js';

/**
 * The one `MimcModule` of the application; global, so that everything shares its quota. `complete` may add to the options
 * that are read from the environment.
 */
export function mimcConnection(
  mode: Settings['mode'],
  complete: (options: MimcModuleOptions) => MimcModuleOptions = (options) => options,
): DynamicModule {
  if (mode === 'mimc') {
    return MimcModule.forRootAsync({ useFactory: () => complete(mimcConfig()), isGlobal: true });
  }
  return MimcModule.forRootAsync({
    imports: [DemoModule],
    inject: [MimcEmulator],
    useFactory: (emulator: MimcEmulator) => complete(demoOptions(emulator)),
    isGlobal: true,
  });
}

/** Quota, time limits and sender are as the environment says in demo mode too; only where it pushes to is not. */
function demoOptions({ url, credentials }: MimcEmulator): MimcModuleOptions {
  const options = mimcConfig();
  return { ...options, ...credentials, baseUrl: url, fromAccount: options.fromAccount ?? 'sample-api' };
}

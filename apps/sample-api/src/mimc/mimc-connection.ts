import type { DynamicModule } from '@nestjs/common';
import { mimcConfig, MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import type { Settings } from '../settings.js';
import { DemoModule } from './demo.module.js';

/**
 * The application's only `MimcModule`; global, so that everything shares its quota. `complete` may change the options read
 * from the environment.
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

/** Demo mode uses quota, time limits and sender from the environment; only the target is the emulator. */
function demoOptions({ url, credentials }: MimcEmulator): MimcModuleOptions {
  const options = mimcConfig();
  return { ...options, ...credentials, baseUrl: url, fromAccount: options.fromAccount ?? 'sample-api' };
}

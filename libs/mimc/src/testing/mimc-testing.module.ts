import { DynamicModule, Module } from '@nestjs/common';
import {
  getMimcBroadcastToken,
  getMimcPushToken,
  getMimcTokenServiceToken,
  getMimcTopicToken,
  getMimcUnlimitedTopicToken,
  type InPart,
  MimcBroadcastService,
  type MimcModuleExtras,
  type MimcModuleOptions,
} from '../index.js';
import { splitExtras } from '../internals.js';
import { RecordingMimcPushService } from './recording-push.service.js';
import { RecordingMimcTokenService } from './recording-token.service.js';
import { RecordingMimcTopicService } from './recording-topic.service.js';
import { RecordingMimcUnlimitedTopicService } from './recording-unlimited-topic.service.js';

/** Options of {@link MimcTestingModule}: the name of the module under test, and what it validates with. */
export type MimcTestingModuleOptions = InPart<MimcModuleOptions> & Pick<MimcModuleExtras, 'isGlobal' | 'name'>;

/**
 * Stands in for `MimcModule` in the tests of an application: exports a {@link RecordingMimcPushService}, a
 * {@link RecordingMimcTokenService}, a {@link RecordingMimcTopicService} and a {@link RecordingMimcUnlimitedTopicService} under the
 * tokens of the real services, and a real broadcast service on the first.
 *
 * @example
 * const module = await Test.createTestingModule({ imports: [MimcTestingModule.forRoot(), OrdersModule] }).compile();
 * const push: RecordingMimcPushService = module.get(MimcPushService);
 */
@Module({})
export class MimcTestingModule {
  /** Global by default, as the modules under test import the real one or none. */
  static forRoot(given: MimcTestingModuleOptions = {}): DynamicModule {
    const { options, extras } = splitExtras(given, ['isGlobal', 'name']);
    const { isGlobal = true, name } = extras as MimcModuleExtras;
    const push = { provide: getMimcPushToken(name), useFactory: () => new RecordingMimcPushService(options, name) };
    const broadcast = {
      provide: getMimcBroadcastToken(name),
      inject: [push.provide],
      useFactory: (service: RecordingMimcPushService) => new MimcBroadcastService(service),
    };
    const tokens = {
      provide: getMimcTokenServiceToken(name),
      inject: [push.provide],
      useFactory: (service: RecordingMimcPushService) => new RecordingMimcTokenService(service),
    };
    const topics = {
      provide: getMimcTopicToken(name),
      inject: [push.provide],
      useFactory: (service: RecordingMimcPushService) => new RecordingMimcTopicService(service),
    };
    const unlimited = {
      provide: getMimcUnlimitedTopicToken(name),
      inject: [push.provide],
      useFactory: (service: RecordingMimcPushService) => new RecordingMimcUnlimitedTopicService(service),
    };
    const providers = [push, broadcast, tokens, topics, unlimited];
    return { module: MimcTestingModule, global: isGlobal, providers, exports: providers.map(({ provide }) => provide) };
  }
}

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { mimcConfig, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcCallbackModule, type MimcCallbackOptions } from 'nestjs-mimc/callback';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { DemoModule } from '../mimc/demo.module.js';
import type { Settings } from '../settings.js';
import { ReceivedMessages } from './received-messages.js';

/** Demo mode: points the emulator's callbacks at this application once its port is known. */
@Injectable()
class DemoCallbacks {
  constructor(emulator: MimcEmulator, host: HttpAdapterHost) {
    host.listen$.subscribe(() => {
      const { port } = (host.httpAdapter.getHttpServer() as Server).address() as AddressInfo;
      emulator.callbackUrl = `http://localhost:${port}/mimc/callback`;
    });
  }
}

/** Only the id and the secret of the app; the module checks that they are set. */
function callbacksOf({ appId, appSecret = '' }: Pick<MimcModuleOptions, 'appId' | 'appSecret'>): MimcCallbackOptions {
  return { apps: [{ appId, appSecret }] };
}

/** Receives MIMC's callbacks at `POST /mimc/callback`; enter that URL in MIMC's console. */
@Module({})
export class CallbacksModule {
  static with(mode: Settings['mode']): DynamicModule {
    return mode === 'demo'
      ? {
          module: CallbacksModule,
          imports: [
            DemoModule,
            MimcCallbackModule.forRootAsync({
              imports: [DemoModule],
              inject: [MimcEmulator],
              useFactory: ({ credentials }: MimcEmulator) => callbacksOf(credentials),
            }),
          ],
          providers: [ReceivedMessages, DemoCallbacks],
        }
      : {
          module: CallbacksModule,
          imports: [MimcCallbackModule.forRootAsync({ useFactory: () => callbacksOf(mimcConfig()) })],
          providers: [ReceivedMessages],
        };
  }
}

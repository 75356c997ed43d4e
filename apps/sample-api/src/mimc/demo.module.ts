import { Module, OnApplicationShutdown } from '@nestjs/common';
import { MimcEmulator } from 'nestjs-mimc/testing';

/** Demo mode: the emulator, a real HTTP server on a free loopback port, with MIMC's documented quota. */
@Module({
  providers: [{ provide: MimcEmulator, useFactory: () => MimcEmulator.start({ quota: true }) }],
  exports: [MimcEmulator],
})
export class DemoModule implements OnApplicationShutdown {
  constructor(private readonly emulator: MimcEmulator) {}

  /** Closed last: in the phase before, the push service lets calls in flight finish. */
  async onApplicationShutdown(): Promise<void> {
    await this.emulator.close();
  }
}

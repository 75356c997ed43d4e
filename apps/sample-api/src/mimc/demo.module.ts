import { Module, OnApplicationShutdown } from '@nestjs/common';
import { MimcEmulator } from 'nestjs-mimc/testing';

/** Demo mode: MIMC's stand-in, a real HTTP server on a free port of loopback, with the quota of the vendor's documents. */
@Module({
  providers: [{ provide: MimcEmulator, useFactory: () => MimcEmulator.start({ quota: true }) }],
  exports: [MimcEmulator],
})
export class DemoModule implements OnApplicationShutdown {
  constructor(private readonly emulator: MimcEmulator) {}

  /** Here, as the push service lets calls in flight finish in the phase before this one. */
  async onApplicationShutdown(): Promise<void> {
    await this.emulator.close();
  }
}

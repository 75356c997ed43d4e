import { ConsoleLogger, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { secrets } from './push-app.js';
import type { Telemetry } from './telemetry.js';

/** How an application is set up besides the options of MIMC. */
export interface ObservedSetup {
  /** A MIMC module for each. Default: one without a name. */
  names?: readonly (string | undefined)[];
  /** How often the instrumentation is imported. Default 1. */
  times?: number;
}

/** Boots an application that reports to `telemetry`, with quick retries. */
export async function bootObserved(
  { tracerProvider, meterProvider }: Telemetry,
  options: Partial<MimcModuleOptions>,
  { names = [undefined], times = 1 }: ObservedSetup = {},
): Promise<INestApplication> {
  const retry = { baseDelayMs: 1, maxDelayMs: 20 };
  const given = { ...secrets, fromAccount: 'sender-of-the-tests', retry, ...options };
  const observe = () => MimcOpenTelemetryModule.forRoot({ names, tracerProvider, meterProvider });
  const module = await Test.createTestingModule({
    imports: [
      ...names.map((name) => MimcModule.forRoot({ ...given, name })),
      ...Array.from({ length: times }, () => observe()),
    ],
  })
    .setLogger(new ConsoleLogger({ logLevels: [] }))
    .compile();
  return module.createNestApplication().init();
}

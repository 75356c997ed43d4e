import { DynamicModule, Inject, Module, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { getMimcPushToken, MimcError } from '../index.js';
import type { Undo } from './channels.js';
import { instrumentMimc, type MimcInstrumentationOptions, SCOPE } from './instrument-mimc.js';
import { metrics } from './loaded-peers.js';
import { type NamedPush, observeQuotas } from './quota-gauges.js';

/** Options of {@link MimcOpenTelemetryModule}. */
export interface MimcOpenTelemetryOptions extends MimcInstrumentationOptions {
  /**
   * The modules whose quotas are observed, by `name`; `undefined` is the one without a name. Default `[undefined]`. Calls
   * are recorded of every module whatever stands here.
   */
  names?: readonly (string | undefined)[] | undefined;
}

const OPTIONS = Symbol('MimcOpenTelemetryOptions');

/**
 * Reports the calls and the quotas of the application's MIMC modules to OpenTelemetry, from the initialisation of the
 * modules until the application has shut down. The global providers, unless others are given, must be registered before.
 *
 * @example
 * \@Module({ imports: [MimcModule.forRoot(options), MimcOpenTelemetryModule.forRoot()] })
 */
@Module({})
export class MimcOpenTelemetryModule implements OnModuleInit, OnApplicationShutdown {
  #undo: readonly Undo[] = [];

  constructor(
    private readonly moduleRef: ModuleRef,
    @Inject(OPTIONS) private readonly options: MimcOpenTelemetryOptions,
  ) {}

  /**
   * Registers the module; importing it twice is harmless.
   *
   * @throws MimcError `MIMC_CONFIG` at boot, when there is no module with one of the `names`
   */
  static forRoot(options: MimcOpenTelemetryOptions = {}): DynamicModule {
    return { module: MimcOpenTelemetryModule, providers: [{ provide: OPTIONS, useFactory: () => options }] };
  }

  /** Not later, as other modules may push when they are initialised. */
  onModuleInit(): void {
    const { names = [undefined], tracerProvider, meterProvider = metrics.getMeterProvider() } = this.options;
    const services = names.map((name) => this.#service(name));
    this.#undo = [
      instrumentMimc({ tracerProvider, meterProvider }),
      observeQuotas(meterProvider.getMeter(SCOPE), services),
    ];
  }

  /** The last phase: the push services have waited for their calls in the one before. */
  onApplicationShutdown(): void {
    for (const undo of this.#undo) undo();
    this.#undo = [];
  }

  #service(name: string | undefined): NamedPush {
    try {
      return { name, push: this.moduleRef.get(getMimcPushToken(name), { strict: false }) };
    } catch {
      const which = name === undefined ? 'MimcModule without a name' : `MimcModule with the name "${name}"`;
      const message = `MimcOpenTelemetryModule options: names: the application has no ${which}`;
      throw new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message });
    }
  }
}

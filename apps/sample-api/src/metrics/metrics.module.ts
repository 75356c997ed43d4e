import { DynamicModule, Module, OnApplicationShutdown } from '@nestjs/common';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { MetricsController } from './metrics.controller.js';

/** Metrics of the pushes at `/metrics`, on the application's own port and behind its guard. */
@Module({})
export class MetricsModule implements OnApplicationShutdown {
  constructor(private readonly meterProvider: MeterProvider) {}

  /** With its own provider: the global one is left to the operator of this application. */
  static create(): DynamicModule {
    const exporter = new PrometheusExporter({
      preventServerStart: true,
      withoutScopeInfo: true,
      withoutTargetInfo: true,
    });
    const meterProvider = new MeterProvider({ readers: [exporter] });
    return {
      module: MetricsModule,
      imports: [MimcOpenTelemetryModule.forRoot({ meterProvider })],
      controllers: [MetricsController],
      providers: [
        { provide: PrometheusExporter, useFactory: () => exporter },
        { provide: MeterProvider, useFactory: () => meterProvider },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.meterProvider.shutdown();
  }
}

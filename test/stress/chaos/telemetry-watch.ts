import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { instrumentMimc } from 'nestjs-mimc/opentelemetry';
import type { LeakWatch } from './leak-watch.js';

/** Takes what the OpenTelemetry entry exports, looks for leaks in it, and keeps none of it. */
export class TelemetryWatch {
  /** Spans that ended. */
  spans = 0;
  readonly #leaks: LeakWatch;
  readonly #reader = new OnDemandReader();
  readonly #stop: () => void;

  constructor(leaks: LeakWatch) {
    this.#leaks = leaks;
    const processor: SpanProcessor = {
      onStart() {},
      onEnd: (span) => this.#look(span),
      async forceFlush() {},
      async shutdown() {},
    };
    this.#stop = instrumentMimc({
      tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }),
      meterProvider: new MeterProvider({ readers: [this.#reader] }),
    });
  }

  /** Looks at all metrics, and returns how many calls they count. */
  async measuredCalls(): Promise<number> {
    const { resourceMetrics } = await this.#reader.collect();
    this.#leaks.text('a metric', JSON.stringify(resourceMetrics.scopeMetrics));
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const points = metrics.find(({ descriptor }) => descriptor.name === 'mimc.call.duration')?.dataPoints ?? [];
    return points.reduce((sum, { value }) => sum + (typeof value === 'object' ? value.count : 0), 0);
  }

  stop(): void {
    this.#stop();
  }

  #look({ name, kind, attributes, events, links, status }: ReadableSpan): void {
    this.spans += 1;
    this.#leaks.text('a span', JSON.stringify({ name, kind, attributes, events, links, status }));
  }
}

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

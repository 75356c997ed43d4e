import type { Attributes } from '@opentelemetry/api';
import { type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** One value of a metric, or the count of a histogram with its sum. */
export interface Measured {
  attributes: Attributes;
  value: number;
  sum?: number;
}

/** OpenTelemetry's own SDK, with what it would export. */
export interface Telemetry {
  tracerProvider: BasicTracerProvider;
  meterProvider: MeterProvider;
  /** Spans that have ended. */
  spans(): ReadableSpan[];
  /** The values of a metric now. */
  measured(name: string): Promise<Measured[]>;
  /** All that is exported, spans and metrics, as text to search. */
  exported(): Promise<string>;
}

/** Starts providers that keep what they get. */
export function startTelemetry(): Telemetry {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const reader = new OnDemandReader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const metrics = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    if (errors.length > 0) throw new AggregateError(errors);
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  };
  return {
    tracerProvider,
    meterProvider,
    spans: () => exporter.getFinishedSpans(),
    async measured(name) {
      const metric = (await metrics()).find(({ descriptor }) => descriptor.name === name);
      return (metric?.dataPoints ?? []).map(({ attributes, value }) => measuredOf(attributes, value));
    },
    async exported() {
      const spans = exporter.getFinishedSpans().map(({ name, kind, attributes, events, links, status, resource }) => {
        return { name, kind, attributes, events, links, status, resource: resource.attributes };
      });
      return JSON.stringify([spans, await metrics()]);
    },
  };
}

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

function measuredOf(attributes: Attributes, value: unknown): Measured {
  if (typeof value === 'number') return { attributes, value };
  const { count, sum } = value as Histogram;
  return { attributes, value: count, sum };
}

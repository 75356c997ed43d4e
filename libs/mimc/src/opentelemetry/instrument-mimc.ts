import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { CallSpans } from './call-spans.js';
import { measureCalls } from './call-metrics.js';
import { undoAll } from './channels.js';
import { metrics, trace } from './loaded-peers.js';
import { sharedBy } from './shared.js';

/** Name of the tracer and of the meter: the instrumentation scope. */
export const SCOPE = 'nestjs-mimc';

/** Options of {@link instrumentMimc}. */
export interface MimcInstrumentationOptions {
  /** Where spans go. Default: the global provider, also one that is registered later. */
  tracerProvider?: TracerProvider | undefined;
  /** Where metrics go. Default: the provider that is the global one when the instrumentation begins. */
  meterProvider?: MeterProvider | undefined;
}

const traceCalls = sharedBy<TracerProvider>((provider) => {
  const spans = new CallSpans(provider.getTracer(SCOPE));
  return () => spans.stop();
});

const meterCalls = sharedBy<MeterProvider>((provider) => measureCalls(provider.getMeter(SCOPE)));

/**
 * Makes a span and metrics of every call of every `MimcPushService` of this process, from the diagnostics channels. No
 * account, content or credential is in them. Returns what ends it, which also ends the spans of calls in flight; harmless
 * when called twice. For the same provider twice, calls are recorded once all the same.
 *
 * {@link MimcOpenTelemetryModule} does this for a Nest application and adds the gauges of its quotas.
 *
 * @example
 * sdk.start(); // OpenTelemetry's own
 * const stop = instrumentMimc();
 */
export function instrumentMimc(options: MimcInstrumentationOptions = {}): () => void {
  return undoAll([
    traceCalls(options.tracerProvider ?? trace.getTracerProvider()),
    meterCalls(options.meterProvider ?? metrics.getMeterProvider()),
  ]);
}

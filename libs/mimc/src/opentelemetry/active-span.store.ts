import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from '@opentelemetry/api';
import { context } from './loaded-peers.js';

/**
 * Lends OpenTelemetry's active context to a diagnostics channel, which takes an `AsyncLocalStorage` only, while
 * OpenTelemetry does not give out its own (open-telemetry/opentelemetry-js#6088).
 *
 * Node up to 25 runs what is traced through `run`. A later one enters the store without it: a call's span is then made and
 * has its right parent all the same, but is not the active one during the call.
 */
export class ActiveSpanStore extends AsyncLocalStorage<Context> {
  override run<R, A extends unknown[]>(active: Context, step: (...args: A) => R, ...args: A): R {
    return context.with(active, () => step(...args));
  }
}

import { channel, type Channel } from 'node:diagnostics_channel';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { MimcAttemptEvent, MimcCallEvent, MimcRetryEvent, MimcThrottledEvent } from '../index.js';
import { ActiveSpanStore } from './active-span.store.js';
import {
  attemptAttributes,
  endAttributes,
  failureCode,
  httpStatusOf,
  spanName,
  startAttributes,
} from './attributes.js';
import { listen, type Undo } from './channels.js';
import { context, SpanKind, SpanStatusCode, trace } from './loaded-peers.js';

/** A call that has not ended. */
interface OpenCall {
  readonly span: Span;
  /** When its latest attempt began, in milliseconds on the clock of `performance.now()`. */
  attemptAt?: number;
  /** Of its latest attempt. */
  httpStatus?: number;
}

/** Makes a client span of every call, active while the call runs, with an event for every attempt, retry and throttling. */
export class CallSpans {
  readonly #tracer: Tracer;
  readonly #calls = new Map<string, OpenCall>();
  readonly #store = new ActiveSpanStore();
  readonly #start = channel('tracing:mimc:call:start') as Channel<Context, MimcCallEvent>;
  readonly #undo: readonly Undo[];

  /** Begins at once. */
  constructor(tracer: Tracer) {
    this.#tracer = tracer;
    this.#start.bindStore(this.#store, (event) => this.#begin(event));
    this.#undo = [
      listen('tracing:mimc:attempt:start', (event) => this.#attemptBegins(event)),
      listen('tracing:mimc:attempt:asyncEnd', (event) => this.#attemptEnds(event)),
      listen('mimc:throttled', (event) => this.#throttled(event)),
      listen('mimc:retry', (event) => this.#retries(event)),
      listen('tracing:mimc:call:asyncEnd', (event) => this.#end(event)),
    ];
  }

  /** Stops; the spans of calls that still run end here, as nobody would end them later. */
  stop(): void {
    this.#start.unbindStore(this.#store);
    for (const undo of this.#undo) undo();
    for (const { span } of this.#calls.values()) span.end();
    this.#calls.clear();
  }

  /** Runs where the call was made, so that the span active there becomes the parent. */
  #begin(event: MimcCallEvent): Context {
    const parent = context.active();
    const options = { kind: SpanKind.CLIENT, attributes: startAttributes(event) };
    const span = this.#tracer.startSpan(spanName(event.endpoint), options, parent);
    this.#calls.set(event.callId, { span });
    return trace.setSpan(parent, span);
  }

  #attemptBegins({ callId }: MimcAttemptEvent): void {
    const call = this.#calls.get(callId);
    if (call) call.attemptAt = performance.now();
  }

  #attemptEnds(event: MimcAttemptEvent): void {
    const call = this.#calls.get(event.callId);
    if (call === undefined) return;
    const { attemptAt } = call;
    const durationMs = attemptAt === undefined ? undefined : performance.now() - attemptAt;
    call.httpStatus = httpStatusOf(event);
    call.span.addEvent('mimc.attempt', attemptAttributes(event, durationMs));
  }

  #throttled({ callId, attempt, bucket, forMs }: MimcThrottledEvent): void {
    this.#tell(callId, 'mimc.throttled', {
      'mimc.attempt.number': attempt,
      ...(bucket !== undefined && { 'mimc.bucket': bucket }),
      'mimc.penalty.duration': forMs / 1000,
    });
  }

  #retries({ callId, attempt, delayMs, error }: MimcRetryEvent): void {
    this.#tell(callId, 'mimc.retry', {
      'mimc.attempt.number': attempt,
      'mimc.retry.delay': delayMs / 1000,
      'error.type': error.code,
    });
  }

  #tell(callId: string, name: string, attributes: Attributes): void {
    this.#calls.get(callId)?.span.addEvent(name, attributes);
  }

  #end(event: MimcCallEvent): void {
    const call = this.#calls.get(event.callId);
    if (call === undefined) return;
    this.#calls.delete(event.callId);
    const { span, httpStatus } = call;
    span.setAttributes({ ...endAttributes(event), 'http.response.status_code': httpStatus });
    const code = failureCode(event);
    if (code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    span.end();
  }
}

import type { Attributes, Meter } from '@opentelemetry/api';
import type { MimcCallEvent, MimcEndpoint } from '../index.js';
import { appAttributes, failureCode, outcomeOf } from './attributes.js';
import { listen, type Undo, undoAll } from './channels.js';

/** Seconds: from an answer of the next building to the default deadline, with the one-second window of the quota. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Measures every call from now on, until undone. */
export function measureCalls(meter: Meter): Undo {
  const retries = meter.createCounter('mimc.retries', {
    description: 'Attempts that followed a failed one',
    unit: '{retry}',
  });
  const throttled = meter.createCounter('mimc.throttled', {
    description: 'Attempts that MIMC throttled',
    unit: '{attempt}',
  });
  return undoAll([
    measureEnds(meter),
    listen('mimc:retry', ({ endpoint, name, error }) => {
      retries.add(1, { ...place(endpoint, name), 'mimc.code': error.code });
    }),
    listen('mimc:throttled', ({ endpoint, name, bucket }) => {
      throttled.add(1, { ...place(endpoint, name), ...(bucket !== undefined && { 'mimc.bucket': bucket }) });
    }),
  ]);
}

function measureEnds(meter: Meter): Undo {
  const begun = new WeakMap<MimcCallEvent, number>();
  const duration = meter.createHistogram('mimc.call.duration', {
    description: 'Duration of calls, with waiting for quota, attempts and backoff',
    unit: 's',
    advice: { explicitBucketBoundaries: DURATION_BUCKETS },
  });
  const recipients = meter.createCounter('mimc.recipients', {
    description: 'Recipients of calls, by what became of the call',
    unit: '{recipient}',
  });
  return undoAll([
    listen('tracing:mimc:call:start', (event) => begun.set(event, performance.now())),
    listen('tracing:mimc:call:asyncEnd', (event) => {
      const begin = begun.get(event);
      if (begin === undefined) return;
      const ended = { ...place(event.endpoint, event.name), 'mimc.outcome': outcomeOf(event) };
      duration.record((performance.now() - begin) / 1000, { ...ended, 'mimc.code': failureCode(event) ?? 'OK' });
      // A call that was refused for its form has no known recipients.
      if (event.recipients !== undefined) recipients.add(event.recipients, ended);
    }),
  ]);
}

function place(endpoint: MimcEndpoint, name: string | undefined): Attributes {
  return { 'mimc.endpoint': endpoint, ...appAttributes(name) };
}

import type { BatchObservableResult, Meter } from '@opentelemetry/api';
import type { MimcPushService } from '../index.js';
import { appAttributes } from './attributes.js';
import type { Undo } from './channels.js';

/** A push service and the `name` of its module. */
export interface NamedPush {
  readonly name: string | undefined;
  readonly push: MimcPushService;
}

/** Observes the quotas of these services whenever metrics are collected, until undone. */
export function observeQuotas(meter: Meter, services: readonly NamedPush[]): Undo {
  const depth = meter.createObservableGauge('mimc.queue.depth', {
    description: 'Calls that wait for quota',
    unit: '{call}',
  });
  const utilization = meter.createObservableGauge('mimc.quota.utilization', {
    description: 'Share of the quota in use; 1 is all of it',
    unit: '1',
  });
  const penalty = meter.createObservableGauge('mimc.penalty.remaining', {
    description: 'Time until calls are admitted again after MIMC throttled one; 0 when they are',
    unit: 's',
  });
  const gauges = [depth, utilization, penalty];
  const observe = (result: BatchObservableResult) => {
    for (const { name, push } of services) {
      const status = push.status();
      for (const bucket of ['accounts', 'topics', 'unlimitedTopics'] as const) {
        const { queued, usedUnits, unitsPerSecond, resumesInMs } = status[bucket];
        const attributes = { 'mimc.bucket': bucket, ...appAttributes(name) };
        result.observe(depth, queued, attributes);
        result.observe(penalty, resumesInMs / 1000, attributes);
        // With `quota: false` there is nothing to have a share of.
        if (unitsPerSecond !== undefined) result.observe(utilization, usedUnits / unitsPerSecond, attributes);
      }
    }
  };
  meter.addBatchObservableCallback(observe, gauges);
  return () => {
    meter.removeBatchObservableCallback(observe, gauges);
  };
}

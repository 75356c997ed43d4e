import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from '@jest/globals';
import type { MimcDelivery } from 'nestjs-mimc';
import { chaosCall } from '../stress/chaos/chaos-calls.js';
import type { ChaosResult } from '../stress/chaos/chaos-result.js';
import { brokenRules } from '../stress/chaos/chaos-rules.js';
import { runChaos } from '../stress/chaos/chaos-run.js';
import { LeakWatch } from '../stress/chaos/leak-watch.js';
import { secrets } from '../support/push-app.js';

describe.each([1, 77, 20260])('with a fifth of all requests failing in every way, seed %i', (seed) => {
  it.each<MimcDelivery>(['at-most-once', 'at-least-once'])(
    '%s delivery reports each call truthfully, lets nothing out and leaves nothing open',
    async (delivery) => {
      const maxHeapGrowth = 16 * 1024 * 1024;
      const report = await runChaos({ seed, calls: 800, inFlight: 64, rate: 0.2, delivery, maxHeapGrowth });
      expect(report.violations).toEqual([]);
      expect(report.table.calls).toBe(800);
      expect(report.table.cell('unknown', 0)).toBeGreaterThan(0);
      expect(report.table.cell('unknown', 1)).toBeGreaterThan(0);
    },
  );
});

describe('a chaos run would notice', () => {
  const call = chaosCall(1, 1);
  const success: ChaosResult = { call, callId: '1', outcome: 'success', code: 'ok', attempts: 2 };
  const once = { delivered: 1, arrived: 1, uneven: false, attempts: ['not-sent', 'success'] } as const;

  it.each<[string, MimcDelivery, ChaosResult, object]>([
    ['a message delivered twice', 'at-most-once', success, { delivered: 2, arrived: 2 }],
    ['a success delivered nowhere', 'at-least-once', success, { delivered: 0 }],
    ['a duplicate without its mark', 'at-least-once', success, { delivered: 2, arrived: 2 }],
    [
      'a marked success delivered nowhere',
      'at-least-once',
      { ...success, outcome: 'mayBeDuplicate' },
      { delivered: 0 },
    ],
    ['a mark where nothing is repeated', 'at-most-once', { ...success, outcome: 'mayBeDuplicate' }, {}],
    [
      'an unsent call that arrived',
      'at-most-once',
      { ...success, outcome: 'not-sent', code: 'MIMC_CONNECT' },
      { delivered: 0 },
    ],
    ['a refused call that was delivered', 'at-most-once', { ...success, outcome: 'refused', code: 'MIMC_API' }, {}],
    ['a recipient left out', 'at-most-once', { ...success, outcome: 'unknown', code: 'MIMC_RESET' }, { uneven: true }],
    ['a request nobody counted', 'at-most-once', { ...success, attempts: 1 }, { arrived: 2 }],
  ])('%s', (_name, delivery, result, evidence) => {
    expect(brokenRules(delivery, result, { ...once, ...evidence })).not.toEqual([]);
  });

  it('a secret or an account in an event', () => {
    const watch = new LeakWatch();
    channel('mimc:retry').publish({ deep: [{ body: JSON.stringify(secrets) }] });
    channel('mimc:throttled').publish({ to: call.recipients[0] });
    watch.stop();
    expect([...watch.leaks].toSorted()).toEqual([
      'a secret in mimc:retry',
      'an account or a message in mimc:throttled',
    ]);
  });
});

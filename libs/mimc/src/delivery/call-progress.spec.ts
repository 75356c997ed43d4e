import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MimcError, MimcErrorCode, MimcOutcome } from '../errors/mimc-error.js';
import type { AttemptFailure } from '../transport/reply.js';
import { CallProgress } from './call-progress.js';

const WORST_LAST: readonly MimcOutcome[] = ['not-sent', 'refused', 'unknown'];

const failure: fc.Arbitrary<AttemptFailure> = fc.record(
  {
    code: fc.constantFrom<MimcErrorCode[]>(
      'MIMC_CONNECT',
      'MIMC_ABORTED',
      'MIMC_DEADLINE',
      'MIMC_CLOSED',
      'MIMC_TIMEOUT',
      'MIMC_RESET',
      'MIMC_HTTP',
      'MIMC_RATE_LIMITED',
      'MIMC_API',
    ),
    outcome: fc.constantFrom(...WORST_LAST),
    message: fc.string(),
    httpStatus: fc.integer({ min: 200, max: 599 }),
    apiCode: fc.integer(),
    retryAfterMs: fc.nat(),
  },
  { requiredKeys: ['code', 'outcome', 'message'] },
);

const failures = fc.array(failure, { minLength: 1, maxLength: 20 });

function progressThrough(all: readonly AttemptFailure[]): CallProgress {
  const progress = new CallProgress('call-1', 'p2p');
  for (const each of all) {
    progress.attempts += 1;
    progress.failed(each);
  }
  return progress;
}

const errorAfter = (all: readonly AttemptFailure[]): MimcError => {
  const [last, ...before] = all.toReversed();
  const progress = progressThrough(before.toReversed());
  progress.attempts += 1;
  return progress.failed(last ?? { code: 'MIMC_CLOSED', outcome: 'not-sent', message: '' });
};

const worstOf = (all: readonly AttemptFailure[]) =>
  WORST_LAST.findLast((outcome) => all.some((each) => each.outcome === outcome));

const runs = { numRuns: 2_000 };

describe('over any sequence of failed attempts', () => {
  it('the outcome of the call is the worst of them, and code and message are those of the last', () => {
    const property = fc.property(failures, (all) => {
      const { code, message } = all.at(-1) ?? {};
      expect(errorAfter(all)).toMatchObject({
        outcome: worstOf(all),
        code,
        message,
        attempts: all.length,
        callId: 'call-1',
        endpoint: 'p2p',
      });
    });
    fc.assert(property, runs);
  });

  it('a call that may have been sent is never retryable', () => {
    const property = fc.property(failures, (all) => {
      const { outcome, retryable } = errorAfter(all);
      expect(outcome === 'unknown' && retryable).toBe(false);
    });
    fc.assert(property, runs);
  });

  it('one more never makes the outcome better', () => {
    const property = fc.property(failures, failure, (all, more) => {
      const before = WORST_LAST.indexOf(errorAfter(all).outcome);
      const after = WORST_LAST.indexOf(errorAfter([...all, more]).outcome);
      expect(after).toBeGreaterThanOrEqual(before);
    });
    fc.assert(property, runs);
  });

  it('a receipt may be a duplicate exactly when one of them may have been sent', () => {
    const property = fc.property(fc.array(failure), (all) => {
      const { mayBeDuplicate, attempts } = progressThrough(all).receipt();
      expect(mayBeDuplicate).toBe(all.some(({ outcome }) => outcome === 'unknown'));
      expect(attempts).toBe(all.length);
    });
    fc.assert(property, runs);
  });
});

describe('a call without an attempt', () => {
  it('was not sent, and takes the code of what ended it', () => {
    const progress = new CallProgress('call-1', 'p2t/more');
    const error = progress.ended({ code: 'MIMC_DEADLINE', outcome: 'not-sent', message: 'late' });
    expect(error).toMatchObject({
      code: 'MIMC_DEADLINE',
      outcome: 'not-sent',
      attempts: 0,
      retryable: true,
    });
  });
});

describe('the time of a call', () => {
  it('is added up by part, that of failed steps too', async () => {
    const progress = new CallProgress('call-1', 'p2p');
    await progress.timed('networkMs', Promise.resolve());
    await expect(progress.timed('networkMs', Promise.reject(new Error('no')))).rejects.toThrow('no');
    const { queuedMs, networkMs, backoffMs } = progress.receipt().timing;
    expect(networkMs).toBeGreaterThan(0);
    expect([queuedMs, backoffMs]).toEqual([0, 0]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MimcErrorCode, MimcOutcome } from '../errors/mimc-error.js';
import type { MimcDelivery } from './retry.js';
import { backoffMs, isRetryable, RetryBudget } from './retry.js';

const runs = { numRuns: 5_000 };

const options = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 100 }),
  baseDelayMs: fc.nat(100_000),
  maxDelayMs: fc.nat(100_000),
  delivery: fc.constantFrom<MimcDelivery[]>('at-most-once', 'at-least-once'),
});

describe('the backoff', () => {
  it('lies between 0 and the lesser of maxDelayMs and baseDelayMs doubled with each attempt', () => {
    const property = fc.property(fc.integer({ min: 1, max: 100 }), options, (attempts, retry) => {
      const delay = backoffMs(attempts, retry);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(Math.min(retry.maxDelayMs, retry.baseDelayMs * 2 ** (attempts - 1)));
    });
    fc.assert(property, runs);
  });

  it('is never shorter than the server asked for, and longer only within its own limits', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 20 }),
      options,
      fc.nat(200_000),
      (attempts, retry, asked) => {
        const delay = backoffMs(attempts, retry, asked);
        expect(delay).toBeGreaterThanOrEqual(asked);
        expect(delay).toBeLessThanOrEqual(
          Math.max(asked, Math.min(retry.maxDelayMs, retry.baseDelayMs * 2 ** (attempts - 1))),
        );
      },
    );
    fc.assert(property, runs);
  });

  it('is spread over its whole range', () => {
    const retry = { maxAttempts: 3, baseDelayMs: 200, maxDelayMs: 5_000, delivery: 'at-most-once' } as const;
    const delays = Array.from({ length: 2_000 }, () => backoffMs(2, retry));
    expect(Math.min(...delays)).toBeLessThan(40);
    expect(Math.max(...delays)).toBeGreaterThan(360);
  });
});

describe('the retry budget', () => {
  it('holds 10 at most, earns a fifth with each success and is never below 0', () => {
    const property = fc.property(fc.array(fc.constantFrom('take', 'earn'), { maxLength: 300 }), (steps) => {
      const budget = new RetryBudget();
      let fifths = 50;
      for (const step of steps) {
        const may = fifths >= 5;
        const takes = step === 'take' && may;
        expect(step === 'take' ? budget.take() : budget.earn()).toBe(step === 'take' ? may : undefined);
        fifths = takes ? fifths - 5 : Math.min(50, fifths + (step === 'earn' ? 1 : 0));
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('lets exactly 10 retries through an outage, then one for every five successes', () => {
    const budget = new RetryBudget();
    const taken = () => Array.from({ length: 50 }, () => budget.take()).filter(Boolean).length;
    const earn = (successes: number) => Array.from({ length: successes }, () => budget.earn());
    expect(taken()).toBe(10);
    earn(4);
    expect(taken()).toBe(0);
    earn(1);
    expect(taken()).toBe(1);
    earn(10_000);
    expect(taken()).toBe(10);
  });
});

describe('whether an attempt may be repeated', () => {
  const at = (code: MimcErrorCode, outcome: MimcOutcome) => (delivery: MimcDelivery) =>
    isRetryable({ code, outcome, message: '' }, delivery);

  it.each<[string, MimcErrorCode, MimcOutcome, boolean, boolean]>([
    ['no connection', 'MIMC_CONNECT', 'not-sent', true, true],
    ['throttled', 'MIMC_RATE_LIMITED', 'refused', true, true],
    ['throttled under HTTP 5xx', 'MIMC_RATE_LIMITED', 'unknown', false, true],
    ['no reply in time', 'MIMC_TIMEOUT', 'unknown', false, true],
    ['reset', 'MIMC_RESET', 'unknown', false, true],
    ['HTTP 503', 'MIMC_HTTP', 'unknown', false, true],
    ['no envelope', 'MIMC_BAD_RESPONSE', 'unknown', false, true],
    ['HTTP 404', 'MIMC_HTTP', 'refused', false, false],
    ['refused', 'MIMC_API', 'refused', false, false],
    ['wrong credentials', 'MIMC_AUTH', 'refused', false, false],
    ['aborted before dispatch', 'MIMC_ABORTED', 'not-sent', false, false],
    ['past the deadline before dispatch', 'MIMC_DEADLINE', 'not-sent', false, false],
  ])('%s', (_name, code, outcome, atMostOnce, atLeastOnce) => {
    expect(at(code, outcome)('at-most-once')).toBe(atMostOnce);
    expect(at(code, outcome)('at-least-once')).toBe(atLeastOnce);
  });
});

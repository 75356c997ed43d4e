import type { MimcDelivery, MimcOutcome } from 'nestjs-mimc';
import type { AttemptEnd } from './attempt-log.js';
import type { Evidence } from './chaos-evidence.js';
import type { ChaosOutcome, ChaosResult } from './chaos-result.js';

interface Rule {
  readonly name: string;
  holds(result: ChaosResult, evidence: Evidence): boolean;
}

/** Requests that a call of a run may make. */
export const MAX_ATTEMPTS = 4;

const isError = (outcome: ChaosOutcome): outcome is MimcOutcome =>
  outcome !== 'success' && outcome !== 'mayBeDuplicate';

const ALWAYS: readonly Rule[] = [
  {
    name: 'a success is delivered exactly once',
    holds: ({ outcome }, { delivered }) => outcome !== 'success' || delivered === 1,
  },
  {
    name: 'a success that may be a duplicate is delivered at least once',
    holds: ({ outcome }, { delivered }) => outcome !== 'mayBeDuplicate' || delivered >= 1,
  },
  {
    name: 'what was not sent has not arrived',
    holds: ({ outcome }, { delivered, arrived }) => outcome !== 'not-sent' || delivered + arrived === 0,
  },
  {
    name: 'what was refused is not delivered',
    holds: ({ outcome }, { delivered }) => outcome !== 'refused' || delivered === 0,
  },
  {
    name: 'a call is delivered to all of its recipients or to none',
    holds: (_, { uneven }) => !uneven,
  },
  {
    name: 'no more requests arrive than attempts were made',
    holds: ({ attempts }, { arrived, delivered }) => arrived <= attempts && delivered <= arrived,
  },
  {
    name: 'a call makes as many attempts as it reports, and no more than it may',
    holds: ({ attempts }, { attempts: ends }) => attempts === ends.length && attempts <= MAX_ATTEMPTS,
  },
  {
    name: 'the outcome is the worst of the attempts',
    holds: ({ outcome }, { attempts }) => outcome === outcomeOf(attempts),
  },
  {
    name: 'what may have been sent is not retryable',
    holds: ({ outcome, error }) => outcome !== 'unknown' || error?.retryable === false,
  },
  {
    name: 'a code is one that a sent call can have',
    holds: ({ outcome, code }) =>
      isError(outcome) === (code !== 'ok') && code !== 'MIMC_INVALID' && code !== 'MIMC_AUTH',
  },
];

const AT_MOST_ONCE: readonly Rule[] = [
  { name: 'no message is delivered twice', holds: (_, { delivered }) => delivered <= 1 },
  { name: 'no success may be a duplicate', holds: ({ outcome }) => outcome !== 'mayBeDuplicate' },
];

function outcomeOf(attempts: readonly AttemptEnd[]): ChaosOutcome {
  const unknown = attempts.includes('unknown');
  if (attempts.at(-1) === 'success') return unknown ? 'mayBeDuplicate' : 'success';
  if (unknown) return 'unknown';
  return attempts.includes('refused') ? 'refused' : 'not-sent';
}

/** The names of the promises that this call breaks. */
export function brokenRules(delivery: MimcDelivery, result: ChaosResult, evidence: Evidence): string[] {
  const rules = delivery === 'at-most-once' ? [...ALWAYS, ...AT_MOST_ONCE] : ALWAYS;
  return rules.filter((rule) => !rule.holds(result, evidence)).map(({ name }) => name);
}

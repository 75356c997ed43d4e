import { describe, expect, it } from '@jest/globals';
import * as classValidator from 'class-validator';
import { IsIn as isInOfTheirs, MaxLength, validateSync } from 'class-validator';
import fc from 'fast-check';
import { RetryRules } from '../delivery/retry.js';
import { PushOptionsRules } from '../push/push-options.js';
import { PushMessageDto, PushToAccountDto } from '../push/push.dto.js';
import { PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from '../push/push.dto.js';
import { MAX_RECIPIENTS } from './push-rules.js';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsIn, IsInt, IsNotEmpty, IsString, Max } from './rules.js';
import { isPlainlyValid, MAX_TIMER_MS, Min } from './rules.js';

/** class-validator's decorator of a name. */
const theirs = classValidator as unknown as Record<string, ((bound?: number) => PropertyDecorator) | undefined>;

type Fields = Record<string, unknown>;

/** What may stand in any field. */
const anything = fc.oneof(
  fc.constantFrom<unknown[]>(
    undefined,
    null,
    '',
    ' ',
    'base64',
    'text',
    0,
    -0,
    1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    1n,
    true,
  ),
  fc.constantFrom<unknown[]>({}, [], [''], ['a'], ['a', undefined], [1], Symbol('s'), () => 1, new Date(0), /x/),
  fc.string(),
  fc.anything(),
);

const oneOf = (...values: unknown[]) => fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 12 }, anything);

const list = (entry: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { arbitrary: fc.array(entry, { maxLength: 5 }), weight: 8 },
    fc.nat(2).map((more) => Array.from({ length: MAX_RECIPIENTS - 1 + more }, () => '7')),
    anything,
  );

const text = fc.oneof({ arbitrary: fc.string({ minLength: 1 }), weight: 12 }, anything);
const account = fc.oneof(text, oneOf('\uFEFFa', 'a\n', 'a\u2029', 'é', 'a b'));
const topicId = oneOf('1', '9223372036854775807', '9223372036854775808', '01', '-1', 1, 0, 2 ** 53, 1n, 0n, 2n ** 63n);
const milliseconds = oneOf(0, 1, 100, MAX_TIMER_MS, MAX_TIMER_MS + 1, -1, 0.5, '1');
const signal = oneOf(new AbortController().signal, AbortSignal.abort(), {});

const message = {
  fromAccount: account,
  fromResource: text,
  msg: fc.oneof(oneOf('aGVsbG8=', 'aGVsbG8', 'aGVsbG9=', '====', 'a'), fc.base64String(), text),
  msgType: oneOf('', 'base64', undefined),
  isStore: oneOf(true, false),
  bizType: text,
};

const classes: [new () => object, Record<string, fc.Arbitrary<unknown>>][] = [
  [PushMessageDto, message],
  [PushToAccountDto, { ...message, toAccount: account }],
  [PushToAccountsDto, { ...message, toAccounts: list(oneOf('a', 'b', 'a\r')) }],
  [PushToTopicDto, { ...message, topicId }],
  [PushToTopicsDto, { ...message, topicIds: list(topicId) }],
  [
    PushOptionsRules,
    {
      signal,
      admissionSignal: signal,
      deadlineMs: milliseconds,
      retry: oneOf(false, {}, true),
      priority: oneOf('bulk', 'interactive'),
    },
  ],
  [
    RetryRules,
    {
      maxAttempts: oneOf(1, 100, 101, 0),
      baseDelayMs: milliseconds,
      maxDelayMs: milliseconds,
      delivery: oneOf('at-most-once', 'at-least-once'),
    },
  ],
];

/** Mostly only the fields of the class, most of them right, so that many objects are valid. */
const objectsOf = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.oneof(
    { arbitrary: fc.record(fields, { requiredKeys: [] }), weight: 9 },
    fc.record({ ...fields, other: anything }, { requiredKeys: ['other'] }),
  );

const rules = { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true };

describe.each(classes)('%p', (type, fields) => {
  it('is plainly valid exactly when class-validator finds nothing wrong', () => {
    let valid = 0;
    const property = fc.property(objectsOf(fields), (given: Fields) => {
      const object = Object.assign(new type(), given);
      const isValid = validateSync(object, rules).length === 0;
      if (isValid) valid += 1;
      expect(Object.keys(given).every((name) => name in fields) && isPlainlyValid(type, object)).toBe(isValid);
    });
    fc.assert(property, { numRuns: 3_000 });
    // Neither answer may be so rare that the other one would pass.
    expect(valid).toBeGreaterThan(20);
    expect(valid).toBeLessThan(2_900);
  });
});

it('a class without rules is never plainly valid', () => {
  expect(isPlainlyValid(class {}, {})).toBe(false);
});

it('a class to which an application added a rule is never plainly valid', () => {
  class Named {
    name!: string;
  }
  IsString()(Named.prototype, 'name');
  class Bounded extends Named {}
  MaxLength(3)(Bounded.prototype, 'name');

  const object = { name: 'long' };
  expect(isPlainlyValid(Named, object)).toBe(true);
  expect(isPlainlyValid(Bounded, object)).toBe(false);
});

it('the decorators of class-validator and ours say the same of the same value', () => {
  class Ours {
    value: unknown;
  }
  class Theirs {
    value: unknown;
  }
  const plain = [IsString, IsNotEmpty, IsBoolean, IsInt, IsArray].map(
    (ours) => [ours(), theirs[ours.name]?.()] as const,
  );
  const bounds = [Min, Max, ArrayMinSize, ArrayMaxSize].map((ours) => [ours(2), theirs[ours.name]?.(2)] as const);
  for (const [ours, other] of [...plain, ...bounds, [IsIn(['a', 'b']), isInOfTheirs(['a', 'b'])] as const]) {
    ours(Ours.prototype, 'value');
    other?.(Theirs.prototype, 'value');
  }
  const said = (object: object) => validateSync(object).map(({ constraints }) => constraints);
  fc.assert(
    fc.property(anything, (value) => {
      expect(said(Object.assign(new Ours(), { value }))).toEqual(said(Object.assign(new Theirs(), { value })));
    }),
    { numRuns: 500 },
  );
});

import { getMetadataStorage, ValidateBy, ValidateIf } from 'class-validator';
import { isRecord } from './fields.js';

/** The longest that a Node.js timer can wait, in milliseconds. */
export const MAX_TIMER_MS = 2_147_483_647;

/** The rule of one field. */
export interface Rule {
  /** class-validator's name for it, where it has the same. */
  readonly name: string;
  readonly test: (value: unknown, object?: object) => boolean;
  /** What the field must be, as its error says behind its name. */
  readonly must: string;
  /** The whole error, `$property` in it being the field, where that depends on the value. */
  readonly message?: (value: unknown) => string;
  /** What class-validator's own decorator stores with the rule, for those who read it, as makers of JSON schemas do. */
  readonly constraints?: readonly unknown[];
}

/** What a decorator stores with a rule of ours, so that {@link isPlainlyValid} knows it again. */
class Tested {
  constructor(readonly rule: Rule) {}
}

/** A decorator for a rule. class-validator runs it; where all rules of a class are made so, we can without its help. */
export function mustBe(rule: Rule): PropertyDecorator {
  const { name, test, must, message, constraints = [] } = rule;
  const defaultMessage = (args?: { value: unknown }) => message?.(args?.value) ?? `$property ${must}`;
  const validate = (value: unknown, args?: { object: object }) => test(value, args?.object);
  return ValidateBy({
    name,
    constraints: [...constraints, new Tested(rule)],
    validator: { validate, defaultMessage },
  });
}

const isSet = (_object: unknown, value: unknown) => value !== undefined;

/** Optional means absent: `null` is a wrong type, unlike with class-validator's `@IsOptional`. */
export const IfSet = () => ValidateIf(isSet);

export const IsString = () =>
  mustBe({ name: 'isString', test: (value) => typeof value === 'string', must: 'must be a string' });

export const IsNotEmpty = () =>
  mustBe({
    name: 'isNotEmpty',
    test: (value) => value !== '' && value !== undefined && value !== null,
    must: 'should not be empty',
  });

export const IsBoolean = () =>
  mustBe({ name: 'isBoolean', test: (value) => typeof value === 'boolean', must: 'must be a boolean value' });

export const IsIn = (values: readonly unknown[]) =>
  mustBe({
    name: 'isIn',
    test: (value) => values.includes(value),
    must: `must be one of the following values: ${values.join(', ')}`,
    constraints: [values],
  });

export const Matches = (pattern: RegExp) =>
  mustBe({
    name: 'matches',
    test: (value) => typeof value === 'string' && pattern.test(value),
    must: `must match ${pattern} regular expression`,
    constraints: [pattern],
  });

export const IsInt = () => mustBe({ name: 'isInt', test: Number.isInteger, must: 'must be an integer number' });

export const Min = (min: number) =>
  mustBe({
    name: 'min',
    test: (value) => typeof value === 'number' && value >= min,
    must: `must not be less than ${min}`,
    constraints: [min],
  });

export const Max = (max: number) =>
  mustBe({
    name: 'max',
    test: (value) => typeof value === 'number' && value <= max,
    must: `must not be greater than ${max}`,
    constraints: [max],
  });

export const IsArray = () => mustBe({ name: 'isArray', test: Array.isArray, must: 'must be an array' });

export const ArrayMinSize = (min: number) =>
  mustBe({
    name: 'arrayMinSize',
    test: (value) => Array.isArray(value) && value.length >= min,
    must: `must contain at least ${min} elements`,
    constraints: [min],
  });

export const ArrayMaxSize = (max: number) =>
  mustBe({
    name: 'arrayMaxSize',
    test: (value) => Array.isArray(value) && value.length <= max,
    must: `must contain no more than ${max} elements`,
    constraints: [max],
  });

/** An integer in a range. */
export function IsIntFrom(min: number, max: number): PropertyDecorator {
  return (target, property) => [IsInt(), Min(min), Max(max)].forEach((decorate) => decorate(target, property));
}

/** A positive integer, or `false`. */
export const IsCountOrFalse = (most = Number.MAX_SAFE_INTEGER) =>
  mustBe({
    name: 'isCountOrFalse',
    test: (value) => value === false || (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most),
    must: `must be false, or an integer from 1 to ${most}`,
  });

/** An object whose fields have rules of their own. */
export const IsPlainObject = () => mustBe({ name: 'isObject', test: isRecord, must: 'must be a plain object' });

/** `false`, or an object whose fields have rules of their own. */
export const IsObjectOrFalse = () =>
  mustBe({
    name: 'isObjectOrFalse',
    test: (value) => value === false || isRecord(value),
    must: 'must be an object or false',
  });

export const IsFunction = () =>
  mustBe({ name: 'isFunction', test: (value) => typeof value === 'function', must: 'must be a function' });

/** A signal that can abort something. */
export const IsAbortSignal = () =>
  mustBe({
    name: 'isAbortSignal',
    test: (value) => value instanceof AbortSignal,
    must: 'must be an AbortSignal',
  });

/** What a class asks of one field. */
interface Field {
  readonly name: string;
  readonly rules: Rule[];
  isOptional: boolean;
}

/** The rules of a class, as they are at its first use. */
interface RulesOfClass {
  readonly fields: ReadonlyMap<string, Field>;
  /** Whether there is any, and all are ours: an application may have added some. */
  readonly areOurs: boolean;
}

const known = new WeakMap<object, RulesOfClass>();

/** The fields for which a class has rules. */
export function declaredFields(type: new () => object): ReadonlyMap<string, unknown> {
  return rulesOf(type).fields;
}

/**
 * Whether `object`, which has no other fields than those of `type`, surely keeps its rules: a hundred times as fast as
 * class-validator, which looks at all others, and finds what is wrong with them.
 */
export function isPlainlyValid(type: new () => object, object: object): boolean {
  const { fields, areOurs } = rulesOf(type);
  if (!areOurs) return false;
  for (const { name, rules, isOptional } of fields.values()) {
    const value = (object as Record<string, unknown>)[name];
    if (value === undefined && isOptional) continue;
    for (const { test } of rules) if (!test(value, object)) return false;
  }
  return true;
}

function rulesOf(type: new () => object): RulesOfClass {
  const before = known.get(type);
  if (before !== undefined) return before;
  const fields = new Map<string, Field>();
  const all = getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
  const ours = all.filter(({ propertyName: name, constraints }) => {
    const field = fields.get(name) ?? { name, rules: [], isOptional: false };
    fields.set(name, field);
    const last: unknown = (constraints as readonly unknown[] | undefined)?.at(-1);
    if (last instanceof Tested) field.rules.push(last.rule);
    else if (last === isSet) field.isOptional = true;
    else return false;
    return true;
  });
  const rules = { fields, areOurs: all.length > 0 && ours.length === all.length };
  known.set(type, rules);
  return rules;
}

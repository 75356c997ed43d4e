import { getMetadataStorage, ValidateBy, ValidateIf } from 'class-validator';

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
class RuleMark {
  constructor(readonly rule: Rule) {}
}

/** As {@link mustBe}, for rules that nothing else needs. */
const plainRule = (name: string, test: Rule['test'], must: string, ...constraints: unknown[]) =>
  mustBe({ name, test, must, constraints });

/** A decorator for a rule. class-validator runs it; where all rules of a class are made so, we can without its help. */
export function mustBe(rule: Rule): PropertyDecorator {
  const { name, test, must, message, constraints = [] } = rule;
  const defaultMessage = (args?: { value: unknown }) => message?.(args?.value) ?? `$property ${must}`;
  const validate = (value: unknown, args?: { object: object }) => test(value, args?.object);
  return ValidateBy({
    name,
    constraints: [...constraints, new RuleMark(rule)],
    validator: { validate, defaultMessage },
  });
}

const isSet = (_object: unknown, value: unknown) => value !== undefined;

/** Optional means absent: `null` is a wrong type, unlike with class-validator's `@IsOptional`. */
export const IfSet = () => ValidateIf(isSet);

/**
 * Whether `value` is an object with fields: a plain one, or of a class of the application. A list, a `Map`, a `Date`, an
 * `AbortSignal` and other built-in objects are not: none of their content is a field, so it would be dropped in silence.
 */
export function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    return isPlain || Object.prototype.toString.call(value) === '[object Object]';
  } catch {
    // A revoked proxy.
    return false;
  }
}

const isNumber = (value: unknown) => typeof value === 'number';

// As class-validator's decorators of the same names, but that these can be tested without it.
export const IsString = () => plainRule('isString', (value) => typeof value === 'string', 'must be a string');
export const IsNotEmpty = () =>
  plainRule('isNotEmpty', (value) => value !== '' && value !== undefined && value !== null, 'should not be empty');
export const IsBoolean = () => plainRule('isBoolean', (value) => typeof value === 'boolean', 'must be a boolean value');
export const IsIn = (values: readonly unknown[]) =>
  plainRule(
    'isIn',
    (value) => values.includes(value),
    `must be one of the following values: ${values.join(', ')}`,
    values,
  );
export const Matches = (pattern: RegExp) =>
  plainRule(
    'matches',
    (value) => typeof value === 'string' && pattern.test(value),
    `must match ${pattern} regular expression`,
    pattern,
  );
export const IsInt = () => plainRule('isInt', Number.isInteger, 'must be an integer number');
export const Min = (min: number) =>
  plainRule('min', (value) => isNumber(value) && value >= min, `must not be less than ${min}`, min);
export const Max = (max: number) =>
  plainRule('max', (value) => isNumber(value) && value <= max, `must not be greater than ${max}`, max);
export const IsArray = () => plainRule('isArray', Array.isArray, 'must be an array');
export const ArrayMinSize = (min: number) =>
  plainRule(
    'arrayMinSize',
    (value) => Array.isArray(value) && value.length >= min,
    `must contain at least ${min} elements`,
    min,
  );
export const ArrayMaxSize = (max: number) =>
  plainRule(
    'arrayMaxSize',
    (value) => Array.isArray(value) && value.length <= max,
    `must contain no more than ${max} elements`,
    max,
  );

/** An integer in a range. */
export function IsIntFrom(min: number, max: number): PropertyDecorator {
  return (target, property) => [IsInt(), Min(min), Max(max)].forEach((decorate) => decorate(target, property));
}

/** A positive integer, or `false`. */
export const IsCountOrFalse = (most = Number.MAX_SAFE_INTEGER) =>
  plainRule(
    'isCountOrFalse',
    (value) => value === false || (isNumber(value) && Number.isSafeInteger(value) && value >= 1 && value <= most),
    `must be false, or an integer from 1 to ${most}`,
  );

/** An object whose fields have rules of their own. */
export const IsPlainObject = () => plainRule('isObject', isRecord, 'must be a plain object');

/** `false`, or an object whose fields have rules of their own. */
export const IsObjectOrFalse = () =>
  plainRule('isObjectOrFalse', (value) => value === false || isRecord(value), 'must be an object or false');

export const IsFunction = () => plainRule('isFunction', (value) => typeof value === 'function', 'must be a function');

/** A signal that can abort something. */
export const IsAbortSignal = () =>
  plainRule('isAbortSignal', (value) => value instanceof AbortSignal, 'must be an AbortSignal');

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
 * class-validator, which judges every other object and reports what is wrong with it.
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
    if (last instanceof RuleMark) field.rules.push(last.rule);
    else if (last === isSet) field.isOptional = true;
    else return false;
    return true;
  });
  const rules = { fields, areOurs: all.length > 0 && ours.length === all.length };
  known.set(type, rules);
  return rules;
}

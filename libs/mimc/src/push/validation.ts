import { types } from 'node:util';
import { ValidateIf, validateSync, ValidationError, ValidatorOptions } from 'class-validator';
import { MimcError, MimcViolation } from '../errors/mimc-error.js';
import { cut, visible } from '../errors/visible.js';
import { fieldsOf, forEachField, isRecord } from './options-object.js';
import { declaredFields, isPlainlyValid } from './plainly-valid.js';
import { brokenIndices, elementRules } from './rules.js';

/** More violations than this are not listed. */
const MAX_VIOLATIONS = 100;

/** A caller's own field name is cut to this, as it can be anything. */
const MAX_FIELD_LENGTH = 100;

/** The longest list there is: the recipients of a call. */
export const MAX_ENTRIES = 10_000;

/** The rule for a field that the class does not know, by class-validator's name for it. */
const UNKNOWN_FIELD = 'whitelistValidation';

const RULES: ValidatorOptions = {
  forbidUnknownValues: true,
  stopAtFirstError: true,
  validationError: { target: false, value: true },
};

/**
 * An `exceptionFactory` for Nest's `ValidationPipe`: what the pipe refuses is then answered in the shape in which
 * {@link MimcPushService} refuses it, by {@link MimcErrorInterceptor} or {@link MimcExceptionFilter}.
 *
 * @example
 * new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, exceptionFactory: mimcExceptionFactory })
 */
export function mimcExceptionFactory(errors: ValidationError[]): MimcError {
  return new MimcError(invalid(violationsOf(errors)));
}

/** What a refusal of these violations is made of. */
export function invalid(violations: readonly MimcViolation[]) {
  const [first] = violations;
  const others = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  const message = `${first?.message ?? 'The push is invalid'}${others}`;
  return { code: 'MIMC_INVALID', outcome: 'not-sent', message, violations } as const;
}

/** @throws MimcError `MIMC_CONFIG`, which names the options of `owner` that are wrong and never shows their values */
export function refuseOptions(owner: string, violations: readonly MimcViolation[]): void {
  if (violations.length === 0) return;
  const message = `${owner} options: ${violations.map((violation) => violation.message).join('; ')}`;
  throw new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message, violations });
}

/** Optional means absent: `null` is a wrong type, unlike with class-validator's `@IsOptional`. */
export const IfSet = () => ValidateIf((_object, value: unknown) => value !== undefined);

/** An object and what is wrong with it. */
export interface Checked<T> {
  /** The copy that was checked; undefined for what is no object. */
  value: T | undefined;
  violations: MimcViolation[];
}

/**
 * Checks `given` by the rules of `type`; unknown fields are wrong too, unless they are undefined, which counts as absent.
 * Each field is read once, so that what was checked is what is used. Unlike class-transformer's `plainToInstance` it keeps
 * the holes of an array, for the rules to refuse.
 *
 * @param parent stands before the names of fields
 * @param whole names `given` itself
 */
export function check<T extends object>(
  type: new () => T,
  given: unknown,
  parent = '',
  whole = parent || 'The push',
): Checked<T> {
  if (!isRecord(given)) return refused(parent, 'isObject', `${whole} must be a plain object`);
  try {
    return checkRecord(type, given, parent);
  } catch {
    return refused(parent, 'isReadable', `${whole} cannot be read: a getter or a proxy threw`);
  }
}

/** As {@link check}, for an object inside of another, whose own rules refuse what is not an object. */
export function checkNested<T extends object>(type: new () => T, given: unknown, parent: string): Checked<T> {
  return isRecord(given) ? check(type, given, parent) : { value: undefined, violations: [] };
}

/**
 * Takes what stands beside options out of them, for {@link check} with `type` to see the rest. Each field is read once.
 * What cannot be read is left as it is, for the check to refuse.
 */
export function takeOut<Extra extends string>(
  type: new () => object,
  given: object,
  names: readonly Extra[],
): { options: object; extras: Partial<Record<Extra, unknown>> } {
  const extras: Partial<Record<Extra, unknown>> = {};
  try {
    if (!isRecord(given)) return { options: given, extras };
    const options = fieldsOf(given, new Set([...declaredFields(type), ...names]));
    for (const name of names) {
      extras[name] = options[name];
      delete options[name];
    }
    return { options, extras };
  } catch {
    return { options: given, extras };
  }
}

function checkRecord<T extends object>(type: new () => T, given: object, parent: string): Checked<T> {
  const value = new type();
  const unknown: string[] = [];
  forEachField(given, declaredFields(type), (field, content, isDeclared) => {
    if (isDeclared) (value as Record<string, unknown>)[field] = plain(content);
    else unknown.push(field);
  });
  if (unknown.length === 0 && isPlainlyValid(type, value)) return { value, violations: [] };
  const errors = [...unknown.map(unknownField), ...validateSync(value, RULES)];
  return { value, violations: violationsOf(errors, parent) };
}

function refused(field: string, rule: string, message: string): Checked<never> {
  return { value: undefined, violations: [{ field, rule, message }] };
}

/**
 * Lists become arrays of nothing but their entries, cut behind the first entry too many; String
 * and Boolean objects become what they hold. Whatever they inherit or override, this is what is checked and sent.
 */
function plain(value: unknown): unknown {
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return entriesOf(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  return types.isBooleanObject(value) ? Boolean.prototype.valueOf.call(value) : value;
}

function entriesOf(list: readonly unknown[]): unknown[] {
  // Twenty times as fast as a loop, but it asks the list which class to make.
  if (isPlainArray(list)) return Array.prototype.slice.call(list, 0, MAX_ENTRIES + 1);
  const entries: unknown[] = [];
  const length = Math.min(list.length, MAX_ENTRIES + 1);
  for (let index = 0; index < length; index++) entries.push(list[index]);
  return entries;
}

function isPlainArray(list: object): boolean {
  const isOfArray = Object.getPrototypeOf(list) === Array.prototype && !Object.hasOwn(list, 'constructor');
  return isOfArray && !types.isProxy(list);
}

function unknownField(property: string): ValidationError {
  return Object.assign(new ValidationError(), { property, constraints: { [UNKNOWN_FIELD]: '' } });
}

function violationsOf(errors: readonly ValidationError[], parent = ''): MimcViolation[] {
  return errors.flatMap((error) => violationsOfOne(error, parent)).slice(0, MAX_VIOLATIONS);
}

function violationsOfOne(error: ValidationError, parent: string): MimcViolation[] {
  const field = pathOf(error.property, parent);
  const own = Object.entries(error.constraints ?? {}).flatMap(([rule, message]) =>
    describe(error, field, rule, message),
  );
  return [...own, ...violationsOf(error.children ?? [], field)];
}

function describe(error: ValidationError, field: string, rule: string, message: string): MimcViolation[] {
  const element = elementRules.get(rule);
  if (element !== undefined && Array.isArray(error.value)) {
    return brokenIndices(error.value, element, MAX_VIOLATIONS).map((index) => {
      const path = `${field}[${index}]`;
      return { field: path, rule: element.name, message: `${path} ${element.must}` };
    });
  }
  if (rule === UNKNOWN_FIELD) return [{ field, rule, message: `${field} is not a known field` }];
  const { property } = error;
  return [{ field, rule, message: message.startsWith(property) ? field + message.slice(property.length) : message }];
}

function pathOf(property: string, parent: string): string {
  const shown = visible(cut(property, MAX_FIELD_LENGTH));
  const name = property.length > MAX_FIELD_LENGTH ? `${shown}…` : shown;
  if (parent === '') return name;
  return /^\d+$/.test(name) ? `${parent}[${name}]` : `${parent}.${name}`;
}

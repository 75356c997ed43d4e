import { types } from 'node:util';
import { validateSync, ValidatorOptions } from 'class-validator';
import type { MimcViolation } from '../errors/mimc-error.js';
import { MAX_RECIPIENTS } from './push-rules.js';
import { declaredFields, isPlainlyValid, isRecord } from './rules.js';
import { unknownField, violationsOf } from './violations.js';

/** Any field may be left out; `undefined` means the same. */
export type InPart<T> = { [Field in keyof T]?: T[Field] | undefined };

const RULES: ValidatorOptions = {
  forbidUnknownValues: true,
  stopAtFirstError: true,
  validationError: { target: false, value: true },
};

/** An object and what is wrong with it. */
export interface Checked<T> {
  /** The copy that was checked; undefined when it is not an object. */
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

/** As {@link check}, for an object inside another, whose own rules refuse anything that is not an object. */
export function checkNested<T extends object>(type: new () => T, given: unknown, parent: string): Checked<T> {
  return isRecord(given) ? check(type, given, parent) : { value: undefined, violations: [] };
}

/**
 * Separates extra fields from options, so that {@link check} with `type` sees only the rest. Each field is read once.
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
    const options = fieldsOf(given, new Set([...declaredFields(type).keys(), ...names]));
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
  if (isPlainArray(list)) return Array.prototype.slice.call(list, 0, MAX_RECIPIENTS + 1);
  const entries: unknown[] = [];
  const length = Math.min(list.length, MAX_RECIPIENTS + 1);
  for (let index = 0; index < length; index++) entries.push(list[index]);
  return entries;
}

function isPlainArray(list: object): boolean {
  const isOfArray = Object.getPrototypeOf(list) === Array.prototype && !Object.hasOwn(list, 'constructor');
  return isOfArray && !types.isProxy(list);
}

/** The names of the fields that a class declares. */
interface DeclaredFields {
  has(field: string): boolean;
  keys(): Iterable<string>;
}

/**
 * Calls `each` with the fields of `given` that are set, reading each once: declared ones wherever they are in its prototype
 * chain, so that the getters of a class count, and others when they are its own.
 */
export function forEachField(
  given: object,
  declared: DeclaredFields,
  each: (field: string, value: unknown, isDeclared: boolean) => void,
): void {
  for (const field of declared.keys()) {
    const value = isThere(given, field) ? read(given, field) : undefined;
    if (value !== undefined) each(field, value, true);
  }
  for (const field of Object.keys(given)) {
    const value = declared.has(field) ? undefined : read(given, field);
    if (value !== undefined) each(field, value, false);
  }
}

/** What {@link forEachField} reads, as a plain object. */
export function fieldsOf(given: object, declared: DeclaredFields): Record<string, unknown> {
  const fields: [string, unknown][] = [];
  forEachField(given, declared, (field, value) => fields.push([field, value]));
  return Object.fromEntries(fields);
}

/** What every object inherits is not a field of this one: a polluted prototype must not change a push. */
function isThere(given: object, field: string): boolean {
  return field in given && (Object.hasOwn(given, field) || !(field in Object.prototype));
}

function read(given: object, field: string): unknown {
  return (given as Record<string, unknown>)[field];
}

/** A field that is there but undefined takes its default too. */
export function withDefaults<T extends object>(defaults: T, given: InPart<T> | undefined): T {
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}

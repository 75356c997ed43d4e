import { getMetadataStorage } from 'class-validator';

/** Whether a field's value keeps the rules of its class, as class-validator judges it too; absent ones are undefined. */
export type FieldTest<T> = (value: unknown, object: T) => boolean;

/** One test for each field that the class has. */
export type FieldTests<T> = { readonly [K in keyof Required<T>]: FieldTest<T> };

interface PlainRules {
  readonly tests: ReadonlyMap<string, FieldTest<never>>;
  /** The decorated rules that the tests stand for. */
  readonly decorated: ReadonlySet<unknown>;
}

const plainRules = new Map<unknown, PlainRules>();
const extended = new Map<unknown, boolean>();
const declared = new Map<unknown, ReadonlySet<string>>();

/**
 * Says in plain functions what the decorators of `type` say. Decorators are what counts: an object that these tests pass
 * is not looked at again, all others go through class-validator, which finds what is wrong with them, if anything is.
 */
export function inPlainWords<T>(type: new () => T, tests: FieldTests<T>): void {
  plainRules.set(type, {
    tests: new Map<string, FieldTest<never>>(Object.entries(tests)),
    decorated: new Set(rulesOf(type)),
  });
}

/** The fields for which `type` has rules, as they are at the first use. */
export function declaredFields(type: new () => object): ReadonlySet<string> {
  const known = declared.get(type);
  if (known !== undefined) return known;
  const fields = new Set(rulesOf(type).map(({ propertyName }) => propertyName));
  declared.set(type, fields);
  return fields;
}

/** Whether `object`, which has no other fields than those of `type`, surely keeps the rules of `type`. */
export function isPlainlyValid(type: new () => object, object: object): boolean {
  const rules = plainRules.get(type);
  if (rules === undefined || isExtended(type, rules)) return false;
  for (const [name, test] of rules.tests) {
    if (!test((object as Record<string, unknown>)[name], object as never)) return false;
  }
  return true;
}

/** Whether an application has put rules of its own on `type` before the first use. */
function isExtended(type: new () => object, { decorated }: PlainRules): boolean {
  const known = extended.get(type);
  if (known !== undefined) return known;
  const rules = rulesOf(type);
  const isOther = rules.length !== decorated.size || !rules.every((rule) => decorated.has(rule));
  extended.set(type, isOther);
  return isOther;
}

function rulesOf(type: new () => unknown) {
  return getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
}

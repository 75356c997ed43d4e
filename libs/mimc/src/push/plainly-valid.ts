/** Whether a field's value keeps the rules of its class, as class-validator judges it too; absent ones are undefined. */
export type FieldTest<T> = (value: unknown, object: T) => boolean;

/** One test for each field that the class has. */
export type FieldTests<T> = { readonly [K in keyof Required<T>]: FieldTest<T> };

const testsOf = new Map<unknown, ReadonlyMap<string, FieldTest<never>>>();

/**
 * Says in plain functions what the decorators of `type` say. Decorators are what counts: an object that these tests pass
 * is not looked at again, all others go through class-validator, which finds what is wrong with them, if anything is.
 */
export function inPlainWords<T>(type: new () => T, tests: FieldTests<T>): void {
  testsOf.set(type, new Map<string, FieldTest<never>>(Object.entries(tests)));
}

/** Whether `object`, whose own fields are `names`, surely keeps the rules of `type`. */
export function isPlainlyValid(type: unknown, object: object, names: readonly string[]): boolean {
  const fields = testsOf.get(type);
  if (fields === undefined) return false;
  for (const name of names) if (!fields.has(name)) return false;
  for (const [name, test] of fields) {
    if (!test((object as Record<string, unknown>)[name], object as never)) return false;
  }
  return true;
}

import { mustBe } from '../validation/rules.js';

/** Has these methods. */
export const HasMethods = (...methods: string[]) =>
  mustBe({
    name: 'hasMethods',
    test: (value) => hasMethods(value, methods),
    must: `must have the methods ${methods.join(', ')}`,
  });

/** A dispatcher that takes the handlers of undici 7 and 8. */
export const IsDispatcher = () =>
  mustBe({
    name: 'isDispatcher',
    test: (value) => !hasMethods(value, ['dispatch']) || !isOfUndici6(value as object),
    must: 'is of undici 6 or older (as is the one built into Node.js 20 and 22), and must be of undici 7 or 8',
  });

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');
}

/**
 * undici 7 removed the property `interceptors` of dispatchers (undici 6, `lib/dispatcher/dispatcher-base.js`), and with it
 * the class of those that are composed (undici 6, `lib/dispatcher/dispatcher.js`). What this does not find fails at its
 * first request, unsent.
 */
function isOfUndici6(dispatcher: object): boolean {
  return 'interceptors' in dispatcher || dispatcher.constructor?.name === 'ComposedDispatcher';
}

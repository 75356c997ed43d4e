/** Any field may be left out; `undefined` means the same. */
export type InPart<T> = { [Field in keyof T]?: T[Field] | undefined };

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

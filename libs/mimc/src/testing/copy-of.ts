import { declaredFields, fieldsOf } from '../internals.js';

/**
 * A call with a copy of its DTO: what the application changes in it later is another call. Fields that are `undefined` are
 * left out.
 *
 * @param types those of the DTOs, whose fields may be getters. They are read here and not at import: from its first use on,
 * the rules of a DTO are known, and an application may add some before
 */
export function copyOf<C extends object>(call: C, types: readonly (new () => object)[]): C {
  const { dto, ...others } = call as C & { dto?: object };
  const set = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  if (dto === undefined) return set as C;
  const names = new Set(types.flatMap((type) => [...declaredFields(type).keys()]));
  const fields = Object.entries(fieldsOf(dto, names)).map(([key, value]) => [
    key,
    Array.isArray(value) ? [...(value as unknown[])] : value,
  ]);
  return { ...set, dto: Object.fromEntries(fields) as unknown } as C;
}

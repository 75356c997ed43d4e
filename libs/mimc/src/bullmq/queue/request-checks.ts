import type { MimcViolation } from '../../index.js';

export function broken(holds: boolean, field: string, rule: string, must: string): MimcViolation[] {
  return holds ? [] : [{ field, rule, message: `${field} ${must}` }];
}

export function isDate(value: unknown): boolean {
  return value === undefined || (value instanceof Date && !Number.isNaN(value.getTime()));
}

/** The same text for objects with the same fields, whatever their order. */
export function canonical(value: object): string {
  return JSON.stringify(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

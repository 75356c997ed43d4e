import { MimcError, type MimcViolation } from '../../index.js';
import { invalid } from '../../internals.js';

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

/**
 * The options stored under an id do not change, so a call that asks for others must fail. Omitted options match anything.
 * Times are not compared: a caller that retries may compute new ones, and its retry must find the first call.
 *
 * @throws MimcError `MIMC_INVALID`, rule `sameOption`, naming the options that differ
 */
export function refuseOtherOptions(
  id: string,
  verb: 'added' | 'enqueued',
  asked: object,
  stored: Readonly<Record<string, unknown>>,
): void {
  const differ = Object.entries(asked).filter(([option, value]) => {
    return value !== undefined && option in stored && textOfOption(value) !== textOfOption(stored[option]);
  });
  if (differ.length === 0) return;
  const must = `does not match: ${id} was ${verb} with another value; omit it, or use another id`;
  throw new MimcError(invalid(differ.flatMap(([option]) => broken(false, option, 'sameOption', must))));
}

function textOfOption(value: unknown): string {
  return typeof value === 'object' && value !== null ? canonical(value) : String(value);
}

import { ValidationError } from 'class-validator';
import { MimcError, MimcViolation } from '../errors/mimc-error.js';
import { cut, visible } from '../errors/visible.js';
import { brokenIndices, elementRules } from './push-rules.js';

/** More violations than this are not listed. */
const MAX_VIOLATIONS = 100;

/** A caller's own field name is cut to this, as it can be anything. */
const MAX_FIELD_LENGTH = 100;

/** The rule for a field that the class does not know, by class-validator's name for it. */
const UNKNOWN_FIELD = 'whitelistValidation';

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
  if (violations.length > 0) throw optionsError(owner, violations);
}

/** The error of options that are wrong. */
export function optionsError(owner: string, violations: readonly MimcViolation[]): MimcError {
  const message = `${owner} options: ${violations.map((violation) => violation.message).join('; ')}`;
  return new MimcError({ code: 'MIMC_CONFIG', outcome: 'not-sent', message, violations });
}

/** For a field that the class does not know. */
export function unknownField(property: string): ValidationError {
  return Object.assign(new ValidationError(), { property, constraints: { [UNKNOWN_FIELD]: '' } });
}

/** What class-validator found, with the fields named from the outside in. */
export function violationsOf(errors: readonly ValidationError[], parent = ''): MimcViolation[] {
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

import { ValidateBy } from 'class-validator';

/** The longest account, resource or `bizType`, in UTF-16 code units: a limit of ours, as MIMC documents none. */
export const MAX_NAME_LENGTH = 256;

/** What of a text shows that it was cut out badly where it was configured; undefined when nothing does. */
export function flawOf(text: string): string | undefined {
  if (/^\s+$/.test(text)) return 'must not be blank';
  if (/^[\s\p{Cc}\p{Cf}]|[\s\p{Cc}\p{Cf}]$/u.test(text)) {
    return 'must not begin or end with white space, a line feed or a byte order mark';
  }
  if (/[\p{Cc}\u200b\ufeff]/u.test(text)) return 'must not contain control or other invisible characters';
  if (/^["'`“‘]|["'`”’]$/.test(text)) return 'must not be in quotes';
  if (/^(undefined|null|nan|\[object .*\])$/i.test(text)) return 'must not be the text undefined or null';
  return undefined;
}

/** A configured text without a {@link flawOf}. */
export function IsClean(): PropertyDecorator {
  return ValidateBy({
    name: 'isClean',
    validator: {
      validate: (value) => typeof value === 'string' && flawOf(value) === undefined,
      defaultMessage: (args) => `$property ${flawOf(String(args?.value)) ?? 'must be a string'}`,
    },
  });
}

/** Whether an account, a resource or a `bizType` is not too long. */
export function isShort(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH;
}

/** As {@link isShort} says. */
export function IsShort(): PropertyDecorator {
  return ValidateBy({
    name: 'maxLength',
    validator: {
      validate: (value) => typeof value === 'string' && isShort(value),
      defaultMessage: () => `$property must not be longer than ${MAX_NAME_LENGTH} characters`,
    },
  });
}

import { mustBe } from './rules.js';

/** A configured text without a {@link flawOf}. */
export const IsClean = () =>
  mustBe({
    name: 'isClean',
    test: (value) => typeof value === 'string' && flawOf(value) === undefined,
    must: 'must be a string',
    message: (value) => `$property ${flawOf(String(value)) ?? 'must be a string'}`,
  });

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

import { mustBe } from '../validation/rules.js';

/** The longest text of a group, in bytes of UTF-8: `extra` may have "at most 10 kB" (docs/mimc-api.md §5). */
const MAX_TEXT_BYTES = 10 * 1024;

/** `bulletin` or `extra` of a group. */
export const IsGroupText = () =>
  mustBe({
    name: 'maxBytes',
    test: (value) => typeof value === 'string' && Buffer.byteLength(value) <= MAX_TEXT_BYTES,
    must: `must not be longer than ${MAX_TEXT_BYTES} bytes`,
    constraints: [MAX_TEXT_BYTES],
  });

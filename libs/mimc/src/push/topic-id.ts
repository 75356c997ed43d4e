/**
 * A group's id, a 64-bit integer that a JavaScript number cannot hold (mimc-api.md §8): a decimal string, a bigint, or a
 * number that is a safe integer. From 1 to 9223372036854775807.
 */
export type TopicId = string | bigint | number;

const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Whether `value` names a topic exactly. */
export function isTopicId(value: unknown): value is TopicId {
  switch (typeof value) {
    case 'string':
      return /^[1-9]\d{0,18}$/.test(value) && (value.length < 19 || BigInt(value) <= MAX_INT64);
    case 'bigint':
      return value >= 1n && value <= MAX_INT64;
    case 'number':
      return Number.isSafeInteger(value) && value > 0;
    default:
      return false;
  }
}

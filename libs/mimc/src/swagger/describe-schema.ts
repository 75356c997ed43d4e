import { ApiProperty, type ApiPropertyOptions, ApiSchema } from '@nestjs/swagger';
import { MAX_NAME_LENGTH, MAX_RECIPIENTS } from '../internals.js';

/** Neither control characters nor line breaks nor a byte order mark. */
const ACCOUNT = String.raw`^[^\u0000-\u001F\u007F-\u009F\u2028\u2029\uFEFF]+$`;

export const account = { type: 'string', minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: ACCOUNT } as const;

/** A topic id, without a `maximum`: 2^63 - 1 is a number that the JSON of this schema cannot hold for a JavaScript reader. */
export const topicId = {
  oneOf: [
    { type: 'string', pattern: String.raw`^[1-9]\d{0,18}$` },
    { type: 'integer', format: 'int64', minimum: 1 },
  ],
} satisfies ApiPropertyOptions;

export const TOPIC_ID =
  'A positive 64-bit integer, at most 9223372036854775807, as a decimal string, or bare where every JSON library on the way keeps its digits';

export const list = { type: 'array', minItems: 1, maxItems: MAX_RECIPIENTS } as const;

/** Gives a DTO the metadata that its fields would have, had its class been written with `@ApiProperty()`. */
export function describeSchema<Dto extends object>(
  dto: { prototype: Dto },
  description: string,
  fields: Partial<Record<keyof Dto & string, ApiPropertyOptions>>,
): void {
  for (const [field, options] of Object.entries<ApiPropertyOptions | undefined>(fields)) {
    ApiProperty(options)(dto.prototype, field);
  }
  // Nest passes every key of it on to the schema. The type names only some.
  const schema = { description, additionalProperties: false };
  ApiSchema(schema)(dto as unknown as Function);
}

import { ApiProperty, type ApiPropertyOptions, ApiSchema } from '@nestjs/swagger';
import { PushMessageDto, PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from '../index.js';
import { MAX_NAME_LENGTH, MAX_RECIPIENTS } from '../internals.js';

/** Neither control characters nor line breaks nor a byte order mark. */
const ACCOUNT = String.raw`^[^\u0000-\u001F\u007F-\u009F\u2028\u2029\uFEFF]+$`;

const account = { type: 'string', minLength: 1, maxLength: MAX_NAME_LENGTH, pattern: ACCOUNT } as const;

/** Without a `maximum`: 2^63 - 1 is a number that the JSON of this schema cannot hold for a JavaScript reader. */
const topicId = {
  oneOf: [
    { type: 'string', pattern: String.raw`^[1-9]\d{0,18}$` },
    { type: 'integer', format: 'int64', minimum: 1 },
  ],
} satisfies ApiPropertyOptions;

const TOPIC_ID =
  'A positive 64-bit integer, at most 9223372036854775807, as a decimal string, or bare where every JSON library on the way keeps its digits';

const list = { type: 'array', minItems: 1, maxItems: MAX_RECIPIENTS } as const;

const ONE_UNIT_EACH = 'Each entry costs one unit of quota, and no call may cost more than the quota of a second.';

describeSchema(PushMessageDto, 'The message of a push, without its recipients.', {
  msg: {
    type: 'string',
    minLength: 1,
    description: 'The payload, at most 10,240 bytes by default: of its UTF-8, or decoded when `msgType` is `base64`.',
    example: 'hello',
  },
  msgType: {
    type: 'string',
    enum: ['', 'base64'],
    required: false,
    description: 'Empty or absent: `msg` is text. `base64`: `msg` is bytes.',
  },
  fromAccount: { ...account, required: false, description: "The sender; the server's own account when absent." },
  fromResource: {
    type: 'string',
    minLength: 1,
    maxLength: MAX_NAME_LENGTH,
    required: false,
    description: "Label of the sender's device.",
  },
  isStore: { type: 'boolean', required: false, description: 'Whether MIMC keeps the message in its history.' },
  bizType: {
    type: 'string',
    maxLength: MAX_NAME_LENGTH,
    required: false,
    description: "The application's own message type.",
  },
});

describeSchema(PushToAccountDto, 'One message to one account.', {
  toAccount: { ...account, description: 'The recipient.', example: 'alice' },
});

describeSchema(PushToAccountsDto, 'One message to many accounts.', {
  toAccounts: { ...list, items: account, description: ONE_UNIT_EACH, example: ['alice', 'bob'] },
});

describeSchema(PushToTopicDto, 'One message to one group.', {
  topicId: { ...topicId, description: `${TOPIC_ID}.`, example: '21351198708203521' },
});

describeSchema(PushToTopicsDto, 'One message to many groups.', {
  topicIds: {
    ...list,
    items: topicId,
    description: `${TOPIC_ID}. ${ONE_UNIT_EACH}`,
    example: ['21351198708203521', '21351198708203522'],
  },
});

/** Gives a DTO the metadata that its fields would have, had its class been written with `@ApiProperty()`. */
function describeSchema<Dto extends object>(
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

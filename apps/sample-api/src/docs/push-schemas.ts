import type { Schema } from './openapi.js';

/** As the DTOs of the library have it. */
const MAX_RECIPIENTS = 10_000;

/** An account's id. */
export const account: Schema = { type: 'string', minLength: 1, example: 'alice' };

/** No `maximum`: 2^63 - 1 is no number that the JSON of this document can hold for a JavaScript reader. */
export const topicId: Schema = {
  description:
    'A positive 64-bit integer, at most 9223372036854775807: as a decimal string, or bare. A bare one arrives exactly, ' +
    'but many a JSON library rounds it before it sends it.',
  oneOf: [
    { type: 'string', pattern: String.raw`^[1-9]\d{0,18}$` },
    { type: 'integer', format: 'int64', minimum: 1 },
  ],
  example: '21351198708203521',
};

/** The fields of a message. */
export const message: Record<string, Schema> = {
  msg: {
    type: 'string',
    minLength: 1,
    description: 'The payload, at most 10,240 bytes: of its UTF-8, or decoded when msgType is base64.',
  },
  msgType: { type: 'string', enum: ['', 'base64'], description: 'Empty or absent: msg is text. base64: msg is bytes.' },
  fromAccount: { ...account, description: "The sender; the server's own account when absent.", example: 'shop' },
  fromResource: { type: 'string', minLength: 1, description: "Label of the sender's device.", example: 'server' },
  isStore: { type: 'boolean', description: 'Whether MIMC keeps the message in its history.' },
  bizType: { type: 'string', description: "The application's own message type.", example: 'TEXT' },
};

/** The bodies of the four pushes: MIMC's own, without the credentials. */
export const pushSchemas: Record<string, Schema> = {
  PushToAccount: push({ toAccount: account }),
  PushToAccounts: push({ toAccounts: listOf(account) }),
  PushToTopic: push({ topicId }),
  PushToTopics: push({ topicIds: listOf(topicId) }),
};

function push(recipients: Record<string, Schema>): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    required: [...Object.keys(recipients), 'msg'],
    properties: { ...recipients, ...message },
  };
}

function listOf(items: Schema): Schema {
  return {
    type: 'array',
    minItems: 1,
    maxItems: MAX_RECIPIENTS,
    items,
    description: 'Each entry costs one unit of quota, and no call may be heavier than the quota of a second.',
  };
}

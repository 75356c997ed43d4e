import {
  PushDto,
  PushManyToUnlimitedTopicDto,
  PushMessageDto,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
} from '../index.js';
import { MAX_NAME_LENGTH } from '../internals.js';
import { account, describeSchema, list, topicId, TOPIC_ID } from './describe-schema.js';

const ONE_UNIT_EACH = 'Each entry costs one unit of quota, and no call may cost more than the quota of a second.';

const payload = {
  type: 'string',
  minLength: 1,
  description: 'The payload, at most 10,240 bytes by default: of its UTF-8, or decoded when `msgType` is `base64`.',
  example: 'hello',
} as const;

describeSchema(PushDto, 'What every push has besides its message and its recipients.', {
  msgType: {
    type: 'string',
    enum: ['', 'base64'],
    required: false,
    description: 'Empty or absent: the payload is text. `base64`: it is bytes.',
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

describeSchema(PushMessageDto, 'The message of a push to accounts or groups, without its recipients.', {
  msg: payload,
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

const manyTopics = {
  ...list,
  items: topicId,
  description: `${TOPIC_ID}. ${ONE_UNIT_EACH}`,
  example: ['51664086823862273', '51664086823862275'],
};

const oneTopic = { ...topicId, description: `${TOPIC_ID}.`, example: '51664086823862273' };

describeSchema(PushToUnlimitedTopicDto, 'One message to one unlimited group.', { topicId: oneTopic, message: payload });

describeSchema(PushToUnlimitedTopicsDto, 'One message to many unlimited groups.', {
  topicIds: manyTopics,
  message: payload,
});

describeSchema(PushManyToUnlimitedTopicDto, 'Many messages to one unlimited group.', {
  topicId: oneTopic,
  messages: {
    ...list,
    items: { type: 'string', minLength: 1 },
    description: `Payloads, each at most 10,240 bytes by default. ${ONE_UNIT_EACH}`,
    example: ['hello', 'again'],
  },
});

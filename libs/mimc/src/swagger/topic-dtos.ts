import type { ApiPropertyOptions } from '@nestjs/swagger';
import {
  CreateTopicDto,
  CreateUnlimitedTopicDto,
  TopicAccountsDto,
  TopicActionDto,
  TransferTopicDto,
  UpdateTopicDto,
  UpdateUnlimitedTopicDto,
} from '../index.js';
import { MAX_NAME_LENGTH } from '../internals.js';
import { account, describeSchema, list, topicId, TOPIC_ID } from './describe-schema.js';

/** As an account, without the comma that separates accounts. */
const LISTED = String.raw`^[^,\u0000-\u001F\u007F-\u009F\u2028\u2029\uFEFF]+$`;

const accounts: ApiPropertyOptions = {
  ...list,
  items: { ...account, pattern: LISTED },
  description: 'Accounts without commas.',
  example: ['bob', 'carol'],
};

const name = (description: string, required: boolean): ApiPropertyOptions => ({
  type: 'string',
  required,
  minLength: 1,
  maxLength: MAX_NAME_LENGTH,
  description,
  example: 'Trip',
});

const text = (description: string): ApiPropertyOptions => ({
  type: 'string',
  required: false,
  description: `${description}, at most 10,240 bytes of UTF-8.`,
});

const EXTRA = 'What the application keeps with the group';

describeSchema(CreateTopicDto, 'A new group.', {
  ownerAccount: {
    ...account,
    description: 'Creates the group and owns it; a member without being listed.',
    example: 'alice',
  },
  topicName: name('Name of the group.', true),
  accounts,
  extra: text(EXTRA),
});

describeSchema(TopicActionDto, 'A group, and the account that does something with it.', {
  topicId: { ...topicId, description: `${TOPIC_ID}.`, example: '21351198708203521' },
  account: { ...account, description: 'The acting account.', example: 'alice' },
});

describeSchema(TopicAccountsDto, 'Accounts that join a group or leave it.', { accounts });

describeSchema(UpdateTopicDto, 'What changes of a group; one field at least.', {
  topicName: name('New name.', false),
  bulletin: text('The notice of the group; empty for none'),
  extra: text(EXTRA),
});

describeSchema(TransferTopicDto, 'A group that gets another owner.', {
  ownerAccount: { ...account, description: 'The new owner.', example: 'bob' },
});

describeSchema(CreateUnlimitedTopicDto, 'A new unlimited group.', {
  ownerAccount: { ...account, description: 'Creates the group and owns it; a member at once.', example: 'alice' },
  topicName: name('Name of the group.', true),
  extra: text(EXTRA),
});

describeSchema(UpdateUnlimitedTopicDto, 'What changes of an unlimited group; one field at least.', {
  topicName: name('New name.', false),
  ownerAccount: { ...account, required: false, description: 'The new owner.', example: 'bob' },
  extra: text(EXTRA),
});

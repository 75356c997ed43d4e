import type { MimcPushEndpoint } from '../errors/mimc-error.js';
import type { MimcQuotaBucket } from '../pacing/quota.js';
import { type PacketIds, readPacketIdOf, readPacketIdsOf, type ReplyReader } from '../transport/reply.js';
import type { Recipients } from './push-limits.js';
import {
  type PushDto,
  type PushMessageDto,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
} from './push.dto.js';
import {
  PushManyToUnlimitedTopicDto,
  PushToUnlimitedTopicDto,
  PushToUnlimitedTopicsDto,
} from './unlimited-push.dto.js';

/** What a push endpoint takes, which quota it draws on, and how its answer is read. */
export interface PushKind<T extends PushDto = PushDto> {
  readonly type: new () => T;
  readonly bucket: MimcQuotaBucket;
  readonly read: ReplyReader<PacketIds>;
}

/** A message, without recipients, that keeps the rules. */
export type CheckedMessage = Pick<PushMessageDto, keyof PushMessageDto>;

/** A push to accounts or groups, which can be kept and sent later. */
export type StoredPush = CheckedMessage & Recipients;

/** The endpoint of such a push. */
export type StoredEndpoint = 'p2p' | 'p2p/more' | 'p2t' | 'p2t/more';

type PushKinds = Readonly<
  Record<StoredEndpoint, PushKind<StoredPush>> & Record<Exclude<MimcPushEndpoint, StoredEndpoint>, PushKind>
>;

/** The one table of push endpoints. */
export const PUSH_KINDS: PushKinds = {
  p2p: { type: PushToAccountDto, bucket: 'accounts', read: readPacketIdOf },
  'p2p/more': { type: PushToAccountsDto, bucket: 'accounts', read: readPacketIdsOf },
  p2t: { type: PushToTopicDto, bucket: 'topics', read: readPacketIdOf },
  'p2t/more': { type: PushToTopicsDto, bucket: 'topics', read: readPacketIdsOf },
  'ucs/singleMsgPush': {
    type: PushToUnlimitedTopicDto,
    bucket: 'unlimitedTopics',
    read: either(readPacketIdOf, readPacketIdsOf),
  },
  'ucs/multiTopicPush': {
    type: PushToUnlimitedTopicsDto,
    bucket: 'unlimitedTopics',
    read: either(readPacketIdsOf, readPacketIdOf),
  },
  'ucs/multiMsgPush': {
    type: PushManyToUnlimitedTopicDto,
    bucket: 'unlimitedTopics',
    read: either(readPacketIdsOf, readPacketIdOf),
  },
};

/** What an answer to a push to unlimited groups holds is not known, so either form is taken (docs/mimc-api.md §10, row 27). */
function either(first: ReplyReader<PacketIds>, second: ReplyReader<PacketIds>): ReplyReader<PacketIds> {
  return (reply, redact) => {
    const result = first(reply, redact);
    return result.ok ? result : second(reply, redact);
  };
}

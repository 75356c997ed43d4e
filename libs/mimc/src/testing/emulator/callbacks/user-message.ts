import { topicIdText } from '../endpoint.js';
import type { EmulatedTopics } from '../topics.js';

/** A message that a user of the app sends, for `MimcEmulator.userSends`: to one account, or to a group. */
export interface EmulatorUserMessage {
  /** The account that sends. */
  readonly from: string;
  /** The sender's device; default `phone`. */
  readonly fromResource?: string | undefined;
  /** The account that gets it. */
  readonly to?: string | undefined;
  /** Or the group that gets it; beyond 2^53 as text or bigint. */
  readonly topicId?: string | bigint | number | undefined;
  /** The members of that group; default those of the emulator's own, if it is one. */
  readonly members?: readonly string[] | undefined;
  /** Whether the group is an unlimited one, which has no offline messages. Default as the emulator's own, or false. */
  readonly unlimited?: boolean | undefined;
  /** What is sent: a text, */
  readonly text?: string | undefined;
  /** or bytes. */
  readonly payload?: Uint8Array | undefined;
  /** Default empty. */
  readonly bizType?: string | undefined;
}

/** A user's message, read. */
export interface UserMessage {
  readonly fromAccount: string;
  readonly fromResource: string;
  readonly payload: Buffer;
  readonly bizType: string;
  readonly target:
    | { readonly kind: 'account'; readonly toAccount: string }
    | {
        readonly kind: 'topic';
        readonly topicId: string;
        readonly members: readonly string[];
        readonly unlimited: boolean;
      };
}

/** @throws TypeError naming the field that is wrong */
export function readUserMessage(given: EmulatorUserMessage, topics: EmulatedTopics): UserMessage {
  return {
    fromAccount: text('from', given.from),
    fromResource: text('fromResource', given.fromResource ?? 'phone'),
    payload: readPayload(given),
    bizType: readBizType(given.bizType ?? ''),
    target: readTarget(given, topics),
  };
}

function readTarget(given: EmulatorUserMessage, topics: EmulatedTopics): UserMessage['target'] {
  const { to, topicId, members } = given;
  if ((to === undefined) === (topicId === undefined)) throw new TypeError('a message needs one of to and topicId');
  if (to !== undefined) return { kind: 'account', toAccount: text('to', to) };
  const id = topicIdText(topicId);
  if (id === undefined) throw new TypeError('topicId must be a positive 64-bit integer; beyond 2^53 as text or bigint');
  const known = topics.get(id);
  const { unlimited = known?.isUnlimited ?? false } = given;
  if (members === undefined) return { kind: 'topic', topicId: id, members: [...(known?.members ?? [])], unlimited };
  if (!Array.isArray(members)) throw new TypeError('members must be a list of accounts');
  members.forEach((member, index) => text(`members[${index}]`, member));
  return { kind: 'topic', topicId: id, members: [...members], unlimited };
}

function readPayload({ text: words, payload }: EmulatorUserMessage): Buffer {
  if ((words === undefined) === (payload === undefined)) throw new TypeError('a message needs one of text and payload');
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  if (typeof words === 'string') return Buffer.from(words);
  throw new TypeError('text must be a string, payload a Uint8Array');
}

function readBizType(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('bizType must be a string');
}

/** An account or a device. */
export function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new TypeError(`${name} must be a string that is not empty`);
}

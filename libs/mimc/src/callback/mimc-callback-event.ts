/** Types of callbacks about a message to one account (docs/mimc-api.md §4.2). */
export type MimcAccountMessageType = 'NORMAL_MSG' | 'OFFLINE_MSG';

/** Types of callbacks about a message to a group, `UCTOPIC_MSG` to an unlimited one (docs/mimc-api.md §4.2). */
export type MimcTopicMessageType = 'NORMAL_TOPIC_MSG' | 'OFFLINE_TOPIC_MSG' | 'UCTOPIC_MSG';

/** The known types of callbacks. */
export type MimcMessageType = MimcAccountMessageType | MimcTopicMessageType;

/** What every callback has. */
export interface MimcCallbackBase {
  /**
   * Identifies the callback: the same in each of MIMC's repeats, but different for the OFFLINE callback of the same message.
   * 43 characters that are safe in a URL, a file name and a database key. Use it to make a handler idempotent.
   */
  readonly id: string;
  /** The app whose secret signed the callback: the sender's for an account, the group's for a topic. */
  readonly appId: string;
  /** When MIMC took the message, in milliseconds since 1970. */
  readonly timestamp: number;
  /** MIMC's own increasing number of the message; exact decimal text, because it does not fit a number. */
  readonly sequence?: string;
  /**
   * Every field as it was received, except `authentication`: for fields that this library does not know. An integer that does
   * not fit a number is a `bigint`. Frozen.
   */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** A message that a user sent. */
export interface MimcUserMessage extends MimcCallbackBase {
  readonly fromAccount: string;
  /** The sender's device. */
  readonly fromResource?: string;
  /** The bytes of the message. */
  readonly payload: Uint8Array;
  /** The message as text, when its bytes are UTF-8. */
  readonly text?: string;
  /** The id that the sending client gave the message. */
  readonly packetId?: string;
  /** The application's own type of the message. */
  readonly bizType?: string;
}

/** A message to one account. */
export interface MimcAccountMessage extends MimcUserMessage {
  readonly kind: 'account';
  readonly type: MimcAccountMessageType;
  readonly fromAppId: string;
  readonly toAppId?: string;
  readonly toAccount: string;
  /** The recipient's device. */
  readonly toResource?: string;
  /** On `OFFLINE_MSG`: the recipient's devices that are offline. */
  readonly offlineResources?: readonly string[];
}

/** A group member who did not receive a message. */
export interface MimcOfflineAccount {
  readonly toAccount: string;
  readonly offlineResources: readonly string[];
}

/** A message to a group. */
export interface MimcTopicMessage extends MimcUserMessage {
  readonly kind: 'topic';
  readonly type: MimcTopicMessageType;
  /** Exact decimal text. */
  readonly topicId: string;
  /** All members; on `OFFLINE_TOPIC_MSG` those who did not get it. */
  readonly toAccounts?: readonly string[];
  /** On `OFFLINE_TOPIC_MSG`: the members who did not get it, with their devices. */
  readonly offlineAccounts?: readonly MimcOfflineAccount[];
}

/** A callback of a type that this version does not know: its fields are in `raw`. */
export interface MimcOtherCallback extends MimcCallbackBase {
  readonly kind: 'other';
  readonly type: string;
}

/** What a handler gets. Switch on `kind` or on `type`. */
export type MimcCallbackEvent = MimcAccountMessage | MimcTopicMessage | MimcOtherCallback;

/** What a handler of these types gets. */
export type MimcMessageOf<Type extends MimcMessageType> = Type extends MimcAccountMessageType
  ? MimcAccountMessage & { readonly type: Type }
  : MimcTopicMessage & { readonly type: Type };

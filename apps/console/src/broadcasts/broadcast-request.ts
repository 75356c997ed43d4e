import type { MimcBroadcastMessage, MimcBroadcastOptions } from 'nestjs-mimc';

/** What the recipients of a broadcast are. */
export type BroadcastKind = 'accounts' | 'topics';

/** The options of a broadcast that a client may choose. */
export type BroadcastTuning = Pick<
  MimcBroadcastOptions<never>,
  'chunkSize' | 'concurrency' | 'dedupeWindow' | 'stopAfterConsecutiveFailures'
>;

/** What is sent, without the audience. */
export interface BroadcastContent {
  kind: BroadcastKind;
  message: MimcBroadcastMessage;
  options: BroadcastTuning;
}

/** A broadcast without its audience. */
export interface BroadcastRequest extends BroadcastContent {
  id: string;
  /** Not before this time. */
  startAt?: Date | undefined;
}

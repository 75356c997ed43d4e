import type { MimcBroadcastMessage, MimcBroadcastOptions } from 'nestjs-mimc';

/** Whom a broadcast goes to. */
export type BroadcastKind = 'accounts' | 'topics';

/** The options of a broadcast that a client may choose. */
export type BroadcastTuning = Pick<
  MimcBroadcastOptions<never>,
  'chunkSize' | 'concurrency' | 'dedupeWindow' | 'stopAfterConsecutiveFailures'
>;

/** What is sent, but for the audience. */
export interface BroadcastContent {
  kind: BroadcastKind;
  message: MimcBroadcastMessage;
  options: BroadcastTuning;
}

/** A broadcast but for its audience. */
export interface BroadcastRequest extends BroadcastContent {
  id: string;
  /** Not before this time. */
  startAt?: Date | undefined;
}

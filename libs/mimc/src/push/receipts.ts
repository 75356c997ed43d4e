import type { CallReceipt } from '../delivery/call-progress.js';

/** MIMC took the message. */
export interface PushReceipt extends CallReceipt {
  /** MIMC's id of the message, opaque (docs/mimc-api.md §8). */
  packetId: string;
}

/** MIMC took the message for the recipients of the call. */
export interface BatchPushReceipt extends CallReceipt {
  /** As MIMC sent them; their order, and that there is one for each recipient, is assumed (docs/mimc-api.md §10, row 14). */
  packetIds: readonly string[];
  /** Recipients of the call; of `manyToUnlimitedTopic` its messages. */
  requested: number;
}

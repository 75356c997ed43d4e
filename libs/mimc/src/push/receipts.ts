/** Where the time of a call went, in milliseconds. */
export interface MimcTiming {
  /** Waiting for quota. */
  queuedMs: number;
  /** Attempts, from the beginning of the connection to the end of the reply. */
  networkMs: number;
  /** Between attempts. */
  backoffMs: number;
}

/** What every successful call tells. */
export interface CallReceipt {
  /** Id of the call, the same in every event of it. */
  callId: string;
  /** Requests made, the successful one included. */
  attempts: number;
  timing: MimcTiming;
  /** True when an earlier attempt may have been delivered too; only with `delivery: 'at-least-once'`. */
  mayBeDuplicate: boolean;
}

/** MIMC took the message. */
export interface PushReceipt extends CallReceipt {
  /** MIMC's id of the message, opaque (mimc-api.md §8). */
  packetId: string;
}

/** MIMC took the message for the recipients of the call. */
export interface BatchPushReceipt extends CallReceipt {
  /** As MIMC sent them; their order, and that there is one for each recipient, is assumed (mimc-api.md §10, row 14). */
  packetIds: readonly string[];
  /** Recipients of the call. */
  requested: number;
}

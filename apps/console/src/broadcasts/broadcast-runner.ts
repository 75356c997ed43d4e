import type { StoredAudience } from './audience/audience-spool.js';
import type { BroadcastRequest } from './broadcast-request.js';
import type { BroadcastFailure, BroadcastState, BroadcastSummary } from './broadcast-state.js';

/**
 * Who runs broadcasts: this process, or workers behind a queue. What acts on a broadcast answers with its state afterwards,
 * which tells what became of it, and with undefined when there is none of that id.
 */
export abstract class BroadcastRunner {
  /**
   * Refuses, before an audience is received for nothing, what {@link start} would refuse.
   *
   * @throws MimcError `MIMC_INVALID`, `MIMC_QUEUE_FULL`; ConflictException when the id is taken
   */
  abstract check(request: BroadcastRequest): Promise<void>;
  /** Begins. From here on the audience is the runner's, to be discarded when it is no longer needed, also when this throws. */
  abstract start(request: BroadcastRequest, audience: StoredAudience): Promise<BroadcastState>;
  /** All that are remembered, the latest first. */
  abstract list(): Promise<BroadcastSummary[]>;
  abstract get(id: string): Promise<BroadcastState | undefined>;
  /** Resolves when what was under way has ended, so that the state is exact. */
  abstract pause(id: string): Promise<BroadcastState | undefined>;
  abstract resume(id: string): Promise<BroadcastState | undefined>;
  abstract cancel(id: string): Promise<BroadcastState | undefined>;
  /** Sends again to those who were refused or not sent to, when it has ended; else, and if there are none, it does nothing. */
  abstract resend(id: string): Promise<BroadcastState | undefined>;
  /** Those who did not, or may not have got the message. */
  abstract failures(id: string): AsyncIterable<BroadcastFailure>;
}

import type { StoredAudience } from './audience/audience-spool.js';
import type { BroadcastRequest } from './broadcast-request.js';
import type { BroadcastFailure, BroadcastState, BroadcastSummary } from './broadcast-state.js';

/**
 * Runs broadcasts: in this process, or by workers behind a queue. Every action resolves to the state after it, or to
 * undefined when no broadcast has that id.
 */
export abstract class BroadcastRunner {
  /**
   * Refuses what {@link start} would refuse, before an audience is received for nothing.
   *
   * @throws MimcError `MIMC_INVALID`, `MIMC_QUEUE_FULL`; ConflictException when the id is taken
   */
  abstract check(request: BroadcastRequest): Promise<void>;
  /** Starts a broadcast. The runner takes over the audience and discards it when done, even if this throws. */
  abstract start(request: BroadcastRequest, audience: StoredAudience): Promise<BroadcastState>;
  /** All known broadcasts, newest first. */
  abstract list(): Promise<BroadcastSummary[]>;
  abstract get(id: string): Promise<BroadcastState | undefined>;
  /** Resolves when requests in flight have ended, so that the state is exact. */
  abstract pause(id: string): Promise<BroadcastState | undefined>;
  abstract resume(id: string): Promise<BroadcastState | undefined>;
  abstract cancel(id: string): Promise<BroadcastState | undefined>;
  /** Sends again to recipients who were refused or not sent to. Does nothing before it has ended, or when there are none. */
  abstract resend(id: string): Promise<BroadcastState | undefined>;
  /** Recipients who did not get, or may not have got, the message. */
  abstract failures(id: string): AsyncIterable<BroadcastFailure>;
}

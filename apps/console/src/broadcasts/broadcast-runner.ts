import type { StoredAudience } from './audience/audience-spool.js';
import type { BroadcastRequest } from './broadcast-request.js';
import type { BroadcastState } from './broadcast-state.js';

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
  abstract get(id: string): Promise<BroadcastState | undefined>;
  /** Resolves when what was under way has ended, so that the state is exact. */
  abstract pause(id: string): Promise<BroadcastState | undefined>;
  abstract resume(id: string): Promise<BroadcastState | undefined>;
  abstract cancel(id: string): Promise<BroadcastState | undefined>;
}

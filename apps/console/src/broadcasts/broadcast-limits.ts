/** The resources of this server that broadcasts may use. */
export class BroadcastLimits {
  /** Bytes of an uploaded audience. */
  readonly maxUploadBytes: number;
  /** Bytes of one line of an audience. */
  readonly maxLineBytes: number;
  /** Broadcasts that have not ended, each with its audience on disk. */
  readonly maxOpen: number;
  /** Ended broadcasts that can still be read, with their audience as long as a resend is possible; the oldest are dropped first. */
  readonly maxKept: number;
  /** How often `GET /broadcasts/:id/events` reports progress, in milliseconds. */
  readonly eventsEveryMs: number;
  /** Clients that may follow these events at the same time. */
  readonly maxStreams: number;

  constructor(given: Partial<BroadcastLimits> = {}) {
    this.maxUploadBytes = given.maxUploadBytes ?? 256 * 1024 * 1024;
    this.maxLineBytes = given.maxLineBytes ?? 4_096;
    this.maxOpen = given.maxOpen ?? 20;
    this.maxKept = given.maxKept ?? 100;
    this.eventsEveryMs = given.eventsEveryMs ?? 500;
    this.maxStreams = given.maxStreams ?? 32;
  }
}

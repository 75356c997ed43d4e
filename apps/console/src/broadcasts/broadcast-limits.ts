/** What broadcasts may take of this server. */
export class BroadcastLimits {
  /** Bytes of an uploaded audience. */
  readonly maxUploadBytes: number;
  /** Bytes of a line of it. */
  readonly maxLineBytes: number;
  /** Broadcasts that have not come to their end, each with its audience on disk. */
  readonly maxOpen: number;
  /** Broadcasts that have, kept to be looked at, with the audience while somebody of it can be sent to again; the oldest go first. */
  readonly maxKept: number;
  /** How often `GET /broadcasts/:id/events` tells the progress, in milliseconds. */
  readonly eventsEveryMs: number;
  /** Clients that follow these events at a time. */
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

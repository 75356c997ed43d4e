/** How much of this server the console may use. */
export class ConsoleLimits {
  /** Pages connected at the same time. Default 8. */
  readonly maxStreams: number;
  /** Messages and callbacks kept to be shown; the oldest are dropped first. Default 200. */
  readonly maxMessages: number;
  /** Characters shown of a message and of each of its fields. Default 300. */
  readonly maxTextLength: number;
  /** How often the stream checks for news, in milliseconds. Default 250. */
  readonly everyMs: number;

  constructor(given: Partial<ConsoleLimits> = {}) {
    this.maxStreams = given.maxStreams ?? 8;
    this.maxMessages = given.maxMessages ?? 200;
    this.maxTextLength = given.maxTextLength ?? 300;
    this.everyMs = given.everyMs ?? 250;
  }
}

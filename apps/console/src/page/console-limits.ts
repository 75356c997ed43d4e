/** What the console may take of this server. */
export class ConsoleLimits {
  /** Pages that follow along at a time. */
  readonly maxStreams: number;
  /** Messages of the emulator's inboxes that are kept to be shown; the oldest go first. */
  readonly maxMessages: number;
  /** Characters of a message, and of each of its fields, that are shown. */
  readonly maxTextLength: number;
  /** How often the stream looks for news, in milliseconds. */
  readonly everyMs: number;

  constructor(given: Partial<ConsoleLimits> = {}) {
    this.maxStreams = given.maxStreams ?? 8;
    this.maxMessages = given.maxMessages ?? 200;
    this.maxTextLength = given.maxTextLength ?? 300;
    this.everyMs = given.everyMs ?? 250;
  }
}

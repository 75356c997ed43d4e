import { createReadStream } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { type BroadcastFailure, MAX_LISTED } from '../broadcast-state.js';
import { linesOf } from '../audience/lines.js';

/** Characters buffered before a write. */
const WRITE_LENGTH = 64 * 1024;

/** The failures of a broadcast in a file, the first of them also in memory. */
export class FailureLog {
  readonly #listed: BroadcastFailure[] = [];
  #recipients = 0;
  #omitted = 0;
  #unwritten = '';
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(private readonly path: string) {}

  /** The first failures. */
  get listed(): BroadcastFailure[] {
    return [...this.#listed];
  }

  /** How many recipients are not listed. */
  get omitted(): number {
    return this.#omitted;
  }

  /** @throws when the file cannot be written; the failure is kept, and the next call tries again */
  async add(failure: BroadcastFailure): Promise<void> {
    const { length } = failure.recipients;
    if (this.#recipients + length > MAX_LISTED) this.#omitted += length;
    else {
      this.#recipients += length;
      this.#listed.push(failure);
    }
    this.#unwritten += `${JSON.stringify(failure)}\n`;
    if (this.#unwritten.length >= WRITE_LENGTH) await this.#write();
  }

  async *read(): AsyncGenerator<BroadcastFailure, void, undefined> {
    await this.#write();
    if (this.#bytes === 0) return;
    // Failures added from now on may be written only in part.
    const bytes: AsyncIterable<Buffer> = createReadStream(this.path, { end: this.#bytes - 1 });
    for await (const page of linesOf(bytes, Infinity)) {
      for (const { text } of page) yield JSON.parse(text) as BroadcastFailure;
    }
  }

  async discard(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await rm(this.path, { force: true });
  }

  /** One write after the other, so that lines do not mix. */
  #write(): Promise<void> {
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#append());
    return this.#writing;
  }

  async #append(): Promise<void> {
    const text = this.#unwritten;
    if (text === '') return;
    await appendFile(this.path, text, { mode: 0o600 });
    this.#unwritten = this.#unwritten.slice(text.length);
    this.#bytes += Buffer.byteLength(text);
  }
}

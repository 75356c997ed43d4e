/** Enough for the 10,000 packetIds of the largest call at 400 bytes each. */
export const MAX_REPLY_BYTES = 4 * 1024 * 1024;

const EMPTY = Buffer.alloc(0);

/**
 * The body of a reply, as it comes. One buffer, which doubles: a list of chunks would take a hundred bytes for each, and a
 * server can send a body in chunks of one byte.
 */
export class ReplyBytes {
  #buffer: Buffer = EMPTY;
  #length = 0;

  /** False, and nothing is kept, when the body becomes longer than {@link MAX_REPLY_BYTES}. */
  add(chunk: Buffer): boolean {
    const length = this.#length + chunk.length;
    if (length > MAX_REPLY_BYTES) return false;
    // Most replies are one chunk, which is not copied. The buffer is then full, so nothing is ever written to that chunk.
    if (this.#length === 0) this.#buffer = chunk;
    else this.#append(chunk, length);
    this.#length = length;
    return true;
  }

  /** How many there are so far. */
  get length(): number {
    return this.#length;
  }

  /** All bytes so far. */
  get all(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Lets go of what it holds. */
  clear(): void {
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  #append(chunk: Buffer, length: number): void {
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_REPLY_BYTES, Math.max(length, 2 * this.#buffer.length, 1024)));
      larger.set(this.all);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
  }
}

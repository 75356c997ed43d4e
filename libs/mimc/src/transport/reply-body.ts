import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

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

/** Headers as undici reads them. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The body of a reply as text, or why it cannot be read. */
export type ReplyText = { body: string; flaw?: undefined } | { body: undefined; flaw: string };

/** What is said of a body that is too long, encoded or not. */
export const TOO_LONG: ReplyText = { body: undefined, flaw: 'The reply is longer than 4 MiB' };

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const LENIENT_UTF8 = new TextDecoder();

const LIMIT = { maxOutputLength: MAX_REPLY_BYTES };

/** Content codings (RFC 9110 §8.4.1). */
const DECODERS: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map([
  ['gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['deflate', (bytes) => (isZlib(bytes) ? inflateSync(bytes, LIMIT) : inflateRawSync(bytes, LIMIT))],
  ['br', (bytes) => brotliDecompressSync(bytes, LIMIT)],
]);

/**
 * Reads a body whose encoding nobody asked for, as front ends and proxies send it all the same: compressed by what its
 * first bytes or `Content-Encoding` say, and in UTF-8 or else in the `charset` of `Content-Type`.
 */
export function readText(bytes: Buffer, headers: ReplyHeaders): ReplyText {
  const coding = codingOf(bytes, headers);
  if (coding === undefined) return textOf(bytes, headers);
  const decode = DECODERS.get(coding);
  if (decode === undefined) return flaw(`The reply is encoded as ${label(coding)}, which is not supported`);
  let plain: Buffer;
  try {
    plain = decode(bytes);
  } catch (error) {
    const isTooLong = (error as { code?: unknown } | undefined)?.code === 'ERR_BUFFER_TOO_LARGE';
    return isTooLong ? TOO_LONG : flaw(`The reply is encoded as ${coding} but truncated or corrupt`);
  }
  return textOf(plain, headers);
}

/** Undefined for what is not compressed. */
function codingOf(bytes: Buffer, headers: ReplyHeaders): string | undefined {
  if (isGzip(bytes)) return 'gzip';
  const named = headers['content-encoding'];
  if (named === undefined || bytes.length === 0) return undefined;
  const coding = String(named).trim().toLowerCase();
  // A proxy that unpacks a body may leave the header.
  return ['', 'identity', 'gzip', 'x-gzip'].includes(coding) ? undefined : coding;
}

/** RFC 1952 §2.3.1; no text begins so. Xiaomi's front ends are reported to answer gzip without saying so. */
function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Whether `deflate` has the header of RFC 1950 §2.2, as it should; some servers send the bare format. */
function isZlib(bytes: Buffer): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0;
}

/** A BOM is dropped. */
function textOf(bytes: Buffer, headers: ReplyHeaders): ReplyText {
  try {
    // First, whatever the header says: text in another charset is hardly ever valid UTF-8, but often declared.
    return { body: UTF8.decode(bytes) };
  } catch {
    return textInCharset(bytes, headers);
  }
}

/** What cannot be decoded becomes U+FFFD, and is JSON all the same if it stands in a string. */
function textInCharset(bytes: Buffer, headers: ReplyHeaders): ReplyText {
  const [, charset] = /;\s*charset\s*=\s*["']?([^"';\s]+)/i.exec(String(headers['content-type'] ?? '')) ?? [];
  if (charset === undefined) return { body: LENIENT_UTF8.decode(bytes) };
  try {
    return { body: new TextDecoder(charset).decode(bytes) };
  } catch {
    return flaw(`The reply is in the charset ${label(charset)}, which this Node.js cannot read`);
  }
}

function flaw(text: string): ReplyText {
  return { body: undefined, flaw: text };
}

/** Only what looks like a name: another text could hold the request. */
function label(name: string): string {
  return /^[\w.:-]{1,20}$/.test(name) ? `"${name}"` : 'that it names';
}

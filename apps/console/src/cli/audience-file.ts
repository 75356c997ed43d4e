import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { LineError } from '../broadcasts/audience/lines.js';
import { recipientsOf } from '../broadcasts/audience/recipients.js';
import { csvColumn } from '../broadcasts/audience/csv-column.js';
import type { BroadcastKind } from '../broadcasts/broadcast-request.js';
import { UsageError } from './cli-args.js';
import { systemCode } from './system-error.js';

const MAX_LINE_BYTES = 64 * 1024;

/** A file of recipients, read once in advance to count them and to check every line. */
export interface AudienceFile {
  readonly count: number;
  /** SHA-256 of its bytes: a checkpoint counts lines, so it is valid for this content only. */
  readonly digest: string;
  read(): AsyncIterable<string[]>;
}

/** @throws UsageError when it cannot be read, or one of its lines is invalid */
export async function openAudienceFile(path: string, kind: BroadcastKind, column?: string): Promise<AudienceFile> {
  const format = /\.(ndjson|jsonl)$/i.test(path) ? 'ndjson' : 'text';
  const recipients = (bytes: AsyncIterable<Uint8Array>) =>
    column === undefined
      ? recipientsOf(bytes, { format, kind, maxLineBytes: MAX_LINE_BYTES })
      : csvColumn(bytes, column, MAX_LINE_BYTES);
  const read = () => recipients(bytesOf(path));
  const hash = createHash('sha256');
  let count = 0;
  try {
    for await (const page of recipients(hashed(bytesOf(path), hash))) count += page.length;
  } catch (error) {
    throw explained(path, error);
  }
  if (count === 0) throw new UsageError(`${path} contains no recipients`);
  return { count, digest: hash.digest('hex'), read };
}

/** Opens the file only when it is read: nothing would handle the error of a stream that is never read. */
async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

async function* hashed(bytes: AsyncIterable<Buffer>, hash: { update(piece: Buffer): unknown }): AsyncGenerator<Buffer> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

function explained(path: string, error: unknown): unknown {
  if (error instanceof LineError) return new UsageError(`${path}: ${error.message}`);
  const code = systemCode(error);
  if (code === 'ENOENT') return new UsageError(`${path} does not exist`);
  return code !== undefined ? new UsageError(`Cannot read ${path} (${code})`) : error;
}

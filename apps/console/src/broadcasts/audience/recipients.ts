import type { BroadcastKind } from '../broadcast-request.js';
import { LineError, linesOf, type Line } from './lines.js';

/** `text`: one recipient per line. `ndjson`: one JSON string per line, or a bare integer for a topic id. */
export type LineFormat = 'text' | 'ndjson';

/** The format of an audience. */
export interface AudienceFormat {
  format: LineFormat;
  kind: BroadcastKind;
  maxLineBytes: number;
}

/**
 * The recipients of an audience with one per line, in pages; blank lines are skipped. The broadcast itself checks each
 * recipient, reports invalid ones and continues.
 *
 * @throws LineError naming the line
 */
export async function* recipientsOf(
  bytes: AsyncIterable<Uint8Array>,
  { format, kind, maxLineBytes }: AudienceFormat,
): AsyncGenerator<string[], void, undefined> {
  const read = format === 'text' ? (line: Line) => line.text : (line: Line) => valueOf(line, kind);
  for await (const page of linesOf(bytes, maxLineBytes)) {
    const lines = page.map(({ number, text }) => ({ number, text: text.trim() })).filter(({ text }) => text !== '');
    if (lines.length > 0) yield lines.map(read);
  }
}

/** An integer stays text: a number would lose digits of a 64-bit id. */
function valueOf({ number, text }: Line, kind: BroadcastKind): string {
  if (kind === 'topics' && /^-?\d+$/.test(text)) return text;
  const value = text.startsWith('"') ? parseString(text) : undefined;
  if (value !== undefined) return value;
  throw new LineError(number, 'isRecipient', `must be a JSON string${kind === 'topics' ? ' or an integer' : ''}`);
}

function parseString(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

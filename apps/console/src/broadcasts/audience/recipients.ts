import type { BroadcastKind } from '../broadcast-request.js';
import { LineError, linesOf, type Line } from './lines.js';

/** `text`: a recipient a line. `ndjson`: a JSON string a line, or a bare integer where it is the id of a group. */
export type LineFormat = 'text' | 'ndjson';

/** How an audience is written down. */
export interface AudienceFormat {
  format: LineFormat;
  kind: BroadcastKind;
  maxLineBytes: number;
}

/**
 * The recipients of an audience that has one in each line, in pages; blank lines are passed over. Whether a recipient is one
 * is for the broadcast to say, which reports it and goes on.
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

/** An integer stays the text that it is: a number would lose digits of a 64-bit id. */
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

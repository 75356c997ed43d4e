import { isUtf8 } from 'node:buffer';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = '\uFEFF';

/** A line of a file or an upload, without its end. */
export interface Line {
  /** From 1, as editors count. */
  readonly number: number;
  readonly text: string;
}

/** An invalid line. Its content is not shown, because it may be personal data. */
export class LineError extends Error {
  constructor(
    readonly line: number,
    readonly rule: string,
    must: string,
  ) {
    super(`Line ${line} ${must}`);
    this.name = 'LineError';
  }
}

/**
 * Splits bytes into lines. A page has the lines that one piece completes, so it buffers one piece and one line. Not
 * `readline`, which has no maximum length and also splits at U+2028, which a JSON string may contain.
 *
 * @throws LineError for a line above `maxLineBytes` and for one that is not UTF-8
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Line[], void, undefined> {
  let number = 0;
  let rest: Uint8Array = new Uint8Array();
  for await (const piece of source) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const page: Line[] = [];
    let begin = 0;
    // The remainder has no line feed and need not be searched again.
    for (let end = bytes.indexOf(LINE_FEED, rest.length); end !== -1; end = bytes.indexOf(LINE_FEED, begin)) {
      number += 1;
      page.push({ number, text: textOf(bytes.subarray(begin, end), number, maxLineBytes) });
      begin = end + 1;
    }
    rest = bytes.subarray(begin);
    if (rest.length > maxLineBytes) throw tooLong(number + 1, maxLineBytes);
    if (page.length > 0) yield page;
  }
  if (rest.length > 0) yield [{ number: number + 1, text: textOf(rest, number + 1, maxLineBytes) }];
}

function textOf(bytes: Uint8Array, number: number, maxLineBytes: number): string {
  const line = bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
  if (line.length > maxLineBytes) throw tooLong(number, maxLineBytes);
  if (!isUtf8(line)) throw new LineError(number, 'isUtf8', 'must be UTF-8');
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8');
  return number === 1 && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function tooLong(number: number, maxLineBytes: number): LineError {
  return new LineError(number, 'maxLineBytes', `must not be longer than ${maxLineBytes} bytes`);
}

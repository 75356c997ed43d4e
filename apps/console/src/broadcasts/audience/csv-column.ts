import { LineError, linesOf } from './lines.js';

/** A field, either plain or quoted (with a quote written twice), and the separator after it. */
const FIELDS = {
  ',': /\s*(?:"((?:[^"]|"")*)"[^,]*|([^,]*))(,|$)/y,
  ';': /\s*(?:"((?:[^"]|"")*)"[^;]*|([^;]*))(;|$)/y,
  '\t': / *(?:"((?:[^"]|"")*)"[^\t]*|([^\t]*))(\t|$)/y,
};

type Separator = keyof typeof FIELDS;

/**
 * One column of a CSV (RFC 4180, separated by commas, semicolons or tabs), in pages without empty fields.
 *
 * @param column its name in the first line or, in a file without column names, its number from 1
 * @throws LineError when there is no such column
 */
export async function* csvColumn(
  bytes: AsyncIterable<Uint8Array>,
  column: string,
  maxLineBytes: number,
): AsyncGenerator<string[], void, undefined> {
  let separator: Separator | undefined;
  let index = /^[1-9]\d{0,3}$/.test(column) ? Number(column) - 1 : undefined;
  let open = '';
  for await (const page of linesOf(bytes, maxLineBytes)) {
    const recipients: string[] = [];
    for (const { number, text } of page) {
      const record = open + text;
      // A line feed in quotes belongs to the field.
      open = record.split('"').length % 2 === 0 ? `${record}\n` : '';
      if (Buffer.byteLength(open) > maxLineBytes) throw new LineError(number, 'isClosed', 'has an unclosed quote');
      if (open !== '') continue;
      separator ??= separatorOf(record);
      const fields = fieldsOf(record, separator);
      if (index === undefined) {
        index = fields.indexOf(column);
        if (index === -1) throw new LineError(number, 'hasColumn', `must contain the column name ${column}`);
      } else if (fields[index]) recipients.push(fields[index] ?? '');
    }
    if (recipients.length > 0) yield recipients;
  }
  if (open !== '') throw new LineError(1, 'isClosed', 'or a later one has an unclosed quote');
}

function separatorOf(record: string): Separator {
  const found = /[,;\t]/.exec(record.replaceAll(/"[^"]*"/g, ''))?.[0];
  return found === ';' || found === '\t' ? found : ',';
}

function fieldsOf(record: string, separator: Separator): string[] {
  const field = FIELDS[separator];
  field.lastIndex = 0;
  const fields: string[] = [];
  for (let match = field.exec(record); match !== null; match = field.exec(record)) {
    const [, quoted, plain = '', end] = match;
    fields.push((quoted?.replaceAll('""', '"') ?? plain).trim());
    if (end === '') return fields;
  }
  return fields;
}

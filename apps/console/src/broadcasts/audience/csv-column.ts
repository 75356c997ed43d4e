import { LineError, linesOf } from './lines.js';

/** A field and what follows it: in quotes, in which two quotes stand for one, or as it is. */
const FIELDS = {
  ',': /\s*(?:"((?:[^"]|"")*)"[^,]*|([^,]*))(,|$)/y,
  ';': /\s*(?:"((?:[^"]|"")*)"[^;]*|([^;]*))(;|$)/y,
  '\t': / *(?:"((?:[^"]|"")*)"[^\t]*|([^\t]*))(\t|$)/y,
};

type Separator = keyof typeof FIELDS;

/**
 * One column of a CSV (RFC 4180; between fields a comma, a semicolon or a tab), in pages without empty fields.
 *
 * @param column its name in the first line; or its number, from 1, when no line names the columns
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
      // A line feed in quotes is of the field.
      open = record.split('"').length % 2 === 0 ? `${record}\n` : '';
      if (Buffer.byteLength(open) > maxLineBytes)
        throw new LineError(number, 'isClosed', 'has a quote that is not closed');
      if (open !== '') continue;
      separator ??= separatorOf(record);
      const fields = fieldsOf(record, separator);
      if (index === undefined) {
        index = fields.indexOf(column);
        if (index === -1) throw new LineError(number, 'hasColumn', `must name the column ${column}`);
      } else if (fields[index]) recipients.push(fields[index] ?? '');
    }
    if (recipients.length > 0) yield recipients;
  }
  if (open !== '') throw new LineError(1, 'isClosed', 'or a later one has a quote that is not closed');
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

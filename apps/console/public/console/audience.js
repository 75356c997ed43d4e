import { CsvReader } from './csv.js';

/** How many recipients a preview names. */
const FIRST = 3;
/** How many recipients are joined into one part of a file. */
const PART = 10_000;

/**
 * The recipients of a broadcast.
 *
 * @typedef {{count: number, first: string[], blank: number, commas: number, columns?: string[], list?: string[],
 *   file?: Blob, type?: string}} Audience `columns` are of a table, named by its first line; either `list` or `file` is sent
 */

/** The audience of a text with one recipient per line. */
export function audienceOfText(text) {
  const tally = new Tally();
  const list = text
    .split('\n')
    .filter((line) => tally.add(line.trim()))
    .map((line) => line.trim());
  return { ...tally.counts, list };
}

/**
 * The audience of a file, which is read to its end. For a table (`.csv`) it is one column, without the first line when that
 * contains the column names.
 *
 * @returns {Promise<Audience>}
 */
export async function audienceOfFile(file, { column = 0, hasHeader = true } = {}) {
  if (isTable(file)) return audienceOfTable(file, column, hasHeader);
  const isNdjson = /\.(ndjson|jsonl)$/i.test(file.name);
  const tally = new Tally();
  let rest = '';
  for await (const text of textsOf(file)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) tally.add(nameIn(line.trim(), isNdjson));
  }
  if (rest !== '') tally.add(nameIn(rest.trim(), isNdjson));
  return {
    ...tally.counts,
    ...(isNdjson && { commas: 0 }),
    file,
    type: isNdjson ? 'application/x-ndjson' : 'text/plain',
  };
}

export function isTable({ name }) {
  return /\.csv$/i.test(name);
}

async function audienceOfTable(file, column, hasHeader) {
  const [tally, reader, parts] = [new Tally(), new CsvReader(), []];
  let columns;
  let part = [];
  const take = (records) => {
    for (const record of records) {
      const isFirst = columns === undefined;
      columns ??= record.map((name) => name.trim());
      if (isFirst && hasHeader) continue;
      const recipient = (record[column] ?? '').trim();
      if (tally.add(recipient)) part.push(`${JSON.stringify(recipient)}\n`);
    }
    if (part.length < PART) return;
    parts.push(new Blob(part));
    part = [];
  };
  for await (const text of textsOf(file)) take(reader.push(text));
  take(reader.end());
  const { counts } = tally;
  return {
    ...counts,
    commas: 0,
    columns: columns ?? [],
    file: new Blob([...parts, ...part]),
    type: 'application/x-ndjson',
  };
}

/** The text of a file in pieces, without a byte order mark. It throws when that is not UTF-8. */
async function* textsOf(file) {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    yield decoder.decode(part.value, { stream: true });
  }
  yield decoder.decode();
}

/** In NDJSON, the value of the string; the API refuses anything else. */
function nameIn(line, isNdjson) {
  if (!isNdjson || !line.startsWith('"')) return line;
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

class Tally {
  counts = { count: 0, first: [], blank: 0, commas: 0 };

  /** Whether it is a recipient. */
  add(text) {
    const { counts } = this;
    if (text === '') counts.blank += 1;
    else {
      counts.count += 1;
      if (counts.first.length < FIRST) counts.first.push(text);
      if (text.includes(',')) counts.commas += 1;
    }
    return text !== '';
  }
}

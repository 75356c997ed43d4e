import { parseArgs } from 'node:util';
import type { BroadcastKind } from '../broadcasts/broadcast-request.js';
import { readTime } from '../broadcasts/start-time.js';
import { messageOf } from './system-error.js';

/** What `npm run broadcast -- --help` prints. */
export const CLI_HELP = `Sends a message to every recipient in a file. Run again after an interruption, it continues where it stopped.

Usage: npm run broadcast -- --file audience.txt --msg "hello" [options]

  --file FILE         one recipient per line; .ndjson or .jsonl: one JSON string per line; .csv: a table
  --csv-column COLUMN column of the .csv: its name in the first line or, in a file without column names, its number from 1
  --msg TEXT          the message
  --kind KIND         accounts (default) or topics
  --start-at TIME     when to start, like 2026-01-01T09:00:00+08:00; without an offset in local time
  --from ACCOUNT      the sender (default: MIMC_FROM_ACCOUNT)
  --chunk-size N      recipients per request (default: a fifth of the quota per second)
  --checkpoint FILE   where to save the progress (default: FILE.checkpoint)
  --failures FILE     where to list the recipients who were not reached (default: FILE.failures.ndjson)
  --help              print this

Exit codes: 0 all recipients reached, 1 some not reached, 2 could not start, 130 interrupted.
`;

/** What the command line asks for. */
export interface CliOptions {
  file: string;
  msg: string;
  kind: BroadcastKind;
  csvColumn?: string;
  startAt?: Date;
  fromAccount?: string;
  chunkSize?: number;
  checkpointFile: string;
  failuresFile: string;
}

/** A mistake of the user, described in one sentence. */
export class UsageError extends Error {}

/**
 * Reads the command line; undefined when it asks for help.
 *
 * @throws UsageError
 */
export function readCliArgs(args: readonly string[]): CliOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const { file, msg, kind = 'accounts', from: fromAccount, 'chunk-size': size } = values;
  if (!file) throw new UsageError('--file is required: the file with the recipients');
  if (!msg) throw new UsageError('--msg is required: the message');
  if (kind !== 'accounts' && kind !== 'topics') throw new UsageError('--kind must be accounts or topics');
  return {
    file,
    msg,
    kind,
    ...readColumn(file, values['csv-column']),
    ...(values['start-at'] !== undefined && { startAt: readStart(values['start-at']) }),
    ...(fromAccount && { fromAccount }),
    ...(size !== undefined && { chunkSize: readSize(size) }),
    checkpointFile: values.checkpoint || `${file}.checkpoint`,
    failuresFile: values.failures || `${file}.failures.ndjson`,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        file: text,
        msg: text,
        kind: text,
        'csv-column': text,
        'start-at': text,
        from: text,
        'chunk-size': text,
        checkpoint: text,
        failures: text,
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function readSize(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError('--chunk-size must be a positive integer');
}

/** A table is not a list: without a column each line would be taken for a recipient. */
function readColumn(file: string, csvColumn: string | undefined): Pick<CliOptions, 'csvColumn'> {
  const isTable = /\.csv$/i.test(file);
  if (isTable && !csvColumn)
    throw new UsageError(`--csv-column is required: the column of ${file} with the recipients`);
  if (!isTable && csvColumn !== undefined)
    throw new UsageError('--csv-column requires a --file whose name ends in .csv');
  return csvColumn ? { csvColumn } : {};
}

function readStart(text: string): Date {
  const hasOffset = /(Z|[+-]\d\d:\d\d)$/.test(text);
  // Checked as if it were UTC, then parsed by JavaScript as local time.
  const time = readTime(hasOffset ? text : `${text}Z`);
  if (time === undefined) throw new UsageError('--start-at must be a time like 2026-01-01T09:00:00+08:00');
  return hasOffset ? time : new Date(text);
}

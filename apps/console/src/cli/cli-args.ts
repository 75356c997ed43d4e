import { parseArgs } from 'node:util';
import type { BroadcastKind } from '../broadcasts/broadcast-request.js';
import { readTime } from '../broadcasts/start-time.js';
import { messageOf } from './system-error.js';

/** What `npm run broadcast -- --help` prints. */
export const CLI_HELP = `Sends a message to everybody who is listed in a file, and goes on where it ended when run again.

Usage: npm run broadcast -- --file audience.txt --msg "hello" [options]

  --file FILE         a recipient in each line; .ndjson or .jsonl: a JSON string in each; .csv: a table
  --csv-column COLUMN the column of a .csv: its name in the first line, or its number from 1 when no line names them
  --msg TEXT          the message
  --kind KIND         accounts (default) or topics
  --start-at TIME     waits until then, as 2026-01-01T09:00:00+08:00; without an offset in the time of this machine
  --from ACCOUNT      the sender (default: MIMC_FROM_ACCOUNT)
  --chunk-size N      recipients of a request (default: a fifth of the quota of a second)
  --checkpoint FILE   where to keep how far it is (default: FILE.checkpoint)
  --failures FILE     where to list who was not reached (default: FILE.failures.ndjson)
  --help              print this

Exit code: 0 everybody was reached, 1 not everybody, 2 it could not begin, 130 interrupted.
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

/** A mistake of the user, told in one sentence. */
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
  if (!file) throw new UsageError('--file is missing: the file that lists the recipients');
  if (!msg) throw new UsageError('--msg is missing: the message');
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

/** A table is not a list: each of its lines would be taken for a recipient. */
function readColumn(file: string, csvColumn: string | undefined): Pick<CliOptions, 'csvColumn'> {
  const isTable = /\.csv$/i.test(file);
  if (isTable && !csvColumn)
    throw new UsageError(`--csv-column is missing: the column of ${file} that names the recipients`);
  if (!isTable && csvColumn !== undefined) throw new UsageError('--csv-column is for a --file whose name ends in .csv');
  return csvColumn ? { csvColumn } : {};
}

function readStart(text: string): Date {
  const hasOffset = /(Z|[+-]\d\d:\d\d)$/.test(text);
  // Checked as if it were of UTC; then read as JavaScript does, in the time of this machine.
  const time = readTime(hasOffset ? text : `${text}Z`);
  if (time === undefined) throw new UsageError('--start-at must be a time, as 2026-01-01T09:00:00+08:00');
  return hasOffset ? time : new Date(text);
}

import { parseArgs } from 'node:util';
import { USER_MESSAGES } from './callbacks/user-message-route.js';
import type { MimcEmulatorCredentials, MimcEmulatorOptions } from './options.js';
import type { MimcEmulatorQuota } from './quota.js';

/** What `mimc-emulator --help` prints. */
export const CLI_HELP = `mimc-emulator: a stand-in for Xiaomi MIMC's push API, on this machine only

Usage: mimc-emulator [--port 8085] [options]

  --port N             TCP port (default: one that is free)
  --host ADDRESS       loopback address (default: 127.0.0.1)
  --quota              enforce the vendor's quota: 50 accounts, 20 topics and 50 unlimited topics per second
  --quota accounts=N,topics=N,unlimitedTopics=N
                       enforce another quota; a part left out keeps the vendor's
  --app-id ID          credentials to expect (default: invented ones, printed at the start)
  --app-key KEY
  --app-secret SECRET
  --callback-url URL   send callbacks about users' messages to this http URL on loopback
  --mirror-status      answer a refusal with its code as HTTP status (default: HTTP 200)
  --quiet              do not print a line for each request
  --help               print this
`;

/** What the command line asks for. */
export type CliCommand =
  { readonly run: 'help' } | { readonly run: 'start'; readonly options: MimcEmulatorOptions; readonly quiet: boolean };

/**
 * Reads the command line, the program's own name left out.
 *
 * @throws TypeError with one sentence for the user when a flag is wrong.
 */
export function readCliArgs(args: readonly string[]): CliCommand {
  const { values } = parseArgs({
    args: withQuotaValue(args),
    strict: true,
    allowPositionals: false,
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      quota: { type: 'string' },
      'app-id': { type: 'string' },
      'app-key': { type: 'string' },
      'app-secret': { type: 'string' },
      'callback-url': { type: 'string' },
      'mirror-status': { type: 'boolean' },
      quiet: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return { run: 'help' };
  const { port, host, quota } = values;
  const options: MimcEmulatorOptions = {
    ...(port !== undefined && { port: readCount('--port', port) }),
    ...(host !== undefined && { host }),
    ...(quota !== undefined && { quota: readQuota(quota) }),
    credentials: readCredentials(values),
    ...(values['callback-url'] !== undefined && { callbackUrl: values['callback-url'] }),
    errorStatus: values['mirror-status'] ? 'mirror' : 'ok',
    // Nobody can read the inboxes of this process, and it may run for weeks.
    ledger: 'counts',
  };
  return { run: 'start', options, quiet: values.quiet === true };
}

/** `parseArgs` knows no optional values, so a bare `--quota` is given an empty one. */
function withQuotaValue(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const next = args[index + 1];
    return arg === '--quota' && (next === undefined || next.startsWith('-')) ? '--quota=' : arg;
  });
}

function readQuota(text: string): true | MimcEmulatorQuota {
  if (text === '') return true;
  const quota: { -readonly [Part in keyof MimcEmulatorQuota]: number } = {};
  for (const part of text.split(',')) {
    const [name, value] = part.split('=', 2);
    if (name !== 'accounts' && name !== 'topics' && name !== 'unlimitedTopics') {
      throw new TypeError('--quota takes accounts=N,topics=N,unlimitedTopics=N, or nothing');
    }
    quota[`${name}PerSecond`] = readCount(`--quota ${name}`, value ?? '');
  }
  return quota;
}

function readCount(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${flag} takes a whole number`);
  return Number(text);
}

type CredentialFlags = Readonly<Partial<Record<'app-id' | 'app-key' | 'app-secret', string>>>;

function readCredentials(values: CredentialFlags): Partial<MimcEmulatorCredentials> {
  const { 'app-id': appId, 'app-key': appKey, 'app-secret': appSecret } = values;
  return {
    ...(appId !== undefined && { appId }),
    ...(appKey !== undefined && { appKey }),
    ...(appSecret !== undefined && { appSecret }),
  };
}

/** A command line with which a user of a running emulator sends a message to another. */
export function userMessageExample(url: string): string {
  const body = JSON.stringify({ from: 'alice', to: 'bob', text: 'hello' });
  return `curl -sS ${url}${USER_MESSAGES} -H 'Content-Type: application/json' -d '${body}'`;
}

/** A command line that pushes to a running emulator, ready to paste into a POSIX shell. */
export function curlExample(url: string, credentials: MimcEmulatorCredentials): string {
  const body = JSON.stringify({ ...credentials, fromAccount: 'shop', toAccount: 'alice', msg: 'hello', msgType: '' });
  const quoted = `'${body.replaceAll("'", String.raw`'\''`)}'`;
  return `curl -sS ${url}/api/push/p2p/ -H 'Content-Type: application/json' -d ${quoted}`;
}

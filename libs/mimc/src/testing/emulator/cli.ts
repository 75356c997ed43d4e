#!/usr/bin/env node
import { CLI_HELP, curlExample, readCliArgs, userMessageExample, type CliCommand } from './cli-args.js';
import { requestLine } from './cli-log.js';
import { MimcEmulator } from './mimc-emulator.js';

const BAD_USAGE = 2;
const CANNOT_START = 1;

void main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  try {
    await run(readCliArgs(args));
  } catch (error) {
    process.stderr.write(`mimc-emulator: ${explain(error)}\n`);
    // Every wrong option is a TypeError; what remains is the system refusing to listen.
    process.exitCode = error instanceof TypeError ? BAD_USAGE : CANNOT_START;
  }
}

async function run(command: CliCommand): Promise<void> {
  if (command.run === 'help') {
    process.stdout.write(CLI_HELP);
    return;
  }
  const emulator = await MimcEmulator.start(command.options);
  const stop = (): void => void emulator.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.stdout.write(banner(emulator));
  if (!command.quiet) emulator.onRequest((request) => process.stdout.write(`${requestLine(request, new Date())}\n`));
}

/** Shows the credentials: they open nothing but this process. */
function banner({ url, credentials, callbackUrl }: MimcEmulator): string {
  return `MIMC emulator on ${url}

  appId      ${credentials.appId}
  appKey     ${credentials.appKey}
  appSecret  ${credentials.appSecret}

Try it:

  ${curlExample(url, credentials)}
${callbackUrl === undefined ? '' : `\nA user's message, whose callback goes to ${callbackUrl}:\n\n  ${userMessageExample(url)}\n`}
Ctrl+C stops it.
`;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') return 'the port is in use; choose another with --port';
  // parseArgs explains itself in several sentences; the first says what is wrong.
  const [sentence = error.message] = error.message.split(/\.\s/, 1);
  return `${sentence.replace(/\.$/, '')} (see --help)`;
}

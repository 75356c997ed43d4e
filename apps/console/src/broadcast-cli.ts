import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MimcBroadcastService } from 'nestjs-mimc';
import { CLI_HELP, readCliArgs, UsageError } from './cli/cli-args.js';
import { CliBroadcast, EXIT } from './cli/run-cli.js';
import { sharedConnection } from './mimc/shared-connection.js';
import { endAtSecondSignal } from '../../sample-api/src/process/second-signal.js';
import { readMode } from './settings.js';

const { stdout, stderr } = process;

/** What a broadcast from a terminal needs: MIMC (in demo mode the emulator), and no HTTP. */
@Module({})
class CliModule {
  static with(mode: 'demo' | 'mimc'): DynamicModule {
    return { module: CliModule, imports: [sharedConnection({ mode })] };
  }
}

async function main(): Promise<number> {
  const options = readCliArgs(process.argv.slice(2));
  if (options === undefined) {
    stdout.write(CLI_HELP);
    return EXIT.reached;
  }
  const mode = readMode(process.env);
  const broadcast = await CliBroadcast.open(options, stdout);
  if (mode === 'demo') stdout.write('DEMO MODE: nothing is sent to Xiaomi MIMC, an emulator accepts every message.\n');
  const app = await NestFactory.createApplicationContext(CliModule.with(mode), {
    logger: ['warn', 'error'],
    abortOnError: false,
  });
  try {
    return await broadcast.run(app.get(MimcBroadcastService), interruption());
  } finally {
    await app.close();
  }
}

/** The first Ctrl-C stops gracefully. The second exits at once: requests in flight may then be sent again. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  endAtSecondSignal(() => controller.abort(), EXIT.interrupted);
  return controller.signal;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) stderr.write(`${error.message}\nRun with --help for usage.\n`);
  else new Logger('Broadcast').error(error instanceof Error ? error.message : 'The broadcast failed');
  process.exitCode = EXIT.usage;
}

import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { endAtSecondSignal } from '../../sample-api/src/process/second-signal.js';
import { orExit } from '../../sample-api/src/process/serve.js';
import { consoleWarnings, readWorkerSettings } from './settings.js';
import { WorkerModule } from './worker.module.js';

const logger = new Logger('Worker');

for (const warning of consoleWarnings(process.env)) logger.warn(warning);

await orExit(logger, async () => {
  const app = await NestFactory.createApplicationContext(WorkerModule.with(readWorkerSettings(process.env)), {
    abortOnError: false,
  });
  // Requests in flight are answered and their outcomes recorded before the process exits.
  app.enableShutdownHooks([], { useProcessExit: true });
  endAtSecondSignal();
  logger.log('Worker started');
});

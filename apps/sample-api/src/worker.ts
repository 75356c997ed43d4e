import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { endAtSecondSignal } from './process/second-signal.js';
import { readWorkerSettings, settingWarnings } from './settings/sample-settings.js';
import { WorkerModule } from './worker.module.js';

const logger = new Logger('Worker');

for (const warning of settingWarnings(process.env)) logger.warn(warning);

try {
  const app = await NestFactory.createApplicationContext(WorkerModule.with(readWorkerSettings(process.env)), {
    abortOnError: false,
  });
  // Requests in flight get their answers, and their outcomes are written down, before the process goes.
  app.enableShutdownHooks([], { useProcessExit: true });
  endAtSecondSignal();
  logger.log('Sending what is on the queue');
} catch (error) {
  logger.error(error instanceof Error ? error.message : 'The start failed');
  process.exit(1);
}

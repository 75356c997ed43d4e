import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { createApp } from './app.factory.js';
import { demoBanner } from './demo/demo-banner.js';
import { endAtSecondSignal } from './process/second-signal.js';
import { readSettings, type SampleSettings, settingWarnings } from './settings/sample-settings.js';

const logger = new Logger('SampleApi');

async function start(): Promise<void> {
  for (const warning of settingWarnings(process.env)) logger.warn(warning);
  const settings = readSettings(process.env);
  const app = await createApp(settings);
  // MIMC's calls in flight and their callers get their answers before the process goes, with exit code 0.
  app.enableShutdownHooks([], { useProcessExit: true });
  endAtSecondSignal();
  await (settings.host === undefined ? app.listen(settings.port) : app.listen(settings.port, settings.host));
  announce(app, settings);
}

function announce(app: NestExpressApplication, settings: SampleSettings): void {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://localhost:${port}`;
  if (settings.mode === 'demo') logger.warn(demoBanner(settings, url, app.get(MimcEmulator, { strict: false }).url));
  else
    logger.log(
      `Pushing to MIMC; API at ${url}, its documentation at ${url}/docs${settings.console ? `, the console at ${url}/` : ''}`,
    );
}

try {
  await start();
} catch (error) {
  logger.error(error instanceof Error ? error.message : 'The start failed');
  process.exit(1);
}

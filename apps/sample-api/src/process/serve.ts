import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { demoBanner } from '../mimc/demo-banner.js';
import type { Settings } from '../settings.js';
import { endAtSecondSignal } from './second-signal.js';

/** The application that a process serves. */
export interface Served<Of extends Settings> {
  /** Warnings about settings that may be mistakes. */
  warnings: () => readonly string[];
  /** @throws Error that names what is missing */
  settings: () => Of;
  create: (settings: Of) => Promise<NestExpressApplication>;
  /** URL of its page, if it has one, from the URL of the API. */
  page?: (settings: Of, url: string) => string | undefined;
}

/** Serves an application until a signal stops it; when it cannot start, logs why and exits. */
export async function serve<Of extends Settings>(name: string, served: Served<Of>): Promise<void> {
  const logger = new Logger(name);
  await orExit(logger, async () => {
    for (const warning of served.warnings()) logger.warn(warning);
    const settings = served.settings();
    const app = await served.create(settings);
    // Calls to MIMC in flight and their callers get their answers before the process exits with code 0.
    app.enableShutdownHooks([], { useProcessExit: true });
    endAtSecondSignal();
    const { host, port } = settings;
    await (host === undefined ? app.listen(port) : app.listen(port, host));
    announce(logger, app, settings, served.page);
  });
}

/** Runs the startup of a process; when it fails, logs why and exits with code 1. */
export async function orExit(logger: Logger, start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    logger.error(error instanceof Error ? error.message : 'Startup failed');
    process.exit(1);
  }
}

function announce<Of extends Settings>(
  logger: Logger,
  app: NestExpressApplication,
  settings: Of,
  pageOf: Served<Of>['page'],
): void {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://localhost:${port}`;
  const page = pageOf?.(settings, url);
  if (settings.mode === 'demo') {
    logger.warn(demoBanner(settings.apiKey, { url, page, emulatorUrl: app.get(MimcEmulator, { strict: false }).url }));
  } else {
    const console = page === undefined ? '' : `, the console at ${page}`;
    logger.log(`Sending through MIMC; API at ${url}, documentation at ${url}/docs${console}`);
  }
}

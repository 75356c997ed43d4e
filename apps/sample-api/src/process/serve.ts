import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { demoBanner } from '../mimc/demo-banner.js';
import type { Settings } from '../settings.js';
import { endAtSecondSignal } from './second-signal.js';

/** What a process serves. */
export interface Served<Of extends Settings> {
  /** Sentences about settings that may be mistakes. */
  warnings: () => readonly string[];
  /** @throws Error that says what is missing */
  settings: () => Of;
  create: (settings: Of) => Promise<NestExpressApplication>;
  /** Where its page is, when it has one, from the URL of the API. */
  page?: (settings: Of, url: string) => string | undefined;
}

/** Serves an application until a signal stops it; without it, ends the process with a line that says why. */
export async function serve<Of extends Settings>(name: string, served: Served<Of>): Promise<void> {
  const logger = new Logger(name);
  await orExit(logger, async () => {
    for (const warning of served.warnings()) logger.warn(warning);
    const settings = served.settings();
    const app = await served.create(settings);
    // MIMC's calls in flight and their callers get their answers before the process goes, with exit code 0.
    app.enableShutdownHooks([], { useProcessExit: true });
    endAtSecondSignal();
    const { host, port } = settings;
    await (host === undefined ? app.listen(port) : app.listen(port, host));
    announce(logger, app, settings, served.page);
  });
}

/** Runs the start of a process, which ends when that fails. */
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
    logger.log(`Pushing to MIMC; API at ${url}, its documentation at ${url}/docs${console}`);
  }
}

import type { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { AppModule } from './app.module.js';
import { useConsole } from './console/use-console.js';
import { useDocs } from './docs/docs.js';
import { DrainingExpressAdapter } from './http/draining-express.adapter.js';
import { useLosslessJson } from './http/json-body.js';
import { createValidationPipe } from './http/validation.js';
import type { SampleSettings } from './settings/sample-settings.js';

/** The whole application, ready to listen or to be tested. */
export async function createApp(
  settings: SampleSettings,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), new DrainingExpressAdapter(), {
    ...options,
    bodyParser: false,
    // A failed boot is for the caller to report.
    abortOnError: false,
  });
  app.disable('x-powered-by');
  // It speaks plain HTTP, where upgraded requests for the assets of /docs would lead nowhere.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  if (settings.console) useConsole(app);
  useLosslessJson(app);
  app.useGlobalPipes(createValidationPipe());
  useDocs(app);
  return app;
}

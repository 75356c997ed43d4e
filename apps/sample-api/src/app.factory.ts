import type { DynamicModule, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { AppModule } from './app.module.js';
import { useDocs } from './docs/docs.js';
import { createValidationPipe } from './errors/validation.js';
import { DrainingExpressAdapter } from './http/draining-express.adapter.js';
import { type JsonOptions, useLosslessJson } from './http/json-body.js';
import type { Settings } from './settings.js';

/** The whole application, ready to listen or to be tested. */
export function createApp(settings: Settings, options?: NestApplicationOptions): Promise<NestExpressApplication> {
  return createHttpApp(AppModule.with(settings), options);
}

/** An application of these modules, with what HTTP needs around them. */
export async function createHttpApp(
  module: DynamicModule,
  options: NestApplicationOptions = {},
  json: JsonOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(module, new DrainingExpressAdapter(), {
    ...options,
    bodyParser: false,
    // A failed boot is for the caller to report.
    abortOnError: false,
  });
  app.disable('x-powered-by');
  // It speaks plain HTTP, where upgraded requests for the assets of /docs would lead nowhere.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  useLosslessJson(app, json);
  app.useGlobalPipes(createValidationPipe());
  useDocs(app);
  return app;
}

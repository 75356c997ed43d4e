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

/** Creates an HTTP application from a module: body parser, validation, security headers and documentation. */
export async function createHttpApp(
  module: DynamicModule,
  options: NestApplicationOptions = {},
  json: JsonOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(module, new DrainingExpressAdapter(), {
    ...options,
    bodyParser: false,
    // The caller reports a failed startup.
    abortOnError: false,
  });
  app.disable('x-powered-by');
  // Over plain HTTP, upgraded requests for the assets of /docs would fail.
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  useLosslessJson(app, json);
  app.useGlobalPipes(createValidationPipe());
  useDocs(app);
  return app;
}

import type { NestApplicationOptions } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createHttpApp } from '../../sample-api/src/app.factory.js';
import { AppModule } from './app.module.js';
import { isUpload } from './http/upload.js';
import { useConsole } from './page/use-console.js';
import type { ConsoleSettings } from './settings.js';

/** The whole application, ready to listen or to be tested. */
export async function createApp(
  settings: ConsoleSettings,
  options?: NestApplicationOptions,
): Promise<NestExpressApplication> {
  const app = await createHttpApp(AppModule.with(settings), options, { isReadByRoute: isUpload });
  if (settings.console) useConsole(app);
  return app;
}

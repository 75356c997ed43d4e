import { serve } from '../../sample-api/src/process/serve.js';
import { createApp } from './app.factory.js';
import { consoleWarnings, readConsoleSettings } from './settings.js';

await serve('SampleApi', {
  warnings: () => consoleWarnings(process.env),
  settings: () => readConsoleSettings(process.env),
  create: createApp,
  page: ({ console }, url) => (console ? `${url}/` : undefined),
});

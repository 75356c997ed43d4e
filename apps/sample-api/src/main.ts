import { createApp } from './app.factory.js';
import { serve } from './process/serve.js';
import { readSettings, settingWarnings } from './settings.js';

await serve('SampleApi', {
  warnings: () => settingWarnings(process.env),
  settings: () => readSettings(process.env),
  create: createApp,
});

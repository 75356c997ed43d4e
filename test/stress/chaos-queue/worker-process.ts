import { bootQueueApp, givenSettings } from './queue-app.js';

/** A worker, until it is killed. A warning, such as of listeners that pile up, ends it: nobody may get used to one. */
process.on('disconnect', () => process.exit());
process.on('warning', (warning) => {
  throw warning;
});
await bootQueueApp(givenSettings());
process.send?.('ready');

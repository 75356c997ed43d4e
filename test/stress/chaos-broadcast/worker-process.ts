import { bootQueueApp, givenSettings } from './queue-app.js';

/** A worker, until it is killed. */
process.on('disconnect', () => process.exit());
await bootQueueApp(givenSettings());
process.send?.('ready');

import { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { audienceOf } from './chaos-audience.js';
import { bootQueueApp, givenSettings } from './queue-app.js';

/** A producer that enqueues the audience of `size` and says so, unless it is killed before. */
process.on('disconnect', () => process.exit());
const { size, ...settings } = givenSettings() as ReturnType<typeof givenSettings> & { size: number };
const app = await bootQueueApp(settings);
const broadcasts = app.get(MimcBroadcastQueue);
const { counts } = await broadcasts.enqueue({ id: 'produced', message: { msg: 'hello' }, audience: audienceOf(size) });
process.send?.(counts.read);

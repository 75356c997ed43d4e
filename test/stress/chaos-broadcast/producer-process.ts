import { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import { audienceOf } from './chaos-audience.js';
import { bootQueueApp, givenSettings, type QueueAppSettings } from './queue-app.js';

interface ProducerSettings extends QueueAppSettings {
  readonly size: number;
  readonly hangAt?: number;
}

/** A producer that enqueues the audience of `size` and says so, unless it is killed before. Its cursor hangs at `hangAt`. */
process.on('disconnect', () => process.exit());
const { size, hangAt, ...settings } = givenSettings() as ProducerSettings;
const app = await bootQueueApp(settings);
const broadcasts = app.get(MimcBroadcastQueue);
const audience = audienceOf(size, hangAt);
const { counts } = await broadcasts.enqueue({ id: 'produced', message: { msg: 'hello' }, audience });
process.send?.(counts.read);

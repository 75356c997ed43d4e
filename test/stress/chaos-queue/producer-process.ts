import { once } from 'node:events';
import { inPages } from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcPushQueue } from 'nestjs-mimc/bullmq';
import { pagesOf } from './chaos-audience.js';
import { bootQueueApp, givenSettings, type QueueAppSettings } from './queue-app.js';

/** The settings of a producer. */
export interface ProducerSettings extends QueueAppSettings {
  readonly adds: 'a broadcast' | 'pushes';
  readonly size: number;
  /** Where its source hangs, if anywhere. */
  readonly hangAt?: number | undefined;
}

/** Says so when it is about to begin, waits for a message, and reports the result, unless it is killed before. */
process.on('disconnect', () => process.exit());
const { adds, size, hangAt, ...settings } = givenSettings() as ProducerSettings;
const app = await bootQueueApp(settings);
process.send?.('ready');
await once(process, 'message');
process.send?.(await add());

function add(): Promise<unknown> {
  if (adds === 'pushes') return app.get(MimcPushQueue).addAll(pushes());
  const audience = inPages(pagesOf('user', size, hangAt));
  return app.get(MimcBroadcastQueue).enqueue({ id: 'produced', message: { msg: 'hello' }, audience });
}

async function* pushes() {
  for await (const page of pagesOf('user', size, hangAt)) {
    for (const toAccount of page) yield { id: toAccount, push: { toAccount, msg: `hello ${toAccount}` } };
  }
}

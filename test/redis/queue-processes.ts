import { Child } from '../stress/chaos-queue/child.js';
import type { ProducerSettings } from '../stress/chaos-queue/producer-process.js';
import type { QueueAppSettings } from '../stress/chaos-queue/queue-app.js';
import { compiled } from '../support/compiled-processes.js';
import { secrets } from '../support/push-app.js';
import type { Queues } from './use-queues.js';

/** Short, as what a worker leaves behind is taken over after one to two times this. */
export const LOCK_MS = 2_000;

/** Starts a process that works, until the test is over; resolves once it does. */
export function startWorker(queues: Queues, more: Partial<QueueAppSettings> = {}): Promise<Child> {
  return start(queues, 'worker-process', { ...settingsOf(queues), worker: true, concurrency: 4, ...more });
}

/** Starts a process that adds to the queues; resolves when it is about to. */
export function startProducer(
  queues: Queues,
  task: Pick<ProducerSettings, 'adds' | 'size' | 'hangAt'>,
): Promise<Child> {
  return start(queues, 'producer-process', { ...settingsOf(queues), worker: false, ...task });
}

async function start(queues: Queues, program: string, settings: QueueAppSettings): Promise<Child> {
  const child = new Child(compiled(`test/stress/chaos-queue/${program}.ts`), settings);
  queues.closeWith(() => child.kill());
  await child.ready();
  return child;
}

function settingsOf({ mimc, redis, prefix }: Queues) {
  return { mimcUrl: mimc.url, credentials: secrets, redisUrl: redis.url, prefix, lockMs: LOCK_MS };
}

import { inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcPushQueue, MimcQueueModule, type MimcQueueOptions } from 'nestjs-mimc/bullmq';
import { secrets } from '../support/push-app.js';

/** What a test says of an application with queues; over quick defaults, quota off. */
export interface QueueAppOptions {
  mimc?: Partial<MimcModuleOptions>;
  queue?: Partial<MimcQueueOptions>;
}

/** A booted Nest application with the queues in it. */
export interface QueueApp {
  broadcasts: MimcBroadcastQueue;
  pushes: MimcPushQueue;
  /** Everything that was logged. */
  log: string[];
  close(): Promise<void>;
}

/** Boots it. */
export async function bootQueue({ mimc, queue }: QueueAppOptions): Promise<QueueApp> {
  const log: string[] = [];
  const options = { ...secrets, fromAccount: 'news', quota: false, retry: false, ...mimc } as const;
  const module = await Test.createTestingModule({
    imports: [
      MimcModule.forRoot({ ...options, isGlobal: true }),
      MimcQueueModule.forRootAsync({ useFactory: () => queue as MimcQueueOptions }),
    ],
  })
    .setLogger(new ListLogger(log))
    .compile();
  const app = await module.init();
  const [broadcasts, pushes] = [app.get(MimcBroadcastQueue), app.get(MimcPushQueue)];
  return { broadcasts, pushes, log, close: () => app.close() };
}

class ListLogger extends ConsoleLogger {
  constructor(private readonly lines: string[]) {
    super({ colors: false });
  }

  protected override printMessages(messages: unknown[]): void {
    this.lines.push(...messages.map((message) => (typeof message === 'string' ? message : inspect(message))));
  }
}

import { inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MimcModule, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcBroadcastQueue, MimcBroadcastQueueModule, type MimcBroadcastQueueOptions } from 'nestjs-mimc/bullmq';
import { secrets } from '../support/push-app.js';

/** What a test says of an application with a queue; over quick defaults, quota off. */
export interface QueueAppOptions {
  mimc?: Partial<MimcModuleOptions>;
  queue?: Partial<MimcBroadcastQueueOptions>;
}

/** A booted Nest application with the queue in it. */
export interface QueueApp {
  broadcasts: MimcBroadcastQueue;
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
      MimcBroadcastQueueModule.forRootAsync({ useFactory: () => queue as MimcBroadcastQueueOptions }),
    ],
  })
    .setLogger(new ListLogger(log))
    .compile();
  const app = await module.init();
  return { broadcasts: app.get(MimcBroadcastQueue), log, close: () => app.close() };
}

class ListLogger extends ConsoleLogger {
  constructor(private readonly lines: string[]) {
    super({ colors: false });
  }

  protected override printMessages(messages: unknown[]): void {
    this.lines.push(...messages.map((message) => (typeof message === 'string' ? message : inspect(message))));
  }
}

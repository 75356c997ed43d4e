import { inspect } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  MimcBroadcastService,
  MimcError,
  MimcModule,
  MimcModuleOptions,
  MimcPushService,
  MimcTokenService,
  MimcTopicService,
  MimcUnlimitedTopicService,
} from 'nestjs-mimc';

/** Credentials that no other text contains, so that a leak is found by value. */
export const secrets = { appId: '2882303761517669588', appKey: '5111766983588', appSecret: 'k3y+Secret/ForTests01==' };

/** A booted Nest application with the module in it. */
export interface PushApp {
  push: MimcPushService;
  broadcasts: MimcBroadcastService;
  tokens: MimcTokenService;
  topics: MimcTopicService;
  unlimited: MimcUnlimitedTopicService;
  /** Everything that was logged. */
  log: string[];
  close(): Promise<void>;
}

/** Boots the module with `options` over quick defaults: one request for each call. */
export async function bootPush(options: Partial<MimcModuleOptions>): Promise<PushApp> {
  const log: string[] = [];
  const module = await Test.createTestingModule({
    imports: [MimcModule.forRoot({ ...secrets, fromAccount: 'server', retry: false, ...options })],
  })
    .setLogger(new CapturingLogger(log))
    .compile();
  const app = await module.init();
  const [push, broadcasts] = [app.get(MimcPushService), app.get(MimcBroadcastService)];
  const [topics, unlimited] = [app.get(MimcTopicService), app.get(MimcUnlimitedTopicService)];
  return { push, broadcasts, tokens: app.get(MimcTokenService), topics, unlimited, log, close: () => app.close() };
}

/** The MimcError that `call` rejects with; anything else is a failure of the test. */
export async function errorOf(call: Promise<unknown>): Promise<MimcError> {
  try {
    await call;
  } catch (error) {
    if (MimcError.is(error)) return error;
    throw error;
  }
  throw new Error('The call succeeded');
}

/** Every form in which an error could be seen. */
export function formsOf(error: unknown): string {
  return [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)].join('\n');
}

class CapturingLogger extends ConsoleLogger {
  constructor(private readonly lines: string[]) {
    super({ colors: false });
  }

  protected override printMessages(messages: unknown[]): void {
    this.lines.push(...messages.map((message) => inspect(message, { depth: 20 })));
  }
}

import { createCipheriv, createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ConsoleLogger, type INestApplication, Injectable, type ModuleMetadata, type Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  MimcCallbackModule,
  type MimcCallbackEvent,
  type MimcCallbackOptions,
  type MimcHandlerContext,
  OnMimcMessage,
} from 'nestjs-mimc/callback';

/** The app of the test vector in the description of `authentication`. */
export const APP = { appId: '2882303761517000001', appSecret: 'EXAMPLE-APP-SECRET-0001' };

/** When the callbacks of the tests were made. */
export const MADE_AT = 1_650_000_000_123;

/** What MIMC encrypts, at any place of which a test may lie. */
export interface Signature {
  timestamp?: number | string;
  appId?: string;
  appSecret?: string;
  endian?: 'LE' | 'BE';
  /** What the length says; default the truth. */
  length?: number;
  filler?: number;
}

/** `authentication`, written from its description and with nothing of the library. */
export function signed({
  timestamp = MADE_AT,
  appId = APP.appId,
  appSecret = APP.appSecret,
  endian = 'LE',
  length,
  filler = 0,
}: Signature = {}): string {
  const text = Buffer.from(`${timestamp}_${appId}`);
  const plain = Buffer.alloc(Math.ceil((4 + text.length) / 16) * 16, filler);
  plain[`writeUInt32${endian}`](length ?? text.length);
  text.copy(plain, 4);
  const key = createHash('md5').update(appSecret).digest();
  const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
}

/** A callback about a message from alice to bob. */
export function messageToBob(fields: object = {}): Record<string, unknown> {
  return {
    msgType: 'NORMAL_MSG',
    fromAppId: APP.appId,
    toAppId: APP.appId,
    fromAccount: 'alice',
    fromResource: 'phone',
    toAccount: 'bob',
    toResource: 'tablet',
    payload: Buffer.from('hello bob').toString('base64'),
    timestamp: String(MADE_AT),
    packetId: 'abc-1',
    sequence: '154503794553568001',
    bizType: 'TEXT',
    authentication: signed(),
    ...fields,
  };
}

/** A callback about a message from alice to a group. */
export function messageToGroup(fields: object = {}): Record<string, unknown> {
  return {
    msgType: 'NORMAL_TOPIC_MSG',
    appId: APP.appId,
    topicId: '51664086823862273',
    fromAccount: 'alice',
    toAccounts: ['bob', 'carol'],
    payload: Buffer.from('hello all').toString('base64'),
    timestamp: MADE_AT,
    sequence: '154503955225968001',
    authentication: signed(),
    ...fields,
  };
}

/** Keeps every callback, and does with it what a test asks for. */
@Injectable()
export class Recorder {
  readonly events: MimcCallbackEvent[] = [];
  handle: (event: MimcCallbackEvent, context: MimcHandlerContext) => unknown = () => undefined;

  @OnMimcMessage()
  record(event: MimcCallbackEvent, context: MimcHandlerContext): unknown {
    this.events.push(event);
    return this.handle(event, context);
  }
}

export const platforms = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };

export interface CallbackSetup {
  platform?: keyof typeof platforms;
  options?: Partial<MimcCallbackOptions>;
  providers?: Type[];
  metadata?: ModuleMetadata;
  /** What the application does before it is initialised. */
  prepare?: (app: INestApplication) => void;
  rawBody?: boolean;
  bodyParser?: boolean;
}

export interface CallbackApp {
  app: INestApplication;
  url: string;
  recorder: Recorder;
  /** Everything that was logged. */
  log: string[];
  /** Posts JSON to the route. */
  post: (body: unknown, init?: RequestInit) => Promise<Answer>;
  close: () => Promise<void>;
}

export interface Answer {
  status: number;
  text: string;
}

/** Boots an application that receives callbacks. */
export async function bootCallbacks(setup: CallbackSetup = {}): Promise<CallbackApp> {
  const { platform = 'Express', options, providers = [Recorder], metadata, prepare, rawBody, bodyParser } = setup;
  const log: string[] = [];
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [MimcCallbackModule.forRoot({ apps: [APP], maxAgeMs: false, ...options }), ...(metadata?.imports ?? [])],
    providers: [...providers, ...(metadata?.providers ?? [])],
  })
    .setLogger(new CapturingLogger(log))
    .compile();
  const app = module.createNestApplication(platforms[platform](), { rawBody, bodyParser });
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()) + '/mimc/callback';
  return {
    app,
    url,
    recorder: app.get(Recorder, { strict: false }),
    log,
    post: (body, init) => post(url, typeof body === 'string' ? body : JSON.stringify(body), init),
    close: () => app.close(),
  };
}

export async function post(url: string, body: string | Uint8Array, init: RequestInit = {}): Promise<Answer> {
  const headers = { 'content-type': 'application/json;charset=UTF-8', ...(init.headers as Record<string, string>) };
  const answer = await fetch(url, { method: 'POST', body: body as string, ...init, headers });
  return { status: answer.status, text: await answer.text() };
}

class CapturingLogger extends ConsoleLogger {
  constructor(private readonly lines: string[]) {
    super({ colors: false });
  }

  protected override printMessages(messages: unknown[]): void {
    this.lines.push(...messages.map((message) => inspect(message, { depth: 20 })));
  }

  protected override printStackTrace(stack?: string): void {
    if (stack !== undefined) this.lines.push(stack);
  }
}

import { type INestApplication, Injectable, Scope, UnauthorizedException, ValidationPipe } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import express from 'express';
import { afterEach, describe, expect, it } from '@jest/globals';
import { tap, timer } from 'rxjs';
import {
  type MimcAccountMessage,
  MimcCallbackModule,
  type MimcCallbackSecret,
  type MimcTopicMessage,
  OnMimcMessage,
} from 'nestjs-mimc/callback';
import {
  APP,
  bootCallbacks,
  type CallbackApp,
  type CallbackSetup,
  MADE_AT,
  messageToBob,
  messageToGroup,
  platforms,
  post as postTo,
  Recorder,
  signed,
} from '../support/callback-app.js';

let callbacks: CallbackApp | undefined;

afterEach(() => callbacks?.close());

/** With its ids as numbers, which `JSON.parse` could not read. */
function withNumbers(body: object): string {
  return JSON.stringify(body).replaceAll(/"(\d{6,})"/g, '$1');
}

it('the signature of these tests is the one of the description', () => {
  expect(signed()).toBe('fUcvJ0gkkWAVnSE9gtRt4ymvwGUutxduSrV/E4BEOKMch4I9o7isaRTFrc+xAC22');
});

describe.each(Object.keys(platforms) as (keyof typeof platforms)[])('on %s', (platform) => {
  const boot = async (setup: CallbackSetup = {}) => (callbacks = await bootCallbacks({ platform, ...setup }));

  it('hands a message to the handler, and answers 200 with nothing', async () => {
    const { post, recorder } = await boot();
    expect(await post(messageToBob())).toEqual({ status: 200, text: '' });
    expect(recorder.events).toEqual([
      {
        id: expect.stringMatching(/^[\w-]{43}$/),
        kind: 'account',
        type: 'NORMAL_MSG',
        appId: APP.appId,
        timestamp: MADE_AT,
        sequence: '154503794553568001',
        fromAppId: APP.appId,
        toAppId: APP.appId,
        fromAccount: 'alice',
        fromResource: 'phone',
        toAccount: 'bob',
        toResource: 'tablet',
        payload: Buffer.from('hello bob'),
        text: 'hello bob',
        packetId: 'abc-1',
        bizType: 'TEXT',
        raw: expect.not.objectContaining({ authentication: expect.anything() }),
      },
    ]);
  });

  it('hands over a message to a group, and who of it is offline', async () => {
    const { post, recorder } = await boot();
    const offlineAccounts = [{ toAccount: 'carol', offlineResources: ['phone', 'web'] }];
    await post(messageToGroup());
    await post(messageToGroup({ msgType: 'OFFLINE_TOPIC_MSG', toAccounts: ['carol'], offlineAccounts }));
    await post(messageToGroup({ msgType: 'UCTOPIC_MSG', toAccounts: undefined }));
    expect(recorder.events).toMatchObject([
      { kind: 'topic', type: 'NORMAL_TOPIC_MSG', topicId: '51664086823862273', toAccounts: ['bob', 'carol'] },
      { kind: 'topic', type: 'OFFLINE_TOPIC_MSG', toAccounts: ['carol'], offlineAccounts },
      { kind: 'topic', type: 'UCTOPIC_MSG', text: 'hello all' },
    ]);
  });

  it.each([
    ['alone', {}],
    ['with rawBody', { rawBody: true }],
    ['without parsers', { bodyParser: false }],
  ])('keeps every digit of ids that are numbers, %s', async (_, setup) => {
    const { post, recorder } = await boot(setup);
    await post(withNumbers(messageToBob()));
    await post(withNumbers(messageToGroup()));
    expect(recorder.events).toMatchObject([
      { sequence: '154503794553568001', appId: APP.appId, fromAppId: APP.appId, timestamp: MADE_AT },
      { sequence: '154503955225968001', topicId: '51664086823862273', raw: { topicId: 51664086823862273n } },
    ]);
  });

  it.each([
    ['big-endian', signed({ endian: 'BE' })],
    ['with another filler', signed({ filler: 255 })],
    ['at the edge of the tolerance', signed({ timestamp: MADE_AT - 60_000 })],
  ])('accepts an authentication %s', async (_, authentication) => {
    const { post, recorder } = await boot();
    expect((await post(messageToBob({ authentication }))).status).toBe(200);
    expect(recorder.events).toHaveLength(1);
  });

  it('hands over bytes that are not text without `text`', async () => {
    const { post, recorder } = await boot();
    const bytes = Buffer.from([0, 0xff, 0xfe, 0x80]);
    await post(messageToBob({ payload: bytes.toString('base64') }));
    await post(messageToBob({ payload: '', sequence: '2' }));
    const [binary, empty] = recorder.events as MimcAccountMessage[];
    expect([Buffer.from(binary?.payload ?? []), binary?.text, empty?.text]).toEqual([bytes, undefined, '']);
  });

  it('hands a type that it does not know to the handlers of all types', async () => {
    const { post, recorder } = await boot();
    const unknown = { msgType: 'NEWS', appId: APP.appId, timestamp: MADE_AT, news: [1], authentication: signed() };
    expect((await post(unknown)).status).toBe(200);
    expect(recorder.events).toMatchObject([{ kind: 'other', type: 'NEWS', raw: { news: [1] } }]);
  });

  it.each(['application/json; charset=UTF-8', 'Application/JSON; charset=gbk', 'text/plain;charset=utf-8', '', 'x'])(
    'reads what is signed whatever its content type is: %j',
    async (type) => {
      const { post, recorder } = await boot();
      expect((await post(messageToBob(), { headers: { 'content-type': type } })).status).toBe(200);
      expect(recorder.events).toMatchObject([{ text: 'hello bob' }]);
    },
  );

  it('reads Base64 that is wrapped in lines, and JSON behind a byte order mark', async () => {
    const { post, recorder } = await boot();
    const text = 'a long message '.repeat(20);
    const lines = Buffer.from(text).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
    const authentication = ` ${signed().slice(0, 40)}\r\n${signed().slice(40)}\n`;
    const body = JSON.stringify(messageToBob({ payload: `${lines}\n`, authentication }));
    expect((await postTo(callbacks?.url ?? '', `\ufeff${body}`)).status).toBe(200);
    await post(messageToBob({ payload: 'aGVs bG8g\tYm9i', sequence: '2' }));
    expect(recorder.events).toMatchObject([{ text }, { text: 'hello bob' }]);
  });

  it.each<[string, unknown]>([
    ['sequence', {}],
    ['sequence', 1.5],
    ['fromResource', 5],
    ['toResource', ['tablet']],
    ['packetId', { id: 1 }],
    ['bizType', true],
    ['toAppId', []],
    ['toAppId', 'x'.repeat(65)],
    ['offlineResources', 'phone'],
    ['offlineResources', ['phone', 1]],
  ])('takes a message whose %s is odd without it', async (field, value) => {
    const { post, recorder } = await boot();
    expect((await post(messageToBob({ [field]: value }))).status).toBe(200);
    expect((await post(messageToBob({ [field]: value }))).status).toBe(200);
    expect(recorder.events).toMatchObject([{ text: 'hello bob', toAccount: 'bob', raw: { [field]: value } }]);
    expect(recorder.events[0]).not.toHaveProperty(field);
  });

  it.each<[string, unknown, unknown]>([
    ['toAccounts', [1, 2], undefined],
    ['toAccounts', 'bob,carol', undefined],
    ['offlineAccounts', [{ toAccount: 'bob' }, null], undefined],
    ['offlineAccounts', [{ toAccount: 'bob', offlineResources: 1 }], [{ toAccount: 'bob', offlineResources: [] }]],
    ['offlineAccounts', { toAccount: 'bob' }, undefined],
  ])('takes a message to a group whose %s is odd: %j', async (field, value, expected) => {
    const { post, recorder } = await boot();
    expect((await post(messageToGroup({ msgType: 'OFFLINE_TOPIC_MSG', [field]: value }))).status).toBe(200);
    expect(Object.hasOwn(recorder.events[0] ?? {}, field)).toBe(expected !== undefined);
    expect(recorder.events).toMatchObject([
      { text: 'hello all', ...(expected !== undefined && { [field]: expected }) },
    ]);
  });

  it('hands over a packet id that is an integer as exact text', async () => {
    const { post, recorder } = await boot();
    await post(withNumbers(messageToBob({ packetId: '9007199254740993001' })));
    expect(recorder.events).toMatchObject([{ packetId: '9007199254740993001' }]);
  });

  it('stands behind the global prefix, and in front of guards, pipes and middleware', async () => {
    const seen: unknown[] = [];
    const refuse = { canActivate: () => Promise.reject(new UnauthorizedException()) };
    const { post, recorder, url } = await boot({
      metadata: { providers: [{ provide: APP_GUARD, useValue: refuse }] },
      prepare: (app) => {
        app.setGlobalPrefix('/api/v1/');
        app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
        app.use((request: { url: string }, _response: unknown, next: () => void) => {
          seen.push(request.url);
          next();
        });
      },
    });
    expect((await post(messageToBob())).status).toBe(404);
    const prefixed = url.replace('/mimc', '/api/v1/mimc');
    expect((await postTo(`${prefixed}/?from=mimc`, withNumbers(messageToBob()))).status).toBe(200);
    expect([recorder.events.length, seen]).toEqual([1, ['/mimc/callback']]);
  });

  it('stands outside the global prefix where that excludes it', async () => {
    const { post } = await boot({
      prepare: (app) => app.setGlobalPrefix('api', { exclude: ['mimc/*rest'] }),
    });
    expect((await post(messageToBob())).status).toBe(200);
  });

  it('has the path that is given', async () => {
    const { url } = await boot({ options: { path: '/hooks/a-secret-path' } });
    const given = url.replace('mimc/callback', 'hooks/a-secret-path');
    expect((await postTo(given, JSON.stringify(messageToBob()))).status).toBe(200);
  });

  it('answers no callback before its handlers are done, and lets those in flight end at shutdown', async () => {
    const { url, recorder, app } = await boot();
    const started = new Promise<() => void>((resolve) => {
      recorder.handle = () => new Promise<void>((end) => resolve(end));
    });
    const headers = { 'content-type': 'application/json' };
    const answering = fetch(url, { method: 'POST', body: JSON.stringify(messageToBob()), headers });
    const end = await started;
    const closed = app.close();
    callbacks = undefined;
    setTimeout(end, 100);
    const answer = await answering;
    // The connection ends with its answer: a kept one would hold the process back.
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    await closed;
  });
});

describe('where a parser of the application is in front of it', () => {
  const bootBehind = async (...parsers: express.RequestHandler[]) => {
    const server = express();
    for (const parser of parsers) server.use(parser);
    const log: string[] = [];
    const module = await Test.createTestingModule({
      imports: [MimcCallbackModule.forRoot({ apps: [APP], maxAgeMs: false })],
      providers: [Recorder],
    })
      .setLogger({ error: (line: string) => log.push(line), warn: () => {}, log: () => {} })
      .compile();
    const app: INestApplication = module.createNestApplication(new ExpressAdapter(server));
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/mimc/callback`;
    const post = (body: string) => postTo(url, body);
    callbacks = {
      app,
      url,
      log,
      recorder: app.get(Recorder),
      post: (body) => post(String(body)),
      close: () => app.close(),
    };
    return callbacks;
  };

  it('uses what was parsed when no digit was lost', async () => {
    const { post, recorder } = await bootBehind(express.json());
    expect((await post(JSON.stringify(messageToBob()))).status).toBe(200);
    expect(recorder.events).toMatchObject([{ text: 'hello bob', sequence: '154503794553568001' }]);
  });

  it('answers when a middleware behind the parser takes its time', async () => {
    const { post, recorder } = await bootBehind(express.json(), (_request, _response, next) => void setImmediate(next));
    expect((await post(JSON.stringify(messageToBob()))).status).toBe(200);
    expect(recorder.events).toHaveLength(1);
  });

  it('waits for a handler that returns an Observable', async () => {
    const { post, recorder } = await bootBehind();
    let isDone = false;
    recorder.handle = () => timer(20).pipe(tap(() => (isDone = true)));
    expect((await post(JSON.stringify(messageToBob()))).status).toBe(200);
    expect(isDone).toBe(true);
  });

  it('refuses what lost digits with 500, so that MIMC repeats it, and says what to do', async () => {
    const { post, recorder, log } = await bootBehind(express.json());
    expect((await post(withNumbers(messageToBob()))).status).toBe(500);
    expect([recorder.events, log.join()]).toEqual([
      [],
      expect.stringContaining('from the parser that runs in front of Nest'),
    ]);
  });

  it.each([
    ['text', express.text({ type: '*/*' })],
    ['bytes', express.raw({ type: '*/*' })],
  ])('reads it exactly where the parser left %s', async (_, parser) => {
    const { post, recorder } = await bootBehind(parser);
    expect((await post(withNumbers(messageToBob()))).status).toBe(200);
    expect(recorder.events).toMatchObject([{ sequence: '154503794553568001' }]);
  });

  it('refuses what was read and is gone', async () => {
    const { post, log } = await bootBehind((request, _response, next) => {
      request.resume().once('end', () => next());
    });
    expect((await post(JSON.stringify(messageToBob()))).status).toBe(500);
    expect(log.join()).toContain('was read by the application before');
  });
});

describe('the apps', () => {
  const other = { appId: '2882303761517000002', appSecret: 'ANOTHER-APP-SECRET-0002' };
  const from = ({ appId, appSecret }: typeof APP, fields: object = {}) =>
    messageToBob({ fromAppId: appId, authentication: signed({ appId, appSecret }), ...fields });

  it('may be several, each with its own secret', async () => {
    const { post } = (callbacks = await bootCallbacks({ options: { apps: [APP, other] } }));
    expect([(await post(from(APP))).status, (await post(from(other))).status]).toEqual([200, 200]);
    expect((await post(from({ ...other, appSecret: APP.appSecret }))).status).toBe(403);
  });

  it('may have two secrets while one is changed', async () => {
    const apps = [{ ...APP, appSecret: ['THE-NEW-SECRET-0003', APP.appSecret] }];
    const { post } = (callbacks = await bootCallbacks({ options: { apps } }));
    expect((await post(from(APP))).status).toBe(200);
    expect((await post(from({ ...APP, appSecret: 'THE-NEW-SECRET-0003' }))).status).toBe(200);
    expect((await post(from({ ...APP, appSecret: 'THE-OLD-SECRET-0000' }))).status).toBe(403);
  });

  it('may do without authentication where that is said, and are checked all the same', async () => {
    const apps = [{ ...APP, appSecret: false as const }];
    const { post } = (callbacks = await bootCallbacks({ options: { apps } }));
    expect((await post(messageToBob({ authentication: undefined }))).status).toBe(200);
    expect((await post(from(other))).status).toBe(403);
  });

  it('may be found by a function; what it throws is not shown, and answered 503', async () => {
    let answer: () => MimcCallbackSecret | undefined = () => APP.appSecret;
    const asked: string[] = [];
    const apps = async (appId: string) => {
      asked.push(appId);
      return answer();
    };
    const { post, log } = (callbacks = await bootCallbacks({ options: { apps } }));
    expect((await post(messageToBob())).status).toBe(200);
    answer = () => undefined;
    expect((await post(from(other))).status).toBe(403);
    answer = () => {
      throw new Error(`no such secret: ${APP.appSecret}`);
    };
    expect((await post(messageToBob())).status).toBe(503);
    answer = () => '';
    expect((await post(messageToBob())).status).toBe(503);
    expect(asked).toEqual([APP.appId, other.appId, APP.appId, APP.appId]);
    expect(log.join()).not.toContain(APP.appSecret);
  });
});

describe('handlers', () => {
  const seen: string[] = [];

  class Base {
    @OnMimcMessage('OFFLINE_MSG', 'OFFLINE_TOPIC_MSG')
    wake(message: MimcAccountMessage | MimcTopicMessage): void {
      seen.push(`wake ${message.type}`);
    }
  }

  @Injectable()
  class Messages extends Base {
    @OnMimcMessage('NORMAL_MSG')
    async store({ text, type }: MimcAccountMessage): Promise<void> {
      await Promise.resolve();
      seen.push(`store ${type} ${text}`);
    }
  }

  it('get the types that they name, once each, inherited and aliased ones too', async () => {
    seen.length = 0;
    const metadata = { providers: [{ provide: 'alias', useExisting: Messages }] };
    const { post } = (callbacks = await bootCallbacks({ providers: [Messages, Recorder], metadata }));
    await post(messageToBob());
    await post(messageToBob({ msgType: 'OFFLINE_MSG', offlineResources: ['phone'] }));
    await post(messageToGroup());
    expect(seen).toEqual(['store NORMAL_MSG hello bob', 'wake OFFLINE_MSG']);
    expect(callbacks.recorder.events.map(({ type }) => type)).toEqual([
      'NORMAL_MSG',
      'OFFLINE_MSG',
      'NORMAL_TOPIC_MSG',
    ]);
  });

  it('cannot change what others get inside an event', async () => {
    class Vandal {
      @OnMimcMessage()
      spoil(event: object): void {
        const { toAccounts, offlineAccounts, raw } = event as MimcTopicMessage;
        (toAccounts as string[]).push('mallory');
        for (const { offlineResources } of offlineAccounts ?? []) (offlineResources as string[]).push('mallory');
        expect(() => (raw['toAccounts'] as string[]).push('mallory')).toThrow(TypeError);
        expect(() => Object.assign((raw['offlineAccounts'] as object[])[0] ?? {}, { toAccount: 'm' })).toThrow(
          TypeError,
        );
      }
    }
    const { post, recorder } = (callbacks = await bootCallbacks({ providers: [Vandal, Recorder] }));
    const offlineAccounts = [{ toAccount: 'bob', offlineResources: ['phone'] }];
    expect((await post(messageToGroup({ toAccounts: ['bob'], offlineAccounts }))).status).toBe(200);
    expect(recorder.events).toMatchObject([
      { toAccounts: ['bob'], offlineAccounts, raw: { toAccounts: ['bob'], offlineAccounts } },
    ]);
  });

  it('each get an event of their own', async () => {
    class Vandal {
      @OnMimcMessage()
      spoil(event: object): void {
        const { payload, raw } = event as MimcAccountMessage;
        payload.fill(0);
        Object.assign(event, { fromAccount: 'mallory' });
        expect(() => Object.assign(raw, { fromAccount: 'mallory' })).toThrow(TypeError);
      }
    }
    const { post, recorder } = (callbacks = await bootCallbacks({ providers: [Vandal, Recorder] }));
    expect((await post(messageToBob())).status).toBe(200);
    const [event] = recorder.events as MimcAccountMessage[];
    expect([event?.fromAccount, Buffer.from(event?.payload ?? []).toString()]).toEqual(['alice', 'hello bob']);
  });

  it('are found in providers of factories and values', async () => {
    seen.length = 0;
    const metadata = {
      providers: [
        { provide: 'factory', useFactory: () => new Messages() },
        { provide: 'value', useValue: new Messages() },
      ],
    };
    const { post } = (callbacks = await bootCallbacks({ metadata }));
    await post(messageToBob());
    expect(seen).toHaveLength(2);
  });

  it.each([
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('cannot be %s, which is said at boot', async (_, scope) => {
    @Injectable({ scope })
    class PerRequest {
      @OnMimcMessage()
      handle(): void {}
    }
    await expect(bootCallbacks({ providers: [PerRequest, Recorder] })).rejects.toThrow(
      /^PerRequest\.handle is marked with @OnMimcMessage, but its class is request-scoped/,
    );
  });

  it('may be missing, which is said at boot', async () => {
    const module = await Test.createTestingModule({
      imports: [MimcCallbackModule.forRoot({ apps: [APP], maxAgeMs: false })],
    })
      .setLogger({ error: () => {}, warn: (line: string) => lines.push(line), log: () => {} })
      .compile();
    const lines: string[] = [];
    await module.createNestApplication().init();
    await module.close();
    expect(lines.join()).toContain('No method is marked');
  });
});

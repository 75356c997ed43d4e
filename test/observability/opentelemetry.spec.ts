import { hasSubscribers, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ConsoleLogger, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  getMimcPushToken,
  type MimcModuleOptions,
  MimcPushService,
  MimcTokenService,
  MimcTopicService,
} from 'nestjs-mimc';
import { instrumentMimc, MimcOpenTelemetryModule } from 'nestjs-mimc/opentelemetry';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootObserved, type ObservedSetup } from '../support/observed-app.js';
import { bootPush, errorOf, secrets } from '../support/push-app.js';
import { startTelemetry, type Telemetry } from '../support/telemetry.js';

const dto = { toAccount: 'alice-of-the-tests', msg: 'a message that nobody else may read' };
const CHANNELS = [
  ...['call', 'attempt'].flatMap((name) => ['start', 'asyncEnd'].map((part) => `tracing:mimc:${name}:${part}`)),
  'mimc:retry',
  'mimc:throttled',
];

describe('nestjs-mimc/opentelemetry', () => {
  let mimc: MimcEmulator;
  let telemetry: Telemetry;
  let app: INestApplication;
  let push: MimcPushService;

  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterAll(async () => {
    context.disable();
    await mimc.close();
  });
  beforeEach(() => {
    telemetry = startTelemetry();
    mimc.clear();
  });
  afterEach(() => app.close());

  async function boot(options: Partial<MimcModuleOptions> = {}, setup: ObservedSetup = {}): Promise<void> {
    app = await bootObserved(telemetry, { baseUrl: mimc.url, ...options }, setup);
    push = app.get(getMimcPushToken(setup.names?.[0]));
  }

  describe('makes a client span of a call', () => {
    it('that asks for a token, which is not a message', async () => {
      await boot();
      const { callId, token } = await app.get(MimcTokenService).issue('alice');

      const [span] = telemetry.spans();
      expect(span).toMatchObject({ name: 'POST account/token', kind: SpanKind.CLIENT });
      expect(span?.attributes).toEqual({
        'server.address': '127.0.0.1',
        'server.port': expect.any(Number),
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.template': '/api/account/token',
        'mimc.endpoint': 'account/token',
        'mimc.call_id': callId,
        'mimc.attempts': 1,
        'mimc.outcome': 'accepted',
        'mimc.may_be_duplicate': false,
      });
      for (const hidden of [token, 'alice']) expect(JSON.stringify(span?.events)).not.toContain(hidden);
    });

    it('about a group, by its method and a path that names neither app nor group nor account', async () => {
      await boot();
      const { callId, topicInfo } = await app
        .get(MimcTopicService)
        .create({ ownerAccount: 'alice', topicName: 'Trip', accounts: ['bob'] });
      await app.get(MimcTopicService).kick({ topicId: topicInfo.topicId, account: 'alice', accounts: ['bob'] });

      const [created, kicked] = telemetry.spans();
      expect(created).toMatchObject({ name: 'POST topic/create', kind: SpanKind.CLIENT });
      expect(created?.attributes).toEqual({
        'server.address': '127.0.0.1',
        'server.port': expect.any(Number),
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.template': '/api/topic/{appId}',
        'mimc.endpoint': 'topic/create',
        'mimc.call_id': callId,
        'mimc.attempts': 1,
        'mimc.outcome': 'accepted',
        'mimc.may_be_duplicate': false,
      });
      expect(kicked?.attributes).toMatchObject({
        'http.request.method': 'DELETE',
        'url.template': '/api/topic/{appId}/{topicId}/accounts',
      });
      const seen = JSON.stringify([created, kicked].map((span) => [span?.name, span?.attributes, span?.events]));
      for (const hidden of ['alice', 'bob', 'Trip', topicInfo.topicId]) expect(seen).not.toContain(hidden);
    });

    it('to many unlimited groups, with their number', async () => {
      await boot();
      await push.toUnlimitedTopics({ topicIds: [7, 8], message: 'hello' });
      await push.manyToUnlimitedTopic({ topicId: 7, messages: ['a', 'b', 'c'] });
      expect(telemetry.spans()).toMatchObject([
        { name: 'send ucs/multiTopicPush', attributes: { 'messaging.batch.message_count': 2 } },
        {
          name: 'send ucs/multiMsgPush',
          attributes: { 'messaging.batch.message_count': 3, 'messaging.system': 'mimc' },
        },
      ]);
    });

    it('to one recipient, by the conventions', async () => {
      await boot();
      const { callId } = await push.toAccount(dto);

      const [span, ...others] = telemetry.spans();
      expect(others).toEqual([]);
      expect(span).toMatchObject({ name: 'send p2p', kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } });
      expect(span?.instrumentationScope.name).toBe('nestjs-mimc');
      expect(span?.attributes).toEqual({
        'messaging.system': 'mimc',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
        'server.address': '127.0.0.1',
        'server.port': expect.any(Number),
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.template': '/api/push/p2p/',
        'mimc.endpoint': 'p2p',
        'mimc.call_id': callId,
        'mimc.lane': 'interactive',
        'mimc.attempts': 1,
        'mimc.outcome': 'accepted',
        'mimc.may_be_duplicate': false,
      });
      expect(span?.events).toEqual([
        expect.objectContaining({
          name: 'mimc.attempt',
          attributes: {
            'mimc.attempt.number': 1,
            'mimc.attempt.duration': expect.any(Number),
            'mimc.outcome': 'accepted',
            'http.response.status_code': 200,
          },
        }),
      ]);
    });

    it('to many, with their number and the lane', async () => {
      await boot();
      await push.toTopics({ topicIds: ['7', '8', '9'], msg: 'hello' }, { priority: 'bulk' });

      expect(telemetry.spans()[0]).toMatchObject({
        name: 'send p2t/more',
        attributes: {
          'messaging.batch.message_count': 3,
          'url.template': '/api/push/p2t/more',
          'mimc.endpoint': 'p2t/more',
          'mimc.lane': 'bulk',
        },
      });
    });

    it('whose parent is the span that was active, however many calls run at once', async () => {
      await boot();
      const tracer = telemetry.tracerProvider.getTracer('test');
      const ids = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          tracer.startActiveSpan(`request ${index}`, async (parent) => {
            if (index % 3 === 0) mimc.failNext({ kind: 'delay', ms: 20 });
            const { callId } = await push.toAccount(dto);
            // The call leaves its caller's context alone.
            expect(trace.getActiveSpan()).toBe(parent);
            parent.end();
            return { callId, parentSpanId: parent.spanContext().spanId };
          }),
        ),
      );

      const calls = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
      const parents = new Map(
        calls.map(({ attributes, parentSpanContext }) => [attributes['mimc.call_id'], parentSpanContext?.spanId]),
      );
      expect(parents).toEqual(new Map(ids.map(({ callId, parentSpanId }) => [callId, parentSpanId])));
    });

    it('that is the active one while the call runs, so that spans of its requests become its children', async () => {
      await boot();
      const active: unknown[] = [];
      const onAttempt = () => active.push(trace.getActiveSpan());
      subscribe('tracing:mimc:attempt:start', onAttempt);
      mimc.failNext({ kind: 'code', code: 429 });
      await Promise.all([push.toAccount(dto), push.toTopic({ topicId: '7', msg: 'hello' })]);
      unsubscribe('tracing:mimc:attempt:start', onAttempt);

      expect(active).toHaveLength(3);
      expect(new Set(active)).toEqual(new Set(telemetry.spans()));
      expect(trace.getActiveSpan()).toBeUndefined();
    });

    it('with an event for every attempt, throttling and retry', async () => {
      await boot({ retry: { baseDelayMs: 1, maxDelayMs: 20, delivery: 'at-least-once' } });
      mimc.failNext([
        { kind: 'code', code: 429, httpStatus: 429, retryAfter: '0' },
        { kind: 'reset', when: 'after-read' },
      ]);
      await push.toAccount(dto);

      const [span] = telemetry.spans();
      expect(span?.attributes).toMatchObject({ 'mimc.attempts': 3, 'mimc.may_be_duplicate': true });
      expect(span?.status.code).toBe(SpanStatusCode.UNSET);
      expect(span?.events.map(({ name, attributes }) => Object.assign({ name }, attributes))).toMatchObject([
        {
          name: 'mimc.attempt',
          'mimc.attempt.number': 1,
          'mimc.outcome': 'refused',
          'error.type': 'MIMC_RATE_LIMITED',
          'mimc.api_code': 429,
          'http.response.status_code': 429,
        },
        { name: 'mimc.throttled', 'mimc.attempt.number': 1, 'mimc.bucket': 'accounts' },
        { name: 'mimc.retry', 'mimc.attempt.number': 1, 'error.type': 'MIMC_RATE_LIMITED' },
        { name: 'mimc.attempt', 'mimc.attempt.number': 2, 'mimc.outcome': 'unknown', 'error.type': 'MIMC_RESET' },
        { name: 'mimc.retry', 'mimc.attempt.number': 2, 'mimc.retry.delay': expect.any(Number) },
        { name: 'mimc.attempt', 'mimc.attempt.number': 3, 'mimc.outcome': 'accepted' },
      ]);
    });

    it.each([
      {
        fault: { kind: 'code', code: 500, message: 'push fail' } as const,
        code: 'MIMC_API',
        attributes: { 'mimc.outcome': 'refused', 'mimc.api_code': 500, 'http.response.status_code': 200 },
      },
      {
        fault: { kind: 'html' } as const,
        code: 'MIMC_HTTP',
        attributes: { 'mimc.outcome': 'unknown', 'http.response.status_code': 502 },
      },
      {
        fault: { kind: 'reset', when: 'after-read' } as const,
        code: 'MIMC_RESET',
        attributes: { 'mimc.outcome': 'unknown', 'mimc.attempts': 1 },
      },
    ])('in error, with the code $code alone to say why', async ({ fault, code, attributes }) => {
      await boot();
      mimc.failNext(fault);
      await errorOf(push.toAccount(dto));

      const [span] = telemetry.spans();
      expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: code });
      expect(span?.attributes).toMatchObject({ 'error.type': code, ...attributes });
      expect(span?.events).toHaveLength(1);
    });

    it('that was refused for its form, without an attempt', async () => {
      await boot();
      await errorOf(push.toAccount({ ...dto, toAccount: '' }));

      const [span] = telemetry.spans();
      expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'MIMC_INVALID' });
      expect(span?.attributes).toMatchObject({ 'mimc.outcome': 'not-sent', 'mimc.attempts': 0 });
      expect(span?.events).toEqual([]);
    });
  });

  it('distinguishes named applications', async () => {
    await boot({}, { names: ['shop', 'support'] });
    await push.toAccount(dto);
    await app.get<MimcPushService>(getMimcPushToken('support')).toAccounts({ toAccounts: ['a', 'b'], msg: 'hello' });

    expect(telemetry.spans().map(({ attributes }) => attributes['mimc.app.name'])).toEqual(['shop', 'support']);
    const byApp = async (name: string) =>
      (await telemetry.measured(name)).map(({ attributes, value }) => [attributes['mimc.app.name'], value]);
    expect(await byApp('mimc.recipients')).toEqual([
      ['shop', 1],
      ['support', 2],
    ]);
    expect(await byApp('mimc.quota.utilization')).toEqual([
      ['shop', 0.02],
      ['shop', 0],
      ['shop', 0],
      ['support', 0.04],
      ['support', 0],
      ['support', 0],
    ]);
  });

  it.each([
    ['shop', 'MimcModule with the name "shop"'],
    [undefined, 'MimcModule without a name'],
  ])('refuses to boot when there is no module with the name %s', async (name, expected) => {
    await boot();
    const module = await Test.createTestingModule({ imports: [MimcOpenTelemetryModule.forRoot({ names: [name] })] })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    await expect(module.init()).rejects.toMatchObject({
      code: 'MIMC_CONFIG',
      message: `MimcOpenTelemetryModule options: names: the application has no ${expected}`,
    });
  });

  it.each(['raw', 'json', 'url'] as const)(
    'exports no account, content or credential, even when MIMC repeats the body (%s)',
    async (form) => {
      await boot({ retry: { baseDelayMs: 1, maxDelayMs: 20, delivery: 'at-least-once' } });
      const many = { toAccounts: ['bob-of-the-tests', 'carol-of-the-tests'], msg: dto.msg };
      mimc.failNext([
        { kind: 'echo', form },
        { kind: 'echo', form, code: 429 },
        { kind: 'reset', when: 'after-read' },
        { kind: 'echo', form, code: 401 },
      ]);
      await Promise.allSettled([
        push.toAccount(dto),
        push.toAccounts(many),
        push.toTopic({ topicId: '987654321987', msg: dto.msg }),
      ]);
      const unknownField = { ...dto, [secrets.appSecret]: dto.msg };
      await errorOf(push.toAccount(unknownField));

      const exported = await telemetry.exported();
      expect(exported).toContain('MIMC_');
      const personal = ['of-the-tests', '987654321987', 'nobody else', encodeURIComponent('nobody else')];
      for (const value of [...Object.values(secrets), encodeURIComponent(secrets.appSecret), ...personal]) {
        expect(exported).not.toContain(value);
      }
    },
  );

  describe('begins and ends with the application', () => {
    it('and leaves nothing behind', async () => {
      await boot();
      expect(CHANNELS.map((name) => hasSubscribers(name))).toEqual(CHANNELS.map(() => true));
      expect(await telemetry.measured('mimc.queue.depth')).toHaveLength(3);
      await app.close();
      expect(CHANNELS.map((name) => hasSubscribers(name))).toEqual(CHANNELS.map(() => false));

      const other = await bootPush({ baseUrl: mimc.url });
      await other.push.toAccount(dto);
      await other.close();
      expect(telemetry.spans()).toEqual([]);
    });

    it('recording what is still in flight when the shutdown begins', async () => {
      await boot();
      mimc.failNext({ kind: 'delay', ms: 150 });
      const call = push.toAccount(dto);
      await eventually(() => expect(mimc.totals.requests).toBe(1));
      await app.close();
      await call;

      expect(telemetry.spans()).toMatchObject([{ attributes: { 'mimc.outcome': 'accepted' } }]);
      expect(await telemetry.measured('mimc.recipients')).toMatchObject([{ value: 1 }]);
    });

    it('and counts once when it is registered twice', async () => {
      await boot({}, { times: 2 });
      const stop = instrumentMimc({ ...telemetry });
      await push.toAccount(dto);
      stop();
      stop();
      await push.toAccount(dto);

      expect(telemetry.spans()).toHaveLength(2);
      expect(await telemetry.measured('mimc.recipients')).toMatchObject([{ value: 2 }]);
      expect(await telemetry.measured('mimc.queue.depth')).toHaveLength(3);
    });
  });

  describe('instrumentMimc', () => {
    it('reports to the global providers by default', async () => {
      const other = startTelemetry();
      trace.setGlobalTracerProvider(other.tracerProvider);
      metrics.setGlobalMeterProvider(other.meterProvider);
      await boot();
      const stop = instrumentMimc();
      await push.toAccount(dto);
      stop();
      trace.disable();
      metrics.disable();

      expect(other.spans()).toHaveLength(1);
      expect(await other.measured('mimc.recipients')).toMatchObject([{ value: 1 }]);
    });

    it('ends the spans of calls in flight when it is stopped, and follows them no further', async () => {
      await boot();
      const other = startTelemetry();
      const stop = instrumentMimc({ ...other });
      mimc.failNext({ kind: 'delay', ms: 150 });
      const call = push.toAccount(dto);
      await eventually(() => expect(mimc.totals.requests).toBe(1));
      stop();
      await call;

      expect(other.spans()).toMatchObject([{ name: 'send p2p', events: [], ended: true }]);
      expect(await other.measured('mimc.recipients')).toEqual([]);
      expect(telemetry.spans()).toMatchObject([{ attributes: { 'mimc.outcome': 'accepted' } }]);
    });
  });
});

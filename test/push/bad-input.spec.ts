import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MimcPushService, PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto } from 'nestjs-mimc';
import { bootPush, errorOf, formsOf, PushApp, secrets } from '../support/push-app.js';
import { RawServer, startRawServer } from '../support/raw-server.js';

type Method = 'toAccount' | 'toAccounts' | 'toTopic' | 'toTopics';

/** The second element is a hole. */
const holed = (first: unknown) => Object.assign(Array<unknown>(2), { 0: first });

const good: Record<Method, object> = {
  toAccount: { toAccount: 'alice', msg: 'm' },
  toAccounts: { toAccounts: ['alice'], msg: 'm' },
  toTopic: { topicId: '21351198708203521', msg: 'm' },
  toTopics: { topicIds: ['21351198708203521'], msg: 'm' },
};

const messages: [string, object, string, string][] = [
  ['no msg', { msg: undefined }, 'msg', 'isString'],
  ['an empty msg', { msg: '' }, 'msg', 'isNotEmpty'],
  ['a msg that is not a string', { msg: 7 }, 'msg', 'isString'],
  ['a msg that is null', { msg: null }, 'msg', 'isString'],
  ['a msg of one byte too many', { msg: `${'é'.repeat(5120)}x` }, 'msg', 'maxMsgBytes'],
  [
    'base64 of one byte too many',
    { msg: Buffer.alloc(10_241).toString('base64'), msgType: 'base64' },
    'msg',
    'maxMsgBytes',
  ],
  ['a msg that is not base64 as it says', { msg: 'hello!', msgType: 'base64' }, 'msg', 'isBase64'],
  ['base64 without its padding', { msg: 'YQ', msgType: 'base64' }, 'msg', 'isBase64'],
  ['base64 in the URL alphabet', { msg: '_-_-', msgType: 'base64' }, 'msg', 'isBase64'],
  ['an unknown msgType', { msgType: 'text' }, 'msgType', 'isIn'],
  ['a msgType that is null', { msgType: null }, 'msgType', 'isIn'],
  ['an isStore that is not a boolean', { isStore: 'true' }, 'isStore', 'isBoolean'],
  ['a bizType that is not a string', { bizType: 1 }, 'bizType', 'isString'],
  ['an empty fromAccount', { fromAccount: '' }, 'fromAccount', 'isNotEmpty'],
  ['a fromAccount that is null', { fromAccount: null }, 'fromAccount', 'isString'],
  ['a fromAccount of 257 characters', { fromAccount: 'x'.repeat(257) }, 'fromAccount', 'maxLength'],
  ['a fromResource of 257 characters', { fromResource: 'x'.repeat(257) }, 'fromResource', 'maxLength'],
  ['a bizType of 257 characters', { bizType: 'x'.repeat(257) }, 'bizType', 'maxLength'],
  ['a fromAccount with a line feed', { fromAccount: 'news\n' }, 'fromAccount', 'isAccount'],
  ['a fromResource that is not a string', { fromResource: {} }, 'fromResource', 'isString'],
  ['an unknown field', { appSecret: 'x' }, 'appSecret', 'whitelistValidation'],
  ['an unknown field named constructor', { constructor: 1 }, 'constructor', 'whitelistValidation'],
  ['an unknown field named toString', { toString: 1 }, 'toString', 'whitelistValidation'],
  [
    'an unknown field named __proto__',
    JSON.parse('{"__proto__": {"isStore": true}}'),
    '__proto__',
    'whitelistValidation',
  ],
];

const recipients: [Method, string, unknown, string, string][] = [
  ['toAccount', 'no recipient', undefined, 'toAccount', 'isString'],
  ['toAccount', 'an empty recipient', '', 'toAccount', 'isNotEmpty'],
  ['toAccount', 'a list of recipients', ['alice'], 'toAccount', 'isString'],
  ['toAccount', 'a recipient of 257 characters', 'x'.repeat(257), 'toAccount', 'maxLength'],
  ['toAccounts', 'an element of 257 characters', ['x'.repeat(256), 'x'.repeat(257)], 'toAccounts[1]', 'isAccount'],
  ['toAccount', 'a byte order mark', '\uFEFFalice', 'toAccount', 'isAccount'],
  ['toAccount', 'a carriage return', 'alice\r', 'toAccount', 'isAccount'],
  ['toAccount', 'two lines', 'alice\nbob', 'toAccount', 'isAccount'],
  ['toAccount', 'a line separator', 'alice\u2028', 'toAccount', 'isAccount'],
  ['toAccount', 'a NUL', 'alice\0', 'toAccount', 'isAccount'],
  ['toAccounts', 'an element with a tab', ['alice', 'bob\t7'], 'toAccounts[1]', 'isAccount'],
  ['toAccounts', 'an element with a control character of C1', ['a\u0085'], 'toAccounts[0]', 'isAccount'],
  ['toAccounts', 'no list', undefined, 'toAccounts', 'isArray'],
  ['toAccounts', 'a comma-joined list', 'alice,bob', 'toAccounts', 'isArray'],
  ['toAccounts', 'a set', new Set(['alice']), 'toAccounts', 'isArray'],
  ['toAccounts', 'an empty list', [], 'toAccounts', 'arrayMinSize'],
  ['toAccounts', 'a list of 10,001', Array(10_001).fill('a'), 'toAccounts', 'arrayMaxSize'],
  ['toAccounts', 'more than the quota of a second', Array(51).fill('a'), 'toAccounts', 'quota'],
  ['toAccounts', 'an empty element', ['alice', 'bob', ''], 'toAccounts[2]', 'isAccount'],
  ['toAccounts', 'an element that is an object', ['alice', {}], 'toAccounts[1]', 'isAccount'],
  ['toAccounts', 'a hole', holed('alice'), 'toAccounts[1]', 'isAccount'],
  ['toTopic', 'no topic', undefined, 'topicId', 'isTopicId'],
  ['toTopic', 'an unsafe number', Number('9007199254740993'), 'topicId', 'isTopicId'],
  ['toTopic', 'a fraction', 1.5, 'topicId', 'isTopicId'],
  ['toTopic', 'zero', 0, 'topicId', 'isTopicId'],
  ['toTopic', 'a leading zero', '07', 'topicId', 'isTopicId'],
  ['toTopic', 'a negative bigint', -1n, 'topicId', 'isTopicId'],
  ['toTopic', 'one more than an int64', '9223372036854775808', 'topicId', 'isTopicId'],
  ['toTopic', 'a bigint of one more', 9223372036854775808n, 'topicId', 'isTopicId'],
  ['toTopic', 'JSON in a string', '1,"isStore":true', 'topicId', 'isTopicId'],
  ['toTopic', 'a list of one', ['7'], 'topicId', 'isTopicId'],
  ['toTopics', 'an empty list', [], 'topicIds', 'arrayMinSize'],
  ['toTopics', 'a list of 10,001', Array(10_001).fill('7'), 'topicIds', 'arrayMaxSize'],
  ['toTopics', 'more than the quota of a second', Array(21).fill('7'), 'topicIds', 'quota'],
  ['toTopics', 'an unsafe element', ['7', Number('9007199254740993')], 'topicIds[1]', 'isTopicId'],
  ['toTopics', 'a hole', holed('7'), 'topicIds[1]', 'isTopicId'],
];

const methods = Object.keys(good) as Method[];
const bad: [Method, string, object, string, string][] = [
  ...methods.flatMap((method) =>
    messages.map(([name, change, field, rule]): [Method, string, object, string, string] => [
      method,
      name,
      Object.defineProperties({ ...good[method] }, Object.getOwnPropertyDescriptors(change)),
      field,
      rule,
    ]),
  ),
  ...recipients.map(([method, name, value, field, rule]): [Method, string, object, string, string] => {
    const key = field.replace(/\[.*/, '');
    return [method, name, { ...good[method], [key]: value }, field, rule];
  }),
];

describe('bad input', () => {
  let server: RawServer;
  let app: PushApp;

  beforeAll(async () => {
    server = await startRawServer(() => undefined);
    app = await bootPush({ baseUrl: server.url });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  const call = (method: Method, dto: unknown, options?: unknown) =>
    (app.push[method] as (dto: unknown, options?: unknown) => Promise<unknown>).call(app.push, dto, options);

  it.each(bad)('%s refuses %s', async (method, _name, dto, field, rule) => {
    const error = await errorOf(call(method, dto));
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent', attempts: 0, retryable: false });
    expect(error.violations).toEqual([{ field, rule, message: expect.stringContaining(field.replace(/\[.*/, '')) }]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'alice'],
    ['a list', [good.toAccount]],
  ])('refuses %s in place of a DTO', async (_name, dto) => {
    const error = await errorOf(call('toAccount', dto));
    expect(error.violations).toEqual([{ field: '', rule: 'isObject', message: 'The push must be a plain object' }]);
  });

  it.each<[string, unknown, string, string]>([
    ['a signal that is none', { signal: {} }, 'options.signal', 'isAbortSignal'],
    ['a deadline of zero', { deadlineMs: 0 }, 'options.deadlineMs', 'min'],
    ['a deadline beyond a timer', { deadlineMs: 2 ** 31 }, 'options.deadlineMs', 'max'],
    ['an unknown priority', { priority: 'high' }, 'options.priority', 'isIn'],
    ['retry: true', { retry: true }, 'options.retry', 'isObjectOrFalse'],
    ['a wrong delivery', { retry: { delivery: 'exactly-once' } }, 'options.retry.delivery', 'isIn'],
    ['a fraction of an attempt', { retry: { maxAttempts: 1.5 } }, 'options.retry.maxAttempts', 'isInt'],
    ['an unknown option', { timeout: 5 }, 'options.timeout', 'whitelistValidation'],
    ['no object', 5, 'options', 'isObject'],
  ])('refuses options with %s', async (_name, options, field, rule) => {
    const error = await errorOf(call('toAccount', good.toAccount, options));
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    expect(error.violations).toEqual([{ field, rule, message: expect.stringContaining(field) }]);
  });

  it('refuses a push without a sender when the module has none', async () => {
    const senderless = await bootPush({ baseUrl: server.url, fromAccount: undefined });
    const error = await errorOf(senderless.push.toAccount({ toAccount: 'alice', msg: 'm' }));
    await senderless.close();
    expect(error.violations).toEqual([expect.objectContaining({ field: 'fromAccount', rule: 'isNotEmpty' })]);
  });

  it('names MimcBroadcastService when a call is heavier than the quota', async () => {
    const error = await errorOf(call('toAccounts', { toAccounts: Array(51).fill('a'), msg: 'm' }));
    expect(error.message).toContain('MimcBroadcastService');
  });

  it('lists every field that is wrong', async () => {
    const error = await errorOf(call('toAccounts', { toAccounts: ['', 'a', ''], msgType: 'x', extra: 1 }));
    expect(error.violations?.map(({ field }) => field).toSorted()).toEqual(
      ['extra', 'msg', 'msgType', 'toAccounts[0]', 'toAccounts[2]'].toSorted(),
    );
  });

  it('lists at most 100 violations of a list', async () => {
    const error = await errorOf(call('toAccounts', { toAccounts: Array(10_000).fill(''), msg: 'm' }));
    expect(error.violations?.filter(({ rule }) => rule === 'isAccount')).toHaveLength(100);
  });

  it('never shows a value, nor a secret that is used as the name of a field', async () => {
    const value = 'a-very-private-value';
    const dto = { toAccount: [value], msg: { value }, msgType: value, isStore: value, [secrets.appSecret]: value };
    const shown = formsOf(await errorOf(call('toAccount', dto)));
    expect(shown).not.toContain(value);
    expect(shown).not.toContain(secrets.appSecret);
  });

  it('takes a String object for the string that it holds, by the same rules', async () => {
    const msg = Object('x'.repeat(10_241)) as string;
    const error = await errorOf(call('toAccount', { toAccount: 'alice', msg }));
    expect(error.violations).toMatchObject([{ field: 'msg', rule: 'maxMsgBytes' }]);
  });

  it('refuses a list of a million holes at once', async () => {
    const begin = performance.now();
    const error = await errorOf(call('toAccounts', { toAccounts: Array(2 ** 32 - 1), msg: 'm' }));
    expect(error.violations?.[0]).toMatchObject({ field: 'toAccounts', rule: 'arrayMaxSize' });
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  it('counts a field that is undefined as absent, also one that is unknown', async () => {
    const given = { toAccount: 'alice', msg: 5, bizType: undefined, note: undefined, constructor: undefined };
    const options = {
      signal: undefined,
      deadlineMs: 0,
      retry: { maxAttempts: undefined, note: undefined },
      note: undefined,
    };
    const error = await errorOf(call('toAccount', given, options));
    expect(error.violations?.map(({ field }) => field)).toEqual(['msg', 'options.deadlineMs']);
  });

  it('says so when a DTO or the options cannot be read', async () => {
    const broken = {
      get msg(): string {
        throw new Error('a secret of the application');
      },
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const dto of [{ toAccount: 'alice', ...Object.create(null), __proto__: null }, broken, proxy]) {
      expect(await errorOf(call('toAccount', dto))).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
    }
    const unreadable = await errorOf(call('toAccount', broken));
    expect(unreadable.violations).toMatchObject([{ field: '', rule: 'isReadable' }]);
    expect(formsOf(unreadable)).not.toContain('a secret of the application');
    const error = await errorOf(
      call(
        'toAccount',
        good.toAccount,
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error();
            },
          },
        ),
      ),
    );
    expect(error.violations).toMatchObject([{ field: 'options', rule: 'isReadable' }]);
  });

  it('reads each field once, so that a getter cannot slip in another value', async () => {
    let reads = 0;
    const dto = Object.defineProperty({ toAccount: 'alice' }, 'msg', {
      enumerable: true,
      get: () => (reads++ ? 7 : ''),
    });
    await errorOf(call('toAccount', dto));
    expect(reads).toBe(1);
  });

  it('refuses everything that is not a push, always with MIMC_INVALID', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), fc.anything({ withBigInt: true }), async (method, dto) => {
        const error = await errorOf(call(method, dto));
        expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent' });
      }),
      { numRuns: 500 },
    );
  });

  it('has sent nothing in all of this', () => {
    expect(server.connections).toBe(0);
  });

  it('takes instances of the DTO classes as it takes plain objects', async () => {
    for (const type of [PushToAccountDto, PushToAccountsDto, PushToTopicDto, PushToTopicsDto]) {
      const error = await errorOf(call('toAccount', Object.assign(new type(), { msg: 5 })));
      expect(error.code).toBe('MIMC_INVALID');
    }
    expect(MimcPushService).toBeDefined();
  });
});

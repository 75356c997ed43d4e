import { inspect } from 'node:util';
import diagnostics from 'node:diagnostics_channel';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  getMimcTokenServiceToken,
  type MimcErrorCode,
  MimcModule,
  type MimcModuleOptions,
  type MimcOutcome,
  MimcTokenService,
} from 'nestjs-mimc';
import { type EmulatorFault, MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, formsOf } from '../support/push-app.js';

/** A token that no other text contains. */
const token = 'T0ken/Of+Alice/ForTests==';

/** An answer to a request for a token of `alice`, changed. */
function answerWith(data: object | null, more: object = {}): EmulatorFault {
  const whole = data && { appAccount: 'alice', miUserId: '21304982171287553', token, ...data };
  return { kind: 'body', body: JSON.stringify({ code: 200, message: 'success', data: whole, ...more }) };
}

describe('A token', () => {
  let mimc: MimcEmulator;
  const closes: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    mimc = await MimcEmulator.start();
  });
  afterEach(async () => {
    for (const close of closes.splice(0)) await close();
    await mimc.close();
  });

  async function boot(options: Partial<MimcModuleOptions> = {}) {
    const app = await bootPush({ ...mimc.credentials, baseUrl: mimc.url, ...options });
    closes.push(() => app.close());
    return app;
  }

  it('is issued for the account that was asked for, with the answer of MIMC as it came', async () => {
    const { tokens } = await boot();
    const issued = await tokens.issue('爱丽丝', { regionKey: 'REGION_CN' });
    const [request] = mimc.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/api/account/token', code: 200 });
    expect(request?.body).toEqual({ ...mimc.credentials, appAccount: '爱丽丝', regionKey: 'REGION_CN' });
    const { data } = JSON.parse(issued.envelope) as { data: Record<string, unknown> };
    expect(data).toMatchObject({ appId: mimc.credentials.appId, appAccount: '爱丽丝', miChid: 9, token: issued.token });
    expect(issued).toMatchObject({ attempts: 1, userId: data['miUserId'], callId: expect.any(String) });
    expect(Object.keys(issued)).toEqual(['envelope', 'token', 'userId', 'callId', 'attempts', 'timing']);
  });

  it('is a new one each time, for a user that stays the same', async () => {
    const { tokens } = await boot();
    const [first, second] = [await tokens.issue('alice'), await tokens.issue('alice')];
    expect(second.userId).toBe(first.userId);
    expect(second.token).not.toBe(first.token);
    expect((await tokens.issue('bob')).userId).not.toBe(first.userId);
  });

  it('leaves every byte of the answer as it is, and every digit of the id', async () => {
    const { tokens } = await boot();
    const body = String.raw`{ "data":{"appAccount":"alice","token":"a\/b","miUserId":21304982171287553}, "code":200 }`;
    mimc.failNext({ kind: 'body', body });
    expect(await tokens.issue('alice')).toMatchObject({ envelope: body, token: 'a/b', userId: '21304982171287553' });
    mimc.failNext(answerWith({ miUserId: undefined }));
    expect(await tokens.issue('alice')).not.toHaveProperty('userId');
  });

  it.each<[string, EmulatorFault, MimcErrorCode, MimcOutcome]>([
    ['of another account', answerWith({ appAccount: 'mallory' }), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['of no account', answerWith({ appAccount: undefined }), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['of two accounts', twice(), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['that is missing', answerWith({ token: undefined }), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['that is empty', answerWith({ token: '' }), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['that is not text', answerWith({ token: 7 }), 'MIMC_BAD_RESPONSE', 'unknown'],
    ['without data', answerWith(null), 'MIMC_BAD_RESPONSE', 'unknown'],
    [
      'with a message that repeats it',
      answerWith({ appAccount: 'x' }, { message: token }),
      'MIMC_BAD_RESPONSE',
      'unknown',
    ],
    ['under another code', answerWith({}, { code: 500, message: `no ${token}` }), 'MIMC_API', 'refused'],
    [
      'under HTTP 500',
      { ...answerWith({}, { message: token }), status: 500 } as EmulatorFault,
      'MIMC_BAD_RESPONSE',
      'unknown',
    ],
    ['that is cut short', { kind: 'truncate', cut: 'json' }, 'MIMC_BAD_RESPONSE', 'unknown'],
    ['in an answer that is not an envelope', { kind: 'html', status: 200 }, 'MIMC_BAD_RESPONSE', 'unknown'],
    ['that is lost with the connection', { kind: 'reset', when: 'after-read' }, 'MIMC_RESET', 'unknown'],
    ['that is refused', { kind: 'code', code: 500, message: 'token fail' }, 'MIMC_API', 'refused'],
    ['that wants other credentials', { kind: 'echo', code: 401 }, 'MIMC_AUTH', 'refused'],
    ['that is throttled', { kind: 'code', code: 429 }, 'MIMC_RATE_LIMITED', 'refused'],
  ])('%s is an error that shows no secret', async (_name, fault, code, outcome) => {
    const { tokens, log } = await boot();
    mimc.failNext(fault);
    const error = await errorOf(tokens.issue('alice'));
    expect(error).toMatchObject({ code, outcome, endpoint: 'account/token', attempts: 1 });
    const seen = formsOf(error) + log.join('\n');
    for (const secret of [token, mimc.credentials.appKey, mimc.credentials.appSecret])
      expect(seen).not.toContain(secret);
  });

  it('keeps what MIMC says of a refusal', async () => {
    const { tokens } = await boot();
    mimc.failNext({ kind: 'code', code: 500, message: 'token fail' });
    expect(await errorOf(tokens.issue('alice'))).toMatchObject({ apiCode: 500, apiMessage: 'token fail' });
  });

  it('is requested again whatever became of the first attempt, as that harms nobody', async () => {
    const { tokens } = await boot({ retry: { baseDelayMs: 1, maxAttempts: 4 }, timeouts: { responseMs: 1_000 } });
    mimc.failNext([{ kind: 'hang' }, { kind: 'reset', when: 'after-read' }, answerWith({ appAccount: 'mallory' })]);
    expect(await tokens.issue('alice')).toMatchObject({ attempts: 4 });
    expect(mimc.requests).toHaveLength(4);
  });

  it('is not requested again when MIMC refuses it, or when the module does not retry', async () => {
    const { tokens } = await boot({ retry: { baseDelayMs: 1 } });
    mimc.failNext({ kind: 'code', code: 403 });
    expect(await errorOf(tokens.issue('alice'))).toMatchObject({ apiCode: 403, attempts: 1, retryable: false });
    const once = await boot({ retry: false, timeouts: { responseMs: 100 } });
    mimc.failNext({ kind: 'hang' });
    expect(await errorOf(once.tokens.issue('alice'))).toMatchObject({ code: 'MIMC_TIMEOUT', attempts: 1 });
  });

  it('draws on no quota, and throttling of it does not hold pushes', async () => {
    const { tokens, push } = await boot({ quota: { accountsPerSecond: 1, maxQueued: 0 } });
    await push.toAccount({ toAccount: 'alice', msg: 'hello' });
    await Promise.all(['alice', 'bob', 'carol'].map((account) => tokens.issue(account)));
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '60' });
    expect(await errorOf(tokens.issue('alice'))).toMatchObject({ retryAfterMs: 60_000 });
    expect(push.status().accounts.resumesInMs).toBe(0);
  });

  it('is given up when its caller aborts, before the request and during it', async () => {
    const { tokens } = await boot();
    const before = await errorOf(tokens.issue('alice', { signal: AbortSignal.abort() }));
    expect(before).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'not-sent', attempts: 0 });
    mimc.failNext({ kind: 'hang' });
    const caller = new AbortController();
    const during = errorOf(tokens.issue('alice', { signal: caller.signal }));
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    caller.abort();
    expect(await during).toMatchObject({ code: 'MIMC_ABORTED', outcome: 'unknown', attempts: 1 });
    await eventually(() => expect(mimc.connections).toBe(0));
  });

  it('is given up at its deadline', async () => {
    const { tokens } = await boot();
    mimc.failNext({ kind: 'hang' });
    const error = await errorOf(tokens.issue('alice', { deadlineMs: 500 }));
    expect(error).toMatchObject({ code: 'MIMC_DEADLINE', endpoint: 'account/token' });
  });

  it('is not issued once the application closes, while one already requested arrives', async () => {
    const app = await boot();
    const { tokens, push } = app;
    mimc.failNext({ kind: 'delay', ms: 500 });
    const inFlight = tokens.issue('alice');
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const closed = app.close();
    await eventually(() => expect(push.status().closing).toBe(true));
    const late = errorOf(tokens.issue('bob'));
    expect(await late).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent', endpoint: 'account/token' });
    expect(await inFlight).toHaveProperty('token');
    await closed;
  });

  it.each<[string, unknown, unknown, string]>([
    ['no account', undefined, undefined, 'appAccount'],
    ['an empty account', '', undefined, 'appAccount'],
    ['an account with a line break', 'alice\n', undefined, 'appAccount'],
    ['a number', 7, undefined, 'appAccount'],
    ['a long account', 'a'.repeat(257), undefined, 'appAccount'],
    ['a deadline of 0', 'alice', { deadlineMs: 0 }, 'options.deadlineMs'],
    ['a signal that is none', 'alice', { signal: {} }, 'options.signal'],
    ['an empty region', 'alice', { regionKey: '' }, 'options.regionKey'],
    ['an unknown option', 'alice', { retries: 1 }, 'options.retries'],
    ['options that are not an object', 'alice', 'fast', 'options'],
  ])('is refused for %s, naming the field and sending nothing', async (_name, account, options, field) => {
    const { tokens } = await boot();
    const error = await errorOf(tokens.issue(account as string, options as object));
    expect(error).toMatchObject({ code: 'MIMC_INVALID', outcome: 'not-sent', endpoint: 'account/token' });
    expect(error.violations?.[0]?.field).toBe(field);
    expect(mimc.requests).toHaveLength(0);
  });

  it('is reported in events that hold neither it, nor the account, nor a secret', async () => {
    const { tokens } = await boot({ retry: { baseDelayMs: 1 } });
    const events: { channel: string | symbol; event: unknown }[] = [];
    const names = ['tracing:mimc:call:asyncEnd', 'tracing:mimc:attempt:asyncEnd', 'mimc:retry', 'mimc:throttled'];
    const listen = (event: unknown, channel: string | symbol) => void events.push({ channel, event });
    for (const name of names) diagnostics.subscribe(name, listen);
    mimc.failNext(answerWith({ appAccount: 'mallory' }));
    const issued = await tokens.issue('alice');
    for (const name of names) diagnostics.unsubscribe(name, listen);
    const [attempt, retry, , call] = events;
    expect(attempt?.event).toMatchObject({ endpoint: 'account/token', error: { code: 'MIMC_BAD_RESPONSE' } });
    expect(retry).toMatchObject({ channel: 'mimc:retry', event: { attempt: 1 } });
    expect(call?.event).toMatchObject({ endpoint: 'account/token', attempts: 2 });
    expect(call?.event).not.toHaveProperty('recipients');
    const seen = inspect(events, { depth: 20 });
    for (const hidden of [token, issued.token, 'alice', mimc.credentials.appSecret]) expect(seen).not.toContain(hidden);
  });

  it('says nothing about how pushes fare, and does not use up their retries', async () => {
    const { tokens, push } = await boot({ retry: { baseDelayMs: 1, maxAttempts: 3 } });
    const pushed = { toAccount: 'alice', msg: 'hello', fromAccount: 'shop' };
    mimc.failNext({ kind: 'status', status: 500 });
    await errorOf(push.toAccount(pushed));
    await tokens.issue('alice');
    expect(push.status().consecutiveFailures).toBe(1);
    mimc.failNext({ kind: 'body', body: '{"code":200,"data":{}}' }, 18);
    for (let call = 0; call < 6; call += 1) await errorOf(tokens.issue('alice'));
    expect(push.status().consecutiveFailures).toBe(1);
    mimc.clear();
    mimc.failNext({ kind: 'code', code: 429 });
    expect(await push.toAccount(pushed)).toMatchObject({ attempts: 2 });
  });

  it('waits a second after it was throttled, and says so in an event', async () => {
    const { tokens } = await boot({ retry: { baseDelayMs: 1, maxAttempts: 3 } });
    const seen: unknown[] = [];
    const listen = (event: unknown) => seen.push(event);
    diagnostics.subscribe('mimc:throttled', listen);
    mimc.failNext({ kind: 'code', code: 429 }, 2);
    const { attempts, timing } = await tokens.issue('alice');
    diagnostics.unsubscribe('mimc:throttled', listen);
    expect(attempts).toBe(3);
    expect(timing.backoffMs).toBeGreaterThanOrEqual(1_990);
    expect(seen).toMatchObject([{ endpoint: 'account/token', forMs: 1_000 }, { attempt: 2 }]);
    expect(seen[0]).not.toHaveProperty('bucket');
  });

  it.each([
    ['with a long message', `{"code":401,"message":"${'x'.repeat(70_000)}","data":null}`, 'MIMC_AUTH'],
    ['with a message given twice', '{"code":429,"message":"a","message":"b","data":null}', 'MIMC_RATE_LIMITED'],
  ])('that is refused %s is refused', async (_name, body, code) => {
    const { tokens } = await boot({ retry: false });
    mimc.failNext({ kind: 'body', body });
    expect(await errorOf(tokens.issue('alice'))).toMatchObject({ code, outcome: 'refused' });
  });

  it('that a refusal holds in an odd place is not shown', async () => {
    const { tokens } = await boot({ retry: false });
    mimc.failNext({ kind: 'body', body: `{"code":500,"message":"${token}","token":"${token}"}` });
    expect(formsOf(await errorOf(tokens.issue('alice')))).not.toContain(token);
  });

  it('comes from the module whose name is asked for', async () => {
    const other = await MimcEmulator.start({ credentials: { appId: '2882303760000000002' } });
    const module = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...mimc.credentials, baseUrl: mimc.url }),
        MimcModule.forRootAsync({ name: 'other', useFactory: () => ({ ...other.credentials, baseUrl: other.url }) }),
      ],
    }).compile();
    const named = module.get<MimcTokenService>(getMimcTokenServiceToken('other'));
    expect((await named.issue('alice')).envelope).toContain('"appId":"2882303760000000002"');
    await module.get(MimcTokenService).issue('bob');
    expect([mimc.requests.length, other.requests.length]).toEqual([1, 1]);
    await module.close();
    await other.close();
  });

  it('has only the fields of 2018 where the emulator is to answer as then, and takes a numeric appId', async () => {
    const old = await MimcEmulator.start({ tokenFields: '2018' });
    const ask = async (body: string) => {
      const headers = { 'content-type': 'application/json' };
      const reply = await fetch(`${old.url}/api/account/token/`, { method: 'POST', headers, body });
      return (await reply.json()) as { code: number; data: object };
    };
    const { appId, appKey, appSecret } = old.credentials;
    const { code, data } = await ask(
      `{"appId":${appId},"appKey":"${appKey}","appSecret":"${appSecret}","appAccount":"alice"}`,
    );
    expect(code).toBe(200);
    expect(Object.keys(data)).toEqual([
      'appId',
      'appPackage',
      'appAccount',
      'miChid',
      'miUserId',
      'miUserSecurityKey',
      'token',
    ]);
    expect(await ask(JSON.stringify(old.credentials))).toMatchObject({ code: 400, data: null });
    expect(await ask(JSON.stringify({ appId, appKey, appSecret: 'x', appAccount: 'a' }))).toMatchObject({ code: 401 });
    await old.close();
  });
});

function twice(): EmulatorFault {
  const data = `{"appAccount":"mallory","token":"${token}","appAccount":"alice"}`;
  return { kind: 'body', body: `{"code":200,"message":"success","data":${data}}` };
}

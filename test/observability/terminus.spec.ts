import { setTimeout as sleep } from 'node:timers/promises';
import { ConsoleLogger, Controller, Get, type INestApplication, Query } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { getMimcPushToken, MimcModule, MimcPushService, type MimcModuleOptions } from 'nestjs-mimc';
import { MimcHealthIndicator, type MimcHealthOptions } from 'nestjs-mimc/terminus';
import { type EmulatorFault, MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { eventually } from '../support/eventually.js';
import { errorOf, secrets } from '../support/push-app.js';

const dto = { toAccount: 'alice-of-the-tests', msg: 'a message that nobody else may read' };
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

let limits: MimcHealthOptions = {};

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly mimc: MimcHealthIndicator,
  ) {}

  @Get('ready')
  ready(@Query('name') name?: string) {
    return this.health.check([() => this.mimc.isHealthy('mimc', { ...limits, name })]);
  }
}

describe('nestjs-mimc/terminus', () => {
  let mimc: MimcEmulator;
  let app: INestApplication;
  let push: MimcPushService;

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ credentials: secrets });
  });
  afterAll(() => mimc.close());
  beforeEach(() => {
    limits = {};
    mimc.clear();
  });
  afterEach(() => app.close());

  async function boot(given: Partial<MimcModuleOptions> = {}, names: (string | undefined)[] = [undefined]) {
    const options = { ...secrets, baseUrl: mimc.url, fromAccount: 'server', retry: false, ...given } as const;
    const module = await Test.createTestingModule({
      imports: [
        ...names.map((name) => MimcModule.forRoot({ ...options, name })),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers: [MimcHealthIndicator],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    app = module.createNestApplication();
    await app.init();
    push = app.get(getMimcPushToken(names[0]));
  }

  const ready = (name?: string) =>
    request(app.getHttpServer())
      .get('/ready')
      .query(name === undefined ? {} : { name });

  async function failing(fault: EmulatorFault, times: number): Promise<void> {
    mimc.failNext(fault, times);
    for (let n = 0; n < times; n++) await errorOf(push.toAccount(dto));
  }

  it('is up before any push, and sends none', async () => {
    await boot();
    const { body } = await ready().expect(200);

    expect(body).toMatchObject({ status: 'ok' });
    expect(body.info.mimc).toEqual({
      status: 'up',
      consecutiveFailures: 0,
      accounts: { queued: 0, usedUnits: 0, unitsPerSecond: 50, resumesInMs: 0 },
      topics: { queued: 0, usedUnits: 0, unitsPerSecond: 20, resumesInMs: 0 },
    });
    expect(mimc.totals.requests).toBe(0);
  });

  it('goes down after five failures in a row, says why, and is up again after a success', async () => {
    await boot();
    await failing({ kind: 'html' }, 4);
    await ready().expect(200);
    await failing({ kind: 'html' }, 1);

    const { body } = await ready().expect(503);
    expect(body.error.mimc).toMatchObject({
      status: 'down',
      message: 'The last 5 attempts failed',
      consecutiveFailures: 5,
      lastFailureAt: TIME,
      lastFailure: { code: 'MIMC_HTTP', outcome: 'unknown', httpStatus: 502 },
    });

    await push.toAccount(dto);
    const { body: after } = await ready().expect(200);
    expect(after.info.mimc).toMatchObject({ consecutiveFailures: 0, lastSuccessAt: TIME });
  });

  it('goes down with the first refusal of the credentials', async () => {
    await boot({ appSecret: 'wrong' });
    await errorOf(push.toAccount(dto));

    const { body } = await ready().expect(503);
    expect(body.error.mimc).toMatchObject({
      message: 'MIMC refuses the credentials',
      lastFailure: { code: 'MIMC_AUTH' },
    });
  });

  it('is not down for pushes that MIMC refuses one by one', async () => {
    await boot();
    await failing({ kind: 'code', code: 500, message: 'push fail' }, 8);
    const { body } = await ready().expect(200);
    expect(body.info.mimc).toMatchObject({
      consecutiveFailures: 0,
      lastFailure: { code: 'MIMC_API' },
    });
  });

  it('is down when MIMC fails every push by an envelope under HTTP 500', async () => {
    await boot();
    await failing({ kind: 'code', code: 500, httpStatus: 500 }, 8);
    const { body } = await ready().expect(503);
    expect(body.error.mimc).toMatchObject({ message: 'The last 8 attempts failed' });
  });

  it('is not down for being throttled, and shows the penalty', async () => {
    await boot();
    await failing({ kind: 'code', code: 429, retryAfter: '30' }, 1);

    const { body } = await ready().expect(200);
    expect(body.info.mimc.accounts.resumesInMs).toBeGreaterThan(28_000);
    expect(body.info.mimc.topics.resumesInMs).toBe(0);
  });

  it.each([
    ['ahead', 86_400_000],
    ['back', -86_400_000],
  ])('neither forgets nor keeps failures when the system clock is set %s', async (_where, byMs) => {
    limits = { forgetAfterMs: 60_000, maxConsecutiveFailures: 1 };
    await boot();
    await failing({ kind: 'html' }, 2);
    const real = Date.now;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + byMs);
    const kept = await ready();
    limits = { ...limits, forgetAfterMs: 0 };
    await sleep(2);
    const forgotten = await ready();
    clock.mockRestore();
    expect([kept.status, forgotten.status]).toEqual([503, 200]);
  });

  it('forgets failures after a while, or nobody would push to find out that MIMC is back', async () => {
    limits = { forgetAfterMs: 60_000, maxConsecutiveFailures: 1 };
    await boot();
    await failing({ kind: 'html' }, 2);
    const before = await ready();
    limits = { ...limits, forgetAfterMs: 0 };
    await sleep(2);
    const after = await ready();
    expect([before.status, after.status]).toEqual([503, 200]);
  });

  it('takes its limits from the options', async () => {
    limits = { maxConsecutiveFailures: 2, maxQueued: 0 };
    await boot({ quota: { accountsPerSecond: 1 } });
    await failing({ kind: 'reset', when: 'after-read' }, 1);
    await ready().expect(200);
    const waiting = push.toAccount(dto);
    const { body } = await ready().expect(503);
    expect(body.error.mimc).toMatchObject({ message: '1 calls wait for quota', accounts: { queued: 1 } });
    await waiting;
    await ready().expect(200);
  });

  it('is down while the application shuts down', async () => {
    await boot();
    mimc.failNext({ kind: 'delay', ms: 200 });
    const call = push.toAccount(dto);
    await eventually(() => expect(mimc.totals.requests).toBe(1));
    const closed = app.close();
    await eventually(() => expect(push.status().closing).toBe(true));

    const health = await app.get(MimcHealthIndicator).isHealthy('mimc');
    expect(health.mimc).toMatchObject({ status: 'down', message: 'The application is shutting down' });
    await Promise.all([call, closed]);
  });

  it('checks the named application', async () => {
    await boot({}, ['shop', 'support']);
    await failing({ kind: 'html' }, 5);

    const [shop, support] = [await ready('shop'), await ready('support')];
    expect([shop.status, support.status]).toEqual([503, 200]);
  });

  it.each([
    ['nobody', 'MimcHealthIndicator: the application has no MimcModule with the name "nobody"'],
    [undefined, 'MimcHealthIndicator: the application has no MimcModule without a name'],
  ])('names what is missing: %s', async (name, message) => {
    await boot({}, ['shop']);
    const health = app.get(MimcHealthIndicator).isHealthy('mimc', { name });
    await expect(health).rejects.toMatchObject({ code: 'MIMC_CONFIG', message });
  });

  it('shows no account, content or credential, even when MIMC repeats the body', async () => {
    await boot();
    await failing({ kind: 'echo', code: 401 }, 1);

    const { text } = await ready().expect(503);
    for (const value of [...Object.values(secrets), dto.toAccount, dto.msg]) expect(text).not.toContain(value);
  });
});

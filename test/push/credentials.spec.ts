import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getMimcPushToken,
  type MimcAppSecrets,
  MimcModule,
  type MimcModuleOptions,
  MimcPushService,
  type PushOptions,
  type PushReceipt,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { bootPush, errorOf, formsOf, type PushApp, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';

const before: MimcAppSecrets = { appKey: secrets.appKey, appSecret: secrets.appSecret };
const after: MimcAppSecrets = { appKey: '5111766983599', appSecret: 'n3w+Secret/ForTests02==' };
const dto = { toAccount: 'alice', msg: 'hello' };

/** A vault that an operator changes, and that counts how often it is read. */
class Vault {
  asked = 0;
  holds: unknown = before;

  readonly credentials = async (): Promise<MimcAppSecrets> => {
    this.asked += 1;
    return this.holds as MimcAppSecrets;
  };
}

let mimc: MimcEmulator;
let vault: Vault;
const open: PushApp[] = [];

beforeEach(async () => {
  vault = new Vault();
  mimc = await MimcEmulator.start({ credentials: secrets });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
  await mimc.close();
});

async function boot(options: Partial<MimcModuleOptions> = {}): Promise<PushApp> {
  const fromVault = { appKey: undefined, appSecret: undefined, credentials: vault.credentials };
  const app = await bootPush({ baseUrl: mimc.url, quota: false, retry: { maxAttempts: 1 }, ...fromVault, ...options });
  open.push(app);
  return app;
}

/** The secret is reset in MIMC's console, and written to the vault. */
function rotate(): void {
  mimc.rotateCredentials(after);
  vault.holds = after;
}

const ofCredentials = (log: readonly string[]) => log.filter((line) => line.includes('credentials'));

describe('credentials from a function', () => {
  it('are asked for at boot, once', async () => {
    const { push } = await boot();
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
    expect(vault.asked).toBe(1);
  });

  it('are kept as they were read, whatever becomes of the object', async () => {
    const answer = { ...before, lease: 'ignored' };
    const { push } = await boot({ credentials: () => answer });
    answer.appSecret = 'changed';
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it('are asked for again when MIMC refuses them, and the call is made again with the new ones', async () => {
    const { push, tokens, log } = await boot();
    rotate();
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2, mayBeDuplicate: false });
    expect(await tokens.issue('alice')).toMatchObject({ attempts: 1 });
    expect(mimc.count('alice')).toBe(1);
    expect(vault.asked).toBe(2);
    expect(ofCredentials(log)).toEqual([expect.stringMatching(/refused the credentials.*new ones are in use/)]);
  });

  it('are asked for by a token too', async () => {
    const { tokens } = await boot();
    rotate();
    expect(await tokens.issue('alice')).toMatchObject({ attempts: 2 });
  });

  it('are asked for again by refreshCredentials, before MIMC refuses any', async () => {
    const { push, log } = await boot();
    expect(await push.refreshCredentials()).toBe(false);
    rotate();
    expect(await push.refreshCredentials()).toBe(true);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
    expect(mimc.totals.refused).toBe(0);
    expect(ofCredentials(log)).toEqual([]);
  });

  it.each([
    ['an envelope', { kind: 'code', code: 401 } as const],
    ['an HTTP status', { kind: 'status', status: 401, body: '' } as const],
  ])('are refused by %s', async (_name, fault) => {
    const { push } = await boot();
    vault.holds = after;
    mimc.failNext(fault);
    mimc.rotateCredentials(after);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2 });
  });

  it('that a gateway refuses may have arrived, so that the call is not made again', async () => {
    const { push } = await boot();
    mimc.failNext({ kind: 'body', body: '{"code":401,"message":"no","data":null}', status: 503 });
    rotate();
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_AUTH', outcome: 'unknown', attempts: 1 });
    await eventually(() => expect(vault.asked).toBe(2));
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it('are the same for modules with a name and with options from a factory', async () => {
    const module = await Test.createTestingModule({
      imports: [
        MimcModule.forRootAsync({
          name: 'shop',
          useFactory: async () => ({
            appId: secrets.appId,
            credentials: vault.credentials,
            baseUrl: mimc.url,
            fromAccount: 'shop',
          }),
        }),
      ],
    })
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    rotate();
    const push = module.get<MimcPushService>(getMimcPushToken('shop'));
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2 });
    await module.close();
  });
});

describe('a secret that is rotated under load', () => {
  it('costs no call, at most one refused attempt each, and shows the old secret nowhere', async () => {
    const seen: unknown[] = [];
    const unhear = hear(seen);
    const slowly = async () => {
      await sleep(100);
      return vault.credentials();
    };
    const { push, log } = await boot({ quota: { accountsPerSecond: 1_000 }, credentials: slowly });
    const receipts: Promise<PushReceipt>[] = [];
    for (let tick = 0; tick < 60; tick += 1) {
      for (let each = 0; each < 10; each += 1) {
        receipts.push(push.toAccount({ toAccount: `user-${tick}-${each}`, msg: 'hello' }));
      }
      if (tick === 30) rotate();
      await sleep(50);
    }
    const all = await Promise.all(receipts);
    unhear();
    expect(vault.asked).toBe(2);
    expect(mimc.totals).toMatchObject({ accepted: 600, accountsDelivered: 600 });
    expect(all.every(({ attempts, mayBeDuplicate }) => attempts <= 2 && !mayBeDuplicate)).toBe(true);
    expect(mimc.totals.refused).toBe(all.filter(({ attempts }) => attempts === 2).length);
    expect(mimc.totals.refused).toBeGreaterThan(0);
    expect(ofCredentials(log)).toHaveLength(1);
    expectHidden(seen, all, log, push, push.status());
  });

  it('sends a broadcast to everybody once', async () => {
    const { broadcasts } = await boot({ quota: { accountsPerSecond: 1_000 } });
    const audience = Array.from({ length: 3_000 }, (_none, index) => `user-${index}`);
    const sent = mimc.onMessage(() => {
      if (mimc.totals.accountsDelivered !== 1_000) return;
      sent();
      rotate();
    });
    const broadcast = broadcasts.toAccounts(audience, { msg: 'hello' }, { concurrency: 8 });
    const summary = await broadcast.drain();
    expect(summary).toMatchObject({ accepted: 3_000, stoppedBy: 'end' });
    expect(audience.every((account) => mimc.count(account) === 1)).toBe(true);
    expect(mimc.totals.refused).toBeGreaterThan(0);
    expectHidden(summary, broadcast.checkpoint);
  });

  it('loses nothing of a broadcast that is stopped just then', async () => {
    const answer = answerLater();
    const { broadcasts } = await boot({ credentials: () => (vault.asked++ === 0 ? before : answer.promise) });
    const audience = Array.from({ length: 100 }, (_none, index) => `user-${index}`);
    const stop = new AbortController();
    const broadcast = broadcasts.toAccounts(audience, { msg: 'hello' }, { signal: stop.signal, concurrency: 2 });
    rotate();
    const running = broadcast.drain();
    await eventually(() => expect(mimc.totals.refused).toBe(2));
    stop.abort();
    expect(await running).toMatchObject({ accepted: 0, refused: 0, unknown: 0, stoppedBy: 'abort' });
    answer.resolve(after);
    const { checkpoint } = broadcast;
    const rest = broadcasts.toAccounts(audience, { msg: 'hello' }, { resume: checkpoint });
    expect(await rest.drain()).toMatchObject({ accepted: 100, stoppedBy: 'end' });
    expect(audience.every((account) => mimc.count(account) === 1)).toBe(true);
  });
});

describe('a refused call', () => {
  it('is made again beyond `maxAttempts`, and each attempt draws on the quota', async () => {
    const taken: number[] = [];
    const limiter = {
      acquire: async (_bucket: string, units: number) => {
        taken.push(units);
        return { settle() {}, cancel() {} };
      },
      penalize() {},
      status: () => ({ queued: 0, usedUnits: 0, resumesInMs: 0 }),
      close() {},
    };
    const { push } = await boot({ retry: { maxAttempts: 1 }, limiter });
    rotate();
    expect(await push.toAccounts({ toAccounts: ['a', 'b', 'c'], msg: 'hello' })).toMatchObject({ attempts: 2 });
    expect(taken).toEqual([3, 3]);
  });

  it.each<[string, Partial<MimcModuleOptions>, PushOptions]>([
    ['of the call', {}, { retry: false }],
    ['of the module', { retry: false }, {}],
  ])(
    'is one request with `retry: false` %s, after which others use the new credentials',
    async (_, options, ofCall) => {
      const { push, topics, tokens, log } = await boot(options);
      rotate();
      expect(await errorOf(push.toAccount(dto, ofCall))).toMatchObject({
        code: 'MIMC_AUTH',
        outcome: 'refused',
        attempts: 1,
      });
      await eventually(() => expect(ofCredentials(log)).toHaveLength(1));
      expect(await push.toAccount(dto, ofCall)).toMatchObject({ attempts: 1 });
      expect(await topics.list('alice', ofCall)).toMatchObject({ attempts: 1 });
      expect(await tokens.issue('alice')).toMatchObject({ attempts: 1 });
      expect(mimc.totals.refused).toBe(1);
    },
  );

  it('is made again when the call wants retries that the module does not', async () => {
    const { push } = await boot({ retry: false });
    rotate();
    expect(await push.toAccount(dto, { retry: { maxAttempts: 1 } })).toMatchObject({ attempts: 2 });
  });

  it('that was sent with replaced credentials is made again without asking', async () => {
    const { push, log } = await boot();
    let refreshed: Promise<boolean> | undefined;
    mimc.faultWhen(
      () => {
        if (refreshed === undefined) rotate();
        refreshed ??= push.refreshCredentials();
        return false;
      },
      { kind: 'hang' },
    );
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 2 });
    expect(await refreshed).toBe(true);
    expect(vault.asked).toBe(2);
    expect(ofCredentials(log)).toEqual([]);
    expect(push.status()).toMatchObject({ consecutiveFailures: 0 });
    expect(push.status()).not.toHaveProperty('lastFailure');
  });

  it('ends as MIMC_AUTH when there are no other credentials, and the function is not asked again for 10 s', async () => {
    const { push, log } = await boot();
    mimc.rotateCredentials(after);
    const errors = await Promise.all(Array.from({ length: 20 }, () => errorOf(push.toAccount(dto))));
    errors.push(await errorOf(push.toAccount(dto)));
    for (const error of errors) expect(error).toMatchObject({ code: 'MIMC_AUTH', outcome: 'refused', attempts: 1 });
    expect(vault.asked).toBe(2);
    expect(ofCredentials(log)).toEqual([
      expect.stringContaining('and the credentials function returned the same ones'),
    ]);
    expectHidden(errors, log);
    vault.holds = after;
    expect(await push.refreshCredentials()).toBe(true);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it('is made again three times at most, should the function return others each time', async () => {
    const { push } = await boot();
    mimc.rotateCredentials({ appKey: 'nobody', appSecret: 'knows' });
    let turn = 0;
    mimc.faultWhen(
      () => {
        vault.holds = { appKey: 'another', appSecret: `secret-${(turn += 1)}` };
        void push.refreshCredentials();
        return true;
      },
      { kind: 'delay', ms: 50 },
    );
    expect(await errorOf(push.toAccount(dto))).toMatchObject({ code: 'MIMC_AUTH', attempts: 4 });
  });

  it('that waits for the function keeps to its deadline, its signals and the shutdown', async () => {
    const answer = answerLater();
    const app = await boot({ credentials: () => (vault.asked++ === 0 ? before : answer.promise) });
    mimc.rotateCredentials(after);
    const [signal, admission] = [new AbortController(), new AbortController()];
    const calls = [
      errorOf(app.push.toAccount(dto, { deadlineMs: 400 })),
      errorOf(app.push.toAccount(dto, { signal: signal.signal })),
      errorOf(app.push.toAccount(dto, { admissionSignal: admission.signal })),
      errorOf(app.push.toAccount(dto)),
    ];
    await eventually(() => expect(mimc.totals.refused).toBe(4));
    const asking = errorOf(app.push.refreshCredentials());
    signal.abort();
    admission.abort();
    await Promise.all(calls.slice(0, 3));
    await app.close();
    const ends = (await Promise.all(calls)).map(({ code, outcome, apiCode, attempts }) => ({
      code,
      outcome,
      apiCode,
      attempts,
    }));
    const refused = { outcome: 'refused', apiCode: 401, attempts: 1 };
    expect(ends).toEqual([
      { code: 'MIMC_DEADLINE', ...refused },
      { code: 'MIMC_ABORTED', ...refused },
      { code: 'MIMC_ABORTED', ...refused },
      { code: 'MIMC_CLOSED', ...refused },
    ]);
    expect(await asking).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    answer.resolve(after);
  });

  it('shows no old secret that MIMC repeats', async () => {
    const { push } = await boot();
    rotate();
    await push.toAccount(dto);
    const message = `old ${before.appSecret}, new ${after.appSecret}, cut ${before.appSecret.slice(0, 10)}`;
    mimc.failNext({ kind: 'code', code: 500, message });
    const error = await errorOf(push.toAccount(dto));
    expect(error.apiMessage).toBe('old [redacted], new [redacted], cut [redacted]');
  });

  it('is published as a retry, without credentials', async () => {
    const seen: unknown[] = [];
    const unhear = hear(seen);
    const { push } = await boot();
    rotate();
    const { callId } = await push.toAccount(dto);
    unhear();
    expect(seen).toContainEqual(
      expect.objectContaining({
        callId,
        attempt: 1,
        delayMs: 0,
        error: expect.objectContaining({ code: 'MIMC_AUTH' }),
      }),
    );
    expectHidden(seen);
  });
});

describe('the function `credentials`', () => {
  const leak = () => new Error(`cannot read ${after.appSecret}`);
  const wrong: [string, () => unknown, string][] = [
    [
      'throws',
      () => {
        throw leak();
      },
      'credentials failed (Error)',
    ],
    ['rejects', () => Promise.reject(leak()), 'credentials failed (Error)'],
    ['rejects with a text', () => Promise.reject(after.appSecret), 'credentials failed (string)'],
    ['returns nothing', () => undefined, 'credentials must return an object with appKey and appSecret'],
    ['returns a text', () => after.appSecret, 'credentials must return an object with appKey and appSecret'],
    ['returns no secret', () => ({ appKey: after.appKey }), 'credentials.appSecret must be a string'],
    ['returns an empty key', () => ({ ...after, appKey: '' }), 'credentials.appKey should not be empty'],
    ['returns a number', () => ({ ...after, appKey: 5_111_766_983_599 }), 'credentials.appKey must be a string'],
    [
      'returns a secret with a line feed',
      () => ({ ...after, appSecret: `${after.appSecret}\n` }),
      'credentials.appSecret must not begin or end with',
    ],
    [
      'returns what cannot be read',
      () => ({
        get appKey() {
          throw leak();
        },
      }),
      'credentials cannot be read',
    ],
    [
      'returns a thenable that throws',
      () =>
        new Proxy(
          {},
          {
            get: () => {
              throw leak();
            },
          },
        ),
      'credentials failed (Error)',
    ],
  ];

  it.each(wrong)('that %s fails the boot, and leaves those in use later', async (_name, answer, message) => {
    const credentials = answer as () => MimcAppSecrets;
    const atBoot = await errorOf(boot({ credentials }));
    expect(atBoot).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent' });
    expect(atBoot.message).toContain(`MimcModule options: ${message}`);
    const app = await boot({ credentials: () => (vault.asked++ === 0 ? before : credentials()) });
    const later = await errorOf(app.push.refreshCredentials());
    expect(later).toMatchObject({ code: 'MIMC_CONFIG', message: atBoot.message });
    expect(await app.push.toAccount(dto)).toMatchObject({ attempts: 1 });
    mimc.rotateCredentials(after);
    const refused = await errorOf(app.push.toAccount(dto));
    expect(refused).toMatchObject({ code: 'MIMC_AUTH', outcome: 'refused' });
    expect(ofCredentials(app.log)).toEqual([expect.stringContaining(message)]);
    expectHidden(atBoot, later, refused, app.log);
  });

  it('that hangs fails the boot after 10 s, and its answer later than that is ignored', async () => {
    const hanging = errorOf(boot({ credentials: () => new Promise(() => {}) }));
    const answer = answerLater();
    const { push } = await boot({ credentials: () => (vault.asked++ === 0 ? before : answer.promise) });
    const late = errorOf(push.refreshCredentials());
    for (const error of await Promise.all([hanging, late])) {
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', message: expect.stringContaining('within 10000 ms') });
    }
    answer.resolve(after);
    await sleep(0);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  }, 30_000);

  it('is called once for all callers that arrive while it runs, and once more after that', async () => {
    const answers = [Promise.resolve(before), ...Array.from({ length: 2 }, () => answerLater())];
    const { push } = await boot({
      credentials: () => {
        const answer = answers[vault.asked++];
        return answer instanceof Promise ? answer : (answer?.promise ?? after);
      },
    });
    const [, first, second] = answers as [unknown, Answer, Answer];
    const early = push.refreshCredentials();
    const others = Array.from({ length: 10 }, () => push.refreshCredentials());
    first.resolve(before);
    expect(await early).toBe(false);
    await eventually(() => expect(vault.asked).toBe(3));
    second.resolve(after);
    expect(await Promise.all(others)).toEqual(Array.from({ length: 10 }, () => true));
    expect(vault.asked).toBe(3);
  });

  it('cannot be refreshed where there is none', async () => {
    const { push } = await boot({ ...before, credentials: undefined });
    expect(await errorOf(push.refreshCredentials())).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent' });
  });

  it.each<[string, Partial<MimcModuleOptions>]>([
    ['appKey', { appKey: before.appKey }],
    ['appSecret', { appSecret: before.appSecret }],
  ])('cannot be used with %s', async (field, options) => {
    const error = await errorOf(boot(options));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field, rule: 'isAlone' }] });
    expect(error.message).toContain(`${field} cannot be used with credentials`);
    expectHidden(error);
  });

  it('is a function, and takes the empty variables of mimcConfig for absent', async () => {
    const error = await errorOf(boot({ credentials: before as never }));
    expect(error).toMatchObject({ violations: [{ field: 'credentials', rule: 'isFunction' }] });
    const { push } = await boot({ appKey: '', appSecret: '' });
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });
});

interface Answer {
  promise: Promise<MimcAppSecrets>;
  resolve(secrets: MimcAppSecrets): void;
}

function answerLater(): Answer {
  let answer: (secrets: MimcAppSecrets) => void = () => {};
  const promise = new Promise<MimcAppSecrets>((resolve) => (answer = resolve));
  return { promise, resolve: (given) => answer(given) };
}

const CHANNELS = [
  'mimc:throttled',
  'mimc:retry',
  ...['mimc:call', 'mimc:attempt'].flatMap((name) =>
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) => `tracing:${name}:${event}`),
  ),
];

/** Collects all events of the library. */
function hear(seen: unknown[]): () => void {
  const listen = (event: unknown) => void seen.push(event);
  for (const name of CHANNELS) subscribe(name, listen);
  return () => {
    for (const name of CHANNELS) unsubscribe(name, listen);
  };
}

function expectHidden(...shown: unknown[]): void {
  const text = shown.map(formsOf).join('\n');
  for (const { appKey, appSecret } of [before, after]) {
    expect(text.includes(appKey)).toBe(false);
    expect(text.includes(appSecret)).toBe(false);
  }
}

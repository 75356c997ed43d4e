import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConsoleLogger, type DynamicModule, Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  type MimcAppSecrets,
  type MimcError,
  MimcModule,
  type MimcModuleOptions,
  MimcTenants,
  SlidingWindowLimiter,
} from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { errorOf, formsOf, secrets } from '../support/push-app.js';
import { eventually } from '../support/eventually.js';

const dto = { toAccount: 'alice', msg: 'hello' };

let mimc: MimcEmulator;
let asked: string[];
const open: TestingModule[] = [];

beforeEach(async () => {
  asked = [];
  mimc = await MimcEmulator.start({ credentials: secrets, membersPerPage: 1 });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
  await mimc.close();
});

/** Each tenant sends under its own name. With `appId` the emulator would refuse it, so that all have the one app. */
function optionsOf(tenant: string): MimcModuleOptions {
  asked.push(tenant);
  return { ...secrets, baseUrl: mimc.url, fromAccount: tenant, quota: false };
}

async function compile(...imports: DynamicModule[]): Promise<TestingModule> {
  const app = await Test.createTestingModule({ imports })
    .setLogger(new ConsoleLogger({ logLevels: [] }))
    .compile();
  open.push(app);
  return app.init();
}

const boot = async (options: Partial<Parameters<typeof MimcModule.forTenants>[0]> = {}) =>
  (await compile(MimcModule.forTenants({ resolve: optionsOf, ...options }))).get(MimcTenants);

const namesOf = (tenants: MimcTenants) => tenants.status().tenants.map(({ tenant }) => tenant);

describe('MimcTenants', () => {
  it('gives each tenant services of its own, made of one answer for all who ask', async () => {
    const tenants = await boot({ resolve: async (tenant) => optionsOf(tenant) });
    const all = await Promise.all(['a', 'b', 'a', 'a'].map((tenant) => tenants.get(tenant)));
    expect(asked).toEqual(['a', 'b']);
    expect(new Set(all.map(({ push }) => push)).size).toBe(2);
    await all[1]?.push.toAccount(dto);
    expect(mimc.inbox('alice')[0]).toMatchObject({ fromAccount: 'b' });
    const { broadcasts, tokens, topics, unlimitedTopics } = await tenants.get('a');
    expect(await broadcasts.toAccounts(['bob'], { msg: 'hello' }).drain()).toMatchObject({ accepted: 1 });
    expect((await tokens.issue('bob')).envelope).toContain('bob');
    expect([topics, unlimitedTopics].every((service) => typeof service === 'object')).toBe(true);
    expect(namesOf(tenants)).toEqual(['b', 'a']);
  });

  it('is registered with a factory that injects, for all modules', async () => {
    @Injectable()
    class Store {
      optionsOf = optionsOf;
    }
    @Module({ providers: [Store], exports: [Store] })
    class StoreModule {}
    @Injectable()
    class Sender {
      constructor(readonly tenants: MimcTenants) {}
    }
    @Module({ providers: [Sender] })
    class SenderModule {}
    const registered = MimcModule.forTenantsAsync({
      imports: [StoreModule],
      inject: [Store],
      useFactory: (store: Store) => ({ resolve: (tenant: string) => store.optionsOf(tenant) }),
      isGlobal: true,
    });
    const app = await compile(registered, { module: SenderModule });
    const { push } = await app.get(Sender, { strict: false }).tenants.get('a');
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
  });

  it.each([
    ['resolve', { resolve: undefined }],
    ['maxTenants', { maxTenants: 0 }],
    ['idleMs', { idleMs: 999 }],
    ['tenants', { tenants: 5 }],
  ])('names the option that is wrong: %s', async (field, wrong) => {
    const error = await errorOf(boot(wrong as object));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG', violations: [{ field }] });
  });

  it.each([[''], ['x'.repeat(257)], [5], [undefined], [{}]])('refuses the name %p', async (name) => {
    expect(await errorOf((await boot()).get(name as string))).toMatchObject({ code: 'MIMC_INVALID' });
    expect(asked).toEqual([]);
  });

  it('takes the names of what objects inherit', async () => {
    const tenants = await boot();
    for (const name of ['__proto__', 'constructor'])
      expect((await tenants.get(name)).push.status().closing).toBe(false);
    expect(asked).toEqual(['__proto__', 'constructor']);
  });

  const leak = () => new TypeError(`cannot read ${secrets.appSecret}`);
  const wrong: [string, () => unknown, string][] = [
    [
      'throws',
      () => {
        throw leak();
      },
      'resolve failed (TypeError)',
    ],
    ['rejects', () => Promise.reject(leak()), 'resolve failed (TypeError)'],
    ['returns nothing', () => undefined, 'MimcModule options: options must be a plain object'],
    [
      'returns a wrong secret',
      () => ({ ...optionsOf('a'), appSecret: `${secrets.appSecret}\n` }),
      'appSecret must not begin or end',
    ],
    [
      'returns credentials that fail',
      () => ({
        appId: '1',
        credentials: () => {
          throw leak();
        },
      }),
      'credentials failed (TypeError)',
    ],
  ];
  it.each(wrong)(
    'names the tenant when resolve %s, shows no secret, and asks again',
    async (_name, resolve, message) => {
      let isWrong = true;
      const tenants = await boot({
        resolve: (tenant) => (isWrong ? (resolve() as MimcModuleOptions) : optionsOf(tenant.trim())),
      });
      const error = await errorOf(tenants.get('acme\n'));
      expect(error).toMatchObject({ code: 'MIMC_CONFIG', outcome: 'not-sent' });
      expect(error.message).toContain(String.raw`Tenant "acme\n": `);
      expect(error.message).toContain(message);
      expect(formsOf(error).includes(secrets.appSecret)).toBe(false);
      expect(tenants.status()).toMatchObject({ tenants: [], resolving: 0 });
      isWrong = false;
      expect((await tenants.get('acme\n')).push.status().closing).toBe(false);
    },
  );

  it('evicts the one that was not used for longest, and never one in use', async () => {
    const tenants = await boot({ maxTenants: 2 });
    const busy = await tenants.get('busy');
    let goOn = () => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    async function* audience() {
      yield 'bob';
      await held;
      yield 'carol';
    }
    const running = busy.broadcasts.toAccounts(audience(), { msg: 'hello' }).drain();
    const idle = await tenants.get('idle');
    const full = await errorOf(tenants.get('one more'));
    expect(full).toMatchObject({ code: 'MIMC_QUEUE_FULL', retryable: true, outcome: 'not-sent', retryAfterMs: 1_000 });
    await eventually(() => tenants.get('one more'));
    expect(namesOf(tenants)).toEqual(['busy', 'one more']);
    expect(tenants.status().tenants).toMatchObject([{ inUse: true }, { inUse: false }]);
    await eventually(() => expect(idle.push.status().closing).toBe(true));
    expect(await errorOf(idle.push.toAccount(dto))).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
    goOn();
    expect(await running).toMatchObject({ accepted: 2, stoppedBy: 'end' });
  });

  it('does not evict one between two pages of members, nor while it refreshes its credentials', async () => {
    let answer = async () => secrets as MimcAppSecrets;
    const { appId } = secrets;
    const tenants = await boot({
      maxTenants: 1,
      resolve: (tenant) => ({ appId, baseUrl: mimc.url, fromAccount: tenant, credentials: () => answer() }),
    });
    const { unlimitedTopics, push } = await tenants.get('a');
    const { topicId } = await unlimitedTopics.create({ ownerAccount: 'alice', topicName: 'Live' });
    mimc.joinUnlimitedTopic(topicId, 'bob');
    const members = unlimitedTopics.members({ topicId, account: 'alice' });
    await members.next();
    await sleep(1_100);
    expect(await errorOf(tenants.get('b'))).toMatchObject({ code: 'MIMC_QUEUE_FULL' });
    expect(await members.next()).toMatchObject({ value: { account: expect.any(String) }, done: false });
    let goOn = () => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    answer = () => held.then(() => ({ appKey: secrets.appKey, appSecret: 'another' }));
    const refreshed = push.refreshCredentials();
    await members.return();
    await sleep(1_100);
    expect(await errorOf(tenants.get('b'))).toMatchObject({ code: 'MIMC_QUEUE_FULL' });
    goOn();
    expect(await refreshed).toBe(true);
    answer = async () => secrets;
    await eventually(() => tenants.get('b'));
    expect(namesOf(tenants)).toEqual(['b']);
  });

  it('evicts nobody for names that do not exist, which take no places', async () => {
    const tenants = await boot({
      maxTenants: 2,
      resolve: (tenant) => {
        if (tenant.startsWith('unknown')) throw new Error('no such tenant');
        return optionsOf(tenant);
      },
    });
    await tenants.get('a');
    const { push } = await tenants.get('b');
    await sleep(1_100);
    for (let index = 0; index < 20; index += 1) {
      expect(await errorOf(tenants.get(`unknown-${index}`))).toMatchObject({ code: 'MIMC_CONFIG' });
    }
    expect(namesOf(tenants)).toEqual(['a', 'b']);
    expect(await push.toAccount(dto)).toMatchObject({ attempts: 1 });
    await tenants.get('c');
    expect(namesOf(tenants)).toEqual(['b', 'c']);
  });

  it('serves those it keeps while resolve hangs, which is called for no more than maxTenants at a time', async () => {
    const hanging: string[] = [];
    const tenants = await boot({
      maxTenants: 3,
      resolve: (tenant) => {
        if (tenant === 'a') return optionsOf(tenant);
        hanging.push(tenant);
        return new Promise(() => {});
      },
    });
    await tenants.get('a');
    const waiting = ['x', 'y', 'z'].map((name) => errorOf(tenants.get(name)));
    expect(await errorOf(tenants.get('w'))).toMatchObject({ code: 'MIMC_QUEUE_FULL', retryable: true });
    expect(tenants.status()).toMatchObject({ resolving: 3, tenants: [{ tenant: 'a' }] });
    expect(await (await tenants.get('a')).push.toAccount(dto)).toMatchObject({ attempts: 1 });
    expect(hanging).toEqual(['x', 'y', 'z']);
    await open.splice(0)[0]?.close();
    expect(await Promise.all(waiting)).toMatchObject(waiting.map(() => ({ code: 'MIMC_CLOSED' })));
  });

  it('keeps no more than maxTenants, however many are resolved at a time', async () => {
    const tenants = await boot({ maxTenants: 2, resolve: async (tenant) => optionsOf(tenant) });
    await tenants.get('a');
    const ends = await Promise.allSettled([tenants.get('b'), tenants.get('c')]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(ends[1]).toMatchObject({ reason: { code: 'MIMC_QUEUE_FULL' } });
    expect(namesOf(tenants)).toEqual(['a', 'b']);
  });

  it('calls resolve once, even when that asks for the same tenant', async () => {
    const nested: Promise<unknown>[] = [];
    const tenants: MimcTenants = await boot({
      resolve: (tenant) => {
        if (nested.length < 10) nested.push(tenants.get(tenant));
        return optionsOf(tenant);
      },
    });
    const services = await tenants.get('a');
    expect(await Promise.all(nested)).toEqual([services]);
    expect(asked).toEqual(['a']);
  });

  it('gives no one the options that were resolved before forget', async () => {
    const answers: ((sender: string) => void)[] = [];
    const tenants = await boot({
      resolve: (tenant) =>
        new Promise((resolve) => answers.push((fromAccount: string) => resolve({ ...optionsOf(tenant), fromAccount }))),
    });
    const both = [tenants.get('a')];
    await eventually(() => expect(answers).toHaveLength(1));
    expect(await tenants.forget('a')).toBe(true);
    both.push(tenants.get('a'));
    await eventually(() => expect(answers).toHaveLength(2));
    answers[0]?.('old');
    answers[1]?.('new');
    for (const { push } of await Promise.all(both)) await push.toAccount(dto);
    expect(mimc.inbox('alice').map(({ fromAccount }) => fromAccount)).toEqual(['new', 'new']);
    expect(answers).toHaveLength(2);
  });

  it('evicts what was not used for idleMs, with its sockets', async () => {
    const tenants = await boot({ idleMs: 1_000 });
    mimc.faultWhen(({ body }) => (body as { fromAccount?: string }).fromAccount === 'slow', {
      kind: 'delay',
      ms: 2_500,
    });
    const slow = (await tenants.get('slow')).push.toAccount(dto);
    await (await tenants.get('quick')).push.toAccount(dto);
    await eventually(() => expect(namesOf(tenants)).toEqual(['slow']));
    await eventually(() => expect(mimc.connections).toBe(1));
    await slow;
    await eventually(() => expect(tenants.status().tenants).toEqual([]));
    await eventually(() => expect(mimc.connections).toBe(0));
  });

  it('forgets a tenant, whose calls in flight finish, and resolves it again', async () => {
    const tenants = await boot();
    mimc.failNext({ kind: 'delay', ms: 300 });
    const { push } = await tenants.get('a');
    const call = push.toAccount(dto);
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const forgotten = tenants.forget('a');
    expect((await tenants.get('a')).push).not.toBe(push);
    expect(await call).toMatchObject({ attempts: 1 });
    expect(await forgotten).toBe(true);
    expect(await tenants.forget('nobody')).toBe(false);
    expect(asked).toEqual(['a', 'a']);
  });

  it('closes all of them with the application, those that are being resolved too', async () => {
    const app = await compile(
      MimcModule.forTenants({ resolve: (tenant) => (tenant === 'hangs' ? new Promise(() => {}) : optionsOf(tenant)) }),
    );
    const tenants = app.get(MimcTenants);
    mimc.failNext({ kind: 'delay', ms: 300 });
    const { push } = await tenants.get('a');
    const call = push.toAccount(dto);
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    const hanging = errorOf(tenants.get('hangs'));
    await app.close();
    expect(await call).toMatchObject({ attempts: 1 });
    expect(await hanging).toMatchObject({ code: 'MIMC_CLOSED' });
    expect(await errorOf(tenants.get('b'))).toMatchObject({ code: 'MIMC_CLOSED' });
    await eventually(() => expect(mimc.connections).toBe(0));
  });
});

describe('the quota of tenants', () => {
  const quota = { accountsPerSecond: 5 };
  const toFive = { toAccounts: ['a', 'b', 'c', 'd', 'e'], msg: 'hello' };
  const usedBy = ({ tenants }: { tenants: readonly { tenant: string; accounts: { usedUnits: number } }[] }) =>
    Object.fromEntries(tenants.map(({ tenant, accounts }) => [tenant, accounts.usedUnits]));

  it('is shared by those of one app, as MIMC counts it for the app, and by no others', async () => {
    const appIds: Record<string, string> = { a: secrets.appId, b: secrets.appId, c: '2882303760000000003' };
    const tenants = await boot({
      resolve: (tenant) => ({ ...optionsOf(tenant), appId: appIds[tenant] ?? '', quota }),
    });
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((tenant) => tenants.get(tenant)));
    await a?.push.toAccounts(toFive);
    expect(usedBy(tenants.status())).toEqual({ a: 5, b: 5, c: 0 });
    expect((await b?.push.toAccounts(toFive))?.timing.queuedMs).toBeGreaterThan(900);
    expect(await errorOf(c?.push.toAccounts(toFive) ?? Promise.resolve())).toMatchObject({ code: 'MIMC_AUTH' });
  });

  it('is not fresh for a tenant that comes back', async () => {
    const tenants = await boot({ resolve: (tenant) => ({ ...optionsOf(tenant), quota }) });
    mimc.failNext({ kind: 'code', code: 429, retryAfter: '3' });
    await errorOf((await tenants.get('a')).push.toAccounts(toFive, { retry: false }));
    await tenants.forget('a');
    await tenants.get('a');
    expect(tenants.status().tenants[0]?.accounts).toMatchObject({ usedUnits: 5 });
    expect(tenants.status().tenants[0]?.accounts.resumesInMs).toBeGreaterThan(1_000);
  });

  it.each<[string, string, (tenant: string) => Partial<MimcModuleOptions>]>([
    [
      'with two quotas for one app',
      'quota must be the same',
      (tenant) => ({ quota: { accountsPerSecond: tenant.length } }),
    ],
    [
      'with a limiter for one of them',
      'limiter must be given to all',
      (tenant) => (tenant === 'a' ? {} : { limiter: limiter() }),
    ],
  ])('cannot be wrong by accident: %s', async (_name, message, more) => {
    const tenants = await boot({ resolve: (tenant) => ({ ...optionsOf(tenant), ...more(tenant) }) });
    await tenants.get('a');
    const error = await errorOf(tenants.get('bb'));
    expect(error).toMatchObject({ code: 'MIMC_CONFIG' });
    expect(error.message).toContain(`Tenant "bb": ${message}`);
    await tenants.forget('a');
    expect((await tenants.get('bb')).push.status().closing).toBe(false);
  });

  it('may change: forget makes way for other options while calls are in flight, whose units count on', async () => {
    let perSecond = 5;
    const tenants = await boot({
      resolve: (tenant) => ({ ...optionsOf(tenant), quota: { accountsPerSecond: perSecond } }),
    });
    mimc.failNext({ kind: 'delay', ms: 1_500 });
    const ended: string[] = [];
    const before = (await tenants.get('a')).push.toAccounts(toFive).then(() => ended.push('before'));
    await eventually(() => expect(mimc.requests).toHaveLength(1));
    perSecond = 8;
    const forgotten = tenants.forget('a').then(() => ended.push('forgotten'));
    const { push } = await tenants.get('a');
    expect(tenants.status().tenants[0]?.accounts).toMatchObject({ usedUnits: 5, unitsPerSecond: 8 });
    expect(await push.toAccounts({ toAccounts: ['a', 'b', 'c'], msg: 'fits' })).toMatchObject({ attempts: 1 });
    expect(ended).toEqual([]);
    await push.toAccounts({ toAccounts: ['a', 'b', 'c', 'd'], msg: 'has to wait' });
    await Promise.all([before, forgotten]);
    expect(ended).toContain('before');
    expect(mimc.worstWindow.accounts).toBeLessThanOrEqual(8);
    expect(mimc.totals).toMatchObject({ accepted: 3, refused: 0 });
  });

  it('may be switched off and on, and given to a limiter of the application, by forget', async () => {
    let more: Partial<MimcModuleOptions> = { quota };
    const tenants = await boot({ resolve: (tenant) => ({ ...optionsOf(tenant), ...more }) });
    const calls: Promise<unknown>[] = [];
    for (const next of [{ quota: false as const }, { quota }, { limiter: limiter() }, { quota }]) {
      mimc.failNext({ kind: 'delay', ms: 300 });
      calls.push((await tenants.get('a')).push.toAccount(dto));
      await eventually(() => expect(mimc.requests).toHaveLength(calls.length));
      void tenants.forget('a');
      more = next;
    }
    const { push } = await tenants.get('a');
    expect(push.status().accounts.unitsPerSecond).toBe(5);
    expect(await Promise.all(calls)).toMatchObject(calls.map(() => ({ attempts: 1 })));
  });

  it('of a given limiter that came with options that were not used is closed with it', async () => {
    const given = limiter();
    const tenants = await boot({ resolve: (tenant) => ({ ...optionsOf(tenant), limiter: given, deadlineMs: -1 }) });
    expect(await errorOf(tenants.get('a'))).toMatchObject({ violations: [{ field: 'deadlineMs' }] });
    await expect(given.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({ code: 'MIMC_CLOSED' });
  });

  it.each(['it was forgotten meanwhile', 'there is no room', 'the application closed meanwhile'])(
    'of a given limiter that is not used, as %s, is closed with it',
    async (why) => {
      const given = limiter();
      let answer = () => {};
      const answered = new Promise<void>((resolve) => (answer = resolve));
      let calls = 0;
      const resolve = async (tenant: string) => {
        if (tenant !== 'late' || (calls += 1) > 1) return optionsOf(tenant);
        await answered;
        return { ...optionsOf(tenant), limiter: given };
      };
      const tenants = await boot({ resolve, maxTenants: 2 });
      const late = tenants.get('late').then(
        () => 'kept',
        (error: unknown) => (error as MimcError).code,
      );
      await eventually(() => expect(calls).toBe(1));
      if (why === 'it was forgotten meanwhile') await tenants.forget('late');
      else if (why === 'there is no room') for (const other of ['a', 'b']) await tenants.get(other);
      else await open.pop()?.close();
      answer();
      const code =
        { 'it was forgotten meanwhile': 'kept', 'there is no room': 'MIMC_QUEUE_FULL' }[why] ?? 'MIMC_CLOSED';
      expect(await late).toBe(code);
      await eventually(() =>
        expect(given.acquire('accounts', 1, { lane: 'bulk' })).rejects.toMatchObject({ code: 'MIMC_CLOSED' }),
      );
    },
  );

  it('of a given limiter is for one app, and the limiter is closed with the last tenant', async () => {
    const given = limiter();
    const tenants = await boot({
      resolve: (tenant) => ({ ...optionsOf(tenant), limiter: given, ...(tenant === 'c' && { appId: '3' }) }),
    });
    const [a] = await Promise.all([tenants.get('a'), tenants.get('b')]);
    expect((await errorOf(tenants.get('c'))).message).toContain('limiter is used by a tenant of another app');
    await tenants.forget('b');
    expect(await a.push.toAccount(dto)).toMatchObject({ attempts: 1 });
    await tenants.forget('a');
    const after = given.acquire('accounts', 1, { lane: 'bulk' });
    await expect(after).rejects.toMatchObject({ code: 'MIMC_CLOSED' });
    // Given again it would refuse every push of the tenant for good.
    await expect(errorOf(tenants.get('a'))).resolves.toMatchObject({
      code: 'MIMC_CONFIG',
      message: expect.stringContaining('limiter was closed'),
    });
  });

  function limiter() {
    return new SlidingWindowLimiter({ limits: { accounts: 5, topics: 5, unlimitedTopics: 5 }, maxQueued: 10 });
  }
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a thousand tenants, of which a hundred are kept', () => {
  it('leave neither sockets nor services behind', async () => {
    const tenants = await boot({
      maxTenants: 100,
      resolve: (tenant) => ({ ...optionsOf(tenant), quota: { accountsPerSecond: 1_000 }, maxConnections: 1 }),
    });
    const refs: WeakRef<object>[] = [];
    let mostTenants = 0;
    let mostConnections = 0;
    const visit = async (index: number) => {
      const tenant = `tenant-${index}`;
      await eventually(async () => {
        const { push } = await tenants.get(tenant);
        refs.push(new WeakRef(push));
        await push.toAccount({ toAccount: tenant, msg: 'hello' });
      });
      mostTenants = Math.max(mostTenants, tenants.status().tenants.length);
      mostConnections = Math.max(mostConnections, mimc.connections);
    };
    for (let page = 0; page < 10; page += 1) {
      await Promise.all(Array.from({ length: 100 }, (_none, index) => visit(100 * page + index)));
    }
    expect(new Set(asked).size).toBe(1_000);
    expect(mostTenants).toBeLessThanOrEqual(100);
    expect(mostConnections).toBeLessThanOrEqual(200);
    expect(tenants.status()).toMatchObject({ maxTenants: 100, resolving: 0 });
    expect(mimc.totals).toMatchObject({ accepted: 1_000, refused: 0 });
    await eventually(() => {
      collectGarbage();
      expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(110);
    });
    await Promise.all(namesOf(tenants).map((tenant) => tenants.forget(tenant)));
    await eventually(() => expect(mimc.connections).toBe(0));
  }, 120_000);
});

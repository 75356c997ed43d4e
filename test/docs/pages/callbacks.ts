import { randomUUID } from 'node:crypto';
import type { DynamicModule, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { MimcTenants } from 'nestjs-mimc';
import type { MimcCallbackStore } from 'nestjs-mimc/callback';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { useRedis } from '../../support/redis.js';
import { withMimcEnv } from '../../support/sample-app.js';
import { envOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

interface Messages {
  stored: Map<string, string>;
  woken: string[];
}

interface TenantStore {
  apps: Map<string, { appId: string; appKey: string; appSecrets: string[] }>;
}

const page = new PageUnderTest('docs/callbacks.md');
page.test('it(');

describe('docs/callbacks.md', () => {
  const messages = page.ts<{ MessagesModule: Type; Messages: Type<Messages> }>('class MessagesModule');
  const several = page.ts<{ callbacks: DynamicModule }>('secrets.get');
  const tenants = page.ts<{ TenantsModule: Type; TenantStore: Type<TenantStore> }>('class TenantsModule');
  const store = page.ts<{ RedisCallbackStore: new (redis: Redis) => MimcCallbackStore }>('class RedisCallbackStore');

  it('shows a module that handles each callback once, however often MIMC repeats it', async () => {
    const { MessagesModule, Messages } = await messages();
    const mimc = await MimcEmulator.start({ callbacks: { repeatAfterMs: [1, 1, 1] } });
    const app = await withMimcEnv(envOf(mimc), async () => {
      const module = await Test.createTestingModule({ imports: [MessagesModule] }).compile();
      const created = module.createNestApplication({ logger: false });
      await created.listen(0, '127.0.0.1');
      return created;
    });
    mimc.callbackUrl = `${await app.getUrl()}/mimc/callback`;
    mimc.setOffline('bob');
    const [sent] = mimc.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    await mimc.callbacksSettled();
    const init = { method: 'POST', body: sent?.body, headers: { 'content-type': 'application/json' } };
    expect((await fetch(mimc.callbackUrl, init)).status).toBe(200);
    const { stored, woken } = app.get(Messages);
    expect([[...stored.values()], woken]).toEqual([['hello'], ['bob']]);
    await app.close();
    await mimc.close();
  });

  it('shows how the secret of an app is found', async () => {
    const { callbacks } = await several();
    const module = await Test.createTestingModule({ imports: [callbacks] }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const mimc = await MimcEmulator.start({
      credentials: { appId: '2882303761517000001', appSecret: 'the-old-secret' },
      callbackUrl: `${await app.getUrl()}/mimc/callback`,
      callbacks: { repeatAfterMs: [] },
    });
    const states = [];
    for (const appSecret of ['the-old-secret', 'the-new-secret', 'another']) {
      mimc.rotateCredentials({ appSecret });
      states.push(...mimc.userSends({ from: 'alice', to: 'bob', text: 'hello' }));
      await mimc.callbacksSettled();
    }
    expect(states.map(({ attempts }) => attempts[0]?.status)).toEqual([200, 200, 403]);
    await app.close();
    await mimc.close();
  });

  it('shows tenants whose secrets change, for pushes and callbacks alike', async () => {
    const { TenantsModule, TenantStore } = await tenants();
    const mimc = await MimcEmulator.start({ callbacks: { repeatAfterMs: [] } });
    const { appId, appKey, appSecret } = mimc.credentials;
    const app = await withMimcEnv(envOf(mimc), async () => {
      const module = await Test.createTestingModule({ imports: [TenantsModule] }).compile();
      const created = module.createNestApplication({ logger: false });
      await created.listen(0, '127.0.0.1');
      return created;
    });
    mimc.callbackUrl = `${await app.getUrl()}/mimc/callback`;
    const acme = { appId, appKey, appSecrets: [appSecret] };
    app.get(TenantStore, { strict: false }).apps.set('acme', acme);
    const push = async (): Promise<number> => {
      const services = await app.get(MimcTenants, { strict: false }).get('acme');
      return (await services.push.toAccount({ toAccount: 'alice', msg: 'hello' })).attempts;
    };
    const statuses = async (): Promise<(number | undefined)[]> => {
      const sent = mimc.userSends({ from: 'alice', to: 'bob', text: 'hello' });
      await mimc.callbacksSettled();
      return sent.map(({ attempts }) => attempts[0]?.status);
    };
    expect([await push(), await statuses()]).toEqual([1, [200]]);

    // The store has the new secret before MIMC signs with it, and both are accepted.
    acme.appSecrets.unshift('another-secret');
    expect(await statuses()).toEqual([200]);
    mimc.rotateCredentials({ appSecret: 'another-secret' });
    expect([await push(), await statuses()]).toEqual([2, [200]]);
    mimc.rotateCredentials({ appSecret: 'of-somebody-else' });
    expect(await statuses()).toEqual([403]);
    await app.close();
    await mimc.close();
  });

  it('shows a store on Redis', async () => {
    const { RedisCallbackStore } = await store();
    const server = await useRedis();
    const redis = new Redis(server.url);
    const shared = new RedisCallbackStore(redis);
    const id = randomUUID();
    const take = (owner: string) => shared.take(id, 60_000, owner);
    const claims = [await take('a'), await take('a'), await take('b')];
    await shared.release(id, 'b');
    claims.push(await take('b'));
    await shared.release(id, 'a');
    claims.push(await take('b'));
    await shared.done(id, 60_000);
    await shared.release(id, 'b');
    claims.push(await take('a'));
    expect(claims).toEqual(['taken', 'taken', 'busy', 'busy', 'taken', 'done']);
    await redis.quit();
    await server.stop();
  });
});

import type { Type } from '@nestjs/common';
import type { TestingModule } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcPushQueue, type MimcQueuedPushState } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { withMimcEnv } from '../../support/sample-app.js';
import { boot, envOf } from '../support/apps.js';
import { readPage } from '../support/markdown.js';
import { commandsOf, OPTIONAL_PEERS, unknownPackages } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/durable-pushes.md');

interface Order {
  id: string;
  account: string;
}

interface Orders {
  shipped(order: Order): Promise<void>;
}

interface Later {
  remind: (pushes: MimcPushQueue, order: Order & { dueAt: Date }) => Promise<void>;
  paid: (pushes: MimcPushQueue, orderId: string) => Promise<boolean>;
}

interface Many {
  sendCoupons: (pushes: MimcPushQueue, coupons: AsyncIterable<{ account: string; code: string }>) => Promise<string>;
}

interface Ends {
  packetIdOf: (pushes: MimcPushQueue, id: string) => Promise<string | undefined>;
  uncertain: (pushes: MimcPushQueue) => Promise<string[]>;
}

describe('docs/durable-pushes.md', () => {
  const install = page.fence('sh', 'npm i bullmq');
  const first = page.ts<{ AppModule: Type; Orders: Type<Orders> }>('class Orders');
  const later = page.ts<Later>('function remind');
  const many = page.ts<Many>('function sendCoupons');
  const ends = page.ts<Ends>('function uncertain');
  let redis: TestRedis;
  let mimc: MimcEmulator;
  let app: TestingModule;
  let orders: Orders;
  let pushes: MimcPushQueue;

  beforeAll(async () => {
    redis = await startRedis();
    mimc = await MimcEmulator.start();
    process.env['REDIS_URL'] = redis.url;
    const { AppModule, Orders } = await first();
    delete process.env['REDIS_URL'];
    app = await withMimcEnv(envOf(mimc), () => boot(AppModule));
    orders = app.get<Orders>(Orders, { strict: false });
    pushes = app.get(MimcPushQueue, { strict: false });
  });
  afterAll(async () => {
    await app.close();
    await mimc.close();
    await redis.stop();
  });
  beforeEach(() => mimc.clear());

  it('installs the optional peers that the queue needs', () => {
    const [command = ''] = commandsOf(install);
    expect(unknownPackages([command])).toEqual([]);
    expect(OPTIONAL_PEERS).toEqual(expect.arrayContaining(command.split(' ').slice(2)));
  });

  it('sends the push of an order once, however often it is added', async () => {
    const order = { id: '1042', account: 'alice' };
    await Promise.all([orders.shipped(order), orders.shipped(order)]);
    await expect(pushes.wait('shipped-1042')).resolves.toMatchObject({ state: 'accepted' });
    await orders.shipped(order);
    await expect(orders.shipped({ ...order, account: 'bob' })).rejects.toMatchObject({
      code: 'MIMC_INVALID',
      violations: [{ rule: 'sameContent' }],
    });
    expect(mimc.inbox('alice').map(({ text }) => text)).toEqual(['Order 1042 is on its way']);
  });

  it('sends later, not too late, and takes back', async () => {
    const { remind, paid } = await later();
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000);
    await remind(pushes, { id: '1', account: 'alice', dueAt: inHours(2) });
    await expect(pushes.get('due-1')).resolves.toMatchObject({ state: 'scheduled' });
    await expect(paid(pushes, '1')).resolves.toBe(true);
    await remind(pushes, { id: '1', account: 'alice', dueAt: inHours(2) });
    await expect(pushes.get('due-1')).resolves.toMatchObject({ state: 'cancelled' });
    await remind(pushes, { id: '2', account: 'alice', dueAt: inHours(-1) });
    await expect(pushes.wait('due-2')).resolves.toMatchObject({ state: 'expired' });
    await remind(pushes, { id: '3', account: 'bob', dueAt: inHours(0.5) });
    await expect(pushes.wait('due-3')).resolves.toMatchObject({ state: 'accepted' });
    await expect(paid(pushes, '3')).resolves.toBe(false);
    expect(mimc.totals.accountsDelivered).toBe(1);
  });

  it('adds many with texts of their own, and knows those it has', async () => {
    const { sendCoupons } = await many();
    const coupons = async function* () {
      for (const code of ['A1', 'B2']) yield { account: `user-${code}`, code };
    };
    await expect(sendCoupons(pushes, coupons())).resolves.toBe('2 added, 0 known already');
    await expect(sendCoupons(pushes, coupons())).resolves.toBe('0 added, 2 known already');
    await pushes.wait('coupon-B2');
    await pushes.wait('coupon-A1');
    expect(mimc.inbox('user-A1').map(({ text }) => text)).toEqual(['Your coupon: A1']);
    expect(mimc.count('user-B2')).toBe(1);
  });

  it('says what became of a push', async () => {
    const { packetIdOf, uncertain } = await ends();
    await orders.shipped({ id: '7', account: 'carol' });
    expect(await packetIdOf(pushes, 'shipped-7')).toBe(mimc.inbox('carol')[0]?.packetId);
    mimc.failNext({ kind: 'code', code: 403 });
    await orders.shipped({ id: '8', account: 'carol' });
    expect(await packetIdOf(pushes, 'shipped-8')).toBeUndefined();
    mimc.failNext({ kind: 'reset', when: 'after-read' });
    await orders.shipped({ id: '9', account: 'carol' });
    await pushes.wait('shipped-9');
    expect(await uncertain(pushes)).toEqual(['shipped-8: refused MIMC_API', 'shipped-9: unknown MIMC_RESET']);
  });

  it('explains every state', () => {
    const states: Record<MimcQueuedPushState, true> = {
      scheduled: true,
      waiting: true,
      sending: true,
      accepted: true,
      refused: true,
      'not-sent': true,
      unknown: true,
      cancelled: true,
      expired: true,
    };
    const table = readPage(page.path).tables.find(([head]) => head?.[0] === '`state`') ?? [];
    expect(table.slice(1).map(([state]) => state)).toEqual(Object.keys(states).map((state) => `\`${state}\``));
  });
});

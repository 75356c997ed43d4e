import { describe, expect, it } from '@jest/globals';
import { MimcModule } from 'nestjs-mimc';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { optionsOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/test-controller.md');
page.test("describe('POST /orders/:id/shipped'");

describe('docs/recipes/test-controller.md', () => {
  const controller = page.ts<{ OrdersController: Type }>('class OrdersController');

  it('shows a controller that behaves over the network as in its test', async () => {
    const { OrdersController } = await controller();
    const mimc = await MimcEmulator.start();
    const imports = [MimcModule.forRoot({ ...optionsOf(mimc), timeouts: { responseMs: 100 } })];
    const module = await Test.createTestingModule({ imports, controllers: [OrdersController] }).compile();
    const app = await module.createNestApplication({ logger: false }).init();
    const statusFor = async (account: string) =>
      (await request(app.getHttpServer()).post('/orders/1042/shipped').send({ account })).status;
    mimc.failNext({ kind: 'hang' });
    expect([await statusFor('alice'), await statusFor('')]).toEqual([504, 400]);
    await app.close();
    await mimc.close();
  });
});

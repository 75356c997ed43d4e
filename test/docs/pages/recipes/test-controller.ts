import { describe, it } from '@jest/globals';
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
    const ship = (account: string) => request(app.getHttpServer()).post('/orders/1042/shipped').send({ account });
    mimc.failNext({ kind: 'hang' });
    await ship('alice').expect(504);
    await ship('').expect(400);
    await app.close();
    await mimc.close();
  });
});

import type { Type } from '@nestjs/common';
import { MimcModule } from 'nestjs-mimc';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/tokens.md');
page.test('MimcTestingModule');

describe('docs/tokens.md', () => {
  const controller = page.ts<{ TokensController: Type }>('class TokensController');

  it('shows a route that answers with the envelope as it came', async () => {
    const { TokensController } = await controller();
    const mimc = await MimcEmulator.start();
    const imports = [MimcModule.forRoot(optionsOf(mimc))];
    const module = await Test.createTestingModule({ imports, controllers: [TokensController] }).compile();
    const app = module.createNestApplication({ logger: false });
    app.use((req: { user?: object }, _res: unknown, next: () => void) => {
      req.user = { account: 'alice' };
      next();
    });
    await app.init();
    const answer = await request(app.getHttpServer()).post('/tokens').send({ account: 'mallory' }).expect(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toMatchObject({ code: 200, data: { appAccount: 'alice' } });
    await app.close();
    await mimc.close();
  });
});

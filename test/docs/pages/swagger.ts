import type { Type } from '@nestjs/common';
import { Controller, Get, Post } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { MimcModule } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { optionsOf } from '../support/apps.js';
import { commandsOf, unknownPackages } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('docs/swagger.md');

describe('docs/swagger.md', () => {
  const install = page.fence('sh', 'npm i');
  const notices = page.ts<{ NoticesController: Type }>('class NoticesController');
  const derived = page.ts<{ NoticeDto: Type }>('OmitType');
  const overridden =
    page.ts<Record<'ApiPushErrors' | 'ApiBroadcastErrors', () => MethodDecorator & ClassDecorator>>('MIMC_AUTH');

  async function documentOf(controller: Type, extraModels: Type[] = []) {
    const mimc = await MimcEmulator.start();
    const imports = [MimcModule.forRoot(optionsOf(mimc))];
    const module = await Test.createTestingModule({ imports, controllers: [controller] }).compile();
    const app = await module.createNestApplication({ logger: false }).init();
    const document = SwaggerModule.createDocument(app, new DocumentBuilder().build(), { extraModels });
    return { app, mimc, document, close: () => app.close().then(() => mimc.close()) };
  }

  it('names packages that this repository knows', () => {
    expect(unknownPackages(commandsOf(install))).toEqual([]);
  });

  it('shows a route with its body, its receipt and its errors', async () => {
    const { NoticesController } = await notices();
    const { app, mimc, document, close } = await documentOf(NoticesController);
    await request(app.getHttpServer()).post('/notices').send({ toAccount: 'alice', msg: 'hello' }).expect(202);
    expect(mimc.inbox('alice')).toHaveLength(1);
    expect(document.paths['/notices']?.post?.requestBody).toMatchObject({
      content: { 'application/json': { schema: { $ref: '#/components/schemas/PushToAccountDto' } } },
    });
    expect(Object.keys(document.paths['/notices']?.post?.responses ?? {}).map(Number)).toEqual([
      202, 400, 403, 404, 410, 413, 429, 500, 502, 503, 504,
    ]);
    expect(Object.keys(document.components?.schemas ?? {}).toSorted()).toEqual([
      'MimcErrorDto',
      'MimcTimingDto',
      'MimcViolationDto',
      'PushReceiptDto',
      'PushToAccountDto',
    ]);
    await close();
  });

  it('shows a class with some of the fields of a DTO', async () => {
    const { NoticeDto } = await derived();
    const { NoticesController } = await notices();
    const { document, close } = await documentOf(NoticesController, [NoticeDto]);
    const schema: object = document.components?.schemas?.['NoticeDto'] ?? {};
    expect(Object.keys(Object(Reflect.get(schema, 'properties')))).toEqual([
      'msgType',
      'isStore',
      'bizType',
      'msg',
      'toAccount',
    ]);
    await close();
  });

  it('shows overrides of the error table', async () => {
    const { ApiPushErrors, ApiBroadcastErrors } = await overridden();
    @Controller('own')
    class OwnController {
      @Get()
      @ApiPushErrors()
      get(): void {}

      @Post()
      @ApiBroadcastErrors()
      post(): void {}
    }
    const { document, close } = await documentOf(OwnController);
    const responses = document.paths['/own']?.get?.responses as Record<string, { description: string }>;
    expect(responses['500']?.description).toContain('MIMC_AUTH');
    expect(responses['502']?.description).not.toContain('MIMC_AUTH');
    expect(Object.keys(document.paths['/own']?.post?.responses ?? {})).toEqual(['400', '503']);
    await close();
  });
});

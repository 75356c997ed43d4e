import { Body, Controller, Post, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MimcModule, MimcPushService, PushToAccountDto } from 'nestjs-mimc';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { type SampleApp, startDemo } from '../../support/sample-app.js';
import { bench, optionsOf } from '../support/apps.js';
import { PageUnderTest } from '../support/scenario.js';
import { replay } from '../support/shell.js';

const page = new PageUnderTest('docs/errors.md');

@Controller()
class PushController {
  constructor(private readonly push: MimcPushService) {}

  @Post()
  send(@Body() dto: PushToAccountDto) {
    return this.push.toAccount(dto);
  }
}

describe('docs/errors.md', () => {
  const notifier = page.ts<{ Notifier: Type<{ notify(account: string, text: string): Promise<string> }> }>(
    'class Notifier',
  );
  const refused = page.fence('console', 'MIMC_INVALID');
  const httpErrors = page.ts<{ HttpErrorsModule: Type }>('class HttpErrorsModule');
  let sample: SampleApp;

  beforeAll(async () => {
    sample = await startDemo();
  });
  afterAll(() => sample.close());

  it('shows what to do with each outcome', async () => {
    const { Notifier } = await notifier();
    const { mimc, app, close } = await bench([Notifier], { retry: false });
    mimc.failNext([
      { kind: 'code', code: 429 },
      { kind: 'code', code: 403 },
      { kind: 'reset', when: 'after-read' },
    ]);
    const outcomes: string[] = [];
    // The first is throttled, and the quota rests for a second.
    for (let n = 0; n < 4; n++) outcomes.push(await app.get(Notifier).notify('alice', 'hello'));
    expect(outcomes).toEqual(['later', 'fix', 'perhaps', 'sent']);
    await close();
  });

  it('shows an answer of the sample', async () => {
    const refusedReplayed = await replay(refused, (command) =>
      command.replace('localhost:3000', sample.url.replace('http://', '')),
    );
    expect(refusedReplayed.printed).toEqual(refusedReplayed.shown);
  });

  it('answers a code differently', async () => {
    const mimc = await MimcEmulator.start();
    const { HttpErrorsModule } = await httpErrors();
    const module = await Test.createTestingModule({
      imports: [MimcModule.forRoot(optionsOf(mimc)), HttpErrorsModule],
      controllers: [PushController],
    }).compile();
    const app = await module.createNestApplication({ logger: false }).init();
    mimc.failNext([{ kind: 'code', code: 401 }, { kind: 'html' }]);
    const push = () => request(app.getHttpServer()).post('/').send({ toAccount: 'alice', msg: 'hello' });
    expect((await push()).body).toMatchObject({ statusCode: 500, code: 'MIMC_AUTH' });
    expect((await push()).body).toMatchObject({ statusCode: 502, code: 'MIMC_HTTP' });
    await app.close();
    await mimc.close();
  });
});
